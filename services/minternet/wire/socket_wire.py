"""A wire over one asyncio transport: with plain TCP, TLS or a UNIX socket beneath, on the stdlib loop and on uvloop.

Backpressure works in both directions. Above HIGH_WATER octets nobody has looked at, reading stops until the session wants
more; and a session that wants more, or drains, waits while the client does not read what it was sent.

At most one future is waited for, and there is no timer per command: the listener's sweep ends what waits for too long, by
the time `now`. Everything else, turns and lingering closes, goes by the loop's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

from minternet.wire.link import TLS_FAILURES, Link, addresses
from minternet.wire.passage import Passage
from minternet.wire.transcript import TranscriptRing
from minternet.wire.wire import MAX_LINE, Hangup, TimedOut, Wire

HIGH_WATER = 1 << 17  # octets received and not looked at that stop the reading
UNREAD_PUSH_LIMIT = 16 << 20  # octets a client may leave unread while it is sent things unasked, before it is cut off
TURN = 0.002  # seconds a session's pipelined commands may take before others have their turn
LONGEST_TURN = 2048  # lines
LINGER = 2.0  # seconds a closed connection may stay without taking anything of what was written to it
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
FULL, HELD = 1, 2  # why reading is paused: HIGH_WATER (or a handshake to come), or the passage asked for it


class SocketWire(Wire, Link):
    """A wire whose client is at the other end of a connection."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        max_line: int = MAX_LINE,
        idle_limit: float | None = None,
        transcripts: TranscriptRing | None = None,
        service: str = "",
        passage: Passage | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(max_line, idle_limit=idle_limit)
        self.tls = tls
        """The context `start_tls` upgrades with."""
        self.passage = passage
        self._now = now
        self._transcripts = transcripts
        self._service = service
        self._lost = False
        self._lingering = False
        self._reading_paused = 0
        self._writing_paused = 0
        self._timed_out = False
        self._arrival: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._nap: asyncio.Future[None] | None = None
        self._waiting_since: float | None = None
        self._closed_at = 0.0
        self._turn = self._credit
        self._turn_began = 0.0
        self._left_to_write = -1

    # -- asyncio calls these ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ready for its session."""
        super().connection_made(transport)
        self._turn_began = self.loop.time()
        self.peer, self.local = addresses(transport)
        if self._transcripts is not None:
            self.transcript = self._transcripts.open(self._service, self.peer, self.local)
        self._learn_tls()
        if self.passage is not None:
            self.passage.attach(self)
        if self.on_made is not None:
            self.on_made()

    def data_received(self, data: bytes) -> None:
        """The client said something."""
        if self.passage is None:
            self.deliver(data)
        else:
            self.passage.inbound(data)

    def eof_received(self) -> bool:
        """The client said its last; what it sent before is still answered, unless TLS is beneath (it closes both ways)."""
        if self.passage is None:
            self._end_input()
        else:
            self.passage.after_inbound(self._end_input)
        return not self.secure

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._lost = True
        self._eof = self._eof or error is None
        self._forget_unsent()
        if self.passage is not None:
            self.passage.detach()
        if self.transcript is not None:
            self.transcript.close()
        self._wake()
        super().connection_lost(error)

    def pause_writing(self) -> None:
        """The client is slow (asyncio), or the passage holds enough."""
        self._writing_paused += 1

    def resume_writing(self) -> None:
        """The client, or the passage, has caught up."""
        self._writing_paused -= 1
        if not self._writing_paused:
            _set(self._writable)

    # -- a passage calls these ----------------------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Take what the client said."""
        if self._closed:
            return
        self.receive(data)
        if self._arrived_octets > HIGH_WATER:
            self._stop_reading(FULL)
        arrival = self._arrival
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    def transmit(self, data: bytes) -> None:
        """Write to the connection."""
        if not self._lost:
            self.transport.write(data)

    def pause_reading(self) -> None:
        """The passage holds enough: leave what comes in the kernel."""
        self._stop_reading(HELD)

    def resume_reading(self) -> None:
        """The passage has room again."""
        self._read_again(HELD)

    def close_transport(self) -> None:
        """Close the connection once everything is written."""
        if not self._lost:
            self.transport.close()

    # -- the session calls these --------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand over without waiting; cuts off a client that has let too much pile up."""
        self._hand_over()
        if self._writing_paused and self.transport.get_write_buffer_size() > UNREAD_PUSH_LIMIT:
            self.abort()

    async def drain(self) -> None:
        """Hand over; wait while the client is slow; let others run if this session had its time."""
        self._hand_over()
        await self._wait_writable()
        if self.loop.time() - self._turn_began > TURN:
            await self._let_others_run()

    async def pause(self, seconds: float) -> None:
        """Hand over, then wait; shorter if the client goes or the session is dismissed."""
        self._hand_over()
        self._nap = self.loop.create_future()
        timer = self.loop.call_later(seconds, _set, self._nap)
        try:
            await self._nap
        finally:
            timer.cancel()
            self._nap = None
        self._check_dismissed()
        if self._lost or self._closed:
            self._hang_up()

    async def start_tls(self) -> None:
        """Upgrade. Reading stops before the reply is written, so the handshake stays in the kernel for TLS to read."""
        if self.tls is None:
            raise RuntimeError("this wire has no TLS context")
        self._stop_reading(FULL)
        self._forget_received()
        self._hand_over()
        if self.passage is not None:
            self.passage.forget_inbound()
            sent = self.loop.create_future()
            self.passage.after_outbound(lambda: _set(sent))
            await sent
        await self._wait_writable()
        await self._upgrade(self.tls)

    def send_eof(self) -> None:
        """Hand over, then half-close; TLS cannot, so there it does no more than hand over."""
        self._hand_over()
        self._after_outbound_do(self._write_eof)

    def close(self) -> None:
        """Hand over, then close; a client that is still sending gets to read the last reply first."""
        if self._closed:
            return
        still_sending = bool(self._flooded or self._arrived or self._at < len(self._unread) or self._reading_paused)
        super().close()
        self._forget_received()
        if self._lost:
            return
        self._closed_at = self.loop.time()
        self._wake()
        if still_sending and not self._eof and self.transport.can_write_eof():
            self._lingering = True  # closing a socket with unread input resets it, and the reply would be lost
            self._read_again(FULL)
            self._after_outbound_do(self._write_eof)
        else:
            self._after_outbound_do(self.close_transport)

    def abort(self) -> None:
        """Reset the connection."""
        super().abort()
        if not self._lost:
            self.transport.abort()
        self._wake()

    def dismiss(self, reason: str) -> None:
        """Make the session say farewell, now if it waits for its client, else when it next does."""
        super().dismiss(reason)
        self._wake()

    def sweep(self, now: float, session_now: float) -> None:
        """End what has waited for too long: for the client's next words, for it to read, or for it to close."""
        if self._lost:
            return
        if self._closed:
            self._sweep_closed(now)
        elif self._waiting_since is not None and self.idle_limit is not None:
            self._timed_out = session_now - self._waiting_since > self.idle_limit
            if self._timed_out:
                self._wake()

    # -- how it waits -------------------------------------------------------------------------------------------------

    async def _more(self) -> None:
        self._hand_over()
        await self._wait_writable()
        self._check_dismissed()
        if self._arrived:
            return
        if self._eof or self._lost or self._closed:
            self._hang_up()
        if self._at:
            self._unread, self._at = self._unread[self._at :], 0  # an idle connection keeps no block it has read
        self._read_again(FULL)
        self._arrival = self.loop.create_future()
        self._waiting_since = self._now()
        try:
            await self._arrival
        finally:
            self._arrival = self._waiting_since = None
        self._check_dismissed()
        self._check_timed_out()
        self._credit = self._turn
        self._turn_began = self.loop.time()

    async def _wait_writable(self) -> None:
        while self._writing_paused and not self._lost and not self._timed_out:
            self._writable = self.loop.create_future()
            self._waiting_since = self._now()
            try:
                await self._writable
            finally:
                self._writable = self._waiting_since = None
        self._check_timed_out()
        if self._lost:
            self._hang_up()

    def _check_timed_out(self) -> None:
        if self._timed_out:
            self._timed_out = False
            raise TimedOut(f"nothing for {self.idle_limit} seconds")

    def _acknowledge_literal(self) -> None:
        # imaplib sends a literal and the CRLF after it in two writes: with delayed ACKs that costs 40 ms for each APPEND.
        if QUICKACK is None or self._arrived or self._at < len(self._unread) or self._lost:
            return
        connection = self.transport.get_extra_info("socket")
        if connection is not None and connection.family != getattr(socket, "AF_UNIX", None):
            connection.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    async def _take_turns(self) -> None:
        self._hand_over()
        await self._wait_writable()
        now = self.loop.time()
        spent, lines = now - self._turn_began, self._turn - max(self._credit, 0)
        if lines > 0:  # as many lines as fit into a turn, going by those of the last
            self._turn = max(1, min(int(lines * TURN / max(spent, 1e-6)), 2 * self._turn, LONGEST_TURN))
        if spent > TURN:
            await self._let_others_run()
        self._check_dismissed()
        self._credit = self._turn

    async def _let_others_run(self) -> None:
        await asyncio.sleep(0)
        self._turn_began = self.loop.time()

    async def _upgrade(self, tls: ssl.SSLContext) -> None:
        if self._lost:
            self._hang_up()
        try:
            transport = await self.shake_hands(tls)
        except TLS_FAILURES as error:
            self.abort()
            raise Hangup(f"no TLS: {error}") from error
        if transport is None or self._lost:
            self._hang_up()
        self.take_transport(transport)
        self._reading_paused = 0
        self._learn_tls()

    def _learn_tls(self) -> None:
        tls = self.transport.get_extra_info("ssl_object")
        if tls is None:
            return
        cipher = tls.cipher()
        self.secure, self.tls_version, self.cipher = True, tls.version(), cipher[0] if cipher else None
        if self.transcript is not None:
            self.transcript.note(f"{self.tls_version}, {self.cipher}")

    # -- how it writes and ends ---------------------------------------------------------------------------------------

    def _transmit(self, data: bytes) -> None:
        if self._lost or self._closed:
            return
        if self.passage is None:
            self.transport.write(data)
        else:
            self.passage.outbound(data)

    def _after_outbound_do(self, then: Callable[[], None]) -> None:
        if self.passage is None:
            then()
        else:
            self.passage.after_outbound(then)

    def _write_eof(self) -> None:
        if not self._lost and self.transport.can_write_eof():
            self.transport.write_eof()

    def _end_input(self) -> None:
        self._eof = True
        self._wake()
        if self._lingering:
            self.close_transport()

    def _sweep_closed(self, now: float) -> None:
        left = self.transport.get_write_buffer_size()
        holding = self.passage is not None and self.passage.holding
        if holding or left != self._left_to_write:  # the client is still taking something
            self._left_to_write, self._closed_at = left, now
        elif now - self._closed_at > LINGER:
            self.transport.abort()

    # -- small things -------------------------------------------------------------------------------------------------

    def _stop_reading(self, reason: int) -> None:
        if not self._reading_paused and not self._lost:
            self.transport.pause_reading()
        self._reading_paused |= reason

    def _read_again(self, reason: int) -> None:
        if not self._reading_paused:
            return
        self._reading_paused &= ~reason
        if not self._reading_paused and not self._lost:
            self.transport.resume_reading()

    def _wake(self) -> None:
        _set(self._arrival)
        _set(self._writable)
        _set(self._nap)


def _set(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
