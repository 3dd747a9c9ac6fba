"""Whatever sequence of failures, changes and losses: who dedupes by id sees every event exactly once, and in order.

No sockets: attempts meet a receiver in memory, whose answers are drawn.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minternet.control.webhooks import EventVoice
from minternet.webhooks.client import Answer
from minternet.webhooks.errors import DeliveryFailed
from minternet.webhooks.records import Pace, Webhook
from minternet.webhooks.webhooks import Surroundings, Webhooks
from minternet.wire.transcript import TranscriptRing
from minternet.world.changes import Reset, SetAlias, SetList, SetRule, StoreFile
from minternet.world.journal import Journal
from minternet.world.world import World

QUICK = Pace(first=0.0001, longest=0.0002, asked=0.0003)
OUTCOMES = ("ok", "lost", "taken and lost", "slow", 302, 404, 410, 429, 500, 503)
"""What an attempt may come to: taken or not is one thing, whether the sender learns of it another."""


class Mailbox:
    """A receiver in memory that keeps what it has taken, each id once; it answers as is drawn, and then well."""

    def __init__(self, outcomes: list[str | int]) -> None:
        self.outcomes = outcomes
        self.taken: dict[str, Any] = {}
        self.attempts = 0

    def take(self, fields: bytes, body: bytes) -> None:
        identity = fields.decode().partition("webhook-id: ")[2].partition("\r\n")[0]
        assert self.taken.setdefault(identity, json.loads(body)) == json.loads(body)

    async def answer(self, fields: bytes, body: bytes) -> Answer:
        self.attempts += 1
        outcome = self.outcomes.pop(0) if self.outcomes else "ok"
        if outcome in ("ok", "taken and lost", "slow"):
            self.take(fields, body)
        await asyncio.sleep(0)
        if outcome == "slow":
            for _ in range(20):
                await asyncio.sleep(0)
        if isinstance(outcome, int):
            return Answer(outcome, 1e9 if outcome in (429, 503) else None)
        if outcome in ("ok", "slow"):
            return Answer(204)
        raise DeliveryFailed(outcome)


class Carrier:
    """Brings requests to the receiver in memory."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox, self.connected = mailbox, False

    async def post(self, fields: bytes, body: bytes, timeout: float) -> Answer:
        return await self.mailbox.answer(fields, body)

    def close(self) -> None:
        """Nothing is open."""


def webhooks_of(world: World, mailbox: Mailbox, pace: Pace = QUICK) -> Webhooks:
    def no_tls() -> ssl.SSLContext:
        raise AssertionError("nobody asked for TLS")

    around = Surroundings(
        world=world,
        transcripts=TranscriptRing(),
        voice=EventVoice(),
        agent="minternet/test",
        trusting=no_tls,
        own_ports=frozenset,
        control_ports=frozenset,
        log=logging.getLogger("minternet.test"),
        pace=pace,
    )

    def carrier(webhook: Webhook) -> Carrier:
        return Carrier(mailbox)

    return Webhooks(around, carrier)


