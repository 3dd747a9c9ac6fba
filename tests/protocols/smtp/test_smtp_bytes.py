"""What a client sends is what the world has: any octets, cut anywhere, by DATA and by BDAT."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from smtp_talk import Talk, stuffed

from minternet.settings import Limits, Settings

NASTY = st.sampled_from(
    [b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n..", b"\n.\n", b"\r.\r", b"\x00", b"\xff", b"abc"]
)
CONTENT = st.lists(st.one_of(NASTY, st.binary(max_size=8)), max_size=30).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=8)


def cut(octets: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The octets in pieces."""
    edges = sorted({0, len(octets), *(edge for edge in cuts if edge < len(octets))})
    return (octets[start:stop] for start, stop in pairwise(edges))


@examples(deadline=None, max_examples=150)
@given(content=CONTENT, cuts=CUTS)
def test_data_keeps_octets(content: bytes, cuts: list[int]) -> None:
    content += b"\r\n" if content and not content.endswith(b"\r\n") else b""
    talk = Talk()
    talk.begin("<bob@example.test>")
    replies = [talk.raw(piece) for piece in cut(b"DATA\r\n" + stuffed(content) + b".\r\nNOOP\r\n", cuts)]
    said = b"".join(replies).split(b"\r\n")
    assert [line[:9] for line in said if line] == [b"354 End d", b"250 2.0.0", b"250 2.0.0"]
    assert talk.texts("bob") == [content]


@examples(deadline=None, max_examples=150)
@given(chunks=st.lists(CONTENT, min_size=1, max_size=4), cuts=CUTS, empty_last=st.booleans())
def test_chunks_keep_octets(chunks: list[bytes], cuts: list[int], empty_last: bool) -> None:
    sizes = [f"BDAT {len(chunk)}".encode() for chunk in chunks]
    if empty_last:
        chunks, sizes = [*chunks, b""], [*sizes, b"BDAT 0"]
    sizes[-1] += b" LAST"
    stream = b"".join(size + b"\r\n" + chunk for size, chunk in zip(sizes, chunks, strict=True)) + b"NOOP\r\n"
    talk = Talk()
    talk.begin("<bob@example.test>")
    said = b"".join(talk.raw(piece) for piece in cut(stream, cuts)).split(b"\r\n")
    assert [line[:9] for line in said if line] == [b"250 2.0.0"] * (len(chunks) + 1)
    assert talk.texts("bob") == [b"".join(chunks)]


@examples(deadline=None, max_examples=60)
@given(content=CONTENT, cuts=CUTS)
def test_submission_puts_fields_before_and_changes_nothing(content: bytes, cuts: list[int]) -> None:
    talk = Talk(settings=Settings(trace_headers=False, submission_login=False), service="submission")
    talk.begin("<bob@example.test>")
    stream = b"BDAT %d LAST\r\n" % len(content) + content
    for piece in cut(stream, cuts):
        talk.raw(piece)
    delivered = talk.texts("bob")[0]
    assert delivered.endswith(content)
    assert delivered[: len(delivered) - len(content)].startswith(b"Date: ")


@pytest.mark.parametrize("command", ["DATA", "BDAT"])
def test_a_large_message_does_not_stand_in_memory(command: str) -> None:
    talk = Talk()
    talk.context.transcripts.clear()  # which would keep the newest of it
    talk.begin("<bob@example.test>")
    piece, pieces = (b"x" * 998 + b"\r\n") * 64, 150
    talk.raw(b"DATA\r\n" if command == "DATA" else b"BDAT %d LAST\r\n" % (len(piece) * pieces))
    tracemalloc.start()
    try:
        for _ in range(pieces):
            last = talk.raw(piece)
        last = talk.raw(b".\r\n") if command == "DATA" else last
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert last.startswith(b"250")
    assert talk.inbox("bob")[0].size == len(piece) * pieces
    assert peak < 2_000_000


def test_what_is_too_large_is_not_kept() -> None:
    talk = Talk(settings=Settings(limits=Limits(message=3_000_000)))
    talk.begin("<bob@example.test>")
    talk.say("DATA")
    for _ in range(80):
        talk.raw(b"x" * 64_000)
    folder = talk.world.blobs.folder()
    assert list(folder.iterdir()) == []
    assert talk.raw(b"\r\n.\r\n").startswith(b"552 5.3.4")
    assert talk.inbox("bob") == []


def test_what_is_given_up_leaves_nothing_on_disk() -> None:
    talk = Talk()
    talk.begin("<bob@example.test>")
    talk.raw(b"BDAT 3000000\r\n" + b"x" * 3_000_000)
    folder = talk.world.blobs.folder()
    assert len(list(folder.iterdir())) == 1
    talk.say("RSET")
    assert list(folder.iterdir()) == []
    talk.world.close()


def test_a_full_disk_is_said_and_the_session_goes_on() -> None:
    talk = Talk()
    talk.begin("<bob@example.test>")
    talk.world.blobs.folder().rmdir()  # where large content would go
    assert talk.raw(b"BDAT 3000000 LAST\r\n" + b"x" * 3_000_000).startswith(b"452 4.3.1")
    assert talk.say("NOOP").startswith("250")
    assert talk.inbox("bob") == []
