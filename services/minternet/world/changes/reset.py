"""The change that undoes changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import RESET, Change, Topics

if TYPE_CHECKING:
    from ..world import World


class Reset(Change[None], frozen=True, gc=False):
    """The world is as it was at a snapshot; `name` says which, for people."""

    name: str = "seed"

    def apply(self, world: World) -> None:
        world.put_back(self.name)

    def topics(self, result: None) -> Topics:
        return RESET
