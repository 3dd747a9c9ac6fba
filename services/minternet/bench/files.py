"""The world's files in a test's hands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..world.changes import RemoveFile, StoreFile, tree_topic
from ..world.files import clean
from ..world.journal import Event
from ..world.records import Entry
from .link import Link
from .waiting import DEFAULT_TIMEOUT, Wait

if TYPE_CHECKING:
    from .transcripts import Conversation


class FilesHandle:
    """The tree that FTP and HTTP's /files/ show. Paths are absolute."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def read(self, path: str) -> bytes:
        """A file's content; EntryMissing, NotAFile."""
        return self._link.world.files.content(clean(path)).bytes()

    def write(self, path: str, content: bytes) -> Entry:
        """Store a file, with the folders above it."""
        world = self._link.world
        return self._link.commit(StoreFile(clean(path), world.blobs.of(content), world.clock.now(), parents=True))

    def remove(self, path: str) -> None:
        """Remove a file; EntryMissing, NotAFile."""
        self._link.commit(RemoveFile(clean(path)))

    def __contains__(self, path: str) -> bool:
        return self._link.world.files.find(clean(path)) is not None

    def list(self, path: str = "/") -> list[str]:
        """The names in a folder; EntryMissing, NotAFolder."""
        return [entry.name for entry in self._link.world.files.list(clean(path))]

    def conversation(self, path: str) -> Conversation | None:
        """The one that stored, changed or named what is at the path, the newest; None where none is kept."""
        from .transcripts import conversation_behind

        wanted = clean(path)
        entry = self._link.world.files.find(wanted)

        def stored(event: Event) -> bool:
            change, result = event.change, event.result
            at = getattr(change, "to", None) or getattr(change, "path", "")
            if not isinstance(result, Entry) or getattr(change, "tree", "") != "files" or at != wanted:
                return False
            return entry is None or _digest(entry) == _digest(result)

        return conversation_behind(self._link, stored)

    def wait_for(self, path: str, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT) -> bytes:
        """A file's content as soon as it is there, or with a cursor is stored after it; never half of it."""
        return self._link.call(self.wait_for_async(path, since=since, timeout=timeout))

    async def wait_for_async(self, path: str, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT) -> bytes:
        """The same, on the loop."""
        wanted, world = clean(path), self._link.world

        def coming(event: Event) -> Iterator[str]:
            change = event.change
            if isinstance(event.result, Entry) and not event.result.is_folder:
                yield str(getattr(change, "to", None) or getattr(change, "path", ""))

        wait = Wait(
            world,
            f"file {wanted}",
            (tree_topic("files"),),
            lambda: self._beside(wanted),
            coming,
            lambda found: "" if found == wanted and world.files.find(wanted) is not None else "another path",
            str,
        )
        await wait.first(since, timeout)
        return world.files.content(wanted).bytes()

    def _beside(self, path: str) -> Iterator[str]:
        """The files in the folder of a path, that of the path among them."""
        above = path.rpartition("/")[0]
        folder = self._link.world.files.find(above or "/")
        if folder is not None and folder.is_folder:
            entries = self._link.world.files.list(above or "/")
            yield from (f"{above}/{entry.name}" for entry in entries if not entry.is_folder)


def _digest(entry: Entry) -> str:
    return entry.content.digest if entry.content is not None else ""
