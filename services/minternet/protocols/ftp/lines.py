"""Command lines out of what a client sends: ended by CRLF (a bare LF is accepted), Telnet's own octets taken out."""

from __future__ import annotations

from collections import deque

from ...wire.telnet import without_telnet


class CommandLines:
    """Gathers lines of at most `limit` octets; a longer one is read to its end, kept nowhere, and told as None."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[bytes | None] = deque()
        self._rest = b""
        self._too_long = False

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._grow(piece)
            self._queue.append(None if self._too_long else without_telnet(self._rest.removesuffix(b"\r")))
            self._rest, self._too_long = b"", False
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        if self._too_long or len(self._rest) + len(piece) > self._limit + 1:
            self._rest, self._too_long = b"", True
        else:
            self._rest += piece

    def __len__(self) -> int:
        return len(self._queue)

    def first(self) -> bytes | None:
        """The oldest line, left where it is; IndexError without one."""
        return self._queue[0]

    def take(self) -> bytes | None:
        """The oldest line, or None for one that was too long; IndexError without one."""
        return self._queue.popleft()

    def take_urgent(self, verb: bytes) -> bytes | None:
        """The oldest line that is this verb alone, taken out of turn, or None."""
        for index, line in enumerate(self._queue):
            if line is not None and line.strip().upper() == verb:
                del self._queue[index]
                return line
        return None

    def forget(self) -> None:
        """Drop everything: it came before TLS and must not count after it (RFC 4217 section 15.1)."""
        self._queue.clear()
        self._rest, self._too_long = b"", False
