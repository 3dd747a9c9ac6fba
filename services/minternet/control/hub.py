"""What all handlers share: the world, the supervisor, counters, and the places for those who wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import TypeVar

from ..protocols.context import ServiceContext
from ..supervisor import Supervisor
from ..wire.tls import Authority
from ..wire.transcript import TranscriptRing
from ..world.changes import Deliver, FaultStruck, ReceiveRequest
from ..world.journal import Event
from ..world.world import World
from .problems import Problem, hyphenated

Result = TypeVar("Result")
MAX_WAITING = 256
"""Long polls and waits at the same time."""
MAX_STREAMS = 64
"""Clients of the event stream at the same time; a browser has one for each page."""
MAX_DOWNLOADS = 8
"""Clients that are sent HAR at the same time: each holds a block of it, and a block holds one exchange at least."""
BUSY = {"retry-after": "1"}
FAULT_NAMES = 100
"""Faults whose strokes are counted by name; those of all others are counted together, for clients choose the names."""
OTHER_FAULTS = "(other)"
NAME_SHOWN = 100
"""Characters of a fault's name in a metric's label."""


class Places:
    """A bounded number of places for requests that last."""

    def __init__(self, number: int, what: str) -> None:
        self.number, self.what, self.taken = number, what, 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Take a place; Problem 503 where none is free."""
        self.check()
        with self.held():
            yield

    def check(self) -> None:
        """Problem 503 where no place is free."""
        if self.taken >= self.number:
            raise Problem(503, f"{self.number} {self.what} are open already", headers=BUSY)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold a place that was free a moment ago."""
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Hub:
    """One for each control service."""

    def __init__(self, context: ServiceContext, supervisor: Supervisor, began: float) -> None:
        self.context, self.supervisor, self.began = context, supervisor, began
        self.world: World = context.world
        self.settings = context.settings
        self.authority: Authority = context.authority
        self.transcripts: TranscriptRing = context.transcripts
        self.log: logging.Logger = context.log
        self.waits = Places(MAX_WAITING, "waits")
        self.streams = Places(MAX_STREAMS, "event streams")
        self.downloads = Places(MAX_DOWNLOADS, "HAR downloads")
        self.reading = asyncio.Semaphore(1)
        """Held by whoever has a thread read conversations: a few at once would take it from everybody else, and the loop its turns."""
        self.closing = asyncio.Event()
        """Set when the service ends, so that what lasts comes to its end."""
        self.kinds: Counter[type] = Counter()
        """How many changes of each kind were made, as far back as the journal reached at the first request."""
        self.delivered = 0
        """Copies of messages put into mailboxes by delivery, likewise."""
        self.requests: Counter[tuple[str, str]] = Counter()
        """HTTP requests by method and class of status (`2xx`), likewise."""
        self.strokes: Counter[tuple[str, str]] = Counter()
        """Strokes of faults by name and kind, likewise."""
        self.exposition: Callable[[str], tuple[bytes, str]] | None = None
        """What writes the metrics; made at the first scrape."""
        for event in self.world.journal.since(0):
            self._count(event)
        self._unwatch = self.world.watch(self._count)

    def _count(self, event: Event) -> None:
        change = event.change
        self.kinds[type(change)] += 1
        if isinstance(change, Deliver):
            self.delivered += len(event.result)
        elif isinstance(change, ReceiveRequest):
            self.requests[change.request.method, f"{change.request.status // 100}xx"] += 1
        elif isinstance(change, FaultStruck):
            self._count_stroke(change)

    def _count_stroke(self, struck: FaultStruck) -> None:
        label = struck.fault[:NAME_SHOWN], struck.kind
        if label not in self.strokes and len(self.strokes) >= FAULT_NAMES:
            label = OTHER_FAULTS, struck.kind
        self.strokes[label] += 1

    async def unless_closing(self, work: Awaitable[Result]) -> Result:
        """What comes of the work; Problem 503 where the service ends first."""
        task = asyncio.ensure_future(work)
        end = asyncio.create_task(self.closing.wait())
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Problem(503, "the service is ending", headers={"connection": "close"})
        finally:
            end.cancel()
            task.cancel()
            await asyncio.gather(end, task, return_exceptions=True)

    def changes(self, heartbeat: float) -> AsyncGenerator[bool, None]:
        """Yields after each change (True), or when so many seconds have passed without one (False), until the end."""
        return self._each(lambda tell: self.world.watch(lambda event: tell()), heartbeat)

    def sayings(self, heartbeat: float) -> AsyncGenerator[bool, None]:
        """The same after something was said in a conversation; the first comes at once, and from then on nothing is missed."""
        return self._each(self.transcripts.watch, heartbeat, at_once=True)

    async def _each(
        self, watch: Callable[[Callable[[], None]], Callable[[], None]], heartbeat: float, *, at_once: bool = False
    ) -> AsyncGenerator[bool, None]:
        happening = asyncio.Event()
        if at_once:
            happening.set()
        unwatch = watch(happening.set)
        end = asyncio.create_task(self.closing.wait())
        try:
            while not self.closing.is_set():
                next_one = asyncio.create_task(happening.wait())
                try:
                    await asyncio.wait({next_one, end}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    next_one.cancel()
                if self.closing.is_set():
                    return
                happened = happening.is_set()
                happening.clear()
                yield happened
        finally:
            end.cancel()
            unwatch()

    def close(self) -> None:
        """End what lasts."""
        self.closing.set()
        self._unwatch()


def kind_of(change: type) -> str:
    """A kind of change as the API calls it: `store-flags` of StoreFlags."""
    return hyphenated(change.__name__)
