"""Each target of fuzz_targets, for a moment. `python -m tests.fuzz SECONDS [TARGET ...]` takes longer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fuzz_targets import TARGETS, SocketTarget, close_all, corpus, lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SPECIAL = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b" ", b"{5}", b"{5+}\r\n", b"{99999999999}\r\n", b".\r\n", b"\r\n.\r\n", b"(", b")", b'"', b"\\",
     b"*", b"%", b"<", b">", b"@", b":", b"=?", b"?=", b"--", b"--b\r\n", b"../", b"%2e%2e/", b"4294967296", b"-1", b"0", b"\xf0\x9f\x92\xa9",
     b"\xc3\x28", b"[", b"]", b",", b";", b"=", b"a" * 5000, b"(" * 300, b"[[accounts]]\n"]
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right(name: str) -> None:
    """The corpus itself: there is one, and no promise is broken by it."""
    assert len(lines(name)) > 5
    for text in corpus(name)[:10]:
        TARGETS[name](text)


@pytest.mark.parametrize("name", TARGETS)
def test_anything(name: str) -> None:
    target = TARGETS[name]
    piece = st.one_of(st.sampled_from(lines(name)), SPECIAL, st.binary(max_size=12))
    some = 15 if isinstance(target, SocketTarget) else 60

    @settings(max_examples=some, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(0, 9), st.lists(piece, max_size=15))
    def play(before: int, pieces: list[bytes]) -> None:
        target(bytes([before]) + b"".join(pieces))

    play()
