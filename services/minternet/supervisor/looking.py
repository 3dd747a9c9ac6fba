"""Looks: whether every service answers now, for whoever asks, such as a container's health check.

Who asks while a look lasts, or a moment after it, is told what it found: a flood of questions is no load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .binding import StartError
from .probing import Probes

if TYPE_CHECKING:
    from . import Supervised

LOOK_SECONDS = 3.0
"""How long all services together have to answer: less than the health check gives the one that it asks."""
FRESH_SECONDS = 0.5
"""How long what a look found is told to others; a look at all services takes some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found: who answered, and in a line for each what the others did instead."""

    answered: tuple[str, ...]
    unanswered: Mapping[str, str]
    ended: float
    """By the loop's time."""


class Looks:
    """Those at the services of one internet. Datagrams are left out: that one got lost would say nothing."""

    def __init__(self, probes: Probes, supervised: Mapping[str, Supervised]) -> None:
        self._probes, self._supervised = probes, supervised
        self._last: asyncio.Task[Look] | None = None

    async def newest(self) -> Look:
        """The look that goes on, or has just ended, or a new one."""
        if self._last is None or not self._is_fresh(self._last):
            self._last = asyncio.create_task(self._look(), name="look at all services")
        return await asyncio.shield(self._last)

    async def stop(self) -> None:
        """End what goes on."""
        if self._last is not None:
            self._last.cancel()
            await asyncio.gather(self._last, return_exceptions=True)

    @staticmethod
    def _is_fresh(task: asyncio.Task[Look]) -> bool:
        if not task.done():
            return True
        failed = task.cancelled() or task.exception() is not None
        return not failed and asyncio.get_running_loop().time() - task.result().ended < FRESH_SECONDS

    async def _look(self) -> Look:
        asked = [one for one in self._supervised.values() if one.service.kind != "datagram" and one.service.probe[1]]
        said = await asyncio.gather(*(self._instead(one) for one in asked))
        found = {one.service.name: instead for one, instead in zip(asked, said, strict=True)}
        answered = tuple(name for name, instead in found.items() if not instead)
        unanswered = {name: instead for name, instead in found.items() if instead}
        return Look(answered, unanswered, asyncio.get_running_loop().time())

    async def _instead(self, supervised: Supervised) -> str:
        """What a service does instead of answering; "" where it answers."""
        if supervised.status != "running":
            return f"{supervised.service.name} is {supervised.status}"
        try:
            await self._probes.ask(supervised.service, supervised.sockets[0], LOOK_SECONDS)
        except StartError as error:
            return str(error)
        except OSError as error:  # it has no socket any more
            return f"{supervised.service.name} does not answer on port {supervised.port}: {error}"
        return ""