def played(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await play()

    asyncio.run(bounded())


STEPS = st.lists(
    st.one_of(
        st.integers(1, 12).map(lambda number: ("events", number)),
        st.integers(1, 30).map(lambda turns: ("turns", turns)),
        st.sampled_from([("disable", 0), ("enable", 0), ("change", 0), ("reset", 0)]),
    ),
    max_size=12,
)


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=25), keeps=st.sampled_from([5, 1000]))
def test_every_event_once_and_in_order(steps: list[tuple[str, int]], outcomes: list[str | int], keeps: int) -> None:
    async def play() -> None:
        world, mailbox = World(journal_keeps=keeps), Mailbox(outcomes)
        world.snapshot("seed")
        hooks = webhooks_of(world, mailbox)
        hooks.add("http://127.0.0.1:9/", name="it")
        for step, number in steps:
            await take(step, number, world, hooks)
        while True:  # a 410 disables; whoever runs it enables it again
            hooks.change("it", enabled=True)
            try:
                await asyncio.wait_for(hooks.settle(), 0.05)
                break
            except TimeoutError:
                continue
        report = hooks.report("it")
        told = list(mailbox.taken.values())
        assert told == sorted(told, key=lambda each: each["number"])
        kept = [each["number"] for each in told if each["kind"] != "dropped"]
        lost = [number for each in told if each["kind"] == "dropped" for number in range(each["from"], each["to"] + 1)]
        assert len(set(kept)) == len(kept) == report.delivered
        assert len(lost) == report.dropped
        assert sorted(kept + lost) == list(range(1, world.journal.last + 1))
        assert not lost or keeps == 5
        assert (report.pending, report.cursor) == (0, world.journal.last)
        await hooks.drain(1)

    played(play)


async def take(step: str, number: int, world: World, hooks: Webhooks) -> None:
    """One step of what happens."""
    match step:
        case "events":
            for each in range(number):
                world.commit_now(SetAlias(f"a{each}@example.test", ("alice@example.test",)))
        case "turns":
            for _ in range(number):
                await asyncio.sleep(0)
        case "disable" | "enable":
            hooks.change("it", enabled=step == "enable")
        case "change":
            hooks.change("it", timeout=3.0)
        case "reset":
            world.commit_now(Reset())


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["alias", "list", "rule"]), max_size=40),
    outcomes=st.lists(st.sampled_from(OUTCOMES[:6]), max_size=10),
)
def test_what_is_not_wanted_is_neither_told_nor_missed(kinds: list[str], outcomes: list[str | int]) -> None:
    made = {
        "alias": SetAlias("a@example.test", ("alice@example.test",)),
        "list": SetList("l@example.test", ("alice@example.test",)),
        "rule": SetRule("domain", "example.test"),
    }

    async def play() -> None:
        world, mailbox = World(journal_keeps=5), Mailbox(outcomes)
        hooks = webhooks_of(world, mailbox)
        hooks.add("http://127.0.0.1:9/", name="it", events=("set-a*",))
        wanted = 0
        for kind in kinds:
            world.commit_now(made[kind])  # type: ignore[arg-type]
            wanted += kind == "alias"
            await asyncio.sleep(0)
        await hooks.settle()
        told = list(mailbox.taken.values())
        assert {each["kind"] for each in told} <= {"set-alias", "dropped"}
        assert sum(each.get("count", 1) for each in told) == wanted
        assert hooks.report("it").cursor == world.journal.last
        await hooks.drain(1)

    played(play)


@pytest.mark.parametrize(("status", "asked", "least"), [(429, 0.03, 0.03), (503, 1e9, 0.1), (500, 1e9, 0.0)])
def test_retry_after_is_heeded_within_bounds(status: int, asked: float, least: float) -> None:
    async def play() -> None:
        loop, times = asyncio.get_running_loop(), []

        class Later(Mailbox):
            async def answer(self, fields: bytes, body: bytes) -> Answer:
                times.append(loop.time())
                return Answer(status, asked) if len(times) == 1 else Answer(200)

        world = World()
        hooks = webhooks_of(world, Later([]), Pace(first=0.0001, longest=0.001, asked=0.1))
        hooks.add("http://127.0.0.1:9/")
        world.commit_now(SetRule("domain", "example.test"))
        await hooks.settle()
        assert least <= times[1] - times[0] < 5
        await hooks.drain(1)

    played(play)


