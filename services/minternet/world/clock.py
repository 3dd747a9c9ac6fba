"""The world's own time and chance, so that a run can be frozen, moved on and repeated."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Moment: TypeAlias = datetime
"""A datetime, in a class that has a method of that name."""


class Clock:
    """Seconds since 1970, and seconds that have passed; both are the machine's until frozen, and moved on by hand.

    The date may be set to anything (`freeze(at)`), and goes back to the machine's (`resume`). The time that passes never
    jumps: it stands while frozen, is moved on by `advance` alone, and then runs on from where it was.
    """

    def __init__(self, date: Callable[[], float] = time.time, passing: Callable[[], float] = time.monotonic) -> None:
        self._date, self._passing = date, passing
        # Each is replaced as a whole, so that a reader on another thread sees one moment, never the half of two.
        self._dated: tuple[float | None, float] = (None, 0.0)
        """The date it stands at, or None, and how far it was moved on."""
        self._passed: tuple[float, float | None] = (0.0, 0.0)
        """What had passed when it was last set by hand, and the machine's own time then; None while it stands."""
        self._watchers: dict[object, Callable[[], None]] = {}

    def now(self) -> float:
        """Seconds since 1970."""
        stands_at, ahead = self._dated
        return (self._date() if stands_at is None else stands_at) + ahead

    def monotonic(self) -> float:
        """Seconds that pass: none while frozen, and those that `advance` adds. For time-outs; their zero means nothing."""
        passed, since = self._passed
        return passed if since is None else passed + (self._passing() - since)

    def datetime(self) -> Moment:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def frozen(self) -> bool:
        return self._dated[0] is not None

    def freeze(self, at: float | Moment | None = None) -> None:
        """Stop at a date, by default at now; no time passes on the way there. ValueError beyond year 9999."""
        moment = at.timestamp() if isinstance(at, datetime) else at
        self._dated = _checked(self.now() if moment is None else moment), 0.0
        self._passed = self.monotonic(), None
        self._tell()

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass; what waits for a time is told. ValueError on a negative number, beyond year 9999."""
        if not seconds >= 0:
            raise ValueError("a clock only moves on")
        _checked(self.now() + seconds)
        (stands_at, ahead), (passed, since) = self._dated, self._passed
        if since is not None:
            machine = self._passing()
            passed, since = passed + (machine - since), machine
        self._dated, self._passed = (stands_at, ahead + seconds), (passed + seconds, since)
        self._tell()

    def resume(self) -> None:
        """Be at the machine's date again, and let time pass from here on."""
        self._dated = None, 0.0
        if self._passed[1] is None:
            self._passed = self._passed[0], self._passing()
        self._tell()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever the clock is set by hand, on the thread that sets it; returns what ends it."""
        key = object()
        self._watchers[key] = callback

        def unwatch() -> None:
            self._watchers.pop(key, None)

        return unwatch

    def _tell(self) -> None:
        for callback in tuple(self._watchers.values()):
            callback()


def _checked(moment: float) -> float:
    """A date that can be told of; ValueError."""
    try:
        datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("no date: a clock goes from year 1 to year 9999") from error
    return moment


class Chance:
    """Randomness that a seed repeats: for identifiers, nonces and jitter; never for secrets of value."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)

    def token(self, octets: int = 8) -> str:
        """Hexadecimal digits of that many octets."""
        return self.random.randbytes(octets).hex()
