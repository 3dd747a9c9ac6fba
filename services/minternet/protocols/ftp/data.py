"""Transfers over data connections, in the clear and under TLS.

A transfer is complete only at a real end: a reset, and under TLS an end without close_notify, is a cut, and what was
uploaded is forgotten.
"""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable, Iterator
from socket import MSG_PEEK
from typing import TYPE_CHECKING, Any, TypeVar

from pyftpdlib.exceptions import _RetryError
from pyftpdlib.handlers.ftp.data import DTPHandler
from pyftpdlib.handlers.ftps.ssl import SSLConnectionMixin
from pyftpdlib.ioloop import AsyncChat

from ..commands import Refusal
from .jobs import Job
from .tls import SSL, resumed
from .upload import Upload

if TYPE_CHECKING:
    from ...faults.transfers import Passing
    from .session import Session

SENDFILE_PIECE = 1 << 19
"""Octets handed to the kernel at once: it takes what the socket has room for, in well under a millisecond."""
READ_PIECE = 1 << 16
HELLO_PIECE = 1 << 14
"""Octets of a ClientHello that are looked at: it fits into one TLS record."""
SENDS_AT_ONCE = 4
READS_AT_ONCE = 8
"""Before others have their turn; what has come meanwhile is read at once, for one more read is cheaper than one more look."""
Received = TypeVar("Received", bytes, int)
CUT = "426 Data connection closed before its end; transfer aborted."


