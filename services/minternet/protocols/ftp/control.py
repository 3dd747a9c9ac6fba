"""The control connection: lines in, replies out, one command after the other.

pyftpdlib's FTPHandler gives the connection, its timers and its TLS. Replies of a burst of commands are written once.
While a transfer, a log-in that failed or a long calculation goes on, lines wait: what is answered is answered in order.

How long a client may be silent goes by the world's time, and the service looks (`sweep`): pyftpdlib's own idle timers are off.
"""

from __future__ import annotations

import asynchat
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pyftpdlib.exceptions import _RetryError
from pyftpdlib.handlers.ftp.control import FTPHandler
from pyftpdlib.handlers.ftps.control import TLS_FTPHandler

from ...world.errors import WorldError
from ..commands import Refusal
from .errors import as_refusal
from .lines import CommandLines
from .passing import Passing
from .securing import Securing
from .table import IMMEDIATE, URGENT
from .tls import SSL

if TYPE_CHECKING:
    from .server import FtpService

LINE_LIMIT = 4200
"""Octets of a command line: a path of PATH_MAX and its command. RFC 959 names no limit; vsftpd's is 4,096."""
LINES_WAITING = 256
"""Lines that may wait for the end of a transfer before no more are read."""
REPLIES_WAITING = 16
"""Pieces of replies that a client may leave unread before it is not read from either."""
LINGER = 2.0
"""Seconds a client has to read the last reply."""
PASSWORDS = re.compile(
    rb"^[^A-Z\n]*+USER +(?:anonymous|ftp)\r?\n[^A-Z\n]*+PASS[^\n]*|^[^A-Z\n]*+PASS[ \t]++([^\n]+?)\r?$",
    re.IGNORECASE | re.MULTILINE,
)
"""What is masked in transcripts from the octet on that it came, but for what anonymous says."""
SLICE = 0.0005
"""Seconds a long calculation may take at once."""


