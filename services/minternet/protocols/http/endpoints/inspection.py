"""What the client sent, told back: methods, headers, address, body."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response

from ..forms import Form, media_type, parse_form, pieces, whole_body
from ..guard import FORBIDDEN_TRAILERS
from ..visit import JSON_IN_THREAD, Problem, Streamed, Visit, canonical, encode_json, grouped, reply_json

FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
PROXY_FIELDS = frozenset(
    {
        "Connect-Time",
        "Total-Route-Time",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "X-Forwarded-Protocol",
        "X-Forwarded-Ssl",
        "X-Heroku-Dynos-In-Use",
        "X-Heroku-Queue-Depth",
        "X-Heroku-Queue-Wait-Time",
        "X-Real-Ip",
        "X-Request-Id",
        "X-Request-Start",
        "X-Varnish",
    }
)
"""Fields that proxies add; httpbin hides them unless ?show_env is given."""


def told_headers(visit: Visit) -> dict[str, Any]:
    """The request's fields: joined where repeated (httpbin), or in lists (go-httpbin)."""
    pairs = [(canonical(name), value.decode("latin-1")) for name, value in visit.scope["headers"]]
    if visit.shape == "go-httpbin":
        return grouped(pairs, "go-httpbin")
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    if not any(name == "show_env" for name, _ in visit.pairs):
        for name in PROXY_FIELDS.intersection(joined):
            del joined[name]
    return joined


def told_request(visit: Visit) -> dict[str, Any]:
    """What /get tells."""
    told = {
        "args": grouped(visit.pairs, visit.shape),
        "headers": told_headers(visit),
        "origin": visit.origin,
        "url": visit.address,
    }
    if visit.shape == "go-httpbin":
        told["method"] = visit.method
    return told


