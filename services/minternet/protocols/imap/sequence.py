"""Sets of message numbers: `1:4,7,9:*`, `$`, and their shortest form (RFC 3501 section 9, RFC 5182)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from .reader import Malformed, Reader

SET = re.compile(rb"[0-9:*,]+")
ELEMENT = re.compile(rb"([1-9][0-9]{0,9}|\*)(?::([1-9][0-9]{0,9}|\*))?\Z")
STAR = 0
"""How `*` is written in a range; no message has the number 0."""
MAXIMUM = 0xFFFFFFFF
SHORT_NUMBER = 9
"""Digits of a number that is surely within the maximum."""
ZERO = ord("0")


class SequenceSet(msgspec.Struct, frozen=True, gc=False):
    """Ranges of numbers as the client wrote them; `saved` for `$`, the result of the last SEARCH RETURN (SAVE)."""

    ranges: tuple[tuple[int, int], ...] = ()
    saved: bool = False

    def resolve(self, maximum: int) -> list[tuple[int, int]]:
        """The ranges with `*` as `maximum`, low to high, in order and merged."""
        if len(self.ranges) == 1:
            return [ordered(*self.ranges[0], maximum)]
        return merged(sorted(ordered(low, high, maximum) for low, high in self.ranges))


def ordered(first: int, second: int, maximum: int) -> tuple[int, int]:
    """A range's ends with `*` filled in, the lower first."""
    low, high = first or maximum, second or maximum
    return (low, high) if low <= high else (high, low)


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges, with those that touch or overlap made one."""
    result: list[tuple[int, int]] = []
    for low, high in ranges:
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


def read_sequence_set(reader: Reader) -> SequenceSet:
    """Take a sequence set, or `$`."""
    found = SET.match(reader.text, reader.at)
    if found is not None:
        reader.at = found.end()
        return parse_sequence_set(found[0])
    if reader.skip(b"$"):
        return SequenceSet(saved=True)
    raise Malformed("expected a message set")


def parse_sequence_set(text: bytes) -> SequenceSet:
    """A whole sequence set."""
    return parse_one_number(text) or parse_elements(text)


def parse_one_number(text: bytes) -> SequenceSet | None:
    """A set that is one number, as most are; None for all others."""
    if not text.isdigit() or len(text) > SHORT_NUMBER or text[0] == ZERO:
        return None
    number = int(text)
    return SequenceSet(((number, number),))


def parse_elements(text: bytes) -> SequenceSet:
    """Any set."""
    return SequenceSet(tuple(parse_range(element) for element in text.split(b",")))


def parse_range(text: bytes) -> tuple[int, int]:
    """`7`, `*`, `7:9` or `7:*`."""
    found = ELEMENT.match(text)
    if found is None:
        raise Malformed("invalid message set")
    low = parse_number(found[1])
    return (low, low) if found[2] is None else (low, parse_number(found[2]))


def parse_number(text: bytes) -> int:
    """A number of 32 bits, not 0, or `*`."""
    if text == b"*":
        return STAR
    value = int(text)
    if value > MAXIMUM:
        raise Malformed("invalid message set")
    return value


def compact(numbers: Iterable[int]) -> bytes:
    """Numbers, in the order given, as a set whose ranges ascend: `1:4,7`.  Empty for none."""
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs(numbers))


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The stretches of consecutive numbers, in the order given."""
    iterator = iter(numbers)
    low = high = next(iterator, STAR)
    if low == STAR:
        return
    for number in iterator:
        if number == high + 1:
            high = number
            continue
        yield low, high
        low = high = number
    yield low, high


def within(ascending: Sequence[int], ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Those of the ascending numbers that lie in the ranges."""
    taken: list[int] = []
    for low, high in ranges:
        taken += ascending[bisect_left(ascending, low) : bisect_right(ascending, high)]
    return taken


def holds(ranges: Sequence[tuple[int, int]], number: int) -> bool:
    """Whether one of the sorted ranges holds the number."""
    at = bisect_right(ranges, (number, MAXIMUM + 1)) - 1
    return at >= 0 and ranges[at][0] <= number <= ranges[at][1]
