"""An internet: a world and its servers as one context manager, with or without `async`.

    with Internet() as net:
        smtplib.SMTP(*net.smtp.address)

A plain `with` runs everything on a loop in a thread of its own; `async with` runs it on the caller's loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from . import bench
from .bench.link import Link
from .bench.waiting import DEFAULT_TIMEOUT, Wait
from .protocols.http.mounts import App, MountFailed, Mounts
from .ready import Control, Credentials, Endpoint, Ready
from .settings import Settings
from .supervisor import StartError, Supervisor, client_host
from .wire.tls import Authority
from .wire.transcript import TranscriptRing
from .world.changes import AddAccount, Change, Reset, Result
from .world.journal import Event
from .world.records import Account
from .world.seed import Source, load
from .world.world import World

if TYPE_CHECKING:
    from .control.webhooks import EventVoice
    from .lint import Finding
    from .webhooks.webhooks import Surroundings, Webhooks

Value = TypeVar("Value")


def default_fixtures() -> Path:
    """The default fixtures: in the installed package, or in the checkout it is run from."""
    here = Path(__file__).resolve().parent
    for folder in (here / "fixtures" / "default", here.parent.parent / "fixtures" / "default"):
        if (folder / "world.toml").is_file():
            return folder
    raise StartError("the default fixtures are not installed: name a folder with --fixtures FOLDER")


class Internet:
    """A world and its servers. Ports are free ones unless the settings say otherwise.

    `fixtures` are a folder, a file of JSON or TOML, or a dict (docs/fixtures.md); none: the settings', or the default ones.
    `mounts` are ASGI applications by host name: see `mount`.
    """

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
        from . import __version__

        voice, surroundings, webhooks = _parts_of_webhooks()
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
        self._stop_asked = threading.Event()
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
            raise StartError("this internet does not run: use `with Internet() as net:`")
        return self._world

    @property
    def supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise StartError("this internet does not run: use `with Internet() as net:`")
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

    def __getattr__(self, name: str) -> Endpoint:
        """Where a service is reached: `net.smtp`, `net.echo_udp`."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.supervisor.endpoint(name.replace("_", "-"))
        except KeyError:
            there = ", ".join(self.supervisor.supervised)
            raise AttributeError(f"no service {name!r} runs; there are {there}") from None

    # -- the tester's bench

    @property
    def _link(self) -> Link:
        if self._loop is None:
            raise StartError("this internet does not run: use `with Internet() as net:`")
        return Link(lambda: self.world, self._loop, self._loop_thread, self.transcripts)

    def account(self, login: str) -> bench.AccountHandle:
        """An account by login or address: its mailboxes, and waits for mail; AccountMissing."""
        return bench.AccountHandle(self._link, login)

    def add_account(
        self, login: str, password: str = "secret", address: str | None = None, name: str = ""
    ) -> bench.AccountHandle:
        """A new account with the usual mailboxes and a home folder; AccountExists."""
        world = self.world
        record = Account(login, address or f"{login}@{world.accounts.domain}", password, name, f"/home/{login}")
        self.commit(AddAccount(record, world.clock.now()))
        return self.account(login)

    def newsgroup(self, name: str) -> bench.GroupHandle:
        """A newsgroup: its articles, and waits for them; GroupMissing."""
        return bench.GroupHandle(self._link, name)

    @property
    def files(self) -> bench.FilesHandle:
        """The files that FTP and HTTP show."""
        return bench.FilesHandle(self._link)

    @property
    def web(self) -> bench.WebHandle:
        """Programmed routes, and the requests that came."""
        return bench.WebHandle(self._link)

    @property
    def clock(self) -> bench.ClockHandle:
        """The world's clock."""
        return bench.ClockHandle(self._link)

    def mount(self, host: str, app: App) -> None:
        """Let an ASGI application answer for a host by HTTP and HTTPS ("*.name": for every host below the name).

        Its lifespan begins here, or with the internet; MountFailed where it says that it cannot start.
        """
        if self._loop is None:
            self._mounts.add(host, app)
        else:
            self._link.call(self._mounts.mount(host, app))

    async def mount_async(self, host: str, app: App) -> None:
        """The same, on the loop."""
        await self._mounts.mount(host, app)

    def unmount(self, host: str) -> None:
        """The host is the world's again, and an application that answers for no other shuts down; KeyError."""
        self._link.call(self._mounts.unmount(host))

    async def unmount_async(self, host: str) -> None:
        """The same, on the loop."""
        await self._mounts.unmount(host)

    @property
    def faults(self) -> bench.FaultsHandle:
        """What goes wrong, on purpose."""
        return bench.FaultsHandle(self._link, lambda: self.supervisor.faults)

    @property
    def webhooks(self) -> bench.WebhooksHandle:
        """Who is told of events by HTTP."""
        _parts_of_webhooks()  # in the caller's thread, so that the loop does not wait for it
        return bench.WebhooksHandle(self._link, lambda: self.supervisor.webhooks)

    def conversations(self, service: str | None = None, *, since: int = 0) -> list[bench.Conversation]:
        """The conversations that are kept, oldest first: of one service, or with a number above `since`.

        Its own control service is left out where it is not named. Take `net.transcripts.opened` as `since` before an action.
        """
        kept = self.transcripts.conversations(service)
        return [
            bench.Conversation(each)
            for each in kept
            if each.number > since and (service is not None or each.service != "control")
        ]

    def lint(self, service: str | None = None, *, since: int = 0) -> list[Finding]:
        """What clients did wrong in those conversations, by the protocols' own rules: see docs/lint.md."""
        return [finding for each in self.conversations(service, since=since) for finding in each.lint()]

    def cursor(self) -> int:
        """The number of the newest event: taken before an action, and given to a wait as `since`."""
        return self.world.journal.last

    def wait_for(
        self, wanted: Callable[[Event], object], *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> Event:
        """The first event for which the function says yes: of those after the cursor, and those that come."""
        return self._link.call(self.wait_for_async(wanted, since=since, timeout=timeout))

    async def wait_for_async(
        self, wanted: Callable[[Event], object], *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> Event:
        """The same, on the loop."""
        wait: Wait[Event] = Wait(
            self.world,
            "event as wanted",
            (),
            lambda: (),
            lambda event: (event,),
            lambda event: "" if wanted(event) else "not as wanted",
            lambda event: f"{event.number} {type(event.change).__name__}",
        )
        return await wait.first(self.cursor() if since is None else since, timeout)

    def ready(self) -> Ready:
        """What others need to know of it, as the ready file tells it."""
        endpoints = self.supervisor.endpoints()
        control = endpoints.get("control")
        accounts = list(self.world.accounts.by_login.values())
        open_groups = [name for name in sorted(self.world.news.groups) if self.world.news.groups[name].status == "y"]
        from . import __version__

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

    # -- changing it, from any thread

    def call(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run a coroutine on the internet's loop and wait for its result; for threads that are not the loop's."""
        if self._loop is None:
            work.close()
            raise StartError("this internet does not run: use `with Internet() as net:`")
        return self._link.call(work)

    def commit(self, change: Change[Result]) -> Result:
        """Make a change in the world."""
        return self._link.commit(change)

    def reset(self) -> None:
        """Be as the fixtures say again; ports stay, live sessions are told."""
        self.commit(Reset("seed"))

    def start_over(self) -> None:
        """Be as at the start, for the next test: `reset`, and the clock runs, and webhooks that came later are gone."""
        self.clock.resume()
        if self.supervisor.has_webhooks:
            self.webhooks.reset()
        self.reset()

    def snapshot(self, name: str = "snapshot") -> None:
        """Remember the state of now, in the place of what had this name; it costs nothing."""

        async def on_loop() -> None:
            self.world.snapshot(name)

        if self._link.on_loop:
            self.world.snapshot(name)
        else:
            self.call(on_loop())

    def restore(self, name: str = "snapshot") -> None:
        """Be as at the snapshot of that name; live sessions are told. WorldError where there is none."""
        self.commit(Reset(name))


def _parts_of_webhooks() -> tuple[type[EventVoice], type[Surroundings], type[Webhooks]]:
    """What webhooks are made of: loaded when there is to be one, for they speak as the control API does."""
    from .control.webhooks import EventVoice
    from .webhooks.webhooks import Surroundings, Webhooks

    return EventVoice, Surroundings, Webhooks


def loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loops where it is wanted and installed; None for asyncio's own."""
    if settings.uvloop:
        with contextlib.suppress(ImportError):
            import uvloop

            return uvloop.new_event_loop
    return None
