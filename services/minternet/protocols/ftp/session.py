"""A client: who it is, what it said so far, and its data connections.

Commands are found in `TABLE` and nowhere else, so none of pyftpdlib's own, which know a real disk, can be reached.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

from ...world.journal import Origin
from ...world.records import Account
from ..commands import Refusal
from .connections import ActiveConnector, PassiveListener
from .control import LINE_LIMIT, Control
from .data import ProtectedTransfer, Transfer
from .jobs import Job
from .listing import USUAL_FACTS, safe
from .table import CONNECTED, LOGGED_IN, TABLE, TRANSFERS
from .tls import offers_tls_1_2
from .tree import Tree

if TYPE_CHECKING:
    from .server import FtpService


class Session(Control):
    """One client."""

    data_channel: Transfer | None
    _dtp_acceptor: PassiveListener | None
    _dtp_connector: ActiveConnector | None

    def __init__(self, service: FtpService, sock: socket.socket, server: Any, ioloop: Any = None) -> None:
        self.tree: Tree | None = None
        self.user, self.failures = "", 0
        self._forget_wishes()
        self._job: Job | None = None
        self._accepted: socket.socket | None = None
        self._target: tuple[str, int] | None = None
        super().__init__(service, sock, server, ioloop)

    def _forget_wishes(self) -> None:
        """As at the start."""
        self.kind = "a"
        """The transfer type: "a" or "i"."""
        self.restart, self.range_end = 0, 0
        """The first octet of the next transfer, and the one behind its last; 0 for all."""
        self.hash_name = "SHA-256"
        self.facts: tuple[str, ...] = USUAL_FACTS
        self.rename_from, self.copy_from = "", ""
        self.protected, self.buffer_agreed, self.only_epsv = False, False, False

    # -- what it says

    def answer(self, line: bytes | None) -> str | None:
        """Find the command and have it done."""
        if line is None:
            raise Refusal("500", f"A line has at most {LINE_LIMIT} octets.")
        verb, _, argument = line.partition(b" ")
        name = verb.strip().upper()
        if name == b"PASS" and self.user not in ("anonymous", "ftp"):
            self.transcript.conceal(argument)
        if name == b"SITE" and argument:
            sub, _, argument = argument.strip().partition(b" ")
            name += b" " + sub.upper()
        return self._dispatch(name, argument)

    def _dispatch(self, name: bytes, argument: bytes) -> str | None:
        row = TABLE.find(name)
        shown = safe(name.decode("ascii", "replace"))[:40]
        if row is None or not self.service.knows(row.name):
            hidden = row is not None and row.name in self.context.hidden
            raise Refusal("502" if hidden else "500", self.profile.unknown.format(verb=shown))
        try:
            text = argument.decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal("501", "Names are in UTF-8 (RFC 2640).") from None
        if self.state not in row.states:
            raise Refusal("530", self.profile.first)
        if not text and row.arguments.startswith("<"):
            raise Refusal("501", f"Syntax: {row.name} {row.arguments}")
        if text and not row.arguments:
            raise Refusal("501", f"{row.name} takes no argument.")
        try:
            return row.handler(self, text)
        finally:
            if row.name in TRANSFERS:
                self.restart = self.range_end = 0

    # -- who it is

    @property
    def state(self) -> str:
        """One of the states of the table."""
        return CONNECTED if self.tree is None else LOGGED_IN

    @property
    def files(self) -> Tree:
        """The files as the user sees them; 530 before the log-in."""
        if self.tree is None:
            raise Refusal("530", self.profile.first)
        return self.tree

    def log_in(self, account: Account | None) -> None:
        """The user is this account, or anonymous."""
        self.tree, self.failures = Tree(self.world, account, Origin(self.transcript.number)), 0
        self.username = self.user

    def log_out(self) -> None:
        """As before the log-in; the protection agreed on is forgotten too."""
        self.forget_endpoint()
        self.tree, self.user, self.username = None, "", ""
        self._forget_wishes()

    # -- data connections

    @property
    def transferring(self) -> bool:
        """Whether a transfer was announced and is not over."""
        return self._job is not None or self.data_channel is not None

    def forget_endpoint(self) -> None:
        """Close what waits for a data connection."""
        self._shutdown_connecting_dtp()
        self._target = None
        if self._accepted is not None:
            self._accepted.close()
            self._accepted = None

    def listen(self, bound: socket.socket) -> None:
        """The client will connect here."""
        self.forget_endpoint()
        self._dtp_acceptor = PassiveListener(self, bound)

    def target(self, host: str, port: int) -> None:
        """The client listens there; only its own address will do, and no privileged port (RFC 2577 section 3)."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
            own = ipaddress.ip_address(self.remote_ip.partition("%")[0])
        except ValueError:
            raise Refusal("501", "That is no address.") from None
        if getattr(own, "ipv4_mapped", None) is not None:
            own = own.ipv4_mapped  # type: ignore[union-attr, assignment]
        # Behind a published port of a container, a client here that names its loopback address means itself.
        if address != own and not address.is_loopback:
            raise Refusal("501", "Data connections go to the client's own address only.")
        if not 1024 <= port <= 65535:
            raise Refusal("501", "Data connections go to ports from 1024 to 65535.")
        self.forget_endpoint()
        self._target = (self.remote_ip, port)

    def need_endpoint(self) -> None:
        """425 where nobody said how to connect."""
        if self._dtp_acceptor is None and self._accepted is None and self._target is None:
            raise Refusal("425", "Use PASV, EPSV, PORT or EPRT first.")

    def begin(self, job: Job, announcement: str) -> None:
        """Announce a transfer, and begin it when there is a connection."""
        self._job = job
        self.reply(f"150 {announcement}")
        self.flush()
        if self._closed:
            return
        if self._accepted is not None:
            sock, self._accepted = self._accepted, None
            self.data_connected(sock)
        elif self._target is not None:
            target, self._target = self._target, None
            self._dtp_connector = ActiveConnector(self, *target)

    def data_connected(self, sock: socket.socket) -> None:
        """There is a data connection; where no command asked for it yet, it waits."""
        self._dtp_acceptor = self._dtp_connector = None
        if self._job is None:
            self._accepted = sock
            return
        job, self._job = self._job, None
        transfer = (ProtectedTransfer if self.protected else Transfer)(sock, self, job)
        if transfer._closed:
            return
        self.data_channel = transfer
        if self.spoil_data is not None:
            spoil, self.spoil_data = self.spoil_data, None
            spoil(transfer)
        try:
            transfer.begin()
        except Exception:
            transfer.handle_error()

    def data_missing(self, reply: str) -> None:
        """There will be no data connection."""
        self._dtp_acceptor = self._dtp_connector = None
        if self._job is not None:
            job, self._job = self._job, None
            job.close()
            self._on_dtp_close()
            self.reply(reply)
            self.go_on()

    def sweep(self, now: float) -> None:
        """End what was waited for too long: the client's data connection, something to move on it, a command."""
        if self.data_channel is not None:
            self.data_channel.sweep(now)
        elif self._dtp_acceptor is not None:
            self._dtp_acceptor.sweep(now)
        super().sweep(now)

    def _on_dtp_close(self) -> None:
        """A transfer is over, or will not be: the client is waited for again."""
        super()._on_dtp_close()
        self.quiet_since = self.service.now()

    def transfer_over(self, transfer: Transfer, reply: str) -> None:
        """A transfer ended; `reply` is its last word, "" where ABOR or a goodbye says it."""
        job = transfer.job
        done = transfer.get_transmitted_bytes()
        self.note(f"data connection: {job.verb} {job.path}, {done} octets, {reply[:3] or 'aborted'}")
        if self._closed:
            return
        self._on_dtp_close()
        if reply:
            self.reply(reply)
        self.go_on()
        self.service.stirred()

    def stop_transfer(self) -> bool:
        """End what is transferred, without a word, and whatever waits for a connection; whether there was something."""
        was, job, channel = self.transferring, self._job, self.data_channel
        self._job = self.data_channel = None
        if job is not None:
            job.close()
        self.forget_endpoint()
        if channel is not None:
            channel.abort()
        return was

    def secure_data(self, transfer: ProtectedTransfer, hello: bytes) -> None:
        """Begin TLS on a data connection; `hello` is what came of the client's ClientHello, for uploads only."""
        shared = self.ssl_context is self.service.tls_context
        quiet = shared and offers_tls_1_2(hello)
        transfer.secure_connection(self.service.upload_context if quiet else self.ssl_context)
