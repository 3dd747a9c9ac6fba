"""Collections that cost nothing to snapshot: copied on the first write after one.

Every snapshot and every restore begins a new era. What was written in this era may be written in place; what comes
from an older one is shared with a snapshot and is copied first. So a snapshot is a handful of references, whatever
the size of the world.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Generic, Protocol, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Eras:
    """The number of the current era, shared by all collections of one world."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Forkable(Protocol):
    """A record that changes in place within its era, and forks itself for a newer one."""

    era: int

    def fork(self: Fork, era: int) -> Fork: ...


Fork = TypeVar("Fork", bound=Forkable)


class Shelf(Generic[Key, Value]):
    """A dict that is copied on its first write in an era. Reads are those of a dict."""

    __slots__ = ("_era", "_eras", "items_now")

    def __init__(self, eras: Eras) -> None:
        self._eras, self._era = eras, eras.number
        self.items_now: dict[Key, Value] = {}

    def writable(self) -> dict[Key, Value]:
        """The dict, fit to be written in this era."""
        if self._era != self._eras.number:
            self.items_now, self._era = self.items_now.copy(), self._eras.number
        return self.items_now

    def put_back(self, items: dict[Key, Value]) -> None:
        """Take up a dict from a snapshot; it will be copied before it is written."""
        self.items_now, self._era = items, -1

    def __getitem__(self, key: Key) -> Value:
        return self.items_now[key]

    def get(self, key: Key) -> Value | None:
        return self.items_now.get(key)

    def __contains__(self, key: object) -> bool:
        return key in self.items_now

    def __len__(self) -> int:
        return len(self.items_now)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.items_now)

    def keys(self) -> KeysView[Key]:
        return self.items_now.keys()

    def values(self) -> ValuesView[Value]:
        return self.items_now.values()

    def items(self) -> ItemsView[Key, Value]:
        return self.items_now.items()


def writable_in(shelf: Shelf[Key, Fork], key: Key, eras: Eras) -> Fork:
    """The record on a shelf, forked first where it is of an older era. KeyError where there is none."""
    record = shelf[key]
    if record.era != eras.number:
        record = record.fork(eras.number)
        shelf.writable()[key] = record
    return record
