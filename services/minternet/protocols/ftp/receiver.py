"""Content that is being received: small in memory, large in a file, written in large pieces and hashed by nobody yet."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from ...world.blobs import Blob, Blobs

BUFFER = 1 << 20
"""Octets written at once."""


class Receiver:
    """Gathers content; `finish` makes the blob. Unlike a BlobWriter, it has a window to receive into without a copy."""

    def __init__(self, blobs: Blobs) -> None:
        self.size = 0
        self._blobs = blobs
        self._small: list[bytes] = []
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._buffer = bytearray()
        self._filled = 0

    def write(self, piece: bytes) -> None:
        """Add octets."""
        if self._file is None:
            self._small.append(piece)
            self.size += len(piece)
            if self.size >= self._blobs.large:
                self._grow_large()
            return
        rest = memoryview(piece)
        while rest:
            window = self.window()
            assert window is not None
            count = min(len(window), len(rest))
            window[:count] = rest[:count]
            self.advance(count)
            rest = rest[count:]

    def window(self) -> memoryview | None:
        """Where to put the next octets without copying them again; None for as long as the content is small."""
        return None if self._file is None else memoryview(self._buffer)[self._filled :]

    def advance(self, count: int) -> None:
        """That many octets were put into the window."""
        self.size += count
        self._filled += count
        if self._filled == BUFFER:
            self._spill()

    def _grow_large(self) -> None:
        self._path = self._blobs.new_path()
        self._file = self._path.open("wb", buffering=0)
        self._buffer = bytearray(BUFFER)
        small, self._small, self.size = self._small, [], 0
        for piece in small:
            self.write(piece)

    def _spill(self) -> None:
        assert self._file is not None
        data = memoryview(self._buffer)[: self._filled]
        while data:
            data = data[self._file.write(data) :]
        self._filled = 0

    def finish(self) -> Blob:
        """The blob of all that came."""
        if self._file is None or self._path is None:
            return self._blobs.of(b"".join(self._small))
        self._spill()
        self._file.close()
        path, self._path = self._path, None
        return self._blobs.adopt(None, self.size, path)

    def abandon(self) -> None:
        """Forget it all; nothing stays on disk."""
        self._small.clear()
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None
