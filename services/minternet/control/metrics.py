"""Metrics for Prometheus: what a scraper accepts decides the format, and numbers that are kept are only told here.

prometheus_client, and `collector` over it, are imported by a thread at the first scrape: they take a tenth of a second.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING

from .call import Call, Reply

if TYPE_CHECKING:
    from .hub import Hub

TYPES = ("text/plain", "application/openmetrics-text")
MANY_ACCOUNTS = 200
"""From this number on, a thread adds up the mailboxes: some microseconds each, and the loop's other clients do not wait."""


async def metrics(call: Call[None, None]) -> Reply:
    """All metrics as they are now."""
    hub = call.hub
    if hub.exposition is None:
        hub.exposition = await asyncio.to_thread(_make, hub)
    if len(hub.world.mail.stores) < MANY_ACCOUNTS:
        content, media_type = hub.exposition(call.field("accept"))
    else:
        content, media_type = await asyncio.to_thread(hub.exposition, call.field("accept"))
    headers = {"vary": "Accept, Accept-Encoding"}
    if takes_gzip(call.field("accept-encoding")):
        content = gzip.compress(content, compresslevel=1, mtime=0)
        headers["content-encoding"] = "gzip"
    return Reply(content, media_type, headers=headers)


def _make(hub: Hub) -> Callable[[str], tuple[bytes, str]]:
    from .collector import Exposition

    return Exposition(hub)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding has gzip, or all, with a weight that is not 0 (RFC 9110 section 12.5.3)."""
    weights: dict[str, float] = {}
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.partition(";")
        weights[coding.strip()] = _weight(weight)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
