"""Spoilers: what a fault makes of a reply on its way to the client. They know a reply's bytes, and no session.

A spoiler is given the reply piece by piece and puts of it what it likes; `finish` tells it that the reply is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

Put = Callable[[bytes], None]
LONGEST_HELD = 65_536
"""Octets of a last line that are held back until the reply is over."""


class Outlet(Protocol):
    """The server's end of a conversation, past all faults."""

    secure: bool

    def put(self, data: bytes) -> None:
        """Write."""

    def close(self) -> None:
        """Close the connection when all is written."""

    def reset(self) -> None:
        """Reset the connection."""

    def half_close(self) -> None:
        """End the server's direction; under TLS, close."""

    def mute(self) -> None:
        """Write nothing any more, whatever is put."""


def end(outlet: Outlet, how: str) -> None:
    """End a connection as a kind, or an attribute `then`, has it; `wait` leaves it as it is."""
    if how == "close":
        outlet.close()
    elif how == "reset":
        outlet.reset()
    elif how == "half_close":
        outlet.half_close()
    elif how == "silence":
        outlet.mute()


class Spoiler:
    """Lets everything through."""

    def __init__(self, put: Put, outlet: Outlet) -> None:
        self.put, self.outlet = put, outlet

    def __call__(self, data: bytes) -> None:
        self.put(data)

    def finish(self) -> None:
        """The reply is over."""


class Changed(Spoiler):
    """Every piece is changed by a function."""

    def __init__(self, put: Put, outlet: Outlet, change: Callable[[bytes], bytes]) -> None:
        super().__init__(put, outlet)
        self._change = change

    def __call__(self, data: bytes) -> None:
        self.put(self._change(data))


class Lying(Changed):
    """Changed, and in the end the connection is left as `then` has it."""

    def __init__(self, put: Put, outlet: Outlet, change: Callable[[bytes], bytes], then: str) -> None:
        super().__init__(put, outlet, change)
        self._then = then

    def finish(self) -> None:
        end(self.outlet, self._then)


class Truncated(Spoiler):
    """Ends after so many octets."""

    def __init__(self, put: Put, outlet: Outlet, size: int, then: str) -> None:
        super().__init__(put, outlet)
        self._left, self._then, self._over = size, then, False

    def __call__(self, data: bytes) -> None:
        passing = data[: self._left]
        self._left -= len(passing)
        if passing:
            self.put(passing)
        if len(passing) < len(data) and not self._over:
            self._over = True
            end(self.outlet, self._then)


class Halved(Spoiler):
    """The first half of the first piece passes, and then the connection ends."""

    def __init__(self, put: Put, outlet: Outlet, how: str) -> None:
        super().__init__(put, outlet)
        self._how, self._over = how, False

    def __call__(self, data: bytes) -> None:
        if not self._over:
            self._over = True
            self.put(data[: max(1, len(data) // 2)])
            end(self.outlet, self._how)


class Replaced(Spoiler):
    """Nothing of the reply passes but what asks the client to go on; `instead` is done when it is over."""

    def __init__(self, put: Put, outlet: Outlet, asks: re.Pattern[bytes] | None, instead: Callable[[], None]) -> None:
        super().__init__(put, outlet)
        self._asks, self._instead = asks, instead

    def __call__(self, data: bytes) -> None:
        if self._asks is not None and self._asks.match(data):
            self.put(data)

    def finish(self) -> None:
        self._instead()


class Afterwards(Spoiler):
    """The reply passes, and then something is done."""

    def __init__(self, put: Put, outlet: Outlet, then: Callable[[], None]) -> None:
        super().__init__(put, outlet)
        self._then = then

    def finish(self) -> None:
        self._then()


class Endless(Spoiler):
    """The last line of the reply is missing."""

    def __init__(self, put: Put, outlet: Outlet, asks: re.Pattern[bytes] | None, then: str) -> None:
        super().__init__(put, outlet)
        self._asks, self._then = asks, then
        self._held = b""

    def __call__(self, data: bytes) -> None:
        if self._asks is not None and self._asks.match(data):
            self.put(data)
            return
        data = self._held + data
        cut = data.rfind(b"\n", 0, len(data) - 1) + 1
        if len(data) - cut > LONGEST_HELD:
            cut = len(data) - 1
        self._held = data[cut:]
        if cut:
            self.put(data[:cut])

    def finish(self) -> None:
        end(self.outlet, self._then)


class EndlessBody(Spoiler):
    """A reply of HTTP whose last chunk, or last octet, is missing."""

    LAST = b"0\r\n\r\n"

    def __init__(self, put: Put, outlet: Outlet, then: str) -> None:
        super().__init__(put, outlet)
        self._then, self._held = then, b""

    def __call__(self, data: bytes) -> None:
        data = self._held + data
        keep = len(self.LAST) if data.endswith(self.LAST) else 1
        self._held = data[-keep:]
        if len(data) > keep:
            self.put(data[:-keep])

    def finish(self) -> None:
        end(self.outlet, self._then)
