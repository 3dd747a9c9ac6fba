"""The world's clock in a test's hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..world.clock import Clock
from .link import Link


class ClockHandle:
    """Stops and moves on the world's time: dates, tokens' expiry and greylisting follow."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def now(self) -> datetime:
        """The world's time, in UTC."""
        return self._link.world.clock.datetime()

    def freeze(self, at: datetime | float | None = None) -> datetime:
        """Stop at a time (seconds since 1970, or a datetime), by default at now."""
        return self._set(lambda clock: clock.freeze(at))

    def advance(self, seconds: float) -> datetime:
        """Move on; ValueError on a negative number."""
        return self._set(lambda clock: clock.advance(seconds))

    def resume(self) -> datetime:
        """Run with the machine's time again."""
        return self._set(Clock.resume)

    def _set(self, change: Callable[[Clock], None]) -> datetime:
        async def on_loop() -> None:
            change(self._link.world.clock)

        if self._link.on_loop:
            change(self._link.world.clock)
        else:
            self._link.call(on_loop())
        return self.now
