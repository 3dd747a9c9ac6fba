"""The ASGI application: who answers a request.

In this order: an application mounted for the host; a programmed route; an endpoint; /files/; the site. Endpoints go before
the site, so that a fixture cannot hide one by accident, with three exceptions where the site's own file is what is meant:
`/` is the site's index, and `/robots.txt` and `/favicon.ico` are the site's, if it has them. The list of endpoints is at
`/httpbin` always, at `/` where there is no index.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from ...world.changes import UseRoute
from ...world.errors import RouteMissing
from ...world.journal import Origin
from ...world.records import Reply, Route
from ...world.world import World
from .endpoints.answers import field_value
from .endpoints.rows import ENDPOINTS
from .endpoints.streams import echo_limits
from .forms import pieces, whole_body
from .mounts import Mounts
from .options import HttpOptions
from .paths import escaped, media_type
from .routes import Asked, choose, explain, needs_body
from .static import Trees
from .table import Endpoint, Table
from .visit import Problem, Surroundings, Visit, parse_pairs, problem_reply

ALLOWED = "GET, POST, PUT, DELETE, PATCH, OPTIONS"
CREDENTIALS = (b"access-control-allow-credentials", b"true")
ANYONE = [(b"access-control-allow-origin", b"*"), CREDENTIALS]
PREFLIGHT = [(b"access-control-allow-methods", ALLOWED.encode()), (b"access-control-max-age", b"3600")]
SITE_FIRST = frozenset({"/robots.txt", "/favicon.ico"})


class Application:
    """HTTP and WebSocket for one world; applications of the user's go first."""

    def __init__(self, world: World, options: HttpOptions, log: logging.Logger, mounts: Mounts | None = None):
        self.world, self.options, self.log = world, options, log
        self.mounts = mounts if mounts is not None else Mounts()
        self.table = Table(ENDPOINTS)
        self.trees = Trees(world)
        self.around = Surroundings(options, world.hostname, world.clock.now, world.chance.random, self.table)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":  # uvicorn leaves the names as they came; ASGI wants lower case
            scope["headers"] = [(name.lower(), value) for name, value in scope["headers"]]
        if self.mounts and (mounted := self.mounts.find(_host_of(scope))) is not None:
            if (exchange := scope.get("extensions", {}).get("minternet.exchange")) is not None:
                exchange.abandons = False
            scope["state"] = self.mounts.state(mounted)
            await mounted(scope, receive, send)
        elif scope["type"] == "http":
            visit = Visit(scope, receive, send, self.around)
            reply = await self._answer(visit)
            if self.options.cors:
                _allow_origins(visit, reply)
            await reply(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _answer(self, visit: Visit) -> Response:
        try:
            return await self._find(visit)
        except Problem as problem:
            return problem_reply(visit, problem)

    async def _find(self, visit: Visit) -> Response:
        routes = self.world.site.routes
        if routes and (reply := await self._programmed(visit, list(routes.values()))) is not None:
            return reply
        path = visit.scope["raw_path"].decode("latin-1")
        if visit.method == "OPTIONS" and path in ("", "*"):
            return Response(headers={"Allow": ALLOWED})
        if path in SITE_FIRST and (reply := await self.trees.site(visit)) is not None:
            return reply
        found = self.table.find(path)
        if found:
            return await self._endpoint(visit, found)
        if path == "/files" or path.startswith("/files/"):
            return await self.trees.files(visit)
        if path == "/httpbin":
            return Response(index_page(self.table), media_type="text/html")
        if (reply := await self.trees.site(visit)) is not None:
            return reply
        if path == "/":
            return Response(index_page(self.table), media_type="text/html")
        return await self._missing(visit)

    async def _endpoint(self, visit: Visit, found: list[tuple[Endpoint, dict[str, str]]]) -> Response:
        wanted = "GET" if visit.method == "HEAD" else visit.method
        for row, params in found:
            if wanted in row.methods:
                visit.params = params
                return await row.handler(visit)
        allowed = ", ".join(sorted({method for row, _ in found for method in row.allowed}))
        if visit.method == "OPTIONS":
            return Response(headers={"Allow": allowed}, media_type="text/html")
        raise Problem(405, "the method is not allowed for this URL", {"Allow": allowed})

    async def _missing(self, visit: Visit) -> Response:
        routes = list(self.world.site.routes.values())
        if routes:
            nearest = explain(routes, _asked(visit, await whole_body(visit) if needs_body(routes) else b""))
            raise Problem(404, "nothing is at this URL; the nearest routes:\n  " + "\n  ".join(nearest))
        if (page := await self.trees.missing(visit)) is not None:
            return page
        raise Problem(404, "nothing is at this URL; /httpbin lists the endpoints")

    # -- programmed routes

    async def _programmed(self, visit: Visit, routes: Sequence[Route]) -> Response | None:
        body = b""
        if needs_body(routes):
            body = await whole_body(visit)
            visit = _with_body(visit, body)
        asked = _asked(visit, body)
        while (route := choose(routes, asked)) is not None:
            try:
                conversation = visit.exchange.conversation if visit.exchange is not None else 0
                reply = await self.world.commit(UseRoute(route.name), Origin(conversation))
            except RouteMissing:
                reply = None
            if reply is not None:
                if (exchange := visit.exchange) is not None:
                    exchange.route = route.name
                async for _ in pieces(visit):  # what was received is recorded, whatever the reply
                    pass
                return await self._routed(reply)
            routes = [other for other in routes if other is not route]
        return None

    async def _routed(self, reply: Reply) -> Response:
        """What a route says, after its delay."""
        if reply.delay:
            await asyncio.sleep(reply.delay)
        content = reply.body
        kind = None
        if reply.file is not None:
            entry = self.world.site.tree.find(reply.file) or self.world.files.find(reply.file)
            if entry is None or entry.content is None:
                raise Problem(500, f"the route's file {reply.file} is not there")
            content = entry.content.bytes()
            kind = media_type(entry.name, content)
        made = Response(content, reply.status, headers={"Content-Type": kind} if kind else None)
        for name, value in reply.headers:
            if name.lower() == "content-type":
                made.raw_headers = [field for field in made.raw_headers if field[0].lower() != b"content-type"]
            made.raw_headers.append((name.encode("latin-1"), field_value(value)))
        return made

    # -- WebSocket

    async def _websocket(self, scope: Any, receive: Any, send: Any) -> None:
        """/websocket/echo; anything else is 404 before the handshake."""
        await receive()
        if scope["path"] != "/websocket/echo":
            return await _refuse_websocket(send, Problem(404, "only /websocket/echo speaks WebSocket"))
        try:
            arguments = dict(parse_pairs(scope["query_string"]))
            message_limit = echo_limits(arguments, self.options.websocket_message)[1]
        except Problem as problem:
            return await _refuse_websocket(send, problem)
        offered = scope.get("subprotocols") or [None]
        await send({"type": "websocket.accept", "subprotocol": offered[0]})
        while (event := await receive())["type"] == "websocket.receive":
            said = event.get("bytes") if event.get("bytes") is not None else event.get("text", "")
            if len(said if isinstance(said, bytes) else said.encode()) > message_limit:
                await send({"type": "websocket.close", "code": 1009, "reason": "message too big"})
                return None
            await send({"type": "websocket.send", "bytes" if isinstance(said, bytes) else "text": said})
        return None


def _host_of(scope: Any) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


async def _refuse_websocket(send: Any, problem: Problem) -> None:
    fields = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": fields})
    await send({"type": "websocket.http.response.body", "body": problem.detail.encode() + b"\n"})


def _asked(visit: Visit, body: bytes) -> Asked:
    return Asked(visit.method, visit.headers.get("host", ""), visit.scope["path"], visit.pairs, visit.headers, body)


def _with_body(visit: Visit, body: bytes) -> Visit:
    """The same request, whose body has been read already."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    visit._receive = receive
    return visit


def _allow_origins(visit: Visit, reply: Response) -> None:
    """What httpbin says to pages of other origins, unless the reply says something itself."""
    if any(name.startswith(b"access-control-") for name, _ in reply.raw_headers):
        return
    origin = visit.field(b"origin")
    reply.raw_headers += [(b"access-control-allow-origin", origin.encode("latin-1")), CREDENTIALS] if origin else ANYONE
    if visit.method == "OPTIONS":
        reply.raw_headers += PREFLIGHT
        if (asked := visit.field(b"access-control-request-headers")) is not None:
            reply.raw_headers.append((b"access-control-allow-headers", asked.encode("latin-1")))


def index_page(table: Table) -> str:
    """The page that lists the endpoints, from their table."""
    parts, title = [], None
    for row in table.rows:
        if row.group != title:
            parts.append(("</table>\n" if title else "") + f"<h2>{escaped(row.group)}</h2>\n<table>")
            title = row.group
        link = f'<a href="{row.path}">{escaped(row.path)}</a>' if "{" not in row.path else escaped(row.path)
        methods = "any" if len(row.methods) > 2 else ", ".join(row.methods)
        parts.append(f"<tr><td>{link}</td><td>{methods}</td><td>{escaped(row.help)}</td></tr>")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>minternet: HTTP endpoints</title></head>\n'
        "<body>\n<h1>HTTP endpoints</h1>\n" + "\n".join(parts) + "\n</table>\n"
        '<p><a href="/files/">/files/</a> are the world\'s files; /websocket/echo echoes WebSocket messages.</p>\n'
        "</body>\n</html>\n"
    )
