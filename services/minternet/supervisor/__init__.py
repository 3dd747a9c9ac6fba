"""Binds, starts, watches, restarts, drains and stops the services of one internet.

All sockets are bound before any service starts, and told of only when every service has answered. The supervisor keeps
the listening sockets and gives services duplicates: a service that dies leaves its port and its waiting clients behind
for the one that takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import secrets
import socket
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from ..protocols import serving
from ..protocols.context import MakeSession, Running, Serve, Service, ServiceContext
from ..protocols.http.mounts import Mounts
from ..ready import Endpoint, Ready
from ..settings import Settings
from ..wire.answering import OPEN_LINKS
from ..wire.tls import Authority
from ..wire.transcript import TranscriptRing
from ..world.journal import Event
from ..world.world import World
from .binding import StartError, bound, bound_unix, check_hidden, chosen, client_host, is_loopback
from .looking import Look, Looks
from .probing import Probes

if TYPE_CHECKING:  # most internets are well
    from ..faults.faults import Faults
    from ..webhooks.webhooks import Webhooks

__all__ = ["StartError", "Supervised", "Supervisor", "client_host", "is_loopback", "token_for"]

RESTART_DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each restart of a service that keeps dying; the last for ever."""
HEALTHY_SECONDS = 60.0
"""A service that ran for so long starts again with the first delay."""
STATELESS = frozenset({"echo", "http", "control"})
"""Protocols whose clients need not be told of a reset."""


class Supervised:
    """One service as the supervisor sees it."""

    def __init__(self, service: Service, sockets: list[socket.socket], context: ServiceContext) -> None:
        self.service, self.sockets, self.context = service, sockets, context
        self.running: Running | None = None
        self.status = "bound"
        self.restarts = 0
        self.last_error = ""
        self.watcher: asyncio.Task[None] | None = None
        self.port = int(sockets[0].getsockname()[1])


