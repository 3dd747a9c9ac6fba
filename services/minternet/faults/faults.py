"""The faults of one internet: put in, taken out and told of at any time; what is at work, at which service.

All methods belong to the loop's thread; `net.faults` (bench/faults.py) asks from any. A service's context has in `faults`
its `ServiceFaults` while there are any for it, and None otherwise: to look there is all that a service without faults does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from ..world.changes import FaultStruck
from ..world.world import World
from .armed import Armed
from .catalogue import KINDS
from .checks import Known, check, wrong_reply
from .rule import Fault, FaultError, read
from .service import ServiceFaults
from .services import concerns

Given = Fault | str | Mapping[str, Any]


class Context(Protocol):
    """What is needed of a service's context."""

    faults: ServiceFaults | None

    @property
    def service(self) -> Known: ...

    @property
    def authority(self) -> Any: ...


class Report(msgspec.Struct, frozen=True):
    """A fault and what became of it, for people and programs: `line` is it as text, `seed` is what replays it."""

    fault: Fault
    line: str
    seed: int
    strokes: int
    uses: int
    """The times that all of WHERE agreed: it might have struck, and did so `strokes` times."""
    conversations: tuple[int, ...]
    """The transcripts of the last conversations it struck."""


class Faults:
    """All faults of one internet. `services` are those that may be named; clients at `spared` addresses meet none."""

    def __init__(
        self,
        world: World,
        services: Iterable[Known],
        initial: Iterable[Given] = (),
        log: logging.Logger | None = None,
        spared: Collection[tuple[str, int]] = (),
    ) -> None:
        self._spared = spared
        self.world, self._services = world, tuple(services)
        self.log = log or logging.getLogger("minternet.faults")
        self._armed: dict[str, Armed] = {}
        self._number = 0
        self._at_work: list[tuple[Context, ServiceFaults]] = []
        self._initial = tuple(initial)
        for given in self._initial:
            self.put(given)

    # -- what there is

    def __len__(self) -> int:
        return len(self._armed)

    @property
    def given(self) -> list[Fault]:
        """All faults as they were set, in the order in which they strike."""
        return [armed.fault for armed in self._armed.values()]

    @property
    def reports(self) -> list[Report]:
        """All faults, in the order in which they strike."""
        return [self._report(armed) for armed in self._armed.values()]

    def report(self, name: str) -> Report:
        """One fault by name; FaultError."""
        return self._report(self._find(name))

    def _report(self, armed: Armed) -> Report:
        return Report(armed.fault, str(armed.fault), armed.seed, armed.strokes, armed.uses, tuple(armed.recent))

    def _find(self, name: str) -> Armed:
        armed = self._armed.get(name)
        if armed is None:
            there = ", ".join(repr(known) for known in self._armed) or "none"
            raise FaultError(f"no fault is called {name!r}; there are {there}")
        return armed

    # -- changing it

    def put(self, given: Given, **more: Any) -> Fault:
        """Set a fault, in the place of one of the same name; FaultError where it cannot work."""
        fault = read(given, **more)
        check(fault, self._services)
        if not fault.name:
            fault = msgspec.structs.replace(fault, name=self._free_name(fault))
        self._number += 1
        armed = Armed(fault, self._number, self.world.chance.seed, self.world.clock.monotonic)
        if fault.probability < 1 or fault.toxicity < 1:
            self.log.info("fault %r: seed=%d", fault.name, armed.seed)
        self._armed[fault.name] = armed
        self._rearrange()
        return fault

    def remove(self, name: str) -> Fault:
        """Take a fault out; FaultError where there is none of that name."""
        fault = self._find(name).fault
        del self._armed[name]
        self._rearrange()
        return fault

    def discard(self, names: Iterable[str]) -> None:
        """Take several out at once, those of them that are there."""
        for name in names:
            self._armed.pop(name, None)
        self._rearrange()

    def clear(self) -> None:
        """Take all faults out."""
        self._armed.clear()
        self._rearrange()

    def reset(self) -> None:
        """Be as at the start: the first faults, counted from the start, with the same chance."""
        self._armed.clear()
        self._number = 0
        for given in self._initial:
            self.put(given)
        self._rearrange()

    def _free_name(self, fault: Fault) -> str:
        plain = " ".join(filter(None, (fault.service, fault.command))) + f": {fault.kind}"
        name, number = plain, 1
        while name in self._armed:
            number += 1
            name = f"{plain} {number}"
        return name

    # -- services

    def serve(self, context: Context, links: Callable[[], Iterable[Any]] = lambda: ()) -> None:
        """From now on, give this service its faults; `links` are the connections it has, which they strike as well."""
        service = ServiceFaults(context.service, context.authority, self._tell, links, self._spared)
        self._at_work.append((context, service))
        self._arrange(context, service)

    def _rearrange(self) -> None:
        for context, service in self._at_work:
            self._arrange(context, service)

    def _arrange(self, context: Context, service: ServiceFaults) -> None:
        name = context.service.name
        for each in self._armed.values():
            if name not in each.works:
                each.works[name] = self._works(each, context.service)
        armed = tuple(each for each in self._armed.values() if each.fault.enabled and each.works[name])
        service.arrange(armed)
        context.faults = service if armed else None

    def _works(self, armed: Armed, service: Known) -> bool:
        fault, protocol = armed.fault, service.protocol
        if not concerns(fault, service) or service.name.endswith("-udp") or protocol not in armed.kind.protocols:
            return False
        if armed.of_transfer and protocol != "ftp":
            return False
        if fault.kind == "reply":
            return not wrong_reply(protocol, str(fault.attributes.get("text", "")))
        return protocol != "echo" or armed.network or (armed.when == "connect" and not fault.command)

    def _tell(self, armed: Armed, service: str, command: str, transcript: Any) -> None:
        """A fault strikes: the journal and the transcript are told."""
        fault, number = armed.fault, 0
        if transcript is not None:
            number = transcript.number
            transcript.note(f"fault {fault.name!r}: {fault.kind}" + (f" at {command}" if command else ""))
            armed.recent.append(number)
        self.world.commit_now(
            FaultStruck(fault.name, fault.kind, service, command, number, armed.strokes), origin="faults"
        )


__all__ = ["KINDS", "Context", "Fault", "FaultError", "Faults", "Given", "Report"]
