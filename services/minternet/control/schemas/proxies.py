"""Toxiproxy's records, as its clients know them: a field they have beside these is passed over, and null is nothing given."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ...faults.toxics import TOXICS
from .base import Out, Words
from .faults import Attributes, Called, Share, ToxicView

STREAMS = ("upstream", "downstream")
Type = Annotated[str, Meta(max_length=1000, extra_json_schema={"enum": sorted(TOXICS)})]
Direction = Annotated[str, Meta(max_length=1000, extra_json_schema={"enum": list(STREAMS)})]
Place = Annotated[str, Meta(max_length=1000, description="HOST:PORT")]


class ProxyPatch(Struct, frozen=True):
    """What to change of a proxy: `enabled`. The addresses may be there, and stay as they are."""

    listen: Place | None = None
    upstream: Place | None = None
    enabled: bool | None = None


class ProxyBody(ProxyPatch, frozen=True, kw_only=True):
    """A proxy that there shall be: a service's name. A port 0 to listen on is the service's."""

    name: Annotated[Words, Meta(min_length=1)]


ProxyBodies = Annotated[tuple[ProxyBody, ...], Meta(max_length=100)]


class ProxyView(Out, frozen=True):
    """A proxy: a service, where it listens, and what toxics it has."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[ToxicView, ...]


class Populated(Out, frozen=True):
    """The proxies that were asked for, in that order."""

    proxies: tuple[ProxyView, ...]


class ProxyToxicPatch(Struct, frozen=True):
    """What to change of a toxic. `type`, `name` and `stream` may be there, and stay as they are."""

    type: Type | None = None
    name: Called | None = None
    stream: Direction | None = None
    toxicity: Share | None = None
    attributes: Attributes | None = None


class ProxyToxicBody(ProxyToxicPatch, frozen=True, kw_only=True):
    """A toxic; its name is TYPE_STREAM where there is none."""

    type: Type


class ToxiproxyVersion(Out, frozen=True):
    """The version of Toxiproxy that speaks this API, and minternet's own behind a `+`."""

    version: str


class ToxiproxyError(Out, frozen=True):
    """An error as Toxiproxy tells it."""

    error: str
    status: int
