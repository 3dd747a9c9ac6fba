"""Listeners: accept connections on sockets that are bound already, watch them, and end them in good order.

A `Listener` serves any `Link` (a Tap around somebody's protocol, a SocketWire); a `SessionListener` gives each SocketWire a
session and one task to run it. TLS from the first byte is done here, above the accept and beneath the protocol, the same way
on every loop: a handshake is counted, bounded and silent when it fails, and a protocol hears of its connection when it is up.

The ending: stop accepting, say farewell to who is between two commands, let the others finish theirs, reset the rest.

Sessions wait by `now`, which may be another time than the loop's; when it is set by hand, `watch` calls, and the next thing
the loop does is to look at who has waited for too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Container, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from minternet.wire.link import HANDSHAKE_TIMEOUT, SHUTDOWN_TIMEOUT, TLS_FAILURES, Link
from minternet.wire.passage import Passage
from minternet.wire.socket_wire import SocketWire
from minternet.wire.sockets import PortInUse, bind, bind_udp, bind_unix, port_of
from minternet.wire.transcript import TranscriptRing
from minternet.wire.wire import MAX_LINE, Session, Wire, converse

__all__ = [
    "Listener",
    "PortInUse",
    "SessionListener",
    "bind",
    "bind_udp",
    "bind_unix",
    "port_of",
    "serve_sessions",
]

MAX_CONNECTIONS = 4096
MAX_TURNED_AWAY = 64  # connections over the cap that are told so at the same time; more are reset
TURN_AWAY_TIME = 1.0  # seconds a connection over the cap has to read why
SWEEP_EVERY = 1.0  # seconds between two looks at who has been idle for too long
ACCEPTED_AT_ONCE = 128  # connections accepted before others have their turn
ACCEPT_RETRY = 1.0  # seconds until accepting is tried again when there is no file descriptor left
BROKEN_SOCKET = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}  # what a listening socket that is none any more says
FAREWELL_TIME = 1.0  # seconds the farewells have to be written before connections are reset


class Gate(Protocol):
    """Who may come in, and with which certificate they are met; for faults."""

    def admits(self, client: str) -> bool:
        """Whether a connection from this address is taken; if not, it is closed at once."""

    def handshake(self, client: str, own: ssl.SSLContext) -> ssl.SSLContext:
        """The context for a handshake with implicit TLS."""


Watch = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes what to call when a time was set by hand; returns what ends that."""


