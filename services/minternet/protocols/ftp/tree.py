"""The world's files as one user sees them: what may be read, what may be changed, and where it is.

No path leads to a real disk: each is cleaned and looked up in the world's own tree, which knows no links.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from ...world.blobs import Blob
from ...world.changes import MakeFolder, ModifyEntry, RemoveFile, RemoveFolder, RenameEntry, StoreFile
from ...world.files import clean, split
from ...world.records import Account, Entry
from ...world.world import World
from ..commands import Refusal

INCOMING: Final = "/incoming"
"""Where everybody may store."""
HOMES: Final = "/home"
"""What anonymous must not see into."""
MAGIC: Final = frozenset("*?[")
UNIQUE_TRIES: Final = 1000


class Tree:
    """The files for one account, or for anonymous (None)."""

    def __init__(self, world: World, account: Account | None, origin: object = None) -> None:
        self._world, self._files, self._origin = world, world.files, origin
        self.account = account
        home = clean(account.home) if account is not None else "/"
        self.home = home if home in world.files.folders else "/"
        self.folder = self.home

    @property
    def owner(self) -> str:
        """Whose what is made here will be."""
        return self.account.login if self.account is not None else ""

    # -- rights

    def resolve(self, path: str) -> str:
        """The clean path of what the client named, from its working directory; PathForbidden."""
        return clean(path, self.folder)

    def may_read(self, path: str) -> bool:
        """Anonymous stays out of homes."""
        return self.account is not None or not _within(path, HOMES)

    def may_store(self, path: str) -> bool:
        """Below the home and below /incoming; the two themselves stay as they are."""
        return _below(path, INCOMING) or (self.account is not None and _below(path, clean(self.account.home)))

    def may_change(self, path: str) -> bool:
        """Replacing, removing, renaming: not for anonymous."""
        return self.account is not None and self.may_store(path)

    def rights(self, path: str, entry: Entry) -> str:
        """The letters of the perm fact (RFC 3659 section 7.5.5)."""
        stores, changes = self.may_store(path + "/x") if entry.is_folder else False, self.may_change(path)
        if entry.is_folder:
            allowed = (("c", stores), ("d", changes), ("e", True), ("f", changes), ("l", True))
            below = (("m", stores), ("p", stores and self.account is not None))
            return "".join(letter for letter, may in (*allowed, *below) if may and self.may_read(path))
        readable = self.may_read(path)
        letters = (("a", changes), ("d", changes), ("f", changes), ("r", readable), ("w", changes))
        return "".join(letter for letter, may in letters if may)

    def _for_reading(self, path: str) -> str:
        if not self.may_read(path):
            raise Refusal("550", "Permission denied.")
        return path

    def for_storing(self, path: str) -> str:
        """The path, where something new may be stored; 550."""
        if not self.may_store(path):
            raise Refusal("550", "Permission denied.")
        return path

    def for_changing(self, path: str) -> str:
        """The path, where what is there may be changed; 550."""
        if not self.may_change(path):
            raise Refusal("550", "Permission denied.")
        return path

    # -- reading

    def entry(self, path: str) -> Entry:
        """What is at a clean path; EntryMissing, 550."""
        return self._files.get(self._for_reading(path))

    def find(self, path: str) -> Entry | None:
        """What is at a clean path, or None."""
        return self._files.find(path)

    def content(self, path: str) -> Blob:
        """A file's content; EntryMissing, NotAFile, 550."""
        return self._files.content(self._for_reading(path))

    def entries(self, path: str) -> list[Entry]:
        """A folder's entries by name; EntryMissing, NotAFolder, 550."""
        return self._files.list(self._for_reading(path))

    def named(self, argument: str, hidden: bool = False) -> Iterator[tuple[str, Entry]]:
        """What LIST and NLST show: (name to tell, entry) of a folder's entries, a file, or a pattern's hits.

        Names are told so that they can be given back as they are (RFC 1123 section 4.1.2.7): below the argument.
        """
        path = self.resolve(argument)
        found = self.find(path) if self.may_read(path) else None
        pattern = argument.rpartition("/")[2]
        if found is None and MAGIC & set(pattern):
            prefix = argument[: len(argument) - len(pattern)]
            folder = self.resolve(prefix or ".")
            listed = [each for each in self.entries(folder) if fnmatchcase(each.name, pattern)]
            return ((prefix + each.name, each) for each in listed)
        entry = self.entry(path)
        if not entry.is_folder:
            return iter([(argument, entry)])
        prefix = argument if not argument or argument.endswith("/") else argument + "/"
        listed = self.entries(path)
        dots = [(".", entry), ("..", self._files.get(split(path)[0]))] if hidden else []
        return iter(dots + [(prefix + each.name, each) for each in listed])

    # -- changing

    def enter(self, path: str) -> None:
        """Make a folder the working directory; EntryMissing, NotAFolder, 550."""
        self.entries(path)
        self.folder = path

    def make_folder(self, path: str) -> Entry:
        """A new folder."""
        change = MakeFolder(self.for_storing(path), self._world.clock.now(), self.owner)
        return self._world.commit_now(change, self._origin)

    def remove_folder(self, path: str) -> None:
        """An empty folder goes."""
        self._world.commit_now(RemoveFolder(self.for_changing(path)), self._origin)

    def remove_file(self, path: str) -> None:
        """A file goes."""
        self._world.commit_now(RemoveFile(self.for_changing(path)), self._origin)

    def rename(self, path: str, to: str) -> None:
        """A file or folder moves; both places must be the user's."""
        self._world.commit_now(RenameEntry(self.for_changing(path), self.for_changing(to)), self._origin)

    def modify(self, path: str, modified: float | None = None, mode: int | None = None) -> Entry:
        """Set what is told of an entry."""
        self._files.get(self.for_changing(path))
        return self._world.commit_now(ModifyEntry(path, modified, mode), self._origin)

    def store(self, path: str, content: Blob, exclusive: bool) -> Entry:
        """A file's whole new content."""
        change = StoreFile(self.for_storing(path), content, self._world.clock.now(), self.owner, exclusive)
        return self._world.commit_now(change, self._origin)

    def unique(self, folder: str, stem: str) -> str:
        """A path in a folder where nothing is yet; 450."""
        for number in range(UNIQUE_TRIES):
            path = clean(f"{stem}.{number}" if number else stem, folder)
            if self._files.find(path) is None:
                return path
        raise Refusal("450", "No unique name is left.")


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def _below(path: str, folder: str) -> bool:
    return path != folder and path.startswith("/" if folder == "/" else folder + "/")