class Transfer(DTPHandler):  # type: ignore[misc]
    """One job over one data connection."""

    socket: Any
    _closed: bool
    transfer_finished: bool
    may_sendfile = True
    passing: Passing | None = None
    """What goes through faults, if any."""

    def __init__(self, sock: socket.socket, session: Session, job: Job) -> None:
        self.timeout = 0  # pyftpdlib's timer is off: the service sweeps
        self._now = session.service.now
        self._moved_at = self._now()
        self.job = job
        self._reply = CUT  # the client may have gone before anybody looked, and then this closes while it is made
        self._pieces: Iterator[bytes] = job.outgoing() if job.upload is None else iter(())
        self._unsent = b""
        super().__init__(sock, session)
        if not self._closed:
            self._reply = ""
            self.receive = job.upload is not None
            self._watch(0)

    # -- its course

    def begin(self) -> None:
        """Send or receive from now on."""
        if self.receive:
            self._watch(self.ioloop.READ)
            return
        self._watch(self.ioloop.WRITE)
        if self._can_sendfile():
            assert self.job.file is not None
            self._offset, self._filefd = self.job.start, self.job.file.fileno()
        self.initiate_send()

    def _watch(self, events: int) -> None:
        self._wanted_io_events = events
        self.modify_ioloop_events(events)

    def _can_sendfile(self) -> bool:
        is_file = isinstance(self.job.file, io.BufferedReader)
        return self.may_sendfile and is_file and not self.job.text and hasattr(os, "sendfile")

    def readable(self) -> bool:
        return bool(self.receive)

    def writable(self) -> bool:
        return not self.receive

    def initiate_send(self) -> None:
        """Send what the socket takes; after the last octet the transfer is complete."""
        if self._filefd is not None:
            self._send_file()
            return
        for _ in range(SENDS_AT_ONCE):
            self._unsent = self._unsent or next(self._pieces, b"")
            if not self._unsent:
                if self.passing is None or not self.passing.waiting:
                    self.complete()
                return
            sent = self.send(self._unsent)
            if self._closed:
                return
            self._unsent = self._unsent[sent:]
            if self._unsent:
                return

    def _send_file(self) -> None:
        """Have the kernel send the next pieces of the file."""
        stop = self.job.stop or 0
        for _ in range(SENDS_AT_ONCE):
            left = stop - self._offset
            try:
                sent = os.sendfile(self._fileno, self._filefd, self._offset, min(SENDFILE_PIECE, left)) if left else 0
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.cut()
                return
            self._offset += sent
            self.tot_bytes_sent += sent
            if self._offset >= stop or not sent:
                self.complete()
                return

    def handle_write(self) -> None:
        self._moved_at = self._now()
        self.initiate_send()

    def handle_read(self) -> None:
        self._moved_at = self._now()
        if self.passing is not None and self.passing.half_closed:
            self.passing.drain()
            return
        try:
            for _ in range(READS_AT_ONCE):
                if self.job.upload is None or not self._receive(self.job.upload):
                    return
        except _RetryError:
            return
        except Refusal as refusal:
            self.fail(f"{refusal.status} {refusal.text}")

    handle_read_event = handle_read

    def _receive(self, upload: Upload) -> bool:
        """Take what came; whether there may be more."""
        window = self.window(upload)
        if window is None:
            piece = self.recv(READ_PIECE)
            self.tot_bytes_received += len(piece)
            if piece and self.passing is not None:
                self.passing.received(piece)
                return not self.passing.paused
            if piece:
                upload.write(piece)
            return bool(piece)
        count = self.recv_into(window)
        self.tot_bytes_received += count
        if count:
            upload.advance(count)
        return bool(count)

    def take(self, piece: bytes) -> None:
        """Store a piece that faults have let through."""
        self._moved_at = self._now()
        try:
            if self.job.upload is not None:
                self.job.upload.write(piece)
        except Refusal as refusal:
            self.fail(f"{refusal.status} {refusal.text}")

    def window(self, upload: Upload) -> memoryview | None:
        """Where to receive into, or None."""
        return upload.window() if self.passing is None else None

    # -- its end

    def recv(self, size: int) -> bytes:
        """What came; b"" at the end, which is handled then."""
        return self._ended_or(self._try(self.socket.recv, size)) or b""

    def recv_into(self, window: memoryview) -> int:
        """How much came into the window; 0 at the end, which is handled then."""
        return self._ended_or(self._try(self.socket.recv_into, window)) or 0

    def _try(self, receive: Callable[[Any], Received], argument: Any) -> Received | None:
        try:
            return receive(argument)
        except (BlockingIOError, InterruptedError):
            raise _RetryError from None
        except OSError:
            self.cut()
            return None

    def _ended_or(self, received: Received | None) -> Received | None:
        if received is not None and not received:
            self._end_came()
        return received

    def _end_came(self) -> None:
        """The client's."""
        if self.passing is None:
            self.complete()
        else:
            self.passing.ended()

    def send(self, data: bytes) -> int:
        """How many octets the socket took."""
        try:
            sent: int = self.socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self.cut()
            return 0
        self.tot_bytes_sent += sent
        return sent

    def complete(self) -> None:
        """The real end: what was received becomes visible, and only then is it said."""
        if not self._closed and not self.transfer_finished:
            self.transfer_finished = True
            self._reply = "226 Transfer complete."
            self.close()

    def fail(self, reply: str) -> None:
        """End it with a reply that says why."""
        if not self._closed:
            self._reply = reply
            self.abort()

    def cut(self) -> None:
        """The connection broke."""
        self.fail(CUT)

    def handle_close(self) -> None:
        """The poller saw the connection break."""
        self.cut()

    def sweep(self, now: float) -> None:
        """Give up a client that neither sent nor took anything for too long."""
        if now - self._moved_at > self.cmd_channel.limits.ftp_data_idle:
            self.handle_timeout()

    def handle_timeout(self) -> None:
        self.fail("426 Nothing moved on the data connection; transfer aborted.")

    def handle_error(self) -> None:
        self.log_error("a transfer failed")
        self.fail("451 Internal error; transfer aborted.")

    def log_error(self, text: str) -> None:
        """Log the exception that is being handled."""
        self.cmd_channel.log_error(text)

    def abort(self) -> None:
        """Close at once, with the reply set before, if any; a commit that is under way is called off."""
        self.transfer_finished = False
        if self._closed:
            self._over("")
        else:
            Transfer.close(self)

    def close(self) -> None:
        """Close the connection first and reply then (RFC 959 section 5.1)."""
        if self._closed:
            return
        AsyncChat.close(self)
        if not self.transfer_finished or self.job.upload is None:
            self._over(self._reply)
            return
        try:
            refusal = self.job.upload.commit()
        except Exception:
            self.log_error("an upload could not be stored")
            self._over("451 Internal error; the file was not stored.")
        else:
            self._over(self._reply if refusal is None else f"{refusal.status} {refusal.text}")

    def _over(self, reply: str) -> None:
        """Nothing is left of it."""
        if not self._told:
            self._told = True
            if self.passing is not None:
                self.passing.gone()
            self.job.close()
            self.cmd_channel.transfer_over(self, reply)

    _told = False