class Control(Securing, Passing, TLS_FTPHandler):  # type: ignore[misc]
    """One client's control connection; what the lines mean is said by `Session`."""

    socket: Any
    connected: bool
    _closed: bool
    _ssl_established: bool

    def __init__(self, service: FtpService, sock: socket.socket, server: Any, ioloop: Any = None) -> None:
        self.service, self.context, self.world = service, service.context, service.context.world
        self.limits, self.profile = service.context.settings.limits, service.profile
        self.timeout = 0
        self.quiet_since = service.now()
        """When the client last said something, or a transfer ended; by the world's time."""
        self.misunderstood = 0
        self._lines, self._replies = CommandLines(LINE_LIMIT), list[str]()
        self._corked = self._held = self._ending = self._shut = False
        super().__init__(sock, server, ioloop)
        if not self.connected:
            return
        self.socket_family = sock.family
        self.local_ip, self.local_port = sock.getsockname()[:2]
        self.transcript = service.context.transcripts.open(
            service.context.service.name, (self.remote_ip, self.remote_port), (self.local_ip, self.local_port)
        )
        self.transcript.secrets_in = PASSWORDS

    @classmethod
    def get_ssl_context(cls) -> None:
        """None from the class: each internet has its own authority."""

    # -- what a session does

    def answer(self, line: bytes | None) -> str | None:
        """Do what a line says (None: it was too long); the reply, or None where it comes by itself."""
        raise NotImplementedError

    @property
    def transferring(self) -> bool:
        """Whether a transfer was announced and is not over."""
        raise NotImplementedError

    def stop_transfer(self) -> bool:
        """End what is transferred, without a word, and whatever waits for a connection; whether there was something."""
        raise NotImplementedError

    # -- greeting and ending

    def handle(self) -> None:
        """The client is here."""
        self.service.add(self)
        if not self.meet():
            return
        self.service.accepted += self.transcript.peer not in self.context.transcripts.left_out
        if self.context.implicit_tls:
            self.start_tls()
        else:
            self.greet()

    def greet(self) -> None:
        """Say that it is here."""
        if not self.met_otherwise():
            self.reply(f"220 {self.profile.greeting.format(host=self.world.hostname)}")

    def handle_max_cons(self) -> None:
        """One too many: it is told so, after the handshake where TLS comes first; a crowd of them is not."""
        self._held = self._turned_away = True
        if not self.service.turn_away(self):
            self.close()
        elif self.context.implicit_tls:
            self.start_tls()
        else:
            self._turn_away()

    def _turn_away(self) -> None:
        self.put(self.context.service.busy)
        self.end()

    def dismiss(self, reason: str) -> None:
        """Say 421 and close; what is being transferred is cut."""
        if self._closed or self._ending:
            return
        self._held = True
        self.stop_transfer()
        if self._ssl_accepting or self._clearing:
            self.close()
            return
        self.reply(f"421 {reason}")
        self.end()

    def end(self) -> None:
        """Close when the replies are read, or soon: to close with input unread would reset, and lose them."""
        if self._closed or self._ending:
            return
        self._held = self._ending = True
        self._lines.forget()
        self.flush()
        self.wait_for_passage()
        if self._all_out:
            self._half_close_soon()

    def _half_close_soon(self) -> None:
        self.call_later(LINGER, self.close)
        self.initiate_send()

    @property
    def said_all(self) -> bool:
        """Whether the last reply is out."""
        return self._shut

    def _half_close(self) -> None:
        """The last reply is out."""
        self._secure_next, self._shut = False, True
        try:
            if self.plain is not None:
                self.socket.shutdown()
            (self.plain or self.socket).shutdown(socket.SHUT_WR)
        except (SSL.Error, OSError):
            self.close()
        self.service.stirred()

    def sweep(self, now: float) -> None:
        """Dismiss a client that said nothing for too long; a handshake and an ending have limits of their own."""
        if self.transferring or self._ssl_accepting or self._ending or self._closed:
            return
        if now - self.quiet_since > self.limits.ftp_idle:
            self.dismiss("Nothing was said for too long; closing the connection.")

    def close(self) -> None:
        """Close everything of this client's."""
        if self._closed:
            return
        self._held = True
        self.stop_transfer()
        if self._ssl_established and not self._shut:
            with suppress(SSL.Error, OSError):
                self.socket.shutdown()
        self._ssl_established = False
        if self.passage is not None:
            self.passage.detach()
        FTPHandler.close(self)
        self.service.gone(self)
        if hasattr(self, "transcript"):
            self.transcript.close()

    def handle_error(self) -> None:
        self.log_error("a session failed")
        self._error = True
        self.close()

    # -- replies

    def reply(self, text: str) -> None:
        """One reply line, or several joined by line ends already in RFC 959's multi-line form."""
        self._replies.append(text + "\r\n")
        if not self._corked:
            self.flush()

    def lines(self, code: int, first: str, rows: Iterator[str] | list[str], last: str) -> str:
        """A multi-line reply (RFC 959 section 4.2): its inner lines begin with a space."""
        return "\r\n".join((f"{code}-{first}", *(f" {row}" for row in rows), f"{code} {last}"))

    def flush(self) -> None:
        """Write what was replied, in one piece."""
        if self._replies and not self._closed:
            data = "".join(self._replies).encode("utf-8", "surrogateescape")
            self._replies.clear()
            (self.spoil or self.put)(data)

    def transmit(self, data: bytes) -> None:
        """Write to the connection."""
        if not self._closed:
            asynchat.async_chat.push(self, data)

    def initiate_send(self) -> None:
        asynchat.async_chat.initiate_send(self)
        if self._closed:
            return
        if not self.producer_fifo and self._secure_next and self._all_out:
            self.start_tls()
        if not self.producer_fifo and self._ending and self._all_out and not self._shut:
            self._half_close()
        self._watch()
        if self._lines:
            self.go_on()

    def _watch(self) -> None:
        """Read while there is room for lines and replies, write while something is to be written."""
        held = self._held or self._stopped
        full = held or len(self._lines) >= LINES_WAITING or len(self.producer_fifo) >= REPLIES_WAITING
        reads = 0 if full and not (self._ssl_accepting or self._clearing or self._ending) else self.ioloop.READ
        self._wanted_io_events = reads | (self.ioloop.WRITE if self.producer_fifo else 0)
        self.modify_ioloop_events(self._wanted_io_events)

    # -- lines

    def handle_read(self) -> None:
        if self._clearing:
            self._await_clear()
            return
        try:
            data = self.recv(self.ac_in_buffer_size)
        except _RetryError:
            return
        if data:
            (self.deliver if self.passage is None else self.passage.inbound)(data)

    def recv(self, size: int) -> bytes:
        """What came; b"" where the connection is over, and closed."""
        try:
            return bytes(super().recv(size))
        except SSL.Error:
            self.note("what came is not TLS")
            self.close()
            return b""

    def send(self, data: bytes) -> int:
        """How much was sent; 0 also where TLS is over, and then the connection is closed."""
        try:
            return int(super().send(data))
        except SSL.Error:
            self.close()
            return 0

    def go_on(self) -> None:
        """Obey the lines that may be obeyed now, and write the replies."""
        if self._corked:
            return
        self._corked = True
        try:
            for line in self._lines_to_obey():
                faults = self.context.faults
                self._obey(line) if faults is None else faults.ftp.obey(self, line)
        finally:
            self._corked = False
        self.flush()
        if not self._closed:
            self._watch()

    def _lines_to_obey(self) -> Iterator[bytes | None]:
        while not self._waiting():
            if self.transferring:
                urgent = self._lines.take_urgent(URGENT)
                if urgent is not None:
                    yield urgent
                    continue
            if not self._lines or (self.transferring and _verb(self._lines.first()) not in IMMEDIATE):
                return
            yield self._lines.take()

    def _waiting(self) -> bool:
        """Whether something must be over before another line is obeyed."""
        waits = self._held or self._clearing or self._secure_next or self._ssl_accepting
        return self._closed or waits or len(self.producer_fifo) >= REPLIES_WAITING

    def _obey(self, line: bytes | None) -> None:
        self.quiet_since = self.service.now()
        try:
            reply = self.answer(line)
        except (Refusal, WorldError) as error:
            refusal = as_refusal(error)
            reply = f"{refusal.status} {refusal.text}"
        except Exception:
            self.log_error("a command failed")
            reply = "451 Internal error."
        if reply is not None:
            self.reply(reply)
            if reply[:3] in ("500", "502"):
                self._misunderstood()

    def _misunderstood(self) -> None:
        self.misunderstood += 1
        if self.misunderstood >= self.limits.bad_commands:
            self.reply("421 Too many commands not understood; closing the connection.")
            self.end()

    # -- waiting

    def hold(self, seconds: float, then: Callable[[], None]) -> None:
        """Obey nothing for so long, then do this and go on."""
        self._held = True

        def wake() -> None:
            if self._closed or self._ending:
                return
            self._held, self._corked = False, True
            try:
                then()
            finally:
                self._corked = False
            self.go_on()

        self.ioloop.call_later(seconds, wake, _errback=self.handle_error)

    def work(self, steps: Iterator[object], then: Callable[[], str | None]) -> None:
        """Take the steps, a little at each turn of the loop, while other sessions go on; then reply."""
        until = perf_counter() + SLICE
        while perf_counter() < until:
            try:
                next(steps)
            except StopIteration:
                self._conclude(then)
                return
            except Exception:
                self.log_error("a command failed")
                self._conclude(lambda: "451 Internal error.")
                return
        self.hold(0, lambda: self.work(steps, then))

    def _conclude(self, then: Callable[[], str | None]) -> None:
        try:
            reply = then()
        except (Refusal, WorldError) as error:
            refusal = as_refusal(error)
            reply = f"{refusal.status} {refusal.text}"
        if reply is not None:
            self.reply(reply)

    # -- pyftpdlib's logging goes to nobody; ours to the service's log and the transcript

    def note(self, text: str) -> None:
        """Something happened that nobody said."""
        self.transcript.note(text)

    def log_error(self, text: str) -> None:
        """Log the exception that is being handled."""
        self.context.log.exception("%s: %s", self.context.service.name, text)

    def log(self, msg: str, logfun: object = None) -> None:
        """Nothing."""

    def logline(self, msg: str, logfun: object = None) -> None:
        """Nothing."""

    def log_info(self, message: str, type: str = "info") -> None:
        """Nothing to the console."""

    def log_exception(self, instance: object) -> None:
        self.log_error("an unexpected error")


def _verb(line: bytes | None) -> bytes:
    return b"" if line is None else line.partition(b" ")[0].strip().upper()
