"""What is to be transferred over the next data connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from .netascii import ToNetwork
from .upload import Upload

PIECE = 1 << 16
"""Octets read from a file at a time."""


class Job(msgspec.Struct, eq=False):
    """A transfer that was announced with 150: one of `pieces`, `file` and `upload` says what it is."""

    verb: str
    path: str
    pieces: Iterator[bytes] | None = None
    file: BinaryIO | None = None
    upload: Upload | None = None
    start: int = 0
    """Where in `file` to begin, in octets."""
    stop: int | None = None
    """Before which octet of `file` to end; None for its end. Both count octets as they are sent."""
    text: bool = False
    """Whether `file` is converted to TYPE A on its way."""

    def close(self) -> None:
        """Let go of files; an upload that was not committed is forgotten."""
        if self.file is not None:
            self.file.close()
        if self.upload is not None:
            self.upload.abandon()

    def outgoing(self) -> Iterator[bytes]:
        """What to send, piece by piece."""
        if self.pieces is not None:
            yield from self.pieces
            return
        assert self.file is not None
        if self.text:
            yield from self._as_text()
            return
        self.file.seek(self.start)
        left = (self.stop or 0) - self.start
        while left > 0 and (piece := self.file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece

    def _as_text(self) -> Iterator[bytes]:
        """What stands at these places of the converted text."""
        assert self.file is not None
        convert, at = ToNetwork(), 0
        while piece := convert.feed(self.file.read(PIECE)):
            wanted = piece[max(0, self.start - at) : None if self.stop is None else max(0, self.stop - at)]
            at += len(piece)
            if wanted:
                yield wanted
