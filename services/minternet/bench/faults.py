"""Faults in a test's hands: set and taken back from any thread, at work at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ..world.changes import FaultStruck
from .blocks import block
from .link import Link

if TYPE_CHECKING:
    from ..faults.faults import Fault, Faults, Given, Report

Value = TypeVar("Value")
TURNS = 5
"""Of the loop, in which it hears of ends that have come."""


class FaultsHandle:
    """What goes wrong, on purpose.

    with net.faults.during("imap FETCH: reset, n=2"):
        ...
    """

    def __init__(self, link: Link, faults: Callable[[], Faults]) -> None:
        self._link, self._faults = link, faults

    def add(self, fault: Given, **more: Any) -> Fault:
        """Set a fault: a line, a record or a mapping, and fields beside it; FaultError where it cannot work."""
        return self._do(lambda faults: faults.put(fault, **more))

    def remove(self, fault: Fault | str) -> None:
        """Take a fault out, by name or as `add` gave it; FaultError where it is not there."""
        name = fault if isinstance(fault, str) else fault.name
        self._do(lambda faults: faults.remove(name))

    def clear(self) -> None:
        """Take all faults out."""
        self._do(lambda faults: faults.clear())

    @block
    def during(self, *faults: Given) -> Iterator[tuple[Fault, ...]]:
        """Have these faults while a block lasts."""
        added: list[Fault] = []
        try:
            added.extend(self.add(fault) for fault in faults)
            yield tuple(added)
        finally:
            names = {report.fault.name for report in self.reports}
            for fault in added:
                if fault.name in names:
                    self.remove(fault)

    @property
    def reports(self) -> list[Report]:
        """All faults, with their seeds and how often each has struck."""
        return self._do(lambda faults: faults.reports)

    @property
    def told(self) -> list[str]:
        """Each fault in words, and how often it struck; the loop, which may be busy or gone, is not asked."""
        return [
            f"{report.line}: struck {report.strokes} of the {report.uses} times it might have"
            for report in self._faults().reports
        ]

    def strokes(self, fault: Fault | str) -> int:
        """How often a fault has struck; FaultError."""
        name = fault if isinstance(fault, str) else fault.name
        return self._do(lambda faults: faults.report(name)).strokes

    def uses(self, fault: Fault | str) -> int:
        """How often a fault might have struck: what it is about happened, whether it was its turn or not; FaultError."""
        name = fault if isinstance(fault, str) else fault.name
        return self._do(lambda faults: faults.report(name)).uses

    @property
    def struck(self) -> list[FaultStruck]:
        """Every stroke that the journal still holds, oldest first."""
        events = self._link.world.journal.since(0)
        return [event.change for event in events if isinstance(event.change, FaultStruck)]

    def _do(self, work: Callable[[Faults], Value]) -> Value:
        async def on_loop() -> Value:
            for _ in range(TURNS):  # clients that have closed already are gone then, and no stroke is spent on them
                await asyncio.sleep(0)
            return work(self._faults())

        if self._link.on_loop:
            return work(self._faults())
        return self._link.call(on_loop())
