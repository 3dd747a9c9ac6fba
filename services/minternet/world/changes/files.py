"""Changes of the two trees of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..blobs import Blob
from ..records import Entry, Kind
from .base import Change, Topics, tree_topic

if TYPE_CHECKING:
    from ..files import Files
    from ..world import World


class StoreFile(Change[Entry], frozen=True, gc=False):
    """A file's whole new content: it appears at once and never half."""

    path: str
    content: Blob
    at: float
    owner: str = ""
    exclusive: bool = False
    parents: bool = False
    tree: Kind = "files"

    @property
    def octets(self) -> int:
        return self.content.size

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).store(self.path, self.content, self.at, self.owner, self.exclusive, self.parents)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class MakeFolder(Change[Entry], frozen=True, gc=False):
    """A new, empty folder."""

    path: str
    at: float
    owner: str = ""
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).make_folder(self.path, self.at, self.owner)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class RemoveFile(Change[Entry], frozen=True, gc=False):
    """A file goes."""

    path: str
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).remove_file(self.path)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class RemoveFolder(Change[Entry], frozen=True, gc=False):
    """An empty folder goes."""

    path: str
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).remove_folder(self.path)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class RenameEntry(Change[Entry], frozen=True, gc=False):
    """A file or folder moves, with all it holds."""

    path: str
    to: str
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).rename(self.path, self.to)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class ModifyEntry(Change[Entry], frozen=True, gc=False):
    """What is told of a file or folder: its time, mode or owner; None leaves it."""

    path: str
    modified: float | None = None
    mode: int | None = None
    owner: str | None = None
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).modify(self.path, self.modified, self.mode, self.owner)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


def _tree(world: World, kind: Kind) -> Files:
    return world.files if kind == "files" else world.site.tree
