"""An internet: a world and its servers as one context manager, with or without `async`.

    with Internet() as net:
        smtplib.SMTP(*net.smtp.address)

A plain `with` runs everything on a loop in a thread of its own; `async with` runs it on the caller's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from .. import bench
from ..bench.link import Link
from ..bench.waiting import DEFAULT_TIMEOUT, Wait
from ..protocols.http.mounts import App
from ..ready import Endpoint
from ..world.changes import AddAccount, Change, Reset, Result
from ..world.journal import Event
from ..world.records import Account
from .life import Life, default_fixtures, loop_factory, not_running, parts_of_webhooks

if TYPE_CHECKING:
    from ..lint import Finding

__all__ = ["Internet", "default_fixtures", "loop_factory"]

Value = TypeVar("Value")


class Internet(Life):
    """A world and its servers. Ports are free ones unless the settings say otherwise.

    `fixtures` are a folder, a file of JSON or TOML, or a dict (docs/fixtures.md); none: the settings', or the default ones.
    `mounts` are ASGI applications by host name: see `mount`.
    """

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
            raise not_running()
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

    @property
    def mail(self) -> bench.MailHandle:
        """All mailboxes of all accounts as one, and waits for mail wherever it lands."""
        return bench.MailHandle(self._link)

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
        parts_of_webhooks()  # in the caller's thread, so that the loop does not wait for it
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

    # -- changing it, from any thread

    def call(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run a coroutine on the internet's loop and wait for its result; for threads that are not the loop's."""
        if self._loop is None:
            work.close()
            raise not_running()
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
