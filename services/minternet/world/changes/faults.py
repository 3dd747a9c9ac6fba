"""A fault that struck: told to who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Change, Topics

if TYPE_CHECKING:
    from ..world import World

FAULTS: Topics = ("faults",)


class FaultStruck(Change[None], frozen=True, gc=False):
    """A fault struck; it changes nothing in the world. `conversation` is the number of the transcript, 0 where none is."""

    fault: str
    kind: str
    service: str
    command: str = ""
    conversation: int = 0
    stroke: int = 1
    """How often the fault has struck by now."""

    def apply(self, world: World) -> None:
        """Nothing."""

    def topics(self, result: None) -> Topics:
        return FAULTS
