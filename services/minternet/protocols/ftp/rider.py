"""Drives pyftpdlib's loop from asyncio's, without a thread.

A poller that is a descriptor of its own (epoll, kqueue, /dev/poll) becomes readable when any of its sockets is ready,
so the asyncio loop watches just that one. Where there is none (select, poll), it is asked every few milliseconds.
Timers of pyftpdlib's are kept by one timer here, which is never later than the soonest of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pyftpdlib.ioloop import IOLoop

ASK_EVERY = 0.005
"""Seconds between two looks, where a poller has no descriptor to watch."""
LONGEST_SLEEP = 3600.0
"""Seconds; a timer further away is set again then."""


class Rider:
    """One pyftpdlib IOLoop on the running asyncio loop; `failed` hears of an error that escapes from it."""

    def __init__(self, failed: Callable[[BaseException], None], make_poller: Callable[[], Any] = IOLoop) -> None:
        self.poller: Any = make_poller()
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._watched: int | None = self.poller.fileno() if hasattr(self.poller, "fileno") else None
        self._closed = False
        if self._watched is not None:
            self._loop.add_reader(self._watched, self.step)
        self.step()

    def step(self) -> None:
        """Do what is ready, and see to it that what comes next is done in time."""
        if self._closed:
            return
        try:
            soonest = self.poller.loop(timeout=0, blocking=False)
        except Exception as error:
            self.close()
            self._failed(error)
            return
        if not self._closed:
            self._arm(soonest)

    def wake(self) -> None:
        """Something was scheduled from outside: look at the timers again."""
        if not self._closed:
            self._arm(0.0)

    def close(self) -> None:
        """Close everything that is open on the loop, and the loop."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
        self.poller.close()

    def _arm(self, soonest: float | None) -> None:
        wait = LONGEST_SLEEP if soonest is None else min(soonest, LONGEST_SLEEP)
        if self._watched is None:
            wait = min(wait, ASK_EVERY)
        due = self._loop.time() + wait
        if self._timer is not None:
            if self._due <= due:
                return  # it looks again then, which is early enough: cheaper than a new timer for every step
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.step()
