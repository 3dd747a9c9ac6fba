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
    """Seconds since 1970; real until frozen, and moved on by hand."""

    def __init__(self) -> None:
        self._frozen: float | None = None
        self._ahead = 0.0
        self._watchers: list[Callable[[], None]] = []

    def now(self) -> float:
        """Seconds since 1970."""
        return (time.time() if self._frozen is None else self._frozen) + self._ahead

    def monotonic(self) -> float:
        """Seconds that only grow, and that `advance` moves on: for timeouts."""
        return (time.monotonic() if self._frozen is None else 0.0) + self._ahead

    def datetime(self) -> Moment:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self, at: float | Moment | None = None) -> None:
        """Stop at a time, by default at now."""
        moment = at.timestamp() if isinstance(at, datetime) else at
        self._frozen, self._ahead = self.now() if moment is None else moment, 0.0
        self._tell()

    def advance(self, seconds: float) -> None:
        """Move on by that many seconds; what waits for a time is told."""
        if seconds < 0:
            raise ValueError("a clock only moves on")
        self._ahead += seconds
        self._tell()

    def resume(self) -> None:
        """Run with the machine's time again."""
        self._frozen, self._ahead = None, 0.0
        self._tell()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever the clock is set by hand; returns what ends it."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def _tell(self) -> None:
        for callback in tuple(self._watchers):
            callback()


class Chance:
    """Randomness that a seed repeats: for identifiers, nonces and jitter; never for secrets of value."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)

    def token(self, octets: int = 8) -> str:
        """Hexadecimal digits of that many octets."""
        return self.random.randbytes(octets).hex()
