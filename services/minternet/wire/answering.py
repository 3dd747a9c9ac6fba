"""Whether clients have their replies: asked by who waits for what a client has done, and not before it was told so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

OPEN_LINKS = "open links"
"""The key of `world.scratch` under which a world's supervisor leaves `Links`."""
Links: TypeAlias = Callable[[], Iterable[Any]]
"""Gives the connections that are open."""


def is_asked(link: Any) -> bool:
    """Whether the client spoke last: the server owes it a word."""
    transcript = getattr(link, "transcript", None)
    return transcript is not None and transcript.closed is None and transcript.last_side == "C"


def is_answering(link: Any) -> bool:
    """Whether something that the server said is not in the kernel's hands yet: a fault holds it, or the client is slow."""
    passage = getattr(link, "passage", None)
    if passage is not None and passage.holding:
        return True
    transport = getattr(link, "transport", None)
    if transport is not None:
        return bool(transport.get_write_buffer_size())
    return bool(getattr(link, "producer_fifo", ()))  # FTP's
