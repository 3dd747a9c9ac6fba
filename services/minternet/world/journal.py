"""The order of changes: numbers them, keeps the newest, tells who watches."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Any

import msgspec

KEEP_OCTETS = 64 << 20
"""Content that the journal keeps alive: what was overwritten or expunged meanwhile takes memory, or disk, for nobody else."""
Callback = Callable[["Event"], None]


class Origin:
    """Who asks for changes, where the number of the conversation is all there is to know; each is itself only."""

    __slots__ = ("conversation",)

    def __init__(self, conversation: int) -> None:
        self.conversation = conversation


class Event(msgspec.Struct, frozen=True, gc=False):
    """A change that was made: its number, when (seconds since 1970), what came of it, who asked, octets of content."""

    number: int
    at: float
    change: Any
    result: Any
    topics: tuple[Hashable, ...]
    origin: object = None
    octets: int = 0

    @property
    def conversation(self) -> int:
        """The number of the conversation that it came from, if its origin has one; 0 where there is none."""
        return int(getattr(self.origin, "conversation", 0))


class Journal:
    """A record of events in memory, bounded in number and in the octets of content that they hold on to.

    Callbacks are called at once, in order, and must not wait.
    """

    def __init__(self, now: Callable[[], float], keep: int = 10_000, keep_octets: int = KEEP_OCTETS) -> None:
        self._now, self._keep, self._keep_octets = now, keep, keep_octets
        self._events: deque[Event] = deque()
        self.octets = 0
        """Octets of content that the kept events hold on to."""
        self._watchers: dict[Hashable, tuple[Callback, ...]] = {}
        self._everything: tuple[Callback, ...] = ()
        self.last = 0
        """The number of the newest event: a cursor for `since`."""

    @property
    def dropped(self) -> int:
        """How many of the oldest events are no longer kept."""
        return self._events[0].number - 1 if self._events else self.last

    def add(
        self, change: Any, result: Any, topics: tuple[Hashable, ...], origin: object = None, octets: int = 0
    ) -> Event:
        """Record a change and tell who watches one of its topics, or everything."""
        self.last += 1
        event = Event(self.last, self._now(), change, result, topics, origin, octets)
        self._events.append(event)
        self.octets += octets
        while self._events and (len(self._events) > self._keep or self.octets > self._keep_octets):
            self.octets -= self._events.popleft().octets
        for topic in topics:
            for callback in self._watchers.get(topic, ()):
                _tell(callback, event)
        for callback in self._everything:
            _tell(callback, event)
        return event

    def begin_again(self) -> None:
        """Forget all events, and number from 1 again: for what happens before anybody can have a cursor."""
        self._events.clear()
        self.octets = self.last = 0

    def since(self, cursor: int) -> Iterator[Event]:
        """The kept events after that number, oldest first."""
        events, fresh = self._events, self.last - cursor
        if fresh <= 0:
            return iter(())
        if fresh > len(events) // 2:
            return iter(list(events)[-fresh:])
        newest = list(islice(reversed(events), fresh))  # a long journal is not copied for a few
        newest.reverse()
        return iter(newest)

    def find(self, number: int) -> Event | None:
        """The event of that number; None where it is no longer kept, or did not happen yet."""
        dropped = self.dropped
        return self._events[number - dropped - 1] if dropped < number <= self.last else None

    def watch(self, callback: Callback, *topics: Hashable) -> Callable[[], None]:
        """Call back for every event on these topics, or on all where none is named; returns what ends it."""
        if not topics:
            self._everything = (*self._everything, callback)
        for topic in topics:
            self._watchers[topic] = (*self._watchers.get(topic, ()), callback)
        return lambda: self._unwatch(callback, topics)

    def _unwatch(self, callback: Callback, topics: tuple[Hashable, ...]) -> None:
        if not topics:
            self._everything = _without(self._everything, callback)
        for topic in topics:
            left = _without(self._watchers.get(topic, ()), callback)
            if left:
                self._watchers[topic] = left
            else:
                self._watchers.pop(topic, None)


def _tell(callback: Callback, event: Event) -> None:
    """The change is made already: a watcher that fails is reported, and spoils neither the change nor other watchers."""
    try:
        callback(event)
    except Exception:
        logging.getLogger("minternet.world").exception("a watcher failed on event %d", event.number)


def _without(callbacks: tuple[Callback, ...], callback: Callback) -> tuple[Callback, ...]:
    """The callbacks less the first one equal to this (bound methods are equal, not identical)."""
    if callback not in callbacks:
        return callbacks
    at = callbacks.index(callback)
    return callbacks[:at] + callbacks[at + 1 :]
