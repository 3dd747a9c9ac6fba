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
import ipaddress
import logging
import secrets
import socket
import ssl
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from . import registry
from .protocols import serving
from .protocols.context import MakeSession, Running, Serve, Service, ServiceContext
from .protocols.http.mounts import Mounts
from .ready import Endpoint, Ready
from .settings import Settings
from .wire.answering import OPEN_LINKS
from .wire.listener import PortInUse, bind, bind_udp, bind_unix
from .wire.tls import Authority
from .wire.transcript import TranscriptRing
from .world.journal import Event
from .world.world import World

if TYPE_CHECKING:  # most internets are well
    from .faults.faults import Faults
    from .webhooks.webhooks import Webhooks

PROBE_SECONDS = 10.0
"""How long a service may take to answer its first probe."""
RESTART_DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each restart of a service that keeps dying; the last for ever."""
HEALTHY_SECONDS = 60.0
"""A service that ran for so long starts again with the first delay."""
STATELESS = frozenset({"echo", "http", "control"})
"""Protocols whose clients need not be told of a reset."""


class StartError(RuntimeError):
    """An internet that cannot start; its text says what to do."""


class Supervised:
    """One service as the supervisor sees it."""

    def __init__(self, service: Service, sockets: list[socket.socket], context: ServiceContext) -> None:
        self.service, self.sockets, self.context = service, sockets, context
        self.running: Running | None = None
        self.status = "bound"
        self.restarts = 0
        self.last_error = ""
        self.watcher: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return int(self.sockets[0].getsockname()[1])


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
        self._started = self._stopping = False
        self._probed_from: set[tuple[str, int]] = set()
        """Where probes come from, while they ask: faults spare them, and transcripts forget them."""

    @functools.cached_property
    def _trusting(self) -> ssl.SSLContext:
        """What probes verify certificates with: the same as a client's."""
        return self.authority.client_context()

    # -- faults

    @property
    def faults(self) -> Faults:
        """What goes wrong, on purpose; made when first asked for."""
        if self._faults is None:
            self._faults = self._make_faults()
            self._arm(self._faults)
        return self._faults

    def _make_faults(self) -> Faults:
        from .faults.faults import FaultError, Faults

        given = (*self.world.fixture_faults, *self.settings.faults)
        try:
            log = self.log.getChild("faults")
            return Faults(self.world, chosen(self.settings), given, log, spared=self._probed_from)
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
            from .webhooks.errors import WebhookError, WebhookExists

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
            self._forget_probes()
            self._add_webhooks()
        except BaseException:
            await self.stop(0)
            raise
        if self._faults is not None:  # after the probes: no fault keeps an internet from starting
            self._arm(self._faults)
        self._started = True
        self._probed_from.clear()
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
        for service in chosen(self.settings):
            port = self._port(service)
            try:
                bind_one = bind_udp if service.kind == "datagram" else bind
                sockets = bind_one(self.settings.host, port)
            except PortInUse as error:
                if service.any_port and service.name not in self.settings.ports:
                    sockets = bind(self.settings.host, 0)
                    self.say(
                        f"port {port} is in use; {service.name} listens on port {sockets[0].getsockname()[1]} instead"
                    )
                    self._supervise(service, sockets, locks)
                    continue
                raise StartError(
                    f"port {port} for {service.name} is in use on {error.host}: stop what listens there, or say"
                    f" --port {service.name}=PORT, --offset N or --ephemeral"
                ) from None
            except ValueError:
                raise StartError(
                    f"{self.settings.host!r} is no address to listen on: say --host with an IP address of this machine"
                    " (names are not looked up), or localhost"
                ) from None
            except OSError as error:
                raise StartError(
                    f"cannot listen on {self.settings.host} port {port} for {service.name} ({error.strerror or error}):"
                    " say --host ADDRESS with an address of this machine, or --offset for ports above 1023"
                ) from None
            self._supervise(service, sockets, locks)

    def _supervise(
        self, service: Service, sockets: list[socket.socket], locks: dict[str, dict[object, object]]
    ) -> None:
        shared = locks.setdefault(service.protocol, {})
        self.supervised[service.name] = Supervised(service, sockets, self._context(service, shared))

    def _bind_unix(self, service: Service) -> list[socket.socket]:
        """The UNIX socket of a service of sessions, where a folder for them is named; it goes with its listener."""
        if self.settings.unix_folder is None or service.kind != "session":
            return []
        path = Path(self.settings.unix_folder) / f"{service.name}.sock"
        try:
            return [bind_unix(path)]
        except OSError as error:
            raise StartError(f"cannot listen on {path} ({error.strerror or error}): name another unix_folder") from None

    def _port(self, service: Service) -> int:
        chosen_port = self.settings.ports.get(service.name)
        if chosen_port is not None:
            return chosen_port
        return 0 if self.settings.ephemeral else service.port + self.settings.offset

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
        sockets = [*(listening.dup() for listening in supervised.sockets), *self._bind_unix(service)]
        supervised.status = "starting"
        if service.kind == "session":
            make_session = cast(MakeSession, module.make_session)
            supervised.running = await serving.serve(supervised.context, sockets, make_session)
        else:
            supervised.running = await cast(Serve, module.serve)(supervised.context, sockets)

    async def _probe(self, supervised: Supervised) -> None:
        """Ready is a service that has answered what a client would say first."""
        service = supervised.service
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._probe_socket(service, supervised.sockets[0])
        except (OSError, TimeoutError, EOFError, ssl.SSLError) as error:
            reason = str(error) or "no answer"
            raise StartError(f"{service.name} does not answer on port {supervised.port}: {reason}") from error

    async def _probe_socket(self, service: Service, listening: socket.socket) -> None:
        say, expected = service.probe
        if not expected:
            return
        host, port = reachable(listening)
        if service.kind == "datagram":
            await self._probe_datagram(say, expected, (host, port))
            return
        context = self._trusting if service.tls == "implicit" else None
        name = "localhost" if context else None
        probe = socket.socket(listening.family)
        with contextlib.closing(probe):
            probe.setblocking(False)
            probe.bind((host, 0))
            peer = probe.getsockname()[:2]
            self._probed_from.add(peer)  # before it connects: no fault is for it
            try:
                await asyncio.get_running_loop().sock_connect(probe, (host, port))
                reader, writer = await asyncio.open_connection(sock=probe, ssl=context, server_hostname=name)
                try:
                    writer.write(say)
                    answer = await reader.readexactly(len(expected))
                finally:
                    writer.transport.abort()
            finally:
                self.transcripts.forget_peers({peer})
                if self._started:
                    self._probed_from.discard(peer)
        if answer != expected:
            raise OSError(f"it answered {answer!r}")

    def _forget_probes(self) -> None:
        """What was said while starting is nothing that a test should see."""
        self.world.journal.begin_again()

    async def _probe_datagram(self, say: bytes, expected: bytes, address: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.connect(address)
            probe.send(say)
            answer = await asyncio.get_running_loop().sock_recv(probe, len(expected) + 1)
        if answer != expected:
            raise OSError(f"it answered {answer!r}")

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
        self.supervised.clear()

    # -- what there is

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


def chosen(settings: Settings) -> list[Service]:
    """The services that the settings ask for; StartError on a name that is none."""
    known = registry.by_name()
    wanted = settings.services or registry.names(on=True)
    unknown = [name for name in (*wanted, *settings.ports, *settings.hide, *settings.profiles) if name not in known]
    protocols = {service.protocol for service in known.values()}
    for name in unknown:
        if name in protocols and name not in wanted and name not in settings.ports:
            continue
        raise StartError(f"no service is called {name!r}; there are {', '.join(known)}")
    return [service for service in registry.SERVICES if service.name in wanted]


def token_for(settings: Settings) -> str | None:
    """The token of the control API: the settings', or beyond loopback one that is made up."""
    if settings.control_token or is_loopback(settings.host):
        return settings.control_token or None
    return secrets.token_urlsafe(18)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_host(host: str) -> str:
    """The address by which a client on this machine reaches a listener."""
    return {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def reachable(listening: socket.socket) -> tuple[str, int]:
    """The address by which a listening socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    return client_host(host), port


def _links(supervised: Supervised) -> Iterable[Any]:
    """The connections that a service has now."""
    return getattr(supervised.running, "links", ())


def _close_all(sockets: list[socket.socket]) -> None:
    for listening in sockets:
        with contextlib.suppress(OSError):
            listening.close()
