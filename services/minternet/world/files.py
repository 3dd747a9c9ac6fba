"""Trees of files: absolute paths with "/" between names, no links, content as blobs.

A folder holds its entries by name, and every folder is on one shelf by its path, so looking up is two look-ups
however deep, and no path can lead out of the tree.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .blobs import Blob
from .eras import Eras, Shelf, writable_in
from .errors import EntryExists, EntryMissing, FolderNotEmpty, NotAFile, NotAFolder, PathForbidden
from .records import Entry

NAME_OCTETS = 255
"""The longest name, as on common file systems (NAME_MAX)."""
PATH_OCTETS = 4096
"""The longest path (PATH_MAX)."""


class Folder:
    """The entries of one folder, by name."""

    __slots__ = ("entries", "era")

    def __init__(self, era: int) -> None:
        self.era = era
        self.entries: dict[str, Entry] = {}

    def fork(self, era: int) -> Folder:
        twin = Folder(era)
        twin.entries = self.entries.copy()
        return twin


def split(path: str) -> tuple[str, str]:
    """A clean path's folder and name: ("/a", "b") of "/a/b"; ("/", "") of "/"."""
    folder, _, name = path.rpartition("/")
    return folder or "/", name


def clean(path: str, within: str = "/") -> str:
    """The absolute path without ".", ".." or empty names; ".." at the root stays there. PathForbidden on NUL or length."""
    if "\x00" in path or len(path.encode("utf-8", "surrogateescape")) > PATH_OCTETS:
        raise PathForbidden("a path holds no NUL and at most 4096 octets")
    names: list[str] = []
    for name in (path if path.startswith("/") else f"{within}/{path}").split("/"):
        if name == "..":
            del names[-1:]
        elif name not in ("", "."):
            if len(name.encode("utf-8", "surrogateescape")) > NAME_OCTETS:
                raise PathForbidden("a name has at most 255 octets")
            names.append(name)
    return "/" + "/".join(names)


class Files:
    """One tree. Paths given to it are clean (see `clean`)."""

    def __init__(self, eras: Eras) -> None:
        self._eras = eras
        self.folders: Shelf[str, Folder] = Shelf(eras)
        self.folders.writable()["/"] = Folder(eras.number)
        self.next_unique = 2
        self._root = Entry("", None, 0.0, 1, mode=0o755)

    def find(self, path: str) -> Entry | None:
        """What is at a path, or None."""
        if path == "/":
            return self._root
        above, name = split(path)
        folder = self.folders.get(above)
        return None if folder is None else folder.entries.get(name)

    def get(self, path: str) -> Entry:
        """What is at a path; EntryMissing."""
        entry = self.find(path)
        if entry is None:
            raise EntryMissing(f"no such file or folder: {path}")
        return entry

    def content(self, path: str) -> Blob:
        """The content of a file; EntryMissing, NotAFile."""
        entry = self.get(path)
        if entry.content is None:
            raise NotAFile(f"{path} is a folder")
        return entry.content

    def list(self, path: str) -> list[Entry]:
        """A folder's entries by name; EntryMissing, NotAFolder."""
        folder = self.folders.get(path)
        if folder is None:
            self.get(path)
            raise NotAFolder(f"{path} is not a folder")
        return [folder.entries[name] for name in sorted(folder.entries)]

    def walk(self, path: str = "/") -> Iterator[tuple[str, Entry]]:
        """Every path below a folder and its entry, folders before what they hold."""
        for entry in self.list(path):
            below = f"{'' if path == '/' else path}/{entry.name}"
            yield below, entry
            if entry.is_folder:
                yield from self.walk(below)

    # -- changes call these

    def _writable(self, path: str) -> Folder:
        if path not in self.folders:
            entry = self.find(path)
            raise EntryMissing(f"no such folder: {path}") if entry is None else NotAFolder(f"{path} is not a folder")
        return writable_in(self.folders, path, self._eras)

    def _new_unique(self) -> int:
        self.next_unique += 1
        return self.next_unique - 1

    def store(
        self, path: str, content: Blob, modified: float, owner: str = "", exclusive: bool = False, parents: bool = False
    ) -> Entry:
        """A file's new content. EntryExists where it must be new; NotAFile; EntryMissing without its folder."""
        above, name = split(path)
        if parents:
            self.make_parents(above, modified, owner)
        folder = self._writable(above)
        before = folder.entries.get(name)
        if before is not None and (before.is_folder or not name):
            raise NotAFile(f"{path} is a folder")
        if before is not None and exclusive:
            raise EntryExists(f"{path} is there already")
        if before is None:
            entry = Entry(name, content, modified, self._new_unique(), owner)
        else:
            entry = msgspec.structs.replace(before, content=content, modified=modified)
        folder.entries[name] = entry
        return entry

    def make_folder(self, path: str, modified: float, owner: str = "") -> Entry:
        above, name = split(path)
        folder = self._writable(above)
        if not name or name in folder.entries:
            raise EntryExists(f"{path} is there already")
        entry = Entry(name, None, modified, self._new_unique(), owner, 0o755)
        folder.entries[name] = entry
        self.folders.writable()[path] = Folder(self._eras.number)
        return entry

    def make_parents(self, path: str, modified: float, owner: str = "") -> None:
        """Make a folder and those above it, as far as they are missing."""
        if path in self.folders:
            return
        self.make_parents(split(path)[0], modified, owner)
        self.make_folder(path, modified, owner)

    def make_home(self, path: str, modified: float, owner: str) -> None:
        """Make an account's folder where it is missing. Those above it are nobody's: other homes lie there too."""
        if path not in self.folders:
            self.make_parents(split(path)[0], modified)
            self.make_folder(path, modified, owner)

    def remove_file(self, path: str) -> Entry:
        entry = self.get(path)
        if entry.is_folder:
            raise NotAFile(f"{path} is a folder")
        above, name = split(path)
        return self._writable(above).entries.pop(name)

    def remove_folder(self, path: str) -> Entry:
        if self.list(path):
            raise FolderNotEmpty(f"{path} is not empty")
        if path == "/":
            raise PathForbidden("the root stays")
        above, name = split(path)
        del self.folders.writable()[path]
        return self._writable(above).entries.pop(name)

    def rename(self, path: str, to: str) -> Entry:
        """Move a file or a folder with all it holds; a file that is there already is replaced."""
        entry = self.get(path)
        if path == "/" or to == "/" or to.startswith(path + "/"):
            raise PathForbidden(f"{path} cannot be moved to {to}")
        target = self.find(to)
        if to == path:
            return entry
        if target is not None and (entry.is_folder or target.is_folder):
            raise EntryExists(f"{to} is there already")
        above, name = split(to)
        self._writable(above)
        renamed = msgspec.structs.replace(entry, name=name)
        old_above, old_name = split(path)
        del self._writable(old_above).entries[old_name]
        self._writable(above).entries[name] = renamed
        if entry.is_folder:
            folders = self.folders.writable()
            for old in [known for known in folders if known == path or known.startswith(path + "/")]:
                folders[to + old[len(path) :]] = folders.pop(old)
        return renamed

    def modify(self, path: str, modified: float | None, mode: int | None, owner: str | None) -> Entry:
        """Change what is told of an entry (MFMT, SITE CHMOD)."""
        entry = self.get(path)
        if path == "/":
            return entry
        above, name = split(path)
        entry = msgspec.structs.replace(
            entry,
            modified=entry.modified if modified is None else modified,
            mode=entry.mode if mode is None else mode,
            owner=entry.owner if owner is None else owner,
        )
        self._writable(above).entries[name] = entry
        return entry
