"""One webhook at work: a task that brings its receiver one event after the other, each until it is taken.

It holds the numbers of the events it owes (`_owed`), a few of them fetched from the journal (`_batch`), and between the two
what the journal dropped meanwhile (`_lost`), which becomes a notice (`_notice`) once the batch before it is delivered.
"""

from __future__ import annotations

import asyncio
import bisect
import logging
import time
from collections import deque
from datetime import UTC, datetime

import msgspec

from ..world.journal import Event, Journal
from ..world.world import World
from .client import Answer
from .errors import DeliveryFailed
from .loops import OwnEvents
from .records import Notice, Pace, Poster, Report, Voice, Webhook
from .signing import key_of, signature

BATCH_EVENTS = 64
"""Events fetched from the journal at once."""
BATCH_OCTETS = 1 << 20
"""Content that they keep alive, though the journal may have dropped it."""
IDLE_SECONDS = 5.0
"""How long a connection is kept for the next event: a receiver of one thread serves nobody else meanwhile."""
GONE = 410
"""The receiver wants no more: the specification has the hook disabled."""
THROTTLED = frozenset({429, 503})
"""Where Retry-After is heeded."""


class Lost(msgspec.Struct):
    """Events that the journal dropped: how many of those that were wanted, between which numbers."""

    first: int
    last: int
    count: int


class Parcel(msgspec.Struct, frozen=True):
    """What is to be delivered next, the same at each attempt."""

    identity: str
    body: bytes
    event: bool


