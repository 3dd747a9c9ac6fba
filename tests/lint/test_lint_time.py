"""However long a conversation is, it is judged in time that grows with it, and no faster."""

from __future__ import annotations

import time

import pytest

from minternet.lint import lint_pieces
from minternet.wire.transcript import Piece

MANY = 8000
GENEROUS = 5.0
"""Seconds; it takes a tenth, and what compares each command with all before it took 20."""
Said = list[tuple[str, bytes]]
GREETING = ("S", b"* OK hi\r\n")


def pipelined(command: bytes, reply: bytes) -> Said:
    """All commands at once, and then all replies."""
    numbers = range(MANY)
    return [
        GREETING,
        ("C", b"".join(command % each for each in numbers)),
        ("S", b"".join(reply % each for each in numbers)),
    ]


def in_turn(command: bytes, reply: bytes, note: bytes = b"") -> Said:
    """A reply after each command."""
    return [
        GREETING,
        *(
            (side, text)
            for each in range(MANY)
            for side, text in (("C", command % each), ("*", note), ("S", reply % each))
        ),
    ]


TALKS = {
    "many at once": pipelined(b"a%d NOOP\r\n", b"a%d OK\r\n"),
    "many that renumber": pipelined(b"a%d UID STORE 1 FLAGS ()\r\n", b"a%d OK\r\n"),
    "literals": in_turn(b"a%d LOGIN {1+}\r\nb {1+}\r\nc\r\n", b"a%d NO\r\n"),
    "capabilities": in_turn(b"a%d LOGIN b c\r\n", b"* CAPABILITY IMAP4rev1\r\na%d NO\r\n", b"fault x (delay) struck"),
}


@pytest.mark.parametrize("name", TALKS)
def test_time_grows_with_the_conversation(name: str) -> None:
    pieces = [Piece(float(number), side, data) for number, (side, data) in enumerate(TALKS[name])]  # type: ignore[arg-type]
    began = time.perf_counter()
    lint_pieces("imap", pieces)
    assert time.perf_counter() - began < GENEROUS
