"""Faults in what FTP transfers send and receive: the same stages as on any connection, in a pipe of the data connection's own.

A data connection's bytes go one way, so `stream` need not be said: RETR and the listings go downstream, STOR, APPE and STOU
upstream. pyftpdlib asks a download for its next piece and gives an upload each piece that came; the pipe lies between.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from OpenSSL import SSL

from ..wire.faults import RESET, LimitData, Pipe, Stage, Step, stage_of
from .armed import Armed

PIECES_AT_ONCE = 16
"""Pieces of a download that are looked at before others have their turn, where none of them passes."""
THROWN_AWAY = 1 << 16
CUT = "426 Data connection closed before its end; transfer aborted."


class Passing:
    """The ends of a data connection, for its pipe. It is also where a download's pieces come from."""

    def __init__(self, transfer: Any) -> None:
        self.transfer = transfer
        self.raw_socket: socket.socket = transfer.socket
        self._source: Iterator[bytes] = transfer._pieces
        self._ready: deque[Step] = deque()
        self._asked = self._waits = self._full = self._over = False
        self.half_closed = self.paused = False
        pause = self.pause_reading if transfer.receive else self.pause_writing
        resume = self.resume_reading if transfer.receive else self.resume_writing
        self.pipe = Pipe(self, self.deliver if transfer.receive else self.transmit, pause, resume)
        transfer.may_sendfile, transfer.passing = False, self
        if not transfer.receive:
            transfer._pieces = self

    # -- an upload

    def received(self, piece: bytes) -> None:
        """A piece of an upload came."""
        self.pipe.push(piece)

    def ended(self) -> None:
        """The client has sent its end."""
        self.transfer._watch(0)
        self.pipe.push(self.transfer.complete)

    def deliver(self, data: bytes) -> None:
        """Store what came."""
        if not self.transfer._closed:
            self.transfer.take(data)

    def pause_reading(self) -> None:
        """The pipe holds enough."""
        self.paused = True
        self.transfer._watch(0)

    def resume_reading(self) -> None:
        """The pipe has room again."""
        self.paused = False
        if not self.transfer._closed:
            self.transfer._watch(self.transfer.ioloop.READ)

    # -- a download

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next piece to send; b"" where there is none yet, and `waiting` says so."""
        self._asked = True
        for _ in range(PIECES_AT_ONCE):
            if self._ready or self._full or self._over:
                break
            piece = next(self._source, b"")
            self._over = self._over or not piece
            self.pipe.push(piece or self._last)
        self._asked = False
        while self._ready:
            step = self._ready.popleft()
            if isinstance(step, bytes):
                return step
            step()
        self._waits = not self.transfer._closed and not self.half_closed
        if self._waits and (self._full or self._over):
            self.transfer._watch(0)
        return b""

    @property
    def waiting(self) -> bool:
        """Whether more will come, and nothing has yet."""
        return self._waits or self.half_closed

    def transmit(self, data: bytes) -> None:
        """Let this be sent."""
        self._let(data)

    def _last(self) -> None:
        self._let(self.transfer.complete)

    def _let(self, step: Step) -> None:
        self._ready.append(step)
        self._go_on()

    def pause_writing(self) -> None:
        """The pipe holds enough."""
        self._full = True

    def resume_writing(self) -> None:
        """The pipe has room again."""
        self._full = False
        self._go_on()

    def _go_on(self) -> None:
        if self._waits and not self._asked and not self.transfer._closed:
            self._waits = False
            self.transfer._watch(self.transfer.ioloop.WRITE)

    # -- its end

    def close_transport(self) -> None:
        """Cut the transfer off, when what passed is sent."""
        self.finish("close")

    def finish(self, how: str) -> None:
        """End it as `then` has it: what passed goes first."""
        self._over = True
        end = partial(self._end, how)
        if self.transfer.receive:
            end()
        else:
            self._let(end)

    def _end(self, how: str) -> None:
        if self.transfer._closed or how == "wait":
            return
        if how == "half_close":
            self._half_close()
            return
        if how == "reset":
            with contextlib.suppress(OSError):
                self.raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transfer.fail(CUT)

    def _half_close(self) -> None:
        """Send the end, and wait for the client's."""
        self.half_closed = True
        with contextlib.suppress(Exception):  # of TLS, or of a connection that is gone: then reading says so
            if self.transfer.socket is not self.raw_socket:
                self.transfer.socket.shutdown()
            self.raw_socket.shutdown(socket.SHUT_WR)
        self.transfer.receive = True  # for the poller
        self.transfer._watch(self.transfer.ioloop.READ)

    def drain(self) -> None:
        """What comes after a half-close is thrown away, up to the client's end."""
        try:
            if self.transfer.socket.recv(THROWN_AWAY):
                return
        except (BlockingIOError, InterruptedError, SSL.WantReadError, SSL.WantWriteError):
            return
        except (OSError, SSL.Error):
            pass
        self.transfer.fail(CUT)

    def abort(self) -> None:
        """Cut it off at once."""
        self.transfer.fail(CUT)

    def gone(self) -> None:
        """The transfer is over."""
        self.pipe.end()


class Truncate(LimitData):
    """Ends the transfer after so many octets, as `then` has it."""

    def __init__(self, passing: Passing, bytes: int, then: str) -> None:
        super().__init__(random.Random(0), bytes)
        self._passing, self._then = passing, then

    def over(self) -> None:
        self.next(partial(self._passing.finish, self._then))

    def push(self, step: Step) -> None:
        if isinstance(step, bytes) or not self._over:  # after the cut, the end is none that completes
            super().push(step)


def spoil(faults: Sequence[Armed], transfer: Any) -> None:
    """Let what a transfer sends or receives pass through these faults."""
    passing = Passing(transfer)
    passing.pipe.arrange({armed.key: _maker(armed, passing) for armed in faults})


def _maker(armed: Armed, passing: Passing) -> Callable[[], Stage]:
    def make() -> Stage:
        if armed.kind.name == "truncate":
            return Truncate(passing, int(armed.attributes["bytes"]), str(armed.attributes["then"]))
        return stage_of(armed.kind.name, armed.stroke_chance(), armed.attributes)

    return make
