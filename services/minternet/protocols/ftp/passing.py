"""What faults need of a control connection: its two ends, and where its replies and commands can be caught."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...wire.passage import Passage
    from ..context import ServiceContext
    from .lines import CommandLines


class Passing:
    """A part of `Control`; see wire/passage.py for what a passage may do."""

    context: ServiceContext
    transcript: Any
    remote_ip: str
    remote_port: int
    plain: socket.socket | None
    socket: Any
    _closed: bool
    _held: bool
    _ending: bool
    _lines: CommandLines

    made = True
    passage: Passage | None = None
    spoil: Callable[[bytes], None] | None = None
    """Is given replies in place of the client."""
    spoil_data: Callable[[Any], None] | None = None
    """Is given the next transfer before it begins."""
    _all_out = True
    """Whether a passage holds nothing that must be out before TLS begins or the connection ends."""
    _met = False
    _stopped = False

    def meet(self) -> bool:
        """The connection is there: whether it may go on."""
        faults = self.context.faults_for((self.remote_ip, self.remote_port))
        if faults is None:
            return True
        if not faults.admits(self.remote_ip):
            self.close()
            return False
        self.passage = faults.passage()
        if self.passage is not None:
            self.passage.attach(self)
        return not self._closed

    def met_otherwise(self) -> bool:
        """Whether a fault stands in the place of the greeting."""
        faults = self.context.faults_for((self.remote_ip, self.remote_port))
        first, self._met = not self._met, True
        return first and faults is not None and faults.ftp.greets(self)

    def put(self, data: bytes) -> None:
        """Say this, past any fault but the network's."""
        if self._closed:
            return
        self.transcript.server(data)
        if self.passage is None:
            self.transmit(data)
        else:
            self.passage.outbound(data)

    def wait_for_passage(self) -> None:
        """What was said must be out before what comes next."""
        if self.passage is not None:
            self._all_out = False
            self.passage.after_outbound(self._passage_is_empty)

    def _passage_is_empty(self) -> None:
        self._all_out = True
        if self._closed:
            return
        if self._ending:
            self._half_close_soon()
        else:
            self.initiate_send()

    def obey(self, line: bytes | None) -> None:
        """Carry out a command."""
        self._obey(line)

    # -- a passage calls these

    def deliver(self, data: bytes) -> None:
        """The client said this; after the end it is kept for the transcript only."""
        if self._closed:
            return
        self.transcript.client(data)
        if not self._ending:
            self._lines.feed(data)
            self.go_on()

    def pause_reading(self) -> None:
        """The passage holds enough."""
        self._stopped = True
        self._watch()

    def resume_reading(self) -> None:
        """The passage has room again."""
        self._stopped = False
        if not self._closed:
            self._watch()

    def pause_writing(self) -> None:
        """Nothing: replies are few."""

    def resume_writing(self) -> None:
        """Nothing."""

    def close_transport(self) -> None:
        """Close, once everything is written; what the passage holds is not waited for."""
        if not self._closed:
            self._held = self._ending = self._all_out = True
            self._half_close_soon()

    def abort(self) -> None:
        """Close at once."""
        self.close()

    @property
    def raw_socket(self) -> socket.socket:
        """The socket beneath TLS."""
        found: socket.socket = self.plain or self.socket
        return found

    if TYPE_CHECKING:

        def transmit(self, data: bytes) -> None: ...
        def close(self) -> None: ...
        def end(self) -> None: ...
        def go_on(self) -> None: ...
        def initiate_send(self) -> None: ...
        def _half_close_soon(self) -> None: ...
        def _watch(self) -> None: ...
        def _obey(self, line: bytes | None) -> None: ...