def test_pauses_double_to_a_bound() -> None:
    async def play() -> None:
        loop, times = asyncio.get_running_loop(), []

        class Never(Mailbox):
            async def answer(self, fields: bytes, body: bytes) -> Answer:
                times.append(loop.time())
                return Answer(500 if len(times) < 7 else 200)

        world = World()
        hooks = webhooks_of(world, Never([]), Pace(first=0.01, longest=0.04))
        hooks.add("http://127.0.0.1:9/")
        world.commit_now(SetRule("domain", "example.test"))
        await hooks.settle()
        pauses = [later - earlier for earlier, later in pairwise(times)]
        for pause, least in zip(pauses, (0.01, 0.02, 0.04, 0.04, 0.04, 0.04), strict=True):
            assert pause >= least * 0.9
        await hooks.drain(1)

    played(play)


def test_new_events_do_not_hasten_a_failing_receiver() -> None:
    """A pause is one whatever happens meanwhile; a change ends it."""

    async def play() -> None:
        world, mailbox = World(), Mailbox([500])
        hooks = webhooks_of(world, mailbox, Pace(first=1000, longest=1000))
        hooks.add("http://127.0.0.1:9/", name="it")
        for _ in range(50):
            world.commit_now(SetRule("domain", "example.test"))
            await asyncio.sleep(0)
        assert mailbox.attempts == 1
        hooks.change("it", enabled=True)
        await hooks.settle()
        assert len(mailbox.taken) == 50
        await hooks.drain(1)

    played(play)


def test_an_event_made_by_a_watcher_keeps_its_place() -> None:
    """A watcher that commits has its event told of before the one that it watched."""

    async def play() -> None:
        world, mailbox = World(), Mailbox([])
        world.watch(lambda event: world.commit_now(SetRule("domain", "b.test")) and None, "reset")
        world.snapshot("seed")
        hooks = webhooks_of(world, mailbox)
        hooks.add("http://127.0.0.1:9/")
        world.commit_now(Reset())
        await hooks.settle()
        assert [each["kind"] for each in mailbox.taken.values()] == ["reset", "set-rule"]
        await hooks.drain(1)

    played(play)


def test_two_internets_never_use_the_same_id() -> None:
    async def play() -> None:
        mailbox = Mailbox([])
        for _ in range(2):
            world = World()
            hooks = webhooks_of(world, mailbox)
            hooks.add("http://127.0.0.1:9/", name="same")
            world.commit_now(SetRule("domain", "example.test"))
            await hooks.settle()
            await hooks.drain(1)
        assert len(mailbox.taken) == 2

    played(play)


def test_an_event_that_the_journal_cannot_keep_at_all_is_told_of_at_once() -> None:
    """Nothing has to come after it for that."""

    async def play() -> None:
        world, mailbox = World(), Mailbox([])
        world.journal = Journal(world.clock.now, keep_octets=1000)
        hooks = webhooks_of(world, mailbox)
        hooks.add("http://127.0.0.1:9/", name="it")
        world.commit_now(SetRule("domain", "small.test"))
        world.commit_now(StoreFile("/large", world.blobs.of(b"x" * 2000), 1.0))
        await hooks.settle()
        world.commit_now(SetRule("domain", "after.test"))
        await hooks.settle()
        told = [(each["kind"], each.get("from"), each["number"]) for each in mailbox.taken.values()]
        assert told == [("dropped", 1, 2), ("set-rule", None, 3)]
        await hooks.drain(0)
        world.close()

    played(play)


def test_what_was_taken_out_is_no_longer_of_the_settings() -> None:
    """One of the same name that comes later goes with a reset, and two who reset at once do not meet."""

    async def play() -> None:
        world = World()
        hooks = webhooks_of(world, Mailbox([]))
        for take_out in (lambda: hooks.remove("ci"), hooks.clear):
            hooks.add_line("http://127.0.0.1:9/ name=ci")
            await hooks.reset()
            assert "ci" in hooks
            await take_out()
            for name in ("ci", "a", "b"):
                hooks.add("http://127.0.0.1:9/", name=name)
            await asyncio.gather(hooks.reset(), hooks.reset())
            assert len(hooks) == 0
        await hooks.drain(0)
        world.close()

    played(play)
