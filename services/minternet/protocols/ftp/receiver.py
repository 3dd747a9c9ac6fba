"""Content that is being received: small in memory, large in a file, hashed beside the loop.

A blob is named by its SHA-256, and hashing takes longer than receiving and writing together. So large content is
gathered in buffers of a quarter of a megabyte, and each full one is written and handed to one thread that does
nothing but hash (without the interpreter's lock). At most `BUFFERS` wait for it; then the sender has to.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from ...world.blobs import Blob, Blobs

BUFFER = 1 << 18
"""Octets written and hashed at once."""
BUFFERS = 8
"""Buffers of one content that may wait to be hashed."""


class HashThread:
    """One thread for all that is hashed, begun when the first large content comes."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = told
        """Called after each time something was told to the loop."""
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, work: Callable[[], None], then: Callable[[], None]) -> Future[None]:
        """Do this on the thread, in order, then that on the loop."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "minternet-ftp-hash")
        future = self._pool.submit(work)
        future.add_done_callback(lambda done: None if done.cancelled() else self._tell(then))
        return future

    def _tell(self, then: Callable[[], None]) -> None:
        def tell() -> None:
            then()
            self._told()

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)

    def close(self) -> None:
        """End the thread, after what it is doing now."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


class Receiver:
    """Gathers content; `finish` makes the blob. `on_room` is called when it is no longer full."""

    def __init__(self, blobs: Blobs, thread: HashThread) -> None:
        self.size = 0
        self.on_room: Callable[[], None] = _nothing
        self._blobs, self._thread = blobs, thread
        self._small: list[bytes] = []
        self._hash = hashlib.sha256()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._buffer = bytearray()
        self._filled = 0
        self._waiting: deque[Future[None]] = deque()
        self._free: list[bytearray] = []

    @property
    def full(self) -> bool:
        """Whether the sender should wait."""
        return len(self._waiting) >= BUFFERS

    def write(self, piece: bytes) -> None:
        """Add octets. While it is full, this waits for the thread."""
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
        """Write the buffer, have it hashed, take another one."""
        buffer, filled, digest = self._buffer, self._filled, self._hash
        self._write_out(memoryview(buffer)[:filled])
        if self.full:
            self._waiting[0].result()
            self._collect()
        self._waiting.append(
            self._thread.submit(lambda: digest.update(memoryview(buffer)[:filled]), lambda: self._hashed(buffer))
        )
        self._buffer = self._free.pop() if self._free else bytearray(BUFFER)
        self._filled = 0

    def _write_out(self, data: memoryview) -> None:
        assert self._file is not None
        while data:
            data = data[self._file.write(data) :]

    def _hashed(self, buffer: bytearray) -> None:
        was_full = self.full
        self._free.append(buffer)
        self._collect()
        if was_full and not self.full:
            self.on_room()

    def _collect(self) -> None:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()

    def finish(self, then: Callable[[Blob], None]) -> None:
        """Make the blob of all that came, and call with it: at once where it is small, soon where it is large."""
        if self._file is None or self._path is None:
            then(self._blobs.of(b"".join(self._small)))
            return
        self._spill()
        self._file.close()
        path, size, digest = self._path, self.size, self._hash
        self._thread.submit(_nothing, lambda: self._adopt(digest.hexdigest(), size, path, then))

    def _adopt(self, digest: str, size: int, path: Path, then: Callable[[Blob], None]) -> None:
        if self._path is not None:
            self._path = None
            then(self._blobs.adopt(digest, size, path))

    def abandon(self) -> None:
        """Forget it all; nothing stays on disk."""
        self._small.clear()
        self.on_room = _nothing
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def _nothing() -> None:
    pass
