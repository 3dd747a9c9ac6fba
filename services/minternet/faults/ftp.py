"""Faults in FTP's conversations: pyftpdlib's control connections, which are called back and never wait."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..wire.faults import reset_connection
from .armed import Armed, Situation
from .language import FINAL_FTP, TRANSFERS, Command, account_of, command_of, is_last, secrets_of
from .spoiling import Spoiler, end
from .talk import ENDINGS, nothing, spoiler_of, stand_in

if TYPE_CHECKING:
    from .service import ServiceFaults


class ControlOutlet:
    """A control connection, past its faults."""

    def __init__(self, control: Any) -> None:
        self.control = control
        self.secure = bool(control.secure)
        self.over = False

    def put(self, data: bytes) -> None:
        if not self.over:
            self.control.put(data)

    def close(self) -> None:
        self.over = True
        self.control.flush()
        self.control.spoil = nothing
        self.control.end()

    def reset(self) -> None:
        self.over = True
        reset_connection(self.control)

    def half_close(self) -> None:
        """When all is out; TLS is ended first, and the client may go on in its own direction."""
        self.mute()
        if self.control.passage is None:
            self._shut()
        else:
            self.control.passage.after_outbound(self._shut)

    def _shut(self) -> None:
        from OpenSSL import SSL  # FTP's own, there already

        control = self.control
        if control._closed:
            return
        control._shut = True
        with contextlib.suppress(OSError, SSL.Error):
            if control.secure:
                control.socket.shutdown()
            control.raw_socket.shutdown(socket.SHUT_WR)

    def mute(self) -> None:
        self.over = True
        self.control.spoil = nothing


class FtpTalk:
    """Commands of one service's control connections as the faults have them."""

    def __init__(self, service: ServiceFaults) -> None:
        self._service = service

    def greets(self, control: Any) -> bool:
        """What happens instead of the greeting; whether anything does."""
        outlet = ControlOutlet(control)
        for armed in self._service.hits(self._situation(control, None), connecting=True):
            self._service.tell(armed, "", control.transcript)
            if armed.kind.name == "delay":
                control.hold(float(armed.attributes["delay"]) / 1000, control.greet)
            elif armed.kind.name in ENDINGS:
                end(outlet, armed.kind.name)
            else:
                reply = stand_in("ftp", armed, None)
                outlet.put(reply)
                if is_last("ftp", reply) or armed.kind.name == "refuse":
                    outlet.close()
            return True
        return False

    def obey(self, control: Any, line: bytes | None) -> None:
        """Obey a command."""
        if control.spoil is nothing:
            return
        command = command_of("ftp", line or b"")
        if control.spoil is not None:
            control.flush()
            control.spoil = None  # a reply that never ended, as after ABOR
        self._step(control, line, command, self._service.hits(self._situation(control, command)), 0)

    def _step(self, control: Any, line: bytes | None, command: Command, hits: list[Armed], at: int) -> None:
        """What strikes before the command, from the `at`-th fault on; then the command."""
        control.flush()
        outlet = ControlOutlet(control)
        for number, armed in enumerate(hits[at:], at):
            kind = armed.kind.name
            if armed.when != "before" or (kind == "starttls_stripped" and command.name != "AUTH"):
                continue
            self._service.tell(armed, command.name, control.transcript)
            if kind == "delay":
                seconds = float(armed.attributes["delay"]) / 1000
                control.hold(seconds, lambda after=number + 1: self._step(control, line, command, hits, after))
            elif kind in ENDINGS:
                _conceal(control, command)
                end(outlet, kind)
            else:
                _conceal(control, command)
                reply = stand_in("ftp", armed, command)
                outlet.put(reply)
                if is_last("ftp", reply):
                    outlet.close()
            return
        self._carry_out(control, line, command, hits, outlet)

    def _carry_out(
        self, control: Any, line: bytes | None, command: Command, hits: list[Armed], outlet: ControlOutlet
    ) -> None:
        put: Callable[[bytes], None] = outlet.put
        chain: list[Spoiler] = []
        if not control.transferring:
            control.spoil_data = None  # of a transfer that never began
        of_transfer = [armed for armed in hits if armed.spoils_transfers and command.name in TRANSFERS]
        for armed in of_transfer:
            self._service.tell(armed, command.name, control.transcript)
        if of_transfer:
            from .transfers import spoil

            control.spoil_data = partial(spoil, of_transfer)
        for armed in reversed(hits):
            if armed in of_transfer:
                continue
            made = spoiler_of("ftp", armed, command, put, outlet)
            if made is not None:
                if armed.kind.name != "starttls_stripped" or command.name != "AUTH":
                    self._service.tell(armed, command.name, control.transcript)
                chain.insert(0, made)
                put = made
        if chain:
            control.spoil = _UntilFinal(control, chain)
        control.obey(line)
        control.flush()

    def _situation(self, control: Any, command: Command | None) -> Situation:
        asked = command or Command("")
        number = control.transcript.number
        return Situation("ftp", control.remote_ip, number, command, lambda: account_of("ftp", control, asked))


def _conceal(control: Any, command: Command) -> None:
    """Mask what a command that is not carried out had of secrets."""
    for secret in secrets_of(command):
        control.transcript.conceal(secret)


class _UntilFinal:
    """Spoils all replies up to the final one of a command."""

    def __init__(self, control: Any, chain: list[Spoiler]) -> None:
        self._control, self._chain = control, chain

    def __call__(self, data: bytes) -> None:
        self._chain[0](data)
        if FINAL_FTP.search(data) is None:
            return
        if self._control.spoil is self:
            self._control.spoil = None
        for spoiler in self._chain:
            spoiler.finish()
