"""However the client's bytes are cut into pieces, the session reads the same."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st
from wire_clients import Toy

from minternet.wire.dots import dot_stuffed
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.wire import TooLong, Wire

TROUBLE = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"bc", b"\x00"]), max_size=40).map(
    b"".join
)
CUTS = st.lists(st.integers(min_value=1, max_value=9), max_size=60)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data cut after so many octets each; the rest in one."""
    cut = []
    for size in cuts:
        cut.append(data[:size])
        data = data[size:]
    return [piece for piece in (*cut, data) if piece]


def hear(body_of: list[object], data: bytes, cuts: list[int], *, read: str, compress: bool = False) -> Conversation:
    async def body(wire: Wire) -> None:
        if compress:
            wire.compress()
        while True:
            try:
                body_of.append(await (wire.line() if read == "line" else wire.block(30)))
            except TooLong as error:
                body_of.append(error.limit)

    conversation = Conversation(Toy(MemoryWire(20), body))
    for piece in pieces(data, cuts):
        conversation.say(piece)
    conversation.hang_up()
    assert conversation.closed
    return conversation


def expected_lines(data: bytes, limit: int) -> list[object]:
    """The definition of a line, the slow way."""
    lines: list[object] = []
    for line in data.split(b"\n")[:-1]:
        content = line[:-1] if line.endswith(b"\r") else line
        lines.append(content if len(content) <= limit else limit)
    return lines


@given(TROUBLE, CUTS)
def test_lines_do_not_depend_on_the_cuts(data: bytes, cuts: list[int]) -> None:
    heard: list[object] = []
    hear(heard, data, cuts, read="line")
    assert heard == expected_lines(data, 20)


@given(st.lists(TROUBLE, max_size=4), CUTS)
def test_blocks_are_what_was_stuffed(contents: list[bytes], cuts: list[int]) -> None:
    heard: list[object] = []
    hear(heard, b"".join(map(dot_stuffed, contents)), cuts, read="block")
    ended = [content if not content or content.endswith(b"\r\n") else content + b"\r\n" for content in contents]
    assert heard == [content if len(content) <= 30 else 30 for content in ended]


@given(TROUBLE, CUTS)
def test_deflated_lines_do_not_depend_on_the_cuts(data: bytes, cuts: list[int]) -> None:
    heard: list[object] = []
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    hear(heard, deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH), cuts, read="line", compress=True)
    assert heard == expected_lines(data, 20)


@given(TROUBLE, CUTS, st.lists(st.integers(min_value=0, max_value=12), max_size=8))
def test_octets_are_counted_whatever_they_are(data: bytes, cuts: list[int], sizes: list[int]) -> None:
    read: list[bytes] = []

    async def body(wire: Wire) -> None:
        for size in sizes:
            read.append(await wire.exactly(size))  # noqa: PERF401 - what was read before a hangup counts

    conversation = Conversation(Toy(MemoryWire(), body))
    for piece in pieces(data, cuts):
        conversation.say(piece)
    conversation.hang_up()
    taken = b"".join(read)
    assert data.startswith(taken)
    assert [len(part) for part in read] == sizes[: len(read)]
    assert len(read) == len(sizes) or len(data) < len(taken) + sizes[len(read)]
