"""What a handler gets and gives: a request with the service's options, and the replies the endpoints share."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .exchange import Exchange, phrase
from .options import HttpOptions, Shape

if TYPE_CHECKING:
    from .table import Table

JSON_IN_THREAD = 256 * 1024
"""Bodies from this size are parsed and rendered off the loop, which others share."""
MAX_FIELDS = 10_000
"""Names and values of one query or form."""
DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
_APART_IN_PATH = re.compile(r"[\x00-\x20\x7f?#]")
_ENCODED_IN_QUERY = re.compile(r"(?:%(?![01]|20|23|25|26|2b|3d|7f)[0-9a-f]{2})+", re.IGNORECASE)
"""Octets of a query, but for white space, controls, and # % & + = which mean something there."""


class Problem(Exception):
    """A reply that says no: a status, a detail fit for a person, and fields to go with it."""

    def __init__(self, status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


class Surroundings(msgspec.Struct, frozen=True):
    """What handlers need beside the request."""

    options: HttpOptions
    hostname: str
    now: Callable[[], float]
    chance: random.Random
    table: Table


class Visit(Request):
    """A request to an endpoint. `params` are the decoded pieces of the path that the route names."""

    def __init__(
        self, scope: Any, receive: Any, send: Any, surroundings: Surroundings, params: dict[str, str] | None = None
    ) -> None:
        super().__init__(scope, receive, send)
        self.around = surroundings
        self.params = params or {}
        self.sender = send
        self._known: dict[bytes, bytes] = dict(scope["headers"])

    def field(self, name: bytes) -> str | None:
        """A header field that stands once, by its name in lower case; much quicker than `headers`."""
        value = self._known.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def options(self) -> HttpOptions:
        return self.around.options

    @property
    def shape(self) -> Shape:
        return self.around.options.shape

    @property
    def exchange(self) -> Exchange | None:
        """The exchange beneath; None where another server runs the application."""
        found = self.scope.get("extensions", {}).get("minternet.exchange")
        return found if isinstance(found, Exchange) else None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query's names and values, in order."""
        return parse_pairs(self.scope["query_string"])

    def argument(self, name: str, default: str = "") -> str:
        """The first value of a query argument; names match in any case, as httpbin's do."""
        return next((value for key, value in self.pairs if key.lower() == name), default)

    def number(self, name: str, default: float, low: float = 0.0, high: float = float("inf")) -> float:
        """A query argument as a number within bounds (seconds may be written "2s", "300ms"); Problem 400."""
        text = self.argument(name)
        return default if not text else bounded(text, name, low, high)

    def integer(self, name: str, default: int, low: int = 0, high: int = 1 << 62) -> int:
        """A query argument as a whole number within bounds; Problem 400."""
        text = self.argument(name)
        return default if not text else whole(text, name, low, high)

    @property
    def authority(self) -> str:
        """Host and port as the client wrote them, without the scheme's default port."""
        host = self.field(b"host") or _address(*(self.scope.get("server") or ("localhost", 80)))
        return host.removesuffix(DEFAULT_PORTS.get(self.scope["scheme"], ""))

    @property
    def public_scheme(self) -> str:
        """http or https, as a proxy in front may say."""
        said = self.field(b"x-forwarded-proto") or self.field(b"x-forwarded-protocol")
        if not said and self.field(b"x-forwarded-ssl") == "on":
            return "https"
        return said or str(self.scope["scheme"])

    @property
    def address(self) -> str:
        """The URL as asked for; httpbin's shape shows it decoded, as far as its parts stay apart."""
        path, query = self.scope["raw_path"].decode("latin-1"), self.scope["query_string"].decode("latin-1")
        if self.shape == "httpbin" and "%" in path:
            path = _APART_IN_PATH.sub(lambda match: f"%{ord(match[0]):02X}", self.scope["path"])
        if self.shape == "httpbin" and "%" in query:
            query = _ENCODED_IN_QUERY.sub(_decoded, query)
        return f"{self.public_scheme}://{self.authority}{path}{'?' + query if query else ''}"

    def absolute(self, path: str) -> str:
        """An absolute URL on this host."""
        return f"{self.public_scheme}://{self.authority}{path}"

    @property
    def origin(self) -> str:
        """The client's address, as a proxy in front may say."""
        forwarded = self.field(b"x-forwarded-for")
        if forwarded:
            return forwarded if self.shape == "httpbin" else forwarded.split(",")[0].strip()
        return str((self.scope.get("client") or ("127.0.0.1", 0))[0])

    async def wait(self, seconds: float) -> None:
        """Let time pass; the exchange is cancelled when the client goes away meanwhile."""
        await asyncio.sleep(min(seconds, self.options.max_wait))


def _address(host: str, port: int | None) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _decoded(match: re.Match[str]) -> str:
    return _shown(unquote_to_bytes(match[0]).decode("utf-8", "surrogateescape"))


def parse_pairs(query: bytes) -> list[tuple[str, str]]:
    """A query or form as names and values; a name without a value has "" (WHATWG URL section 5.1)."""
    if not query:
        return []
    try:
        text = query.decode("utf-8", "surrogateescape")
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Problem(400, str(error)) from None
    return [(_shown(name), _shown(value)) for name, value in pairs]


def _shown(text: str) -> str:
    """A decoded name or value; octets that are not UTF-8 stay percent-encoded, as in httpbin."""
    return text if text.isascii() else _STRAY.sub(lambda match: f"%{ord(match[0]) - 0xDC00:02X}", text)


_STRAY = re.compile("[\udc80-\udcff]")
_DURATION = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(ns|us|ms|s|m|h)?\Z")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def bounded(text: str, name: str, low: float, high: float) -> float:
    """A number or duration in seconds within bounds; Problem 400."""
    match = _DURATION.match(text)
    if match is None:
        raise Problem(400, f"invalid {name}: {text[:100]!r} is not a number of seconds")
    value = float(match[1]) * _UNITS[match[2]]
    if not low <= value <= high:
        raise Problem(400, f"invalid {name}: {text[:100]} is not in the range [{low:g}, {high:g}]")
    return value


def whole(text: str, name: str, low: int, high: int) -> int:
    """A whole number within bounds; Problem 400."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not low <= int(text) <= high:
        raise Problem(400, f"invalid {name}: {text[:100]!r} is not a number in the range [{low}, {high}]")
    return int(text)


@lru_cache(maxsize=512)
def canonical(name: bytes) -> str:
    """A field name as both httpbins show it: Content-Type."""
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))


def grouped(pairs: Iterable[tuple[str, str]], shape: Shape) -> dict[str, Any]:
    """Values by name: in go-httpbin's shape always lists, in httpbin's only where a name is repeated."""
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    if shape == "go-httpbin":
        return dict(lists)
    return {name: values[0] if len(values) == 1 else values for name, values in lists.items()}


def encode_json(value: Any) -> bytes:
    """JSON, indented by two and sorted, with a line end; what msgspec refuses (huge integers) goes the slow way."""
    try:
        return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"
    except (OverflowError, ValueError, RecursionError):
        import json

        return json.dumps(value, indent=2, sort_keys=True).encode("ascii") + b"\n"


def reply_json(visit: Visit, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply in the form of the shape in use."""
    kind = "application/json" if visit.shape == "httpbin" else "application/json; charset=utf-8"
    return Response(encode_json(value), status, headers, media_type=kind)


def problem_reply(visit: Visit, problem: Problem) -> Response:
    """A problem as text, or as go-httpbin's JSON."""
    if visit.shape == "go-httpbin":
        told = {"status_code": problem.status, "error": phrase(problem.status)}
        return reply_json(
            visit, {**told, "detail": problem.detail} if problem.detail else told, problem.status, problem.headers
        )
    text = problem.detail or phrase(problem.status)
    return Response(text, problem.status, problem.headers, media_type="text/plain")


class Streamed(Response):
    """A reply whose body comes in pieces as they are made; a HEAD makes none. `trailers` are asked for after the last."""

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        trailers: Callable[[], list[tuple[bytes, bytes]]] | None = None,
    ) -> None:
        self.pieces, self.trailers = pieces, trailers
        self.status_code, self.media_type, self.background = status, media_type, None
        self.body = b""
        self.init_headers(headers)
        if headers is None or "content-length" not in {name.lower() for name in headers}:
            self.raw_headers = [field for field in self.raw_headers if field[0] != b"content-length"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send({**start, "trailers": self.trailers is not None})
        if scope["method"] != "HEAD":
            async for piece in self.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if self.trailers is not None:
            await send({"type": "http.response.trailers", "headers": self.trailers(), "more_trailers": False})
