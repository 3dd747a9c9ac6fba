"""Programmed routes and received requests."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .base import END, Count, In, Limit, Moment, Out, Since, Words

Pairs = dict[str, str] | tuple[tuple[str, str], ...]
"""Fields by name, or as pairs where a name stands more than once."""


class ReplyBody(In, frozen=True, forbid_unknown_fields=True):
    """What a route answers: one of `body` (text), `base64`, `json` and `file` (a path in the files); `delay` in seconds."""

    status: Annotated[int, Meta(ge=200, le=599)] = 200
    headers: Pairs = ()
    body: str | None = None
    base64: str | None = None
    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    file: str | None = None
    delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class RouteBody(In, frozen=True, forbid_unknown_fields=True):
    """A programmed answer: the replies in turn, the last one for ever, or from the start again when it `cycles`."""

    method: Annotated[str, Meta(pattern=rf"^(\*|[A-Z]+){END}", max_length=32)] = "*"
    path: Annotated[str, Meta(min_length=1, max_length=4000)] = "/*"
    host: Words = "*"
    query: Pairs = ()
    headers: Pairs = ()
    body: str | None = None
    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    replies: Annotated[tuple[ReplyBody, ...], Meta(min_length=1, max_length=1000)] = (ReplyBody(),)
    cycles: bool = False
    times: Count | None = None
    priority: Annotated[int, Meta(ge=-1000000, le=1000000)] = 0


class ReplyView(Out, frozen=True):
    """What a route answers; `base64` instead of `body` where it is not UTF-8."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str | None
    base64: str | None
    file: str | None
    delay: float


class RouteView(Out, frozen=True):
    """A programmed answer, and how often it was used."""

    name: str
    method: str
    path: str
    host: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: str | None
    json: Any
    replies: tuple[ReplyView, ...]
    cycles: bool
    times: int | None
    priority: int
    used: int


class Routes(Out, frozen=True):
    """All routes, in the order they were set."""

    routes: tuple[RouteView, ...]


class RequestQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which requests; the path is a prefix."""

    since: Since = 0
    method: Words = ""
    path: Words = ""
    limit: Limit = 100


class RequestView(Out, frozen=True):
    """A request that HTTP received; `body` is null where it is not UTF-8 or longer than 64 KiB."""

    number: int
    at: Moment
    method: str
    target: str
    host: str
    client: str
    status: int
    route: str | None
    headers: tuple[tuple[str, str], ...]
    size: int
    body: str | None
    url: str


class Requests(Out, frozen=True):
    """Requests, newest first."""

    requests: tuple[RequestView, ...]
