"""A file that is being received: it becomes visible when it is complete, at once, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from ...world.blobs import Blob
from ...world.errors import WorldError
from ..commands import Refusal
from .errors import as_refusal
from .netascii import FromNetwork
from .receiver import Receiver
from .tree import Tree


class Upload:
    """New content for `path`: what is written, after the first `offset` octets of what is there, `before`.

    What `before` has beyond the end of what was written stays, as in a real server's file.
    """

    def __init__(
        self,
        tree: Tree,
        receiver: Receiver,
        path: str,
        limit: int,
        *,
        before: Blob | None = None,
        offset: int = 0,
        text: bool,
    ) -> None:
        self.path = path
        self._tree, self._receiver, self._limit = tree, receiver, limit
        self._before, self._offset = before, offset
        self._text = FromNetwork() if text else None
        self._over = False

    def prepare(self) -> Iterator[None]:
        """Take over the octets before `offset`, a piece at each step."""
        if self._before is not None:
            for piece in self._before.pieces(0, self._offset):
                self._receiver.write(piece)
                yield

    def window(self) -> memoryview | None:
        """Where to receive into, or None: then `write`."""
        return None if self._text is not None else self._receiver.window()

    def advance(self, count: int) -> None:
        """That many octets were received into the window; 552 beyond the limit, 452 where the disk is full."""
        with _Disk():
            self._receiver.advance(count)
        self._check()

    def write(self, piece: bytes) -> None:
        """Add what was received; 552 beyond the limit, 452 where the disk is full."""
        self._check(len(piece))
        with _Disk():
            self._receiver.write(piece if self._text is None else self._text.feed(piece))

    def _check(self, more: int = 0) -> None:
        if self._receiver.size + more > self._limit:
            raise Refusal("552", f"A file has at most {self._limit} octets.")

    def commit(self) -> Refusal | None:
        """Make it visible; or why not: 450 where somebody else changed the file meanwhile."""
        try:
            with _Disk():
                self._receiver.write(self._text.end() if self._text is not None else b"")
                if self._before is not None:
                    for piece in self._before.pieces(self._receiver.size):
                        self._receiver.write(piece)
                content = self._receiver.finish()
        except Refusal as refusal:
            return refusal
        return self._store(content)

    def _store(self, content: Blob) -> Refusal | None:
        self._over = True
        found = self._tree.find(self.path)
        if self._before is not None and (found is None or found.content is not self._before):
            return Refusal("450", "The file was changed by somebody else meanwhile.")
        try:
            self._tree.store(self.path, content, exclusive=not self._tree.may_change(self.path))
        except (Refusal, WorldError) as error:
            return as_refusal(error)
        return None

    def abandon(self) -> None:
        """Forget it; nothing is left. Does nothing after the commit."""
        if not self._over:
            self._over = True
            self._receiver.abandon()


class _Disk:
    """Errors of the disk as replies."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise Refusal("452", f"Cannot store: {error.strerror}.") from error
