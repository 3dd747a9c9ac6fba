"""What fuzzing has found: inputs that once broke a promise, each with what was wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from fuzz_targets import TARGETS, close_all

QUICK = 1.0
"""Seconds. What was found took ten times as long, or for ever."""
FOUND = [
    pytest.param(
        "article",
        b"From: a@example.test\r\nNewsgroups: local.test\r\nSubject: x\r\nPath: " + b"a" * 300 + b"\xff\r\n\r\nx\r\n",
        id="a Path with an octet that is not ASCII: the pattern tried every way to part it",
    ),
    pytest.param("http-values", b"bytes=0-0" + b", " * 40 + b"x", id="ranges: each blank was of two gaps"),
    pytest.param("http-values", b"bytes=0-0," + b" " * 60_000 + b"x", id="ranges: the blanks were parted in every way"),
    pytest.param(
        "http",
        b"\x00GET /digest-auth/auth/a/b HTTP/1.0\r\nAuthorization: Digest " + b"a" * 60_000 + b"\r\n\r\n",
        id="a Digest field of one long word: looked for at each of its letters",
    ),
    pytest.param(
        "http",
        b"\x00GET http://x/get HTTP/1.0\r\nProxy-Authorization: Basic =" + b" " * 60_000 + b"b\r\n\r\n",
        id="credentials with blanks in them: the end was looked for at each blank",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def _closing() -> Iterator[None]:
    TARGETS["http"](b"\x00GET / HTTP/1.0\r\n\r\n")  # it runs, from here on
    yield
    close_all()


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_found(name: str, data: bytes) -> None:
    began = time.perf_counter()
    TARGETS[name](data)
    assert time.perf_counter() - began < QUICK
