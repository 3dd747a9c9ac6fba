"""A wire in memory, and a conversation that plays a session with no event loop and no socket.

`MemoryWire` waits by suspending to whoever drives the session: `Conversation` says something and lets the session run until
it wants more. Tens of thousands of conversations a second: what tests and fuzzers want.
"""

from __future__ import annotations

import types
from collections.abc import Generator
from typing import Final

from minternet.wire.wire import MAX_LINE, Hangup, Session, TimedOut, Wire, converse

_WANTS_MORE: Final = object()
UNBOUNDED_TURN = 1 << 30  # lines; nobody else waits for this session


@types.coroutine
def _suspend() -> Generator[object, None, None]:
    yield _WANTS_MORE


class MemoryWire(Wire):
    """A wire whose client is the test: `receive` puts its bytes in, `sent` holds the replies handed over."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        super().__init__(max_line)
        self.sent = bytearray()
        self.ended = False
        """Whether the server has sent its end (or closed)."""
        self.paused = 0.0
        """Seconds the session would have kept its client waiting."""
        self._timed_out = False

    def hang_up(self) -> None:
        """The client sends its end."""
        self._eof = True

    def time_out(self) -> None:
        """Make the session's next wait (or the one it is in) raise TimedOut."""
        self._timed_out = True

    @property
    def closed(self) -> bool:
        """Whether the session closed the wire."""
        return self._closed

    async def pause(self, seconds: float) -> None:
        """Hand over and go on at once: the seconds are only counted."""
        self._hand_over()
        self.paused += seconds

    async def start_tls(self) -> None:
        """As on a socket: hands over, drops pipelined bytes; there is no handshake."""
        self._hand_over()
        self._forget_received()
        self.secure, self.cipher, self.tls_version = True, "MEMORY", "TLSv1.3"

    def send_eof(self) -> None:
        """Hand over; `ended` says so."""
        super().send_eof()
        self.ended = True

    def close(self) -> None:
        """Hand over and close."""
        super().close()
        self.ended = True

    def abort(self) -> None:
        """Drop what is queued and close."""
        super().abort()
        self.ended = True

    async def _more(self) -> None:
        self._hand_over()
        self._check()
        await _suspend()
        self._check(awaited=True)

    def _check(self, *, awaited: bool = False) -> None:
        self._check_dismissed()
        if self._timed_out:
            self._timed_out = False
            raise TimedOut
        if self._closed or (self._eof and not awaited):
            self._hang_up()

    def _transmit(self, data: bytes) -> None:
        if not self._closed:
            self.sent += data

    async def _take_turns(self) -> None:
        self._hand_over()
        self._check_dismissed()
        self._credit = UNBOUNDED_TURN


class Conversation:
    """Drives one session by hand: `say` bytes, get what it replied."""

    def __init__(self, session: Session) -> None:
        wire = session.wire
        if not isinstance(wire, MemoryWire):
            raise TypeError("a Conversation needs a session on a MemoryWire")
        self.wire = wire
        self.session = session
        self.closed = False
        self._running = converse(session)
        self.greeting = self._step()
        """What the session said before it first waited."""

    def say(self, data: bytes) -> bytes:
        """Send bytes to the session, and return all it says until it wants more."""
        if data:
            self.wire.receive(data)
        return self._step()

    def hang_up(self) -> bytes:
        """Send the client's end, and return the session's last words."""
        self.wire.hang_up()
        return self._step()

    def time_out(self) -> bytes:
        """Let the idle limit pass, and return what the session says to that."""
        self.wire.time_out()
        return self._step()

    def dismiss(self, reason: str) -> bytes:
        """End the session from the server's side, and return its farewell."""
        self.wire.dismiss(reason)
        return self._step()

    def heard(self) -> bytes:
        """What the session said unasked (handed over by `flush`) since the last call of any method here."""
        said = bytes(self.wire.sent)
        self.wire.sent.clear()
        return said

    def _step(self) -> bytes:
        if not self.closed:
            try:
                wanted = self._running.send(None)
            except StopIteration:
                self._end()
            except Hangup:  # pragma: no cover - converse keeps it
                self._end()
            except BaseException:
                self.closed = True
                raise
            else:
                if wanted is not _WANTS_MORE:
                    self._running.close()
                    raise RuntimeError(f"the session waited for something that is not its wire: {wanted!r}")
        return self.heard()

    def _end(self) -> None:
        self.closed = True
        self.wire.close()
