"""The user's own ASGI applications, by host name: who answers for a host, and their start and end (ASGI lifespan).

An internet has one such table for all its HTTP services, so that an application starts once however it is reached.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]
STARTUP, SHUTDOWN = "lifespan.startup", "lifespan.shutdown"
SHUTDOWN_SECONDS = 5.0
"""How long an application may take to shut down before it is left alone."""


class MountFailed(RuntimeError):
    """An application says that it cannot start, and why."""


class Lifespan:
    """One application's start and end. `state` is what it keeps for its requests."""

    def __init__(self, app: App, log: logging.Logger) -> None:
        self.app, self.log = app, log
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._said: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let it start up; MountFailed. An application that knows no lifespan just serves."""
        self._task = asyncio.create_task(self._run(), name="lifespan of a mounted application")
        self._events.put_nowait({"type": STARTUP})
        said = await self._said.get()
        if said["type"] == f"{STARTUP}.failed":
            await asyncio.gather(self._task, return_exceptions=True)
            raise MountFailed(said.get("message") or "the application failed to start")

    async def stop(self) -> None:
        """Let it shut down; what goes wrong is logged."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        self._events.put_nowait({"type": SHUTDOWN})
        try:
            said = await asyncio.wait_for(self._said.get(), SHUTDOWN_SECONDS)
            if said["type"] == f"{SHUTDOWN}.failed":
                self.log.error("a mounted application failed to shut down: %s", said.get("message", ""))
        except TimeoutError:
            self.log.error("a mounted application did not shut down within %g s", SHUTDOWN_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self._events.get, self._hear)
        except Exception as error:
            self.log.debug("a mounted application left its lifespan: %s", error, exc_info=error)
        self._said.put_nowait({"type": "ended"})

    async def _hear(self, message: Mapping[str, Any]) -> None:
        self._said.put_nowait(message)


class Mounts:
    """Applications by host name, in lower case; "*.name" is any host below that name."""

    def __init__(self, apps: Mapping[str, App] | None = None, log: logging.Logger | None = None) -> None:
        self.log = log or logging.getLogger(__name__)
        self.apps: dict[str, App] = {}
        self._lives: dict[int, Lifespan] = {}
        self._live = False
        for host, app in (apps or {}).items():
            self.add(host, app)

    def __bool__(self) -> bool:
        return bool(self.apps)

    def add(self, host: str, app: App) -> None:
        """Let an application answer for a host; its lifespan is the caller's."""
        self.apps = {**self.apps, host.lower(): app}

    # -- from the internet's start to its end

    async def start(self) -> None:
        """Start all applications, each once; MountFailed, and then none runs."""
        self._live = True
        try:
            for app in self.apps.values():
                await self._start(app)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Shut all applications down, the last one first."""
        self._live = False
        lives, self._lives = self._lives, {}
        for life in reversed(lives.values()):
            await life.stop()

    async def mount(self, host: str, app: App) -> None:
        """Let an application answer for a host from now on; MountFailed, and then who answered before still does."""
        if self._live:
            await self._start(app)
        before = self.apps.get(host.lower())
        self.add(host, app)
        if before is not None:
            await self._release(before)

    async def unmount(self, host: str) -> None:
        """The host is the world's again; KeyError."""
        app = self.apps[host.lower()]
        self.apps = {name: other for name, other in self.apps.items() if name != host.lower()}
        await self._release(app)

    async def _start(self, app: App) -> None:
        if id(app) not in self._lives:
            life = self._lives[id(app)] = Lifespan(app, self.log)
            try:
                await life.start()
            except BaseException:
                del self._lives[id(app)]
                raise

    async def _release(self, app: App) -> None:
        """Shut an application down that answers for no host any more."""
        if not any(other is app for other in self.apps.values()) and (life := self._lives.pop(id(app), None)):
            await life.stop()

    # -- for each request

    def find(self, host: str) -> App | None:
        """Who answers for the host (with or without a port): its own application, or that of the nearest name above it."""
        name, colon, port = host.lower().rpartition(":")
        if not colon or not port.isdigit():
            name = host.lower()
        if name in self.apps:
            return self.apps[name]
        parts = name.split(".")
        wild = ("*." + ".".join(parts[at:]) for at in range(1, len(parts)))
        return next((self.apps[each] for each in wild if each in self.apps), None)

    def state(self, app: App) -> dict[str, Any]:
        """A copy of what the application keeps for its requests."""
        life = self._lives.get(id(app))
        return {} if life is None else dict(life.state)
