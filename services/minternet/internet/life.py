"""How an internet lives: it starts and stops, on the running loop or on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ..protocols.http.mounts import App, MountFailed, Mounts
from ..ready import Control, Credentials, Ready
from ..settings import Settings
from ..supervisor import StartError, Supervisor, client_host
from ..wire.tls import Authority
from ..wire.transcript import TranscriptRing
from ..world.seed import Source, load
from ..world.world import World

if TYPE_CHECKING:
    from ..control.webhooks import EventVoice
    from ..webhooks.webhooks import Surroundings, Webhooks


def default_fixtures() -> Path:
    """The default fixtures: in the installed package, or in the checkout it is run from."""
    here = Path(__file__).resolve().parent.parent
    for folder in (here / "fixtures" / "default", here.parent.parent / "fixtures" / "default"):
        if (folder / "world.toml").is_file():
            return folder
    raise StartError("the default fixtures are not installed: name a folder with --fixtures FOLDER")


class Life:
    """A world and its servers, and their beginning and end."""

    def __init__(
        self,
        fixtures: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        settings: Settings | None = None,
        world: World | None = None,
        mounts: Mapping[str, App] | None = None,
        log: logging.Logger | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.settings = settings if settings is not None else Settings(ephemeral=True)
        self._fixtures = fixtures if isinstance(fixtures, Mapping) else None
        if fixtures is not None and not isinstance(fixtures, Mapping):
            self.settings = msgspec.structs.replace(self.settings, fixtures=os.fspath(fixtures))
        self.log = log if log is not None else logging.getLogger("minternet")
        self._given_world, self._say = world, say
        self._mounts = Mounts(mounts, self.log.getChild("mounts"))
        self._world: World | None = None
        self._authority: Authority | None = None
        self._supervisor: Supervisor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._thread: threading.Thread | None = None
        self.transcripts = TranscriptRing(self.settings.transcript_octets)

    # -- with

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await self.start_here()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_here()

    # -- on the running loop

    async def start_here(self) -> None:
        """Start on the running loop; StartError or FixtureError, and then nothing is left."""
        if self._supervisor is not None:
            raise StartError("this internet runs already")
        world = self._seed()
        try:
            self._authority = self._authority or self._make_authority()
            supervisor = Supervisor(
                world,
                self.settings,
                self._authority,
                self.transcripts,
                self.log,
                self._say,
                self.ready,
                self._mounts,
                self._make_webhooks,
            )
            self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
            self._world, self._supervisor = world, supervisor
            await self._start_mounts()
            await supervisor.start()
        except BaseException:
            await self._mounts.stop()
            self._forget()
            raise

    async def stop_here(self) -> None:
        """Drain and stop on the running loop."""
        if self._supervisor is not None:
            try:
                await self._supervisor.stop()
                await self._mounts.stop()
            finally:
                self._forget()

    async def _start_mounts(self) -> None:
        try:
            await self._mounts.start()
        except MountFailed as error:
            raise StartError(f"a mounted application does not start: {error}") from error

    def _seed(self) -> World:
        if self._given_world is not None:
            return self._given_world
        source: Source = Path(self.settings.fixtures) if self.settings.fixtures else default_fixtures()
        if self._fixtures is not None:
            source = self._fixtures
        try:
            return load(source, journal_keeps=self.settings.journal_events)
        except OSError as error:
            where = source if isinstance(source, Path) else "the dict given"
            raise StartError(f"cannot read the fixtures in {where}: {error}") from None

    def _make_authority(self) -> Authority:
        folder = Path(self.settings.authority) if self.settings.authority else None
        names = (*self.settings.tls_names, self.settings.public_host or "")
        return Authority(folder, names=filter(None, names))

    def _make_webhooks(self, supervisor: Supervisor) -> Webhooks:
        from .. import __version__

        voice, surroundings, webhooks = parts_of_webhooks()
        limits, running = self.settings.limits, supervisor.supervised
        around = surroundings(
            world=supervisor.world,
            transcripts=self.transcripts,
            voice=voice(),
            agent=f"minternet/{__version__}",
            trusting=self.authority.client_context,
            own_ports=lambda: {one.port for one in running.values()},
            control_ports=lambda: {one.port for one in running.values() if one.service.protocol == "control"},
            log=self.log.getChild("webhooks"),
            most=limits.webhooks,
            timeout=limits.webhook_reply,
        )
        return webhooks(around)

    def _forget(self) -> None:
        if self._world is not None and self._world is not self._given_world:
            self._world.close()
        self._world = self._supervisor = self._loop = None

    # -- in a thread of its own

    def start(self) -> None:
        """Start in a thread with a loop of its own, and return when everything answers."""
        if self._thread is not None:
            raise StartError("this internet runs already")
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="minternet", daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Drain and stop; returns when the thread is gone."""
        if self._thread is None:
            return
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        self._thread = None

    def _run(self, started: concurrent.futures.Future[None]) -> None:
        async def live() -> None:
            self._leave = asyncio.Event()
            try:
                await self.start_here()
            except BaseException as error:
                started.set_exception(error)
                return
            started.set_result(None)
            await self._leave.wait()
            await self.stop_here()

        with asyncio.Runner(loop_factory=loop_factory(self.settings)) as runner:
            runner.run(live())

    # -- what there is

    @property
    def world(self) -> World:
        """The world, to read from; change it with `commit`."""
        if self._world is None:
            raise not_running()
        return self._world

    @property
    def supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise not_running()
        return self._supervisor

    @property
    def authority(self) -> Authority:
        """The test certificate authority."""
        if self._authority is None:
            self._authority = self._make_authority()
        return self._authority

    @property
    def ca_file(self) -> str:
        """The authority's certificate, as PEM, for SSL_CERT_FILE and the like."""
        return str(self.authority.ca_file)

    def ssl_context(self) -> ssl.SSLContext:
        """A client context that trusts the authority."""
        return self.authority.client_context()

    def ready(self) -> Ready:
        """What others need to know of it, as the ready file tells it."""
        endpoints = self.supervisor.endpoints()
        control = endpoints.get("control")
        accounts = list(self.world.accounts.by_login.values())
        open_groups = [name for name in sorted(self.world.news.groups) if self.world.news.groups[name].status == "y"]
        from .. import __version__

        return Ready(
            pid=os.getpid(),
            host=next(iter(endpoints.values())).host if endpoints else self.settings.host,
            services=endpoints,
            accounts=[Credentials(each.login, each.address, each.password) for each in accounts if not each.disabled],
            ca_file=self.ca_file,
            control=Control(control.url, self.supervisor.control_token) if control else None,
            news_group="local.test" if "local.test" in open_groups else next(iter(open_groups), None),
            ftp_writable_dir=accounts[0].home if accounts else None,
            version=__version__,
            name=self.world.name,
            hostname=self.world.hostname,
            local_host=client_host(self.settings.host),
        )


def not_running() -> StartError:
    return StartError("this internet does not run: use `with Internet() as net:`")


def parts_of_webhooks() -> tuple[type[EventVoice], type[Surroundings], type[Webhooks]]:
    """What webhooks are made of: loaded when there is to be one, for they speak as the control API does."""
    from ..control.webhooks import EventVoice
    from ..webhooks.webhooks import Surroundings, Webhooks

    return EventVoice, Surroundings, Webhooks


def loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loops where it is wanted and installed; None for asyncio's own."""
    if settings.uvloop:
        with contextlib.suppress(ImportError):
            import uvloop

            return uvloop.new_event_loop
    return None