class Listener:
    """Serves `make_protocol()` on every connection to `sockets` (which it closes in the end), behind `tls` if given.

    Above `max_connections`, a connection is sent the bytes `busy` and closed. `now` is the time that sessions' limits go by,
    in seconds: the loop's, if it is not given.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make_protocol: Callable[[], Link],
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        busy: bytes = b"",
        log: logging.Logger | None = None,
        sweep_every: float = SWEEP_EVERY,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        now: Callable[[], float] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.sockets = list(sockets)
        self.tls = tls
        self.max_connections = max_connections
        self.busy = busy
        self.port = port_of(self.sockets) if self.sockets else 0
        """The port number its sockets share; 0 for UNIX sockets."""
        self.gate: Callable[[Any], Gate | None] | None = None
        """Asked with each connection's address, if it is there."""
        self.uncounted: Container[tuple[str, int]] = ()
        """Clients that `accepted` does not count."""
        self.accepted = 0
        """Connections ever served."""
        self.refused = 0
        """Connections turned away over `max_connections`."""
        self._make_protocol = make_protocol
        self._log = log or logging.getLogger(__name__)
        self._sweep_every = sweep_every
        self._handshake_timeout = handshake_timeout
        self._now, self._watch = now, watch
        self._unwatch: Callable[[], None] | None = None
        self._links: set[Link] = set()
        self._turned_away: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._accepting: list[socket.socket] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._over: asyncio.Future[None]
        self._loop: asyncio.AbstractEventLoop

    @property
    def connections(self) -> int:
        """How many connections are open, those in their handshake included."""
        return len(self._links)

    @property
    def links(self) -> list[Link]:
        """The connections that are open, those in their handshake included."""
        return list(self._links)

    async def start(self) -> None:
        """Accept from now on."""
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        for bound in self.sockets:
            self._loop.add_reader(bound, self._accept, bound)
            self._accepting.append(bound)
        if self._watch is not None:
            self._unwatch = self._watch(self._sweep_soon)

    async def wait(self) -> None:
        """Return when it was drained; raise what made it fail."""
        await asyncio.shield(self._over)

    def fail(self, error: Exception) -> None:
        """It cannot go on: accept no more, and let `wait` raise the error; connections live until it is drained."""
        self.stop_accepting()
        if not self._over.done():
            self._over.set_exception(error)
            self._over.exception()  # whoever waits is told; nobody need

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections live on."""
        for bound in self._accepting:
            self._loop.remove_reader(bound)
        self._accepting.clear()
        for bound in self.sockets:
            path = (
                bound.getsockname() if bound.fileno() >= 0 and bound.family == getattr(socket, "AF_UNIX", None) else ""
            )
            if path:
                Path(path).unlink(missing_ok=True)
            bound.close()

    def dismiss(self, reason: str) -> int:
        """Have every open connection say farewell and close, as soon as it is between two commands; how many there are."""
        links = [link for link in self._links if link.made]
        for link in links:
            link.dismiss(reason)
        return len(links)

    async def drain(
        self, grace: float = 0.0, reason: str = "server is shutting down", *, farewell_time: float = FAREWELL_TIME
    ) -> None:
        """Stop: say farewell to who is between two commands, let the others end theirs for `grace` seconds, reset the rest.

        Takes `farewell_time` seconds longer at most if a session waits for something that is not its wire.
        """
        self.stop_accepting()
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await asyncio.sleep(0)  # connections accepted in this very moment get their transport, or begin their handshake
        await asyncio.sleep(0)
        for connecting in list(self._connecting):
            connecting.cancel()
        self.dismiss(reason)
        await self._empty(max(grace, farewell_time))
        for link in self._made():
            link.abort()
        await self._empty(farewell_time)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if not self._over.done():
            self._over.set_result(None)

    def sweep(self, now: float | None = None) -> None:
        """Look for limits of time that have passed in any connection; done by itself while there are any."""
        now = self._loop.time() if now is None else now
        session_now = now if self._now is None else self._now()
        for link in self._made():
            link.sweep(now, session_now)

    # -- for subclasses -----------------------------------------------------------------------------------

    def run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `work` as a task of this listener's: its end waits for it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    # -- how it goes --------------------------------------------------------------------------------------------------

    def _accept(self, bound: socket.socket) -> None:
        """Accept what waits.

        `create_server` does this too, but what is in its handshake there can be neither counted nor ended, and the stdlib's
        logs a thousand errors at once when no file descriptor is left.
        """
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, address = bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in BROKEN_SOCKET:
                    self.fail(error)
                    return
                # Out of descriptors or memory: the socket stays readable, so look away for a moment.
                self._log.error("cannot accept connections: %s", error)
                self._loop.remove_reader(bound)
                self._loop.call_later(ACCEPT_RETRY, self._accept_again, bound)
                return
            accepted.setblocking(False)
            tls = self.tls
            if self.gate is not None and (gate := self.gate(address)) is not None:
                client = str(address[0]) if isinstance(address, tuple) else "unix"
                if not gate.admits(client):
                    accepted.close()
                    continue
                tls = gate.handshake(client, tls) if tls is not None else None
            connecting = self.run(self._connect(accepted, self._new_link(address), tls))
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)

    def _accept_again(self, bound: socket.socket) -> None:
        if bound in self._accepting:
            self._loop.add_reader(bound, self._accept, bound)

    async def _connect(self, accepted: socket.socket, link: Link, tls: ssl.SSLContext | None) -> None:
        """Give the link its transport; behind TLS, after the handshake."""
        bounds = {"ssl_handshake_timeout": self._handshake_timeout, "ssl_shutdown_timeout": SHUTDOWN_TIMEOUT}
        try:
            await self._loop.connect_accepted_socket(
                lambda: link, accepted, ssl=tls, **(bounds if tls is not None else {})
            )
        except TLS_FAILURES:
            pass
        finally:
            if not link.made:
                self._lost(link)

    def _new_link(self, address: Any) -> Link:
        link = self._link_or_refusal(address)
        link.on_lost = partial(self._lost, link)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._sweep_every, self._sweep_on)
        return link

    def _link_or_refusal(self, address: Any) -> Link:
        if len(self._links) < self.max_connections:
            try:
                link = self._make_protocol()
            except Exception:
                self._log.exception("could not make a protocol for a connection")
            else:
                self.accepted += address[:2] not in self.uncounted
                self._links.add(link)
                return link
        self.refused += 1
        turned_away = _TurnedAway(self.busy if len(self._turned_away) < MAX_TURNED_AWAY else b"")
        self._turned_away.add(turned_away)
        return turned_away

    def _lost(self, link: Link) -> None:
        self._links.discard(link)
        self._turned_away.discard(link)
        self._tell_if_empty()

    def _made(self) -> list[Link]:
        return [link for link in (*self._links, *self._turned_away) if link.made]

    def _sweep_on(self) -> None:
        self._sweeper = None
        if self._links or self._turned_away:
            self._sweeper = self._loop.call_later(self._sweep_every, self._sweep_on)
        self.sweep()

    def _sweep_soon(self) -> None:
        """From any thread: before anything else that comes is heard."""
        self._loop.call_soon_threadsafe(self.sweep)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a connection's task failed", exc_info=error)
        self._tell_if_empty()

    def _tell_if_empty(self) -> None:
        if self._emptied is not None and not self._emptied.done() and self._is_empty():
            self._emptied.set_result(None)

    def _is_empty(self) -> bool:
        return not (self._links or self._turned_away or self._tasks)

    async def _empty(self, within: float) -> None:
        """Wait until no connection and no task is left, at most `within` seconds."""
        if self._is_empty():
            return
        self._emptied = self._loop.create_future()
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._emptied, within)
        self._emptied = None


class SessionListener(Listener):
    """Gives every connection a SocketWire, a session made by `make_session`, and one task that serves it.

    `tls` is implicit TLS; `start_tls` is the context for the command that upgrades. With `transcripts`, each conversation is
    recorded there under the name `service`; `make_passage` gives each its faults.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make_session: Callable[[Wire], Session],
        *,
        tls: ssl.SSLContext | None = None,
        start_tls: ssl.SSLContext | None = None,
        max_line: int = MAX_LINE,
        idle_limit: float | None = None,
        transcripts: TranscriptRing | None = None,
        service: str = "",
        make_passage: Callable[[], Passage | None] | None = None,
        max_connections: int = MAX_CONNECTIONS,
        busy: bytes = b"",
        log: logging.Logger | None = None,
        sweep_every: float = SWEEP_EVERY,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        now: Callable[[], float] | None = None,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(
            sockets,
            self._make_wire,
            tls=tls,
            max_connections=max_connections,
            busy=busy,
            log=log,
            sweep_every=sweep_every,
            handshake_timeout=handshake_timeout,
            now=now,
            watch=watch,
        )
        self._make_session = make_session
        self._start_tls = start_tls
        self._max_line = max_line
        self._idle_limit = idle_limit
        self._transcripts = transcripts
        self._service = service
        self._make_passage = make_passage

    def _make_wire(self) -> SocketWire:
        wire = SocketWire(
            tls=self._start_tls,
            max_line=self._max_line,
            idle_limit=self._idle_limit,
            transcripts=self._transcripts,
            service=self._service,
            passage=self._make_passage() if self._make_passage is not None else None,
            now=self._now or self._loop.time,
        )
        wire.on_made = lambda: self._begin(wire)
        return wire

    def _begin(self, wire: SocketWire) -> None:
        self.run(self._converse(wire))

    async def _converse(self, wire: SocketWire) -> None:
        try:
            await converse(self._make_session(wire))
        except asyncio.CancelledError:
            wire.abort()
            raise
        except Exception:
            self._log.exception("%s session of %s:%d failed", self._service, *wire.peer)
        finally:
            wire.close()


async def serve_sessions(
    sockets: Sequence[socket.socket], make_session: Callable[[Wire], Session], **options: Any
) -> SessionListener:
    """A SessionListener with these options, accepting already."""
    listener = SessionListener(sockets, make_session, **options)
    await listener.start()
    return listener


class _TurnedAway(Link):
    """A connection over the cap: it is told so, and has a moment to read it."""

    def __init__(self, busy: bytes) -> None:
        self.busy = busy
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.since = self.loop.time()
        if not self.busy:
            self.transport.abort()
            return
        self.transport.write(self.busy)
        if self.transport.can_write_eof():
            self.transport.write_eof()  # and go on reading: to close with unread input would reset, and lose the words
        else:
            self.transport.close()

    def eof_received(self) -> bool:
        return False

    def dismiss(self, reason: str) -> None:
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def sweep(self, now: float, session_now: float) -> None:
        if now - self.since > TURN_AWAY_TIME:
            self.transport.abort()
