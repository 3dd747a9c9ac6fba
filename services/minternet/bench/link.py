"""How a test's thread reaches a world that belongs to a loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..wire.transcript import TranscriptRing
from ..world.changes import Change, Result
from ..world.world import World

Value = TypeVar("Value")


class Link:
    """A world and the loop it lives on. Changes and waits may be asked for from any thread."""

    def __init__(
        self,
        world: Callable[[], World],
        loop: asyncio.AbstractEventLoop,
        thread: int,
        transcripts: TranscriptRing | None = None,
    ) -> None:
        self._world, self.loop, self.thread, self.transcripts = world, loop, thread, transcripts

    @property
    def world(self) -> World:
        return self._world()

    @property
    def on_loop(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.get_ident() == self.thread

    def commit(self, change: Change[Result]) -> Result:
        """Make a change, on the loop or from another thread."""
        if self.on_loop:
            return self.world.commit_now(change)
        return self.call(self.world.commit(change))

    def call(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run a coroutine on the loop and wait for its result; RuntimeError on the loop's own thread, and after its end."""
        if self.loop.is_closed():
            work.close()
            raise RuntimeError("this internet has stopped: use it inside its `with` block")
        if self.on_loop:
            work.close()
            raise RuntimeError("this would wait on the loop's own thread: await the _async method of the same name")
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()
