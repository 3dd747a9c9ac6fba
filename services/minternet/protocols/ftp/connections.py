"""Where data connections come from: the listening socket of PASV and EPSV, the connecting one of PORT and EPRT.

Unlike pyftpdlib's own, a connection that was made before its command waits, unread, for the command, and an active one
is made only then (RFC 959 section 5.2): so replies keep their order however commands are pipelined.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from pyftpdlib.ioloop import Acceptor, Connector

if TYPE_CHECKING:
    from .session import Session

CONNECT_TIME = 30.0
"""Seconds in which a data connection must be made; pyftpdlib's. The client's time to come is the world's, ours the machine's."""


class PassiveListener(Acceptor):  # type: ignore[misc]
    """Waits for the client on a socket that is bound already; takes one connection, from the client's own address."""

    def __init__(self, session: Session, bound: socket.socket) -> None:
        self.session = session
        self._since = session.service.now()
        Acceptor.__init__(self, ioloop=session.ioloop)
        self.set_socket(bound)
        self.listen(5)

    def handle_accepted(self, sock: socket.socket, address: tuple[Any, ...]) -> None:
        if address[0] != self.session.remote_ip:
            sock.close()
            self.session.note(f"data connection from {address[0]} refused: not the client's address")
            return
        self.close()
        self.session.data_connected(sock)

    def sweep(self, now: float) -> None:
        """Give up a client that did not connect for too long."""
        if now - self._since > CONNECT_TIME:
            self.close()
            self.session.data_missing("425 Nobody connected to the passive port.")

    def handle_error(self) -> None:
        self.session.log_error("a passive data connection failed")
        self.close()
        self.session.data_missing("425 Cannot open the data connection.")

    def log_info(self, message: str, type: str = "info") -> None:
        """Nothing to the console."""


class ActiveConnector(Connector):  # type: ignore[misc]
    """Connects to where the client listens, from the address the client knows."""

    _closed: bool

    def __init__(self, session: Session, host: str, port: int) -> None:
        Connector.__init__(self, ioloop=session.ioloop)
        self.session = session
        self.call_later(CONNECT_TIME, self.handle_close)
        try:
            self.create_socket(session.socket_family, socket.SOCK_STREAM)
            self.bind((session.local_ip, 0))
            self.connect((host, port))
        except OSError:
            self.handle_close()

    def readable(self) -> bool:
        return False

    def handle_connect(self) -> None:
        if self._closed or self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.handle_close()
            return
        self.del_channel()
        for timer in self._tasks:
            timer.cancel()
        self._closed = True  # the socket is the transfer's now
        self.session.data_connected(self.socket)

    def handle_close(self) -> None:
        if not self._closed:
            self.close()
            self.session.data_missing("425 Cannot connect to the address given.")

    def handle_error(self) -> None:
        self.handle_close()

    def log_info(self, message: str, type: str = "info") -> None:
        """Nothing to the console."""
