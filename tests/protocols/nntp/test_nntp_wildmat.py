"""Wildmats: the table of RFC 3977 section 4.4, sets and escapes as INN has them, and no pattern that takes long."""

from __future__ import annotations

import contextlib
import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.protocols.nntp.wildmat import Malformed, simple, wildmat


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["", "a", "a.b", "é\n"], []),
        ("comp.*", ["comp.", "comp.lang", "comp.lang.c"], ["comp", "xcomp.lang", "Comp.lang"]),
        ("a?c", ["abc", "aéc", "a.c"], ["ac", "abbc", "abcd"]),
        ("*.test", ["a.test", ".test"], ["test", "a.test.b"]),
        ("a*,!*b,*c*", ["aaa", "ccb", "abc"], ["aab", "bbb"]),
        ("a*,c*,!*b", ["aaa", "abc", "ccc"], ["aab", "ccb", "bbb"]),
        ("!*b", [], ["b", "a"]),
        ("*,!*", [], ["a", ""]),
        ("*,!alt.*,alt.bakery", ["comp.x", "alt.bakery"], ["alt.x"]),
        ("[abc]x", ["ax", "cx"], ["dx", "x", "[abc]x"]),
        ("[a-c]x", ["ax", "bx"], ["dx", "-x"]),
        ("[^a-c]x", ["dx", "^x", "éx"], ["ax"]),
        ("[]a]", ["]", "a"], ["[]a]"]),
        ("[^]a]", ["b"], ["]", "a"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[z-a]", [], ["z", "a", "m"]),
        ("[,]", [","], ["a"]),
        ("[а-я]*", ["мосты"], ["bridges"]),
        ("\\*", ["*"], ["a", "\\*"]),
        ("a\\,b", ["a,b"], ["a", "b"]),
        ("\\[x]", ["[x]"], ["x"]),
        ("a.b+c", ["a.b+c"], ["axb+c", "a.bbc"]),
        ("*a*b*", ["ab", "xaxbx"], ["ba", "a"]),
        ("*ab", ["ab", "aab", "abab"], ["aba"]),
        ("a**b", ["ab", "axb"], ["a"]),
    ],
)
def test_wildmat(pattern: str, matching: list[str], others: list[str]) -> None:
    compiled = wildmat(pattern)
    assert [text for text in matching if not compiled.matches(text)] == []
    assert [text for text in others if compiled.matches(text)] == []


@pytest.mark.parametrize("pattern", ["", ",", "a,", ",a", "!", "a,!", "[", "[]", "[^]", "a[bc", "\\", "a\\"])
def test_malformed(pattern: str) -> None:
    with pytest.raises(Malformed):
        wildmat(pattern)


def test_a_simple_pattern_has_no_commas() -> None:
    assert simple("a,!b").matches("a,!b")
    assert not simple("a,!b").matches("a")


@given(st.text("ab*?", min_size=1, max_size=8), st.text("abc", max_size=8))
def test_stars_and_question_marks_are_those_of_fnmatch(pattern: str, text: str) -> None:
    assert wildmat(pattern).matches(text) == fnmatch.fnmatchcase(text, pattern)


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_a_wildmat_or_malformed(pattern: str, text: str) -> None:
    with contextlib.suppress(Malformed):
        assert wildmat(pattern).matches(text) in (True, False)


def test_no_pattern_takes_long() -> None:
    compiled = wildmat("*a" * 500 + "b")
    began = time.perf_counter()
    assert not compiled.matches("a" * 4000)
    assert time.perf_counter() - began < 1.0