class Supervisor:
    """The services of one world."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        authority: Authority,
        transcripts: TranscriptRing,
        log: logging.Logger,
        say: Callable[[str], None] = lambda text: None,
        ready: Callable[[], Ready] | None = None,
        mounts: Mounts | None = None,
        make_webhooks: Callable[[Supervisor], Webhooks] | None = None,
    ) -> None:
        self.world, self.settings, self.authority, self.transcripts = world, settings, authority, transcripts
        self.log, self.say, self.ready, self.mounts = log, say, ready, mounts
        self.control_token = token_for(settings)
        """What the control service asks of its clients; None for nothing."""
        self.supervised: dict[str, Supervised] = {}
        self._faults: Faults | None = None
        self._webhooks: Webhooks | None = None
        self._make_webhooks = make_webhooks
        self._unwatch: Callable[[], None] | None = None
        self._stopping = False
        self._probes = Probes(authority, transcripts)
        self._looks = Looks(self._probes, self.supervised)

    # -- faults

    @property
    def faults(self) -> Faults:
        """What goes wrong, on purpose; made when first asked for."""
        if self._faults is None:
            self._faults = self._make_faults()
            self._arm(self._faults)
        return self._faults

    def _make_faults(self) -> Faults:
        from ..faults.faults import FaultError, Faults

        given = (*self.world.fixture_faults, *self.settings.faults)
        try:
            log = self.log.getChild("faults")
            return Faults(self.world, chosen(self.settings), given, log, spared=self._probes.peers)
        except FaultError as error:
            raise StartError(f"a fault cannot work: {error}") from None

    def _arm(self, faults: Faults) -> None:
        for supervised in self.supervised.values():
            faults.serve(supervised.context, functools.partial(_links, supervised))

    # -- webhooks

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of events; made when first asked for."""
        if self._webhooks is None:
            if self._make_webhooks is None or self._stopping:
                raise StartError("this internet has no webhooks now")
            self._webhooks = self._make_webhooks(self)
        return self._webhooks

    @property
    def has_webhooks(self) -> bool:
        """Whether there has been one."""
        return self._webhooks is not None

    def _add_webhooks(self) -> None:
        """Those of the settings."""
        for line in self.settings.webhooks:
            from ..webhooks.errors import WebhookError, WebhookExists

            try:
                webhook = self.webhooks.add_line(line)
            except (WebhookError, WebhookExists) as error:
                raise StartError(f"a webhook cannot work: {error}") from None
            secret = "" if "secret=" in line else f"; its secret is {webhook.secret}"
            self.say(f"webhook {webhook.name} is told of events at {webhook.url}{secret}")

    # -- starting

    async def start(self) -> None:
        """Bind all, start all, and return when all have answered; StartError, and then nothing is left."""
        try:
            if self.settings.faults or self.world.fixture_faults:
                self._faults = self._make_faults()
            self._bind()
            for supervised in self.supervised.values():
                await self._start(supervised)
            await asyncio.gather(*(self._probe(supervised) for supervised in self.supervised.values()))
            self.world.journal.begin_again()  # what probes said is nothing that a test should see
            self._add_webhooks()
        except BaseException:
            await self.stop(0)
            raise
        if self._faults is not None:  # after the probes: no fault keeps an internet from starting
            self._arm(self._faults)
        self._probes.start_is_over()
        self._unwatch = self.world.watch(self._world_was_reset, "reset")
        self.world.scratch[OPEN_LINKS] = self._open_links
        for supervised in self.supervised.values():
            supervised.status = "running"
            supervised.watcher = asyncio.create_task(self._watch(supervised), name=f"watch {supervised.service.name}")
        if "control" in self.supervised and self.control_token and not self.settings.control_token:
            self.say(f"the control API can be reached from other machines; its token is {self.control_token}")

    def _open_links(self) -> Iterable[Any]:
        return (link for supervised in self.supervised.values() for link in _links(supervised))

    def _bind(self) -> None:
        locks: dict[str, dict[object, object]] = {}
        services = chosen(self.settings)
        check_hidden(self.settings)
        for service in services:
            sockets = bound(service, self.settings, self.say)
            context = self._context(service, locks.setdefault(service.protocol, {}))
            self.supervised[service.name] = Supervised(service, sockets, context)

    def _context(self, service: Service, locks: dict[object, object]) -> ServiceContext:
        known_as = (service.name, service.protocol)
        return ServiceContext(
            service=service,
            world=self.world,
            settings=self.settings,
            authority=self.authority,
            transcripts=self.transcripts,
            log=self.log.getChild(service.name),
            hidden=self.settings.hidden(*known_as),
            profile=self.settings.profile(*known_as),
            locks=locks,
            internet=self if service.protocol == "control" else None,
            mounts=self.mounts if service.protocol == "http" else None,
        )

    async def _start(self, supervised: Supervised) -> None:
        service = supervised.service
        module = importlib.import_module(service.module)
        sockets = [*(listening.dup() for listening in supervised.sockets), *bound_unix(service, self.settings)]
        supervised.status = "starting"
        if service.kind == "session":
            make_session = cast(MakeSession, module.make_session)
            supervised.running = await serving.serve(supervised.context, sockets, make_session)
        else:
            supervised.running = await cast(Serve, module.serve)(supervised.context, sockets)

    async def _probe(self, supervised: Supervised) -> None:
        await self._probes.ask(supervised.service, supervised.sockets[0])

    def warm(self) -> None:
        """Import what services have put off until a client asks for it; in a thread, so that nobody is held up by it."""
        for supervised in tuple(self.supervised.values()):
            warm = getattr(sys.modules[supervised.service.module], "warm", None)
            if warm is not None:
                warm()

    # -- watching

    async def _watch(self, supervised: Supervised) -> None:
        """Start a service again whenever it ends by itself, after growing delays."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            started = loop.time()
            await self._until_it_ends(supervised)
            if self._stopping:
                return
            attempt = 0 if loop.time() - started > HEALTHY_SECONDS else attempt
            delay = RESTART_DELAYS[min(attempt, len(RESTART_DELAYS) - 1)]
            supervised.status, attempt = "restarting", attempt + 1
            self.say(f"{supervised.service.name} ended ({supervised.last_error}); starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            await self._restart(supervised)

    async def _until_it_ends(self, supervised: Supervised) -> None:
        try:
            if supervised.running is None:
                return
            await supervised.running.wait()
            supervised.last_error = "for no stated reason"
        except Exception as error:
            supervised.last_error = str(error) or type(error).__name__
            self.log.exception("%s ended", supervised.service.name)

    async def _restart(self, supervised: Supervised) -> None:
        name = supervised.service.name
        try:
            if supervised.running is not None:
                await supervised.running.drain(0)
            supervised.running = None
            await self._start(supervised)
            await self._probe(supervised)
        except Exception as error:
            supervised.last_error = str(error) or type(error).__name__
            self.log.exception("%s did not start again", name)
            return
        supervised.restarts += 1
        supervised.status = "running"
        self.say(f"{name} runs again on port {supervised.port}")

    async def restart(self, name: str) -> bool:
        """Stop a service and start it again on the sockets it has; False where it did not start. KeyError."""
        supervised = self.supervised[name]
        if supervised.watcher is not None:
            supervised.watcher.cancel()
            await asyncio.gather(supervised.watcher, return_exceptions=True)
        supervised.status = "restarting"
        started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        work = self._restart_and_watch(supervised, started)
        supervised.watcher = asyncio.create_task(work, name=f"watch {name}")
        return await started

    async def _restart_and_watch(self, supervised: Supervised, started: asyncio.Future[bool]) -> None:
        try:
            await self._restart(supervised)
        finally:
            if not started.done():
                started.set_result(supervised.status == "running")
        await self._watch(supervised)

    def _world_was_reset(self, event: Event) -> None:
        if self._faults is not None and event.change.name == "seed":
            self._faults.reset()
        if self.settings.on_reset != "dismiss":
            return
        for supervised in self.supervised.values():
            if supervised.running is not None and supervised.service.protocol not in STATELESS:
                supervised.running.dismiss("the world was reset")

    # -- stopping

    async def stop(self, drain: float | None = None) -> None:
        """Stop listening, let conversations end for so many seconds (the settings' by default), end the rest."""
        self._stopping = True
        if self._faults is not None:
            self._faults.clear()  # none of them keeps a conversation from ending
        seconds = self.settings.drain if drain is None else drain
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        supervised = list(self.supervised.values())
        watchers = [one.watcher for one in supervised if one.watcher is not None]
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        for one in supervised:
            _close_all(one.sockets)
        running = [one.running for one in supervised if one.running is not None]
        results = await asyncio.gather(*(service.drain(seconds) for service in running), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                self.log.error("a service did not stop well", exc_info=result)
        if self._webhooks is not None:  # after the services: what their last conversations brought is told as well
            await self._webhooks.drain(seconds)
            self._webhooks = None
        await self._looks.stop()
        self.supervised.clear()

    # -- what there is

    async def look(self) -> Look:
        """Whether every service answers now, or did a moment ago."""
        return await self._looks.newest()

    def endpoint(self, name: str) -> Endpoint:
        """Where a service is reached; KeyError."""
        supervised = self.supervised[name]
        service, port = supervised.service, supervised.port
        host = self.settings.public_host or client_host(self.settings.host)
        shown = f"[{host}]" if ":" in host else host
        return Endpoint(host, port, service.tls, f"{service.scheme}://{shown}:{port}")

    def endpoints(self) -> dict[str, Endpoint]:
        """All services by name."""
        return {name: self.endpoint(name) for name in self.supervised}


def token_for(settings: Settings) -> str | None:
    """The token of the control API: the settings', or beyond loopback one that is made up."""
    if settings.control_token or is_loopback(settings.host):
        return settings.control_token or None
    return secrets.token_urlsafe(18)


def _links(supervised: Supervised) -> Iterable[Any]:
    """The connections that a service has now."""
    return getattr(supervised.running, "links", ())


def _close_all(sockets: list[socket.socket]) -> None:
    for listening in sockets:
        with contextlib.suppress(OSError):
            listening.close()