class ProtectedTransfer(SSLConnectionMixin, Transfer):  # type: ignore[misc]
    """The same under TLS (PROT P); close_notify is its real end."""

    _awaits_hello = False

    def begin(self) -> None:
        """Negotiate first; for an upload, when it is seen what the client offers."""
        self._awaits_hello = self.job.upload is not None
        if not self._awaits_hello:
            self.cmd_channel.secure_data(self, b"")
        if not self._closed:
            self._watch(self.ioloop.READ)
            self.call_later(self.cmd_channel.limits.handshake, self._handshake_due)

    def _see_hello(self) -> None:
        try:
            hello = self.socket.recv(HELLO_PIECE, MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.cut()
            return
        self._awaits_hello = False
        self.cmd_channel.secure_data(self, hello)

    def _handshake_due(self) -> None:
        if self._awaits_hello or self._ssl_accepting:
            self.handle_failed_ssl_handshake()

    def handle_ssl_established(self) -> None:
        if self.cmd_channel.must_resume and not resumed(self.socket):
            self.fail("522 The data connection must resume the control connection's TLS session.")
            return
        Transfer.begin(self)

    def _can_sendfile(self) -> bool:
        return False

    def handle_failed_ssl_handshake(self) -> None:
        self.fail("522 TLS handshake on the data connection failed.")

    def recv(self, size: int) -> bytes:
        """What came, decrypted."""
        try:
            data: bytes = self.socket.recv(min(size, READ_PIECE))
        except SSL.WantReadError:
            self._ssl_want_read = True
            raise _RetryError from None
        except SSL.WantWriteError:
            self._ssl_want_write = True
            raise _RetryError from None
        except SSL.ZeroReturnError:
            self._end_came()
            return b""
        except SSL.Error:
            self.cut()
            return b""
        return data

    def send(self, data: bytes) -> int:
        """How many octets were encrypted and sent."""
        try:
            sent: int = self.socket.send(data)
        except SSL.WantReadError:
            self._ssl_want_read = True
            return 0
        except SSL.WantWriteError:
            self._ssl_want_write = True
            return 0
        except SSL.Error:
            self.cut()
            return 0
        self.tot_bytes_sent += sent
        return sent

    def handle_error(self) -> None:
        Transfer.handle_error(self)

    def handle_read_event(self) -> None:
        if self._awaits_hello:
            self._see_hello()
        elif not self._ssl_closing:
            super().handle_read_event()

    def handle_write_event(self) -> None:
        if self._ssl_closing:
            self.close()
        else:
            super().handle_write_event()

    def handle_timeout(self) -> None:
        if self._ssl_closing:
            self.abort()
        else:
            Transfer.handle_timeout(self)

    def close(self) -> None:
        """Say close_notify, as soon as the socket takes it, and close; the client's own need not be waited for."""
        if self._ssl_established and not self._closed:
            try:
                self.socket.shutdown()
            except SSL.WantWriteError:
                self._ssl_closing = True
                self._watch(self.ioloop.WRITE)
                return
            except (SSL.Error, OSError):
                pass
        Transfer.close(self)

    def window(self, upload: Upload) -> memoryview | None:
        """None: what is decrypted is copied anyway."""
        return None
