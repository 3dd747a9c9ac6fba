"""Long pieces of work that can be interrupted: generators that yield now and then, so that who runs one can let others go on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable
from itertools import zip_longest
from typing import Any, TypeVar

T = TypeVar("T")
Work = Generator[None, None, T]
"""A piece of work that may be interrupted; its return value is the result."""
STEP = 300
"""Items looked at between two interruptions."""
RUN = 1000
"""Items sorted at once."""


def in_steps(items: Iterable[T], each: Callable[[T], object]) -> Work[None]:
    """Do something with each item."""
    for count, item in enumerate(items, 1):
        each(item)
        if count % STEP == 0:
            yield


def sorting(keys: list[Any]) -> Work[list[Any]]:
    """The keys, all different, in order: runs are sorted, and then merged two by two."""
    runs = []
    for start in range(0, len(keys), RUN):
        runs.append(sorted(keys[start : start + RUN]))
        yield
    while len(runs) > 1:
        merged = []
        for one, other in zip_longest(runs[::2], runs[1::2]):
            merged.append(one if other is None else (yield from merging(one, other)))
        runs = merged
    return runs[0] if runs else []


def merging(one: list[Any], other: list[Any]) -> Work[list[Any]]:
    """Two sorted runs as one.  Each step takes all keys up to the lower of the two that stand half a run further on."""
    merged: list[Any] = []
    at = other_at = 0
    while at < len(one) and other_at < len(other):
        end, other_end = min(at + RUN // 2, len(one)), min(other_at + RUN // 2, len(other))
        pivot = min(one[end - 1], other[other_end - 1])
        end, other_end = bisect_right(one, pivot, at, end), bisect_right(other, pivot, other_at, other_end)
        merged += sorted(one[at:end] + other[other_at:other_end])
        at, other_at = end, other_end
        yield
    return merged + one[at:] + other[other_at:]