class Hook:
    """One webhook, its receiver, and what became of it. Belongs to the loop's thread."""

    def __init__(
        self,
        webhook: Webhook,
        kinds: frozenset[type] | None,
        poster: Poster,
        world: World,
        voice: Voice,
        own: OwnEvents,
        prefix: str,
        agent: str,
        pace: Pace,
        log: logging.Logger,
    ) -> None:
        self.webhook, self.kinds, self.poster = webhook, kinds, poster
        self._world, self._voice, self._own, self._pace, self._log = world, voice, own, pace, log
        self._prefix, self._agent = prefix, agent
        self._journal: Journal = world.journal
        self._key = key_of(webhook.secret)
        self._owed: deque[int] = deque()
        self._batch: deque[Event] = deque()
        self._lost: Lost | None = None
        self._notice: Lost | None = None
        self._parcel: Parcel | None = None
        self.delivered = self.dropped = self.failures = self.last_status = 0
        self.last_error = ""
        self.last_attempt: float | None = None
        self.settled = asyncio.Event()
        """Set while it owes nothing."""
        self._news, self._kick = asyncio.Event(), asyncio.Event()
        self._ending = False
        self._pings = 0
        self.task: asyncio.Task[None] | None = None

    # -- what it owes

    def take_from(self, cursor: int) -> None:
        """Owe all that came after that event, as far as the journal knows, and nothing else."""
        journal = self._journal
        self._batch.clear()
        self._lost = self._notice = self._parcel = None
        if cursor < journal.dropped:  # how many of them it would have wanted, nobody knows any more
            self._lose(cursor + 1, journal.dropped, journal.dropped - cursor)
        kinds, own = self.kinds, self._own.numbers
        kept = journal.since(cursor)
        if kinds is not None:
            kept = (event for event in kept if type(event.change) in kinds)
        self._owed = deque([event.number for event in kept if event.number not in own])
        self._tell_settled()
        self._news.set()

    def happened(self, event: Event) -> None:
        """An event came that no hook caused; the journal may have dropped others for it."""
        if self._wants(event):
            if not self._owed or self._owed[-1] < event.number:
                self._owed.append(event.number)
            else:
                bisect.insort(self._owed, event.number)  # one made by a watcher of another is told of before that
            self.settled.clear()
            self._news.set()

    def forget_dropped(self, dropped: int) -> None:
        """The journal keeps no events up to this number."""
        owed = self._owed
        while owed and owed[0] <= dropped:
            number = owed.popleft()
            self._lose(number, number, 1)

    def _lose(self, first: int, last: int, count: int) -> None:
        self.dropped += count
        if self._lost is None:
            self._lost = Lost(first, last, count)
        else:
            self._lost.last, self._lost.count = last, self._lost.count + count

    def _wants(self, event: Event) -> bool:
        return (self.kinds is None or type(event.change) in self.kinds) and event.number not in self._own.numbers

    @property
    def pending(self) -> int:
        """Events that it owes and that are kept."""
        return len(self._batch) + len(self._owed)

    @property
    def cursor(self) -> int:
        """All events up to this number are done with: where another hook would go on."""
        if self._batch:
            return self._batch[0].number - 1
        for lost in (self._notice, self._lost):
            if lost is not None:
                return lost.first - 1
        return self._owed[0] - 1 if self._owed else self._journal.last

    def _tell_settled(self) -> None:
        if self._batch or self._owed or self._lost is not None or self._notice is not None:
            self.settled.clear()
        else:
            self.settled.set()

    @property
    def report(self) -> Report:
        """What became of it."""
        attempted = None if self.last_attempt is None else datetime.fromtimestamp(self.last_attempt, UTC)
        return Report(
            self.webhook,
            self.cursor,
            self.pending,
            self.delivered,
            self.dropped,
            self.failures,
            attempted,
            self.last_status,
            self.last_error,
        )

    # -- its life

    def start(self) -> None:
        """Begin, or begin again as soon as what runs now has ended."""
        previous = self.task
        if previous is not None:
            previous.cancel()
        self.task = asyncio.create_task(self._run(previous), name=f"webhook {self.webhook.name}")

    async def stop(self) -> None:
        """End at once. What was under way may have arrived: its id will be the same."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        self.poster.close()

    def change(self, webhook: Webhook, kinds: frozenset[type] | None, poster: Poster) -> None:
        """Be another hook from now on, which owes what this one did. What was under way may arrive twice, by the same id."""
        self.poster.close()
        cursor, other = self.cursor, kinds != self.kinds
        self.webhook, self.kinds, self.poster, self._key = webhook, kinds, poster, key_of(webhook.secret)
        if other:
            self.take_from(cursor)
        self.failures = 0
        self.start()

    def finish(self) -> None:
        """Try once more what is owed, at once, and end with the first failure."""
        self._ending = True
        self.nudge()

    def nudge(self) -> None:
        """Wait no longer for the next attempt."""
        self._news.set()
        self._kick.set()

    async def _run(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait((previous,))
        while True:
            final = self._ending  # what was under way when the end began is tried once more
            try:
                delay = await self._step()
            except Exception as error:  # a fault of ours: told of, and nothing is lost
                if not self.failures:
                    self._log.exception("webhook %s failed", self.webhook.name)
                delay = self._failed(0, f"{type(error).__name__}: {error}", None)
            if delay is not None:
                if final:
                    return
                await self._pause(delay)
            elif self._parcel is None and self._ending and self.settled.is_set():
                return

    async def _step(self) -> float | None:
        """Deliver what is next, or wait for it; how long to wait where it failed."""
        if not self.webhook.enabled:
            if self._ending:
                return 0.0
            await self._wait_for_news()
            return None
        if self._parcel is None:
            self._news.clear()
            self._parcel = await self._next()
        if self._parcel is None:
            self._tell_settled()
            if not self._ending:
                await self._wait_for_news()
            return None
        return await self._attempt(self._parcel)

    async def _wait_for_news(self) -> None:
        if self.poster.connected:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                self.poster.close()
        await self._news.wait()
        if not self.webhook.enabled:
            self._news.clear()

    async def _pause(self, delay: float) -> None:
        self._kick.clear()
        if self._ending:
            return
        try:
            async with asyncio.timeout(delay):
                await self._kick.wait()
        except TimeoutError:
            return

    # -- what is next

    async def _next(self) -> Parcel | None:
        if not self._batch and self._notice is None:
            self._notice, self._lost = self._lost, None
            if self._notice is None:
                self._fetch()
        if self._batch:
            event = self._batch[0]
            return Parcel(self._identity(str(event.number)), await self._told(event), True)
        return None if self._notice is None else self._told_of(self._notice)

    def _fetch(self) -> None:
        """Fetch some of the events owed from the journal."""
        owed, octets = self._owed, 0
        while owed and len(self._batch) < BATCH_EVENTS and octets <= BATCH_OCTETS:
            event = self._journal.find(owed.popleft())
            assert event is not None  # or `forget_dropped` would have taken it out
            self._batch.append(event)
            octets += event.octets

    async def _told(self, event: Event) -> bytes:
        if self._voice.is_long(event):
            return await asyncio.to_thread(self._voice.tell, event)
        return self._voice.tell(event)

    def _told_of(self, lost: Lost) -> Parcel:
        text = f"events {lost.first} to {lost.last} are no longer kept: {lost.count} of them were not delivered"
        at = self._world.clock.datetime()
        notice = Notice(lost.last, at, "dropped", text, lost.first, lost.last, lost.count)
        return Parcel(self._identity(f"{lost.first}-{lost.last}"), msgspec.json.encode(notice), False)

    def _identity(self, what: str) -> str:
        """The same at each attempt, and no other internet's."""
        return f"{self._prefix}{self.webhook.name}_{what}"

    # -- attempts

    async def _attempt(self, parcel: Parcel) -> float | None:
        self.last_attempt = time.time()
        try:
            answer = await self.poster.post(
                self._fields(parcel.identity, parcel.body), parcel.body, self.webhook.timeout
            )
        except DeliveryFailed as error:
            return self._failed(0, str(error), None)
        if 200 <= answer.status < 300:
            self._arrived(parcel, answer.status)
            return None
        return self._failed(answer.status, f"it answered {answer.status}", answer)

    def _fields(self, identity: str, body: bytes) -> bytes:
        """The header of a request, signed at this moment by the machine's clock: receivers compare it with theirs."""
        now = int(time.time())
        return (
            f"user-agent: {self._agent}\r\ncontent-type: application/json\r\naccept: */*\r\nwebhook-id: {identity}\r\n"
            f"webhook-timestamp: {now}\r\nwebhook-signature: {signature(self._key, identity, now, body)}\r\n"
        ).encode()

    def _arrived(self, parcel: Parcel, status: int) -> None:
        if parcel.event:
            self._batch.popleft()
            self.delivered += 1
        else:
            self._notice = None
        if self.failures:
            self._log.info("webhook %s: delivered after %d failures", self.webhook.name, self.failures)
        self._parcel, self.failures, self.last_status, self.last_error = None, 0, status, ""
        self._tell_settled()

    def _failed(self, status: int, reason: str, answer: Answer | None) -> float:
        """Count a failed attempt; how long to wait for the next."""
        self.failures, self.last_status, self.last_error = self.failures + 1, status, reason
        if status == GONE:
            self.last_error = "it answered 410 Gone: it wants no more, and the webhook is disabled; enable it to go on"
            self.webhook = msgspec.structs.replace(self.webhook, enabled=False)
            self._log.warning("webhook %s is disabled: %s", self.webhook.name, self.last_error)
            return 0.0
        if self.failures == 1:
            self._log.info("webhook %s: %s; trying again", self.webhook.name, reason)
        delay = min(self._pace.first * float(1 << min(self.failures - 1, 30)), self._pace.longest)
        if answer is not None and answer.status in THROTTLED and answer.retry_after is not None:
            delay = max(delay, min(answer.retry_after, self._pace.asked))
        return delay

    # -- a test delivery

    async def ping(self, poster: Poster) -> Answer:
        """Deliver a test event, aside from the others; an Answer, or DeliveryFailed."""
        self._pings += 1
        told = {
            "number": self._journal.last,
            "at": self._world.clock.datetime(),
            "kind": "ping",
            "text": f"a test of webhook {self.webhook.name}",
        }
        body = msgspec.json.encode(told)
        try:
            return await poster.post(
                self._fields(self._identity(f"ping-{self._pings}"), body), body, self.webhook.timeout
            )
        finally:
            poster.close()
