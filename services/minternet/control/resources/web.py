"""Programmed HTTP routes, and the requests that HTTP received."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...world.changes import ReceiveRequest, RemoveRoute, SetRoute
from ...world.errors import RouteMissing
from ...world.journal import Event, Journal
from ...world.records import Reply as RouteReply
from ...world.records import Request, Route
from ..call import Call, Reply, content, path_to
from ..problems import Problem, unprocessable
from ..schemas import (
    Cleared,
    Pairs,
    ReplyBody,
    ReplyView,
    RequestQuery,
    Requests,
    RequestView,
    RouteBody,
    Routes,
    RouteView,
)

SHOWN_BODY = 64 * 1024
"""Octets of a request's body that its view shows."""
_LINE_ENDS = frozenset("\r\n\0")


async def list_routes(call: Call[None, None]) -> Routes:
    return Routes(tuple(map(route_view, call.world.site.routes.values())))


async def get_route(call: Call[None, None]) -> RouteView:
    return route_view(_route(call))


async def set_route(call: Call[None, RouteBody]) -> Reply:
    name = call.path["route"]
    new = name not in call.world.site.routes
    route = await call.world.commit(SetRoute(route_of(name, call.body)))
    return Reply(msgspec.json.encode(route_view(route)), status=201 if new else 200)


async def remove_route(call: Call[None, None]) -> None:
    await call.world.commit(RemoveRoute(_route(call).name))


async def clear_routes(call: Call[None, None]) -> Cleared:
    names = tuple(call.world.site.routes)
    for name in names:
        await call.world.commit(RemoveRoute(name))
    return Cleared(len(names))


def _route(call: Call[Any, Any]) -> Route:
    route = call.world.site.routes.get(call.path["route"])
    if route is None:
        raise RouteMissing(f"no route {call.path['route']!r}")
    return route


def route_of(name: str, body: RouteBody) -> Route:
    """The route's record; Problem 422 on what no reply could be."""
    return Route(
        name=name,
        method=body.method,
        path=body.path,
        host=body.host,
        query=pairs(body.query),
        headers=pairs(body.headers),
        body=None if body.body is None else body.body.encode("utf-8", "surrogatepass"),
        json=None if isinstance(body.json, msgspec.UnsetType) else msgspec.Raw(bytes(body.json)),
        replies=tuple(reply_of(reply, f"/replies/{at}") for at, reply in enumerate(body.replies)),
        cycles=body.cycles,
        times=body.times,
        priority=body.priority,
    )


def reply_of(body: ReplyBody, pointer: str) -> RouteReply:
    """A reply's record: octets from the one way they are given in, with a media type where none is said."""
    has_json = not isinstance(body.json, msgspec.UnsetType)
    if sum((body.body is not None, body.base64 is not None, has_json, body.file is not None)) > 1:
        raise unprocessable(pointer, "one of body, base64, json and file, not several")
    headers, octets, kind = pairs(body.headers), b"", ""
    if isinstance(body.json, msgspec.Raw):
        octets, kind = bytes(body.json), "application/json"
    elif body.base64 is not None:
        octets, kind = _decoded(body.base64, pointer), "application/octet-stream"
    elif body.body is not None:
        octets, kind = body.body.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8"
    for at, (name, value) in enumerate(headers):
        if not name or not name.isascii() or not name.isprintable() or " " in name or _LINE_ENDS & set(name + value):
            raise unprocessable(f"{pointer}/headers/{at}", f"{name!r} with {value[:80]!r} is no header field")
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("content-type", kind), *headers)
    return RouteReply(body.status, headers, octets, body.file, body.delay)


def _decoded(text: str, pointer: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise unprocessable(f"{pointer}/base64", "this is no base64") from None


def pairs(given: Pairs) -> tuple[tuple[str, str], ...]:
    return tuple(given.items()) if isinstance(given, dict) else given


def route_view(route: Route) -> RouteView:
    return RouteView(
        route.name,
        route.method,
        route.path,
        route.host,
        route.query,
        route.headers,
        None if route.body is None else route.body.decode("utf-8", "replace"),
        None if route.json is None else msgspec.json.decode(route.json),
        tuple(map(_reply_view, route.replies)),
        route.cycles,
        route.times,
        route.priority,
        route.used,
    )


def _reply_view(reply: RouteReply) -> ReplyView:
    text = text_or_none(reply.body)
    encoded = base64.b64encode(reply.body).decode() if text is None else None
    return ReplyView(reply.status, reply.headers, text, encoded, reply.file, reply.delay)


# -- requests


async def list_requests(call: Call[RequestQuery, None]) -> Requests:
    query = call.query
    found: list[RequestView] = []
    for event, request in reversed(list(requests_in(call.world.journal, query.since))):
        if query.method and query.method.upper() != request.method:
            continue
        if not request.target.startswith(query.path):
            continue
        found.append(request_view(event, request))
        if len(found) == query.limit:
            break
    return Requests(tuple(found))


async def get_request(call: Call[None, None]) -> RequestView:
    return request_view(*_request(call))


async def get_request_body(call: Call[None, None]) -> Reply:
    _, request = _request(call)
    return content(request.body, "application/octet-stream", f"request-{call.path['number']}")


def requests_in(journal: Journal, since: int) -> Iterator[tuple[Event, Request]]:
    """The requests that the journal still holds, oldest first."""
    for event in journal.since(since):
        if isinstance(event.change, ReceiveRequest):
            yield event, event.change.request


def _request(call: Call[Any, Any]) -> tuple[Event, Request]:
    number = int(call.path["number"])
    event = next(call.world.journal.since(max(number - 1, call.world.journal.dropped)), None)
    if event is None or event.number != number or not isinstance(event.change, ReceiveRequest):
        raise Problem(404, f"event {number} is no request that is still kept")
    return event, event.change.request


def request_view(event: Event, request: Request) -> RequestView:
    return RequestView(
        event.number,
        datetime.fromtimestamp(event.at, UTC),
        request.method,
        request.target,
        request.host,
        request.client,
        request.status,
        request.route,
        request.headers,
        request.body.size,
        text_or_none(request.body.bytes()) if request.body.size <= SHOWN_BODY else None,
        path_to("requests", event.number, "body"),
    )


def text_or_none(octets: bytes) -> str | None:
    """The octets as text; None where they are not UTF-8."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
