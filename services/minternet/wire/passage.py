"""The seam where faults go: what becomes of bytes between a client and its server.

A SocketWire or a Tap with a passage gives it all bytes, of both directions, decrypted; the passage calls the ends it was
attached to sooner, later, in smaller pieces, changed, or never. Without one, bytes go straight through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Ends(Protocol):
    """What a passage may do to the two ends of its connection."""

    def deliver(self, data: bytes) -> None:
        """Give the server what the client said."""

    def transmit(self, data: bytes) -> None:
        """Give the client what the server said."""

    def pause_reading(self) -> None:
        """Take no more from the client for now: the passage holds enough."""

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""

    def pause_writing(self) -> None:
        """Ask the server to say no more for now: the passage holds enough."""

    def resume_writing(self) -> None:
        """Undo `pause_writing`."""

    def close_transport(self) -> None:
        """Close the connection when what was transmitted is written."""

    def abort(self) -> None:
        """Reset the connection."""


class Passage(Protocol):
    """Decides what happens to bytes in each direction; one per connection."""

    def attach(self, ends: Ends) -> None:
        """The connection is made."""

    def inbound(self, data: bytes) -> None:
        """The client said `data`: `ends.deliver` it, or not."""

    def after_inbound(self, then: Callable[[], None]) -> None:
        """Call `then` when all that came before is delivered (the client's end follows its bytes)."""

    def forget_inbound(self) -> None:
        """Drop what is held of the client's bytes: they were plaintext, and TLS begins."""

    def outbound(self, data: bytes) -> None:
        """The server said `data`: `ends.transmit` it, or not."""

    def after_outbound(self, then: Callable[[], None]) -> None:
        """Call `then` when all that was said before is transmitted (a close, a half-close, a handshake)."""

    @property
    def holding(self) -> bool:
        """Whether there is something of the server's that is not transmitted yet."""

    def detach(self) -> None:
        """The connection is gone: drop everything, timers too."""
