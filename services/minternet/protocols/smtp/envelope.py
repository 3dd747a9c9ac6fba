"""A mail transaction: aiosmtpd's envelope, with what RFC 3461, 3030 and 6531 add, and the content while it comes in."""

from __future__ import annotations

from collections.abc import Callable

from aiosmtpd.smtp import Envelope as AiosmtpdEnvelope

from ...world.blobs import Blob, Blobs, BlobWriter
from ...world.records import Recipient

KEPT_IN_PIECES = 1 << 18
"""Octets up to which content waits in memory and is hashed once, at its end; more goes to a writer as it comes."""
LONGEST_HEADER = 1 << 18
"""Octets within which the header must end for submission to look for missing fields."""

Complete = Callable[[bytes], bytes]
"""What is to be put before a message with this header (RFC 6409 section 8)."""


class Content:
    """A message's content while it comes in: bounded by `limit`, put to disk when large, given up when asked.

    `head` stands before it and does not count; `complete` is shown the message's header and answers what else to put there.
    """

    def __init__(self, blobs: Blobs, limit: int, head: bytes = b"", complete: Complete | None = None) -> None:
        self.size = 0
        """Octets received."""
        self.too_long = False
        self.broken: OSError | None = None
        """Why it could not be stored."""
        self._blobs, self._limit = blobs, limit
        self._pieces = [head] if head else []
        self._waiting = len(head)
        self._writer: BlobWriter | None = None
        self._complete = complete
        self._header = b""

    def write(self, piece: bytes) -> None:
        """Take octets. What comes after the limit, or after the disk failed, is only counted."""
        self.size += len(piece)
        if self.too_long or self.broken is not None:
            return
        if self.size > self._limit:
            self.too_long = True
            self.abandon()
        elif self._complete is not None:
            self._look_for_header(piece)
        else:
            self._store(piece)

    def finish(self) -> Blob:
        """All that was written."""
        if self._complete is not None:
            self._put_header()
        if self._writer is not None:
            return self._writer.finish()
        return self._blobs.of(b"".join(self._pieces))

    def abandon(self) -> None:
        """Forget it; nothing stays on disk."""
        self._pieces.clear()
        self._waiting = 0
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def _look_for_header(self, piece: bytes) -> None:
        self._header += piece
        if b"\r\n\r\n" in self._header or self._header.startswith(b"\r\n") or len(self._header) > LONGEST_HEADER:
            self._put_header()

    def _put_header(self) -> None:
        complete, start = self._complete, self._header
        self._complete, self._header = None, b""
        if complete is not None:
            header = b"" if start.startswith(b"\r\n") else start.partition(b"\r\n\r\n")[0]
            self._store(complete(header) + start)

    def _store(self, piece: bytes) -> None:
        if self._writer is None:
            self._pieces.append(piece)
            self._waiting += len(piece)
            if self._waiting <= KEPT_IN_PIECES:
                return
            piece = b"".join(self._pieces)
            self._pieces.clear()
            self._writer = self._blobs.writer()
        try:
            self._writer.write(piece)
        except OSError as error:
            self.broken = error
            self.abandon()


class Envelope(AiosmtpdEnvelope):
    """What one MAIL began. `mail_from` is "" for the null sender, None before MAIL."""

    def __init__(self) -> None:
        super().__init__()
        self.recipients: list[Recipient] = []
        """As `rcpt_tos`, with their DSN parameters."""
        self.asked = 0
        """How often RCPT was said, accepted or not."""
        self.declared_size: int | None = None
        self.body: str | None = None
        self.ret: str | None = None
        self.envid: str | None = None
        self.receiving: Content | None = None
        """The content, from DATA or the first BDAT on."""
        self.blob: Blob | None = None
        """The content once it is whole, with what was put before it."""
        self.identifier = ""
        """What the message is called in replies and in its Received field."""
