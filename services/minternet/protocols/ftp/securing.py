"""TLS on a control connection: how it begins, from the first octet or by AUTH, and how it ends by CCC."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from .tls import SSL

if TYPE_CHECKING:
    from ..context import ServiceContext
    from .lines import CommandLines
    from .server import FtpService

TLS_RECORDS = (b"\x14", b"\x15", b"\x16", b"\x17")
"""What TLS records begin with (RFC 8446 section 5.1), and no command does."""


class Securing:
    """A part of `Control`; the handshake itself is pyftpdlib's."""

    service: FtpService
    context: ServiceContext
    limits: Any
    transcript: Any
    remote_ip: str
    socket: Any
    ac_in_buffer_size: int
    _lines: CommandLines
    _ssl_accepting: bool

    plain: socket.socket | None = None
    """The socket beneath TLS, where there is TLS."""
    _secure_next = _clearing = _turned_away = False

    @property
    def secure(self) -> bool:
        """Whether the control connection is under TLS."""
        return self.plain is not None

    @property
    def must_resume(self) -> bool:
        """Whether data connections must resume this connection's session."""
        return bool(self.context.settings.ftp_session_reuse)

    def upgrade(self) -> None:
        """Begin TLS when the reply is out; what was said in plaintext after the command is dropped."""
        self._lines.forget()
        self._secure_next = True
        self.flush()
        self.wait_for_passage()

    def start_tls(self) -> None:
        """The handshake."""
        self._secure_next = False
        self.plain = self.socket
        self.ssl_context = self.service.context_for_session(self.remote_ip, self.transcript)
        self.secure_connection(self.ssl_context)
        self._lines.forget()
        self.call_later(self.limits.handshake, self._handshake_due)
        self._watch()

    def _handshake_due(self) -> None:
        if self._ssl_accepting:
            self.note("the TLS handshake took too long")
            self.close()

    def handle_ssl_established(self) -> None:
        self.note(f"{self.socket.get_protocol_version_name()} established")
        if self._turned_away:
            self._turn_away()
        elif self.context.implicit_tls:
            self.greet()

    def handle_failed_ssl_handshake(self) -> None:
        self.note("the TLS handshake failed")
        self.close()

    def clear(self) -> None:
        """End TLS on the control connection when the reply is out (CCC): say close_notify and wait for the client's."""
        self.flush()
        try:
            self.socket.shutdown()
        except SSL.Error:
            self.close()
            return
        self._clearing = True
        self._lines.forget()

    def _await_clear(self) -> None:
        """The client's close_notify; some say none (curl's passive CCC) and just go on in plaintext."""
        try:
            while True:
                first = self.plain.recv(1, socket.MSG_PEEK) if self.plain is not None else b""
                if first and first not in TLS_RECORDS:
                    self._cleared()
                    return
                self.transcript.client(self.socket.recv(self.ac_in_buffer_size))
        except BlockingIOError:
            pass
        except SSL.ZeroReturnError:
            self._cleared()
        except (SSL.WantReadError, SSL.WantWriteError):
            pass
        except (SSL.Error, OSError):
            self.close()

    def _cleared(self) -> None:
        self._ssl_established = self._ssl_requested = self._clearing = False
        self.socket, self.plain = self.plain, None
        self.note("TLS ended")
        self._watch()

    if TYPE_CHECKING:

        def note(self, text: str) -> None: ...
        def flush(self) -> None: ...
        def wait_for_passage(self) -> None: ...
        def close(self) -> None: ...
        def greet(self) -> None: ...
        def secure_connection(self, context: SSL.Context) -> None: ...
        def call_later(self, seconds: float, function: Any) -> Any: ...
        def _watch(self) -> None: ...
        def _turn_away(self) -> None: ...
