"""A tap around any asyncio protocol: what is said both ways goes to a transcript and through a passage, decrypted.

The protocol inside (aiosmtpd's, uvicorn's) is given a transport that is the tap's; asyncio is given the tap. When TLS begins
in mid-conversation it goes beneath the tap (`start_tls`), so the tap always sees plaintext and the inner protocol keeps the
transport it has. An inner protocol that hands its connection to another (uvicorn, for a websocket) calls `set_protocol` on
that transport, and the tap goes on with the other.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable
from typing import Any, cast

from minternet.wire.link import TLS_FAILURES, Link, addresses
from minternet.wire.passage import Passage
from minternet.wire.transcript import Transcript, TranscriptRing

Farewell = Callable[[asyncio.BaseProtocol, str], bytes | None]
"""Given the inner protocol and the reason: the last words before the close, or None if it ends the conversation itself."""
CLOSE_TIME = 2.0  # seconds a closed connection may stay without taking anything of what was written to it
READING_HELD_BY_INNER, READING_HELD_BY_PASSAGE = 1, 2


class Tap(Link):
    """Stands between a connection and the `inner` protocol that serves it."""

    def __init__(
        self,
        inner: asyncio.BaseProtocol,
        transcript: Transcript | None = None,
        *,
        transcripts: TranscriptRing | None = None,
        service: str = "",
        passage: Passage | None = None,
        farewell: Farewell | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self.inner: Any = inner
        self.transcript = transcript
        self.passage = passage
        self.secure = False
        self.inner_transport = TapTransport(self)
        self._transcripts = transcripts
        self._service = service
        self._farewell = farewell
        self._log = log or logging.getLogger(__name__)
        self._deaf = False
        self._gone = False
        self._reading_paused = 0
        self._closed_at: float | None = None
        self._left_to_write = -1

    # -- asyncio calls these ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ready for the inner protocol."""
        super().connection_made(transport)
        if self._transcripts is not None and self.transcript is None:
            self.transcript = self._transcripts.open(self._service, *addresses(transport))
        self._note_tls()
        if self.passage is not None:
            self.passage.attach(self)
        if self.on_made is not None:
            self.on_made()
        self.inner.connection_made(self.inner_transport)

    def data_received(self, data: bytes) -> None:
        """The client said something."""
        if self._deaf:
            return
        if self.transcript is not None:
            self.transcript.client(data)
        if self.passage is None:
            self.deliver(data)
        else:
            self.passage.inbound(data)

    def eof_received(self) -> bool:
        """The client said its last; whether the connection stays half-open is the inner protocol's answer."""
        if self.passage is None:
            keep_open = bool(self.inner.eof_received())
            return keep_open and not self.secure
        self.passage.after_inbound(self._pass_eof)
        return not self.secure

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._gone = True
        if self.passage is not None:
            self.passage.detach()
        if self.transcript is not None:
            self.transcript.close()
        try:
            self.inner.connection_lost(error)
        finally:
            super().connection_lost(error)

    def pause_writing(self) -> None:
        """The client is slow (asyncio), or the passage holds enough."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The client, or the passage, has caught up."""
        self.inner.resume_writing()

    # -- a passage calls these ----------------------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Give the inner protocol what the client said."""
        if self._gone or self._deaf:
            return
        try:
            if isinstance(self.inner, asyncio.BufferedProtocol):
                _feed(self.inner, data)
            else:
                self.inner.data_received(data)
        except Exception:
            self._log.exception("%s connection failed", self._service)
            self.abort()

    def transmit(self, data: bytes) -> None:
        """Write to the connection."""
        if not self._gone:
            self.transport.write(data)

    def pause_reading(self) -> None:
        """The passage holds enough: leave what comes in the kernel."""
        self.hold_reading(READING_HELD_BY_PASSAGE)

    def resume_reading(self) -> None:
        """The passage has room again."""
        self.release_reading(READING_HELD_BY_PASSAGE)

    def close_transport(self) -> None:
        """Close the connection once everything is written."""
        self._closed_at = self.loop.time()
        self.transport.close()

    # -- the listener calls these -------------------------------------------------------------------------------------

    def dismiss(self, reason: str) -> None:
        """Say the farewell, if there is one, and close; or leave it to the inner protocol."""
        if self._gone:
            return
        words = self._farewell(self.inner, reason) if self._farewell is not None else b""
        if words is None:
            return
        if words:
            self.said(words)
        self._deaf = True
        self.after_outbound(self.close_transport)

    def abort(self) -> None:
        """Reset the connection."""
        if not self._gone:
            self.transport.abort()

    def sweep(self, now: float, session_now: float) -> None:
        """Reset a closed connection whose client takes nothing any more; an open one is the inner protocol's, if it looks."""
        if self._gone:
            return
        if self._closed_at is None:
            if hasattr(self.inner, "sweep"):
                self.inner.sweep(now, session_now)
            return
        left = self.transport.get_write_buffer_size()
        if left != self._left_to_write:
            self._left_to_write, self._closed_at = left, now
        elif now - self._closed_at > CLOSE_TIME:
            self.abort()

    # -- the service calls this ---------------------------------------------------------------------------------------

    async def start_tls(self, context: ssl.SSLContext) -> bool:
        """Put TLS beneath the tap; False (and the connection is gone) when the handshake fails.

        To be called by the inner protocol after it has written its reply. What the client sent in plaintext since is
        dropped here; what the inner protocol has buffered before is for itself to drop. Its transport stays the same.
        """
        if self._gone:
            return False
        self.transport.pause_reading()
        self._deaf = True
        await self._all_transmitted()
        self._deaf = False
        try:
            transport = await self.shake_hands(context)
        except TLS_FAILURES:
            self.abort()
            return False
        if transport is None or self._gone:
            return False
        self.take_transport(transport)
        if self._reading_paused:
            transport.pause_reading()
        self._note_tls()
        return True

    # -- the inner protocol's transport calls these -------------------------------------------------------------------

    def said(self, data: bytes | bytearray | memoryview) -> None:
        """The inner protocol said something."""
        if type(data) is not bytes:
            data = bytes(data)
        if self.transcript is not None:
            self.transcript.server(data)
        if self.passage is None:
            self.transport.write(data)
        else:
            self.passage.outbound(data)

    def after_outbound(self, then: Callable[[], None]) -> None:
        """Call `then` when what was said is on its way."""
        if self.passage is None:
            then()
        else:
            self.passage.after_outbound(then)

    def hold_reading(self, reason: int) -> None:
        """Stop reading for this reason."""
        if not self._reading_paused and not self._gone:
            self.transport.pause_reading()
        self._reading_paused |= reason

    def release_reading(self, reason: int) -> None:
        """Read again, unless there is another reason not to."""
        if not self._reading_paused:
            return
        self._reading_paused &= ~reason
        if not self._reading_paused and not self._gone:
            self.transport.resume_reading()

    @property
    def reading(self) -> bool:
        """Whether the client is listened to."""
        return not self._reading_paused and not self._gone

    # -- small things -------------------------------------------------------------------------------------------------

    def _pass_eof(self) -> None:
        if not self._gone and not self.inner.eof_received():
            self.close_transport()

    async def _all_transmitted(self) -> None:
        if self.passage is not None:
            self.passage.forget_inbound()
            done: asyncio.Future[None] = self.loop.create_future()
            self.passage.after_outbound(lambda: None if done.done() else done.set_result(None))
            await done

    def _note_tls(self) -> None:
        tls = self.transport.get_extra_info("ssl_object")
        if tls is None:
            return
        self.secure = True
        if self.transcript is not None:
            self.transcript.note(f"{tls.version()}, {(tls.cipher() or ('unknown',))[0]}")


class TapTransport(asyncio.Transport):
    """What the inner protocol takes for its transport."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self._tap = tap
        self.write = tap.said  # type: ignore[method-assign]  # one call less on the way of every reply
        self._closing = False

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._tap.said(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._tap.transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._tap.inner = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, self._tap.inner)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._tap.after_outbound(self._tap.close_transport)

    def abort(self) -> None:
        self._closing = True
        self._tap.abort()

    def is_closing(self) -> bool:
        return self._closing or self._tap.transport.is_closing()

    def write_eof(self) -> None:
        self._tap.after_outbound(self._tap.transport.write_eof)

    def can_write_eof(self) -> bool:
        return self._tap.transport.can_write_eof()

    def pause_reading(self) -> None:
        self._tap.hold_reading(READING_HELD_BY_INNER)

    def resume_reading(self) -> None:
        self._tap.release_reading(READING_HELD_BY_INNER)

    def is_reading(self) -> bool:
        return self._tap.reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._tap.transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._tap.transport.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._tap.transport.get_write_buffer_limits()


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give bytes to a protocol that wants to fill its own buffer."""
    while data:
        buffer = memoryview(cast(bytearray, protocol.get_buffer(len(data)))).cast("B")
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
