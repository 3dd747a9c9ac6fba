"""The listening socket of the FTP service.

pyftpdlib's `FTPServer` is this and the ways of running it, one of which brings multiprocessing along: more time at each
start than all of the package's own commands.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from pyftpdlib.ioloop import Acceptor

from .session import Session

if TYPE_CHECKING:
    from .server import FtpService

BACKLOG = 512
ACCEPT_AGAIN = 1.0
"""Seconds until connections are accepted again after the process ran out of descriptors."""


class Door(Acceptor):  # type: ignore[misc]
    """One listening socket."""

    def __init__(self, service: FtpService, bound: socket.socket) -> None:
        self.service = service
        self.ip_map: list[str] = []
        """pyftpdlib's handlers look for themselves here; addresses are not counted."""
        super().__init__(ioloop=service.rider.poller)
        bound.setblocking(False)
        self.set_socket(bound)
        self.listen(BACKLOG)

    def handle_accepted(self, sock: socket.socket, address: tuple[Any, ...]) -> None:
        """A client; one too many is told so."""
        try:
            session = Session(self.service, sock, self, ioloop=self.ioloop)
        except Exception:
            self.service.context.log.exception("%s: a client was lost", self.service.context.service.name)
            sock.close()
            return
        if not session.connected:
            return
        try:
            if self._accept_new_cons():
                session.handle()
            else:
                session.handle_max_cons()
        except Exception:
            session.handle_error()

    def _accept_new_cons(self) -> bool:
        return len(self.service.sessions) < self.service.context.settings.limits.connections

    def handle_error(self) -> None:
        """Too many open files, most likely: try again soon instead of never."""
        self.service.context.log.exception("%s: cannot accept", self.service.context.service.name)
        if not self._closed:
            self.del_channel()
            self.call_later(ACCEPT_AGAIN, self.add_channel)

    def log_info(self, message: str, type: str = "info") -> None:
        """Nothing to the console."""
