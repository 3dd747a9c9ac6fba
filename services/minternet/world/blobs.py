"""Content, once for all who hold it: by SHA-256, in memory when small, in a temporary file when large.

A large blob's file goes when nobody holds the blob any more, so snapshots, copies and cross-posts share it
and a reset gives the disk back.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

Octets: TypeAlias = bytes
"""The built-in, in a class that has a method of that name."""
LARGE = 1 << 20
"""Octets from which content lies in a file, so that it can be sent with sendfile and need not stand in memory."""
PIECE = 1 << 18
"""Octets a piece when content is read in pieces."""


class Blob:
    """Immutable content: `size` octets, named by the SHA-256 in `digest` (hex)."""

    __slots__ = ("__weakref__", "_content", "_digest", "path", "size")

    def __init__(self, digest: str | None, size: int, content: bytes | None, path: Path | None) -> None:
        self._digest, self.size, self._content, self.path = digest, size, content, path

    @property
    def digest(self) -> str:
        """SHA-256, hex. Of large content that came unhashed it is worked out when first asked for: about 1 ms a MB."""
        if self._digest is None:
            hasher = hashlib.sha256()
            for piece in self.pieces():
                hasher.update(piece)
            self._digest = hasher.hexdigest()
        return self._digest

    @property
    def known_digest(self) -> str | None:
        """The digest, where it need not be worked out first."""
        return self._digest

    @property
    def tag(self) -> str:
        """A name that costs nothing and no other content of this run has: the digest where it is known."""
        return self._digest if self._digest is not None else f"{self.size:x}-{self.path.name if self.path else ''}"

    def __repr__(self) -> str:
        return f"Blob({self.tag[:12]}, {self.size} octets{', in a file' if self.path else ''})"

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return True  # empty content is content

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Blob) and self.size == other.size and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.size)

    def bytes(self) -> Octets:
        """The whole content."""
        if self._content is not None:
            return self._content
        assert self.path is not None
        return self.path.read_bytes()

    def buffer(self) -> Octets | mmap.mmap:
        """The content as something to search and slice: the bytes, or a read-only map of the file."""
        if self._content is not None:
            return self._content
        assert self.path is not None
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def slice(self, start: int, stop: int) -> Octets:
        """The octets from `start` to before `stop`, cut at the end."""
        if self._content is not None:
            return self._content[start:stop]
        with self.open() as file:
            file.seek(start)
            return file.read(max(0, stop - start))

    def pieces(self, start: int = 0, stop: int | None = None, size: int = PIECE) -> Iterator[Octets]:
        """The octets from `start` to before `stop`, at most `size` at a time."""
        stop = self.size if stop is None else min(stop, self.size)
        if self._content is not None:
            for at in range(start, stop, size):
                yield self._content[at : min(at + size, stop)]
            return
        with self.open() as file:
            file.seek(start)
            left = stop - start
            while left > 0 and (piece := file.read(min(size, left))):
                left -= len(piece)
                yield piece

    def open(self) -> BinaryIO:
        """A new binary file to read it from; a real one with a descriptor where the content lies in a file."""
        if self._content is not None:
            return io.BytesIO(self._content)
        assert self.path is not None
        return self.path.open("rb")


class Blobs:
    """Makes blobs and keeps the folder of the large ones."""

    def __init__(self, large: int = LARGE) -> None:
        self.large = large
        self._known: weakref.WeakValueDictionary[str, Blob] = weakref.WeakValueDictionary()
        self._folder: Path | None = None
        self._count = 0

    def of(self, content: bytes) -> Blob:
        """The blob of these octets."""
        digest = hashlib.sha256(content).hexdigest()
        known = self._known.get(digest)
        if known is not None:
            return known
        if len(content) >= self.large:
            path = self.new_path()
            path.write_bytes(content)
            return self._keep(digest, len(content), None, path)
        return self._keep(digest, len(content), content, None)

    def writer(self, start: Blob | None = None, length: int | None = None, hashed: bool = True) -> BlobWriter:
        """A writer for content that comes in pieces, after the first `length` octets of `start`.

        Large content is hashed while it comes, so that the same is kept once, or with `hashed` off when it is asked for.
        """
        writer = BlobWriter(self, hashed)
        if start is not None:
            for piece in start.pieces(0, length):
                writer.write(piece)
        return writer

    def folder(self) -> Path:
        """The temporary folder, made when first asked for."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="minternet-"))
        return self._folder

    def new_path(self) -> Path:
        self._count += 1
        return self.folder() / f"{self._count:08d}"

    def _keep(self, digest: str | None, size: int, content: bytes | None, path: Path | None) -> Blob:
        blob = Blob(digest, size, content, path)
        if path is not None:
            weakref.finalize(blob, _remove, str(path)).atexit = False
        if digest is not None:
            self._known[digest] = blob
        return blob

    def adopt(self, digest: str | None, size: int, path: Path) -> Blob:
        """The blob of a file this store wrote; the file is the blob's from now on, or goes if the content is known."""
        known = self._known.get(digest) if digest is not None else None
        if known is not None:
            path.unlink(missing_ok=True)
            return known
        return self._keep(digest, size, None, path)

    def close(self) -> None:
        """Remove the temporary folder; large blobs cannot be read after it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _remove(path: str) -> None:
    """A function of the module, for a finalizer must not hold its blob."""
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - pathlib may be gone when the interpreter ends


class BlobWriter:
    """Gathers content in pieces, in memory up to the store's limit, then in a file. `finish()` gives the blob."""

    def __init__(self, blobs: Blobs, hashed: bool = True) -> None:
        self._blobs = blobs
        self._hash = hashlib.sha256() if hashed else None
        self._memory: list[bytes] = []
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Add octets; returns how many."""
        if self._hash is not None:
            self._hash.update(piece)
        self.size += len(piece)
        if self._file is None and self.size >= self._blobs.large:
            self._path = self._blobs.new_path()
            self._file = self._path.open("wb")
            self._file.writelines(self._memory)
            self._memory.clear()
        if self._file is not None:
            self._file.write(piece)
        else:
            self._memory.append(bytes(piece))
        return len(piece)

    def finish(self) -> Blob:
        """The blob of all that was written."""
        if self._file is None or self._path is None:
            return self._blobs.of(b"".join(self._memory))
        self._file.close()
        return self._blobs.adopt(self._hash.hexdigest() if self._hash is not None else None, self.size, self._path)

    def abandon(self) -> None:
        """Forget it all; nothing stays on disk."""
        self._memory.clear()
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