def json_safe(content: bytes, kind: str = "application/octet-stream") -> str:
    """Content as text, or as a data: URL where it is not UTF-8 (RFC 2397)."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def told_body(visit: Visit, body: bytes) -> dict[str, Any]:
    """What /post tells beside /get: data, form, files and json."""
    content_type = visit.headers.get("content-type", "")
    if visit.shape == "httpbin" and visit.field(b"content-encoding") not in (None, "identity"):
        form = Form() if media_type(content_type)[0] in FORMS else None  # as httpbin, which decodes no request
    else:
        form = parse_form(content_type, body) if body or visit.shape == "httpbin" else None
    fields = form or Form()
    told: dict[str, Any] = {"form": grouped(fields.fields, visit.shape)}
    if visit.shape == "go-httpbin":
        files = [(file.name, file.content.decode("utf-8", "replace")) for file in fields.files]
        return {**told, "files": grouped(files, visit.shape), **_go_data(content_type, body)}
    files = [(file.name, json_safe(file.content, file.media_type)) for file in fields.files]
    data = b"" if form is not None else body
    return {**told, "files": grouped(files, visit.shape), "data": json_safe(data), "json": parse_json(data)}


def _go_data(content_type: str, body: bytes) -> dict[str, Any]:
    """go-httpbin tells JSON only where the type says so, and what it does not know as a data: URL."""
    kind, _ = media_type(content_type)
    known = ("text/html", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json")
    if body and kind not in known:
        encoded = base64.urlsafe_b64encode(body).decode()
        return {"data": f"data:{kind or 'application/octet-stream'};base64,{encoded}", "json": None}
    value = parse_json(body) if kind == "application/json" else None
    if kind == "application/json" and body and value is None and body.strip() != b"null":
        raise Problem(400, "error parsing request body: it is not JSON")
    return {"data": body.decode("utf-8", "replace"), "json": value}


def parse_json(body: bytes) -> Any:
    """The JSON in a body, or None."""
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


async def told_all(visit: Visit, *, method: bool = False, parsed: bool = True) -> dict[str, Any]:
    """What /anything tells; trailer fields too, where there were some."""
    body = await whole_body(visit)
    if len(body) > JSON_IN_THREAD:
        told = {**told_request(visit), **await asyncio.to_thread(told_body, visit, body)}
    else:
        told = {**told_request(visit), **told_body(visit, body)}
    if not parsed:
        del told["json"]
    if method:
        told["method"] = visit.method
    exchange = visit.exchange
    if exchange is not None and exchange.request_trailers:
        trailers = [(canonical(name), value.decode("latin-1")) for name, value in exchange.request_trailers]
        told["trailers"] = grouped(trailers, visit.shape)
    return told


async def _reply_large(visit: Visit, told: dict[str, Any]) -> Response:
    """A JSON reply that may repeat a large body."""
    if len(told.get("data", "")) < JSON_IN_THREAD and not told.get("files"):
        return reply_json(visit, told)
    rendered = await asyncio.to_thread(encode_json, told)
    return Response(rendered, media_type="application/json")


async def get(visit: Visit) -> Response:
    return reply_json(visit, told_request(visit))


async def with_body(visit: Visit) -> Response:
    return await _reply_large(visit, await told_all(visit))


async def anything(visit: Visit) -> Response:
    return await _reply_large(visit, await told_all(visit, method=True))


async def headers(visit: Visit) -> Response:
    return reply_json(visit, {"headers": told_headers(visit)})


async def ip(visit: Visit) -> Response:
    return reply_json(visit, {"origin": visit.origin})


async def user_agent(visit: Visit) -> Response:
    missing = None if visit.shape == "httpbin" else ""
    return reply_json(visit, {"user-agent": visit.headers.get("user-agent", missing)})


async def hostname(visit: Visit) -> Response:
    return reply_json(visit, {"hostname": visit.around.hostname})


async def options(visit: Visit) -> Response:
    return Response(headers={"Allow": "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, TRACE"})


async def dump_request(visit: Visit) -> Response:
    """The request as it would stand on the wire; field names in canonical form."""
    body = await whole_body(visit)
    target = visit.scope["raw_path"] + (b"?" + visit.scope["query_string"] if visit.scope["query_string"] else b"")
    lines = [f"{visit.method} ".encode() + target + f" HTTP/{visit.scope['http_version']}".encode()]
    lines += [canonical(name).encode() + b": " + value for name, value in visit.scope["headers"]]
    return Response(b"\r\n".join(lines) + b"\r\n\r\n" + body, media_type="text/plain")


async def upload(visit: Visit) -> Response:
    """Counts a body of any size and takes its hash, holding one piece at a time."""
    size, pieces_seen, digest = 0, 0, hashlib.sha256()
    async for piece in pieces(visit):
        digest.update(piece)
        size += len(piece)
        pieces_seen += 1
    told = {"size": size, "sha256": digest.hexdigest(), "pieces": pieces_seen, "headers": told_headers(visit)}
    return reply_json(visit, told)


async def trailers(visit: Visit) -> Response:
    """The query's names and values come back as trailer fields (go-httpbin)."""
    fields = [(canonical(name.encode("latin-1", "replace")), value) for name, value in visit.pairs]
    for name, value in fields:
        if name.lower().encode("latin-1", "replace") in FORBIDDEN_TRAILERS or not _is_field(name, value):
            raise Problem(400, f"forbidden trailer: {name[:100]}")
    told = encode_json(await told_all(visit))

    async def body() -> AsyncIterator[bytes]:
        yield told

    kept = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in fields]
    announced = {"Trailer": ", ".join(dict.fromkeys(name for name, _ in fields))} if fields else {}
    return Streamed(body(), headers=announced, media_type="application/json", trailers=lambda: kept)


def _is_field(name: str, value: str) -> bool:
    return re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name) is not None and not re.search(
        r"[\x00-\x08\x0a-\x1f\x7f]", value
    )


async def early_hints(visit: Visit) -> Response:
    """103 with the query's `link` values (or one of ours) before the final reply (RFC 8297)."""
    links = [value for name, value in visit.pairs if name == "link"] or ["</image/svg>; rel=preload; as=image"]
    if not all(_is_field("link", link) for link in links):
        raise Problem(400, "a link holds a control character")
    fields = [(b"link", link.encode("utf-8")) for link in links]
    await visit.sender({"type": "minternet.interim", "status": 103, "headers": fields})
    return reply_json(visit, told_request(visit))
