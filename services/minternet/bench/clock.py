"""The world's clock in a test's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from ..world.clock import Clock
from .blocks import block
from .link import Link


class ClockHandle:
    """Stops the world's time and moves it on. Dates, tokens' expiry, greylisting and sessions' time-outs follow at once.

    `reset()` and `restore()` of the internet leave the clock as it is. On the internet's own loop, all of this may be called
    as it is: nothing waits.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def now(self) -> datetime:
        """The world's time, in UTC."""
        return self._link.world.clock.datetime()

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._link.world.clock.frozen

    def freeze(self, at: datetime | float | None = None) -> datetime:
        """Stop at a date (with a time zone, or in local time; or seconds since 1970), by default at now; nobody times out.

        The way there is no time that passes: what waits, waits as long as before. ValueError beyond year 9999.
        """
        if at is not None and not isinstance(at, datetime | float | int):
            raise TypeError(f"freeze at a datetime, or at seconds since 1970, not at {at!r}")
        return self._set(lambda clock: clock.freeze(at))

    def advance(self, by: float | timedelta | datetime) -> datetime:
        """Let time pass: so many seconds, or until a date. Who has waited for too long by then is told so at once.

        ValueError on a negative number, a date in the past, and beyond year 9999.
        """
        return self._set(lambda clock: clock.advance(_seconds(by, clock.now())))

    def resume(self) -> datetime:
        """Be at the machine's date again, and let time pass from here on."""
        return self._set(Clock.resume)

    @block
    def frozen(self, at: datetime | float | None = None) -> Iterator[ClockHandle]:
        """Frozen while a block lasts; after it the clock runs again, or stands where it stood before.

        with net.clock.frozen() as clock:
            clock.advance(1801)
        """
        before = self.now if self.is_frozen else None
        self.freeze(at)
        try:
            yield self
        finally:
            if before is None:
                self.resume()
            else:
                self.freeze(before)

    def _set(self, change: Callable[[Clock], None]) -> datetime:
        async def on_loop() -> datetime:
            return changed()

        def changed() -> datetime:
            clock = self._link.world.clock
            change(clock)
            return clock.datetime()

        return changed() if self._link.on_loop else self._link.call(on_loop())


def _seconds(by: float | timedelta | datetime, now: float) -> float:
    if isinstance(by, datetime):
        return by.timestamp() - now
    return by.total_seconds() if isinstance(by, timedelta) else by
