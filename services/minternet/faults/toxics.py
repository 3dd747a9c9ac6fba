"""Faults of the network as Toxiproxy has them: its toxics, by its names, for clients that speak to its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalogue import KINDS, attributes_of, is_network, kind_of
from .rule import Fault, FaultError, read
from .services import EXACTLY

TOXICS = frozenset(kind.name for kind in KINDS.values() if kind.toxiproxy and kind.network)
"""Toxiproxy's types of toxics; its `down` is no toxic but a proxy that is not enabled, and a fault of that kind here."""


def from_toxic(service: str, toxic: Mapping[str, Any]) -> Fault:
    """A toxic (`name`, `type`, `stream`, `toxicity`, `attributes`) on the proxy that a service is; FaultError."""
    kind, stream = str(toxic.get("type", "")), str(toxic.get("stream") or "downstream")
    if kind not in TOXICS:
        raise FaultError(f"there is no toxic of type {kind!r}; there are {', '.join(sorted(TOXICS))}")
    return read(
        {
            "kind": kind,
            "service": f"{EXACTLY}{service}",
            "name": toxic.get("name") or f"{kind}_{stream}",
            "stream": stream,
            "toxicity": toxic.get("toxicity", 1.0),
            "attributes": toxic.get("attributes", {}),
        }
    )


def to_toxic(fault: Fault) -> dict[str, Any] | None:
    """A fault as a toxic; None for one that Toxiproxy does not know."""
    if not kind_of(fault).toxiproxy or not is_network(fault):
        return None
    return {
        "name": fault.name,
        "type": fault.kind,
        "stream": fault.stream,
        "toxicity": fault.toxicity,
        "attributes": attributes_of(fault),
    }
