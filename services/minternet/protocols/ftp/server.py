"""The FTP service of one internet: pyftpdlib's server, on the loop everything else is on and on sockets it is given."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyftpdlib.ioloop  # noqa: F401 - first: it imports asyncore without its warning

from ...wire.listener import MAX_TURNED_AWAY
from ...wire.transcript import Transcript
from ..context import ServiceContext
from . import access, commands, digests, endpoints, information, site, transfers  # noqa: F401 - they fill the table
from .door import Door
from .profiles import find
from .rider import Rider
from .session import Session
from .table import TABLE
from .tls import SSL, make_context, make_flawed_context, make_upload_context

SWEEP_EVERY = 1.0
"""Seconds between two looks at who was waited for too long."""
FAREWELL_TIME = 1.0
"""Seconds that clients have to read 421."""
AUTH_COMMANDS = frozenset({"AUTH", "PBSZ", "PROT", "CCC"})


class FtpService:
    """All doors and sessions of one service; see `Running`."""

    def __init__(self, context: ServiceContext, sockets: Sequence[socket.socket]) -> None:
        self.context = context
        self.profile = find(context.profile)
        self.sessions: set[Session] = set()
        self.accepted = 0
        """Clients ever served."""
        self.refused = 0
        """Clients turned away over the limit of connections."""
        self._turned_away: set[Session] = set()
        self._unknown = frozenset(row.name for row in TABLE if not self._offers(row.name))
        self._shared: SSL.Context | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed: asyncio.Event = asyncio.Event()
        self.now = context.world.clock.monotonic
        """The time that clients are waited for by: the world's."""
        self._loop = asyncio.get_running_loop()
        self._sweeper: asyncio.TimerHandle | None = None
        silence()
        self.rider = Rider(self._failed)
        self._doors = [Door(self, bound) for bound in sockets]
        self._unwatch = context.world.clock.watch(self._sweep_soon)

    # -- for sessions

    @property
    def tls_context(self) -> SSL.Context:
        """The context all connections share, made when the first one wants it."""
        if self._shared is None:
            self._shared = self._new_context()
        return self._shared

    @functools.cached_property
    def upload_context(self) -> SSL.Context:
        """The context for uploads of clients that can do without TLS 1.3."""
        return make_upload_context(self.context.authority.chain_file, self.context.authority.key_file)

    @property
    def links(self) -> tuple[Session, ...]:
        """The clients there are."""
        return tuple(self.sessions)

    def context_for_session(self, client: str, transcript: Transcript) -> SSL.Context:
        """The context for a control connection and its data connections."""
        faults = self.context.faults
        if faults is not None and (leaf := faults.leaf(client, transcript)) is not None:
            return make_flawed_context(leaf)
        return self._new_context() if self.context.settings.ftp_session_reuse else self.tls_context

    def _new_context(self) -> SSL.Context:
        authority = self.context.authority
        return make_context(authority.chain_file, authority.key_file, self.context.settings.ftp_session_reuse)

    def knows(self, name: str) -> bool:
        """Whether the command of that name is there: the profile has it, and nobody hid it."""
        return name not in self._unknown

    def _offers(self, name: str) -> bool:
        profile, hidden = self.profile.commands, self.context.hidden
        if profile is not None and name not in profile:
            return False
        if name in AUTH_COMMANDS and ("AUTH TLS" in hidden or not self._may_secure()):
            return False
        return name not in hidden and name.split()[0] not in hidden

    def _may_secure(self) -> bool:
        return self.context.implicit_tls or self.context.offers_starttls

    def add(self, session: Session) -> None:
        """A client came."""
        self.sessions.add(session)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP_EVERY, self._sweep_on)

    def turn_away(self, session: Session) -> bool:
        """A client too many came: whether there is room to tell it so."""
        self.refused += 1
        if len(self._turned_away) >= MAX_TURNED_AWAY:
            return False
        self._turned_away.add(session)
        return True

    def gone(self, session: Session) -> None:
        """A client's connection is closed."""
        self.sessions.discard(session)
        self._turned_away.discard(session)
        self.stirred()

    def stirred(self) -> None:
        """A session or a transfer is over."""
        self._changed.set()

    # -- Running

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return len(self.sessions)

    async def wait(self) -> None:
        """Return when it was drained; raise when pyftpdlib's loop failed."""
        await asyncio.shield(self._over)

    def dismiss(self, reason: str) -> None:
        """421 to everybody; go on listening."""
        for session in tuple(self.sessions):
            session.dismiss(reason)
        self.rider.wake()

    async def drain(self, grace: float) -> None:
        """Stop listening; transfers may end for `grace` seconds, then everybody is told 421; nothing is left."""
        self._unwatch()
        for door in self._doors:
            door.close()
        deadline = asyncio.get_running_loop().time() + grace
        for session in tuple(self.sessions):
            if not session.transferring:
                session.dismiss("The server is shutting down.")
        self.rider.wake()
        await self._until(deadline, lambda: not any(session.transferring for session in self.sessions))
        self.dismiss("The server is shutting down.")
        await self._until(
            asyncio.get_running_loop().time() + FAREWELL_TIME,
            lambda: all(session.said_all for session in self.sessions),
        )
        self.close()

    def close(self) -> None:
        """Close everything at once."""
        self._unwatch()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for session in (*self.sessions, *self._turned_away):
            session.close()
        self.rider.close()
        if not self._over.done():
            self._over.set_result(None)

    def sweep(self) -> None:
        """End what was waited for too long; done by itself while there are clients, and when the world's clock is set."""
        now = self.now()
        for session in tuple(self.sessions):
            try:
                session.sweep(now)
            except Exception:
                session.handle_error()
        self.rider.wake()

    def _sweep_on(self) -> None:
        self._sweeper = self._loop.call_later(SWEEP_EVERY, self._sweep_on) if self.sessions else None
        self.sweep()

    def _sweep_soon(self) -> None:
        """From any thread: before anything else that comes is heard."""
        self._loop.call_soon_threadsafe(self.sweep)

    async def _until(self, deadline: float, reached: Any) -> None:
        loop = asyncio.get_running_loop()
        while not reached() and loop.time() < deadline:
            self._changed.clear()
            with suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), deadline - loop.time())

    def _failed(self, error: BaseException) -> None:
        for session in (*self.sessions, *self._turned_away):
            with suppress(Exception):
                session.close()
        if not self._over.done():
            self._over.set_exception(error)
            self._over.exception()  # known: told to whoever waits


def silence() -> None:
    """Keep pyftpdlib from printing: without any handler it would configure logging for the whole process."""
    logger = logging.getLogger("pyftpdlib")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


async def serve(context: ServiceContext, sockets: Sequence[socket.socket]) -> FtpService:
    """Serve on these sockets, which are closed in the end."""
    return FtpService(context, sockets)
