"""A world and services of it, for tests: in the test's own loop, or in a thread's for clients that block."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from small_world import small_world

from minternet import registry
from minternet.protocols import serving as protocols_serving
from minternet.protocols.context import Service, ServiceContext
from minternet.settings import Settings
from minternet.wire.listener import bind, bind_udp
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing
from minternet.world.world import World

Result = TypeVar("Result")


class Stage:
    """Services are started when they are first asked for, on free ports of `host`."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        authority: Authority,
        hidden: frozenset[str] = frozenset(),
        host: str = "127.0.0.1",
    ) -> None:
        self.world, self.settings, self.authority, self.hidden, self.host = world, settings, authority, hidden, host
        self.transcripts = TranscriptRing()
        self.log = logging.getLogger("minternet.stage")
        self._running: dict[str, tuple[Any, int]] = {}
        self._locks: dict[str, dict[object, object]] = {}

    def context(self, service: Service) -> ServiceContext:
        """What the supervisor would give the service."""
        return ServiceContext(
            service=service,
            world=self.world,
            settings=self.settings,
            authority=self.authority,
            transcripts=self.transcripts,
            log=self.log,
            hidden=self.hidden,
            locks=self._locks.setdefault(service.protocol, {}),
        )

    async def running(self, name: str) -> tuple[Any, int]:
        """The service of that name, running, and its port."""
        if name not in self._running:
            self._running[name] = await self._start(registry.by_name()[name])
        return self._running[name]

    async def stop(self) -> None:
        """Stop all services, and close the world."""
        for running, _ in self._running.values():
            await running.drain(0)
        self.world.close()

    async def _start(self, service: Service) -> tuple[Any, int]:
        sockets = (bind_udp if service.kind == "datagram" else bind)(self.host, 0)
        port = int(sockets[0].getsockname()[1])
        context, module = self.context(service), importlib.import_module(service.module)
        if service.kind != "session":
            return await module.serve(context, sockets), port
        return await protocols_serving.serve(context, sockets, module.make_session, sweep_every=0.05), port


class Served:
    """Services that run in a thread of their own: `ports` by name, and `call` to get at the world."""

    def __init__(self, stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
        self.stage, self.world, self.authority = stage, stage.world, stage.authority
        self.ports: dict[str, int] = {}
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the services' loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function on the services' loop, and wait for it."""

        async def work() -> Result:
            return function(*arguments)

        return self.run(work())


@contextlib.contextmanager
def serving(
    *names: str,
    authority: Authority,
    world: World | None = None,
    settings: Settings | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Served]:
    """Services of a (small) world, for clients that block."""
    stage = Stage(world or small_world(), settings or Settings(), authority, host=host)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stage")
    thread.start()
    served = Served(stage, loop)
    try:
        served.ports = {name: served.run(stage.running(name))[1] for name in names}
        yield served
    finally:
        served.run(stage.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
