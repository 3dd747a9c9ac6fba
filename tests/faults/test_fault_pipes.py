"""The network's faults as pipes, and faults on a wire in memory, where nobody waits."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from small_world import small_world

from minternet.faults.faults import Faults
from minternet.protocols import imap, nntp, pop3, smtp
from minternet.protocols.context import ServiceContext
from minternet.registry import SERVICES, by_name
from minternet.settings import Settings
from minternet.wire.faults import HELD_AT_MOST, FaultyPassage, stage_of
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing


class Ends:
    """What a passage does is kept."""

    def __init__(self) -> None:
        self.delivered: list[bytes] = []
        self.transmitted: list[bytes] = []
        self.done: list[str] = []

    def deliver(self, data: bytes) -> None:
        self.delivered.append(data)

    def transmit(self, data: bytes) -> None:
        self.transmitted.append(data)

    def pause_reading(self) -> None:
        self.done.append("pause reading")

    def resume_reading(self) -> None:
        self.done.append("resume reading")

    def pause_writing(self) -> None:
        self.done.append("pause writing")

    def resume_writing(self) -> None:
        self.done.append("resume writing")

    def close_transport(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")


def passage_with(**stages: dict[str, Any]) -> tuple[FaultyPassage, Ends]:
    """A passage whose downstream has these stages."""
    passage, ends = FaultyPassage(), Ends()
    passage.attach(ends)
    passage.downstream.arrange(makers(stages))
    return passage, ends


def makers(stages: dict[str, dict[str, Any]]) -> dict[str, Callable[[], Any]]:
    def maker(kind: str, attributes: dict[str, Any]) -> Callable[[], Any]:
        return lambda: stage_of(kind, random.Random(1), attributes)

    return {kind: maker(kind, attributes) for kind, attributes in stages.items()}


def run(work: Callable[[], Any]) -> None:
    async def on_loop() -> None:
        await work()

    asyncio.run(on_loop())


async def all_out(passage: FaultyPassage) -> None:
    """Let the loop run until all that was said is transmitted."""
    out = asyncio.Event()
    passage.after_outbound(out.set)
    async with asyncio.timeout(5):
        await out.wait()


def test_order_is_kept_whatever_the_jitter() -> None:
    async def work() -> None:
        passage, ends = passage_with(
            latency={"latency": 2, "jitter": 2}, slicer={"average_size": 2, "size_variation": 1}
        )
        said = [b"%03d " % number for number in range(50)]
        for piece in said:
            passage.outbound(piece)
        await all_out(passage)
        assert b"".join(ends.transmitted) == b"".join(said)
        passage.detach()

    run(work)


def test_what_is_held_goes_on_in_order_when_a_stage_goes() -> None:
    async def work() -> None:
        passage, ends = passage_with(latency={"latency": 60_000}, slow_close={"delay": 60_000})
        passage.outbound(b"one")
        passage.outbound(b"two")
        passage.after_outbound(lambda: ends.done.append("told"))
        passage.downstream.arrange(makers({"slow_close": {"delay": 60_000}}))
        assert (ends.transmitted, ends.done) == ([b"one", b"two"], ["told"])
        passage.outbound(b"three")
        assert ends.transmitted[-1] == b"three"
        passage.detach()

    run(work)


def test_too_much_held_back_asks_the_source_to_wait() -> None:
    async def work() -> None:
        passage, ends = passage_with(latency={"latency": 60_000})
        passage.outbound(b"x" * (HELD_AT_MOST + 1))
        assert ends.done == ["pause writing"]
        passage.downstream.arrange({})
        assert ends.done == ["pause writing", "resume writing"]
        passage.detach()

    run(work)


def test_plaintext_before_tls_is_forgotten_and_waiters_are_told() -> None:
    async def work() -> None:
        passage, ends = FaultyPassage(), Ends()
        passage.attach(ends)
        passage.upstream.arrange(makers({"latency": {"latency": 60_000}}))
        passage.inbound(b"injected")
        passage.after_inbound(lambda: ends.done.append("told"))
        passage.forget_inbound()
        passage.detach()
        assert (ends.delivered, ends.done) == ([], ["told"])

    run(work)


def test_a_limit_closes_after_its_octets() -> None:
    async def work() -> None:
        passage, ends = passage_with(limit_data={"bytes": 5})
        for piece in (b"abc", b"def", b"ghi"):
            passage.outbound(piece)
        assert (b"".join(ends.transmitted), ends.done) == (b"abcde", ["close"])
        passage.detach()

    run(work)


def test_bandwidth_takes_its_time() -> None:
    async def work() -> None:
        passage, ends = passage_with(bandwidth={"rate": 100})
        began = asyncio.get_running_loop().time()
        passage.outbound(b"x" * 5000)
        await all_out(passage)
        assert len(b"".join(ends.transmitted)) == 5000
        assert asyncio.get_running_loop().time() - began >= 0.045
        passage.detach()

    run(work)


# -- in memory

MODULES: dict[str, Any] = {"smtp": smtp, "imap": imap, "pop3": pop3, "nntp": nntp}


def converse(service: str, authority: Authority, *lines: str) -> Conversation:
    """A session on a wire in memory, with these faults."""
    world = small_world()
    context = ServiceContext(
        by_name()[service], world, Settings(), authority, TranscriptRing(), logging.getLogger("minternet.test")
    )
    faults = Faults(world, SERVICES, lines)
    faults.serve(context)
    session = MODULES[service].make_session(MemoryWire(), context)
    return Conversation(context.faults.session(session) if context.faults is not None else session)


def test_a_delay_is_counted_in_memory(authority: Authority) -> None:
    talk = converse("pop3", authority, "pop3 NOOP: delay 5s", "pop3 CAPA: delay 100")
    talk.say(b"CAPA\r\n")
    assert talk.wire.paused == 0.1
    talk.say(b"USER alice\r\nPASS wonderland\r\nNOOP\r\n")
    assert talk.wire.paused == 5.1


def test_pipelined_commands_keep_their_replies(authority: Authority) -> None:
    talk = converse("smtp", authority, "smtp NOOP: reply 450 4.7.1 Later, when=instead, every=2")
    assert talk.say(b"EHLO x\r\n").startswith(b"250-")
    replies = talk.say(b"NOOP\r\n" * 4 + b"RSET\r\n").splitlines()
    assert [reply[:3] for reply in replies] == [b"250", b"450", b"250", b"450", b"250"]


def test_nothing_is_obeyed_after_the_end(authority: Authority) -> None:
    talk = converse("imap", authority, "imap NOOP: close, when=after")
    said = talk.say(b"a LOGIN alice wonderland\r\nb NOOP\r\nc CREATE Never\r\n")
    assert b"b OK" in said
    assert b"c " not in said
    assert talk.closed


def test_a_silent_server_obeys_nothing(authority: Authority) -> None:
    talk = converse("imap", authority, "imap NOOP: silence")
    talk.say(b"a LOGIN alice wonderland\r\n")
    assert talk.say(b"b NOOP\r\n") == b""
    assert talk.say(b"c LOGOUT\r\n") == b""
    assert not talk.closed
    talk.hang_up()
    assert talk.closed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("imap FETCH: no_terminator", b"* 1 FETCH (UID 1)\r\n"),
        ("imap FETCH: truncate 10, then=wait", b"* 1 FETCH "),
        ("imap FETCH: reply OK lost, when=instead", b"b OK lost\r\n"),
        ("imap FETCH: corrupt offset=2", b"* q FETCH (UID 1)\r\nb OK FETCH completed\r\n"),
        ("imap *: reply BAD What?, skip=2", b"b BAD What?\r\n"),
    ],
)
def test_replies_to_the_octet(authority: Authority, line: str, expected: bytes) -> None:
    talk = converse("imap", authority, line)
    talk.say(b"a LOGIN alice wonderland\r\na EXAMINE INBOX\r\n")
    assert talk.say(b"b FETCH 1 UID\r\n") == expected


def test_compressed_replies_are_spoiled_before_they_are_compressed(authority: Authority) -> None:
    import zlib

    talk = converse("nntp", authority, "nntp DATE: reply 503 no clock")
    assert talk.say(b"COMPRESS DEFLATE\r\n").startswith(b"206")
    deflate = zlib.compressobj(wbits=-15)
    reply = talk.say(deflate.compress(b"DATE\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH))
    assert zlib.decompressobj(-15).decompress(reply) == b"503 no clock\r\n"


def test_a_context_without_faults_has_none(authority: Authority) -> None:
    talk = converse("pop3", authority, "imap: close")
    assert talk.session.context.faults is None  # type: ignore[attr-defined]
