"""What a handler gets and gives: a call with its path, query and body read, and replies that are no JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec

from ..world.blobs import Blob
from ..world.world import World
from .problems import Problem, of_validation, unprocessable
from .table import Octets, Row

if TYPE_CHECKING:
    from .hub import Hub

Query = TypeVar("Query")
Body = TypeVar("Body")
Result = TypeVar("Result")
JSON_BODY = 4 << 20
"""Octets of a JSON body: a programmed route with a long reply fits, a flood does not."""
QUERY_FIELDS = 200
"""Parameters of one query."""
OFF_LOOP = 256 * 1024
"""Content from this size is looked into by a thread, so that the loop's other clients do not wait."""
JSON = "application/json"
FIRST_YEAR, LAST_YEAR = 1970, 9000
A_TIME = re.compile(r"\d{4}-")
NOT_NULL = re.compile(r"(?!null\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is not simply JSON: octets, or pieces that come; `length` is known where they are counted."""

    body: bytes | AsyncIterator[bytes] = b""
    type: str = JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


class Call(Generic[Query, Body]):
    """One request to a row of the table."""

    def __init__(self, hub: Hub, row: Row, scope: Any, receive: Callable[[], Any], path: dict[str, str]) -> None:
        self.hub, self.row, self.scope, self.path = hub, row, scope, path
        self._receive = receive
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        self.query: Query
        self.body: Body

    @property
    def world(self) -> World:
        return self.hub.world

    def field(self, name: str) -> str:
        """A header field of the request; "" where there is none."""
        return self.fields.get(name.encode(), b"").decode("latin-1")

    async def read(self) -> None:
        """Read query and, where it is JSON, body into the row's records; Problem."""
        if self.row.query is not None:
            self.query = read_query(self.scope["query_string"], self.row.query)
        if isinstance(self.row.body, Octets):
            self._check_type(self.row.body.types)
        elif self.row.body is not None:
            self.body = await self._json(self.row.body)

    async def _json(self, kind: Any) -> Any:
        content = await self.octets(JSON_BODY)
        if not content and self.row.body_optional:
            return kind()
        self._check_type(self.row.body_types)
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.ValidationError as error:
            raise of_validation(error, kind) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, f"the body is not JSON: {error}") from None

    def _check_type(self, types: tuple[str, ...]) -> None:
        given = self.field("content-type").partition(";")[0].strip().lower()
        if given not in types and "*/*" not in types:
            said = f"Content-Type is {given}" if given else "there is no Content-Type"
            raise Problem(415, f"{said}; send {' or '.join(types)}", headers={"accept": ", ".join(types)})

    async def pieces(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes, at most `limit` octets; Problem 413, or 400 where the client goes away."""
        declared = self.field("content-length")
        size = int(declared) if declared.isdigit() else 0
        if size > limit:
            raise _too_long(limit)
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "the body did not come to its end")
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise _too_long(limit)
            if piece:
                yield piece
            if not message.get("more_body", False):
                return

    async def octets(self, limit: int) -> bytes:
        """The whole body; Problem 413."""
        return b"".join([piece async for piece in self.pieces(limit)])

    async def blob(self, limit: int) -> Blob:
        """The body as content of the world, which large ones go into as they come; Problem 413."""
        writer = self.world.blobs.writer()
        try:
            async for piece in self.pieces(limit):
                writer.write(piece)
        except BaseException:
            writer.abandon()
            raise
        return writer.finish()


def _too_long(limit: int) -> Problem:
    return Problem(413, f"the body is longer than {limit} octets", headers={"connection": "close"})


def read_query(text: bytes, kind: Any) -> Any:
    """A query string as the record of its parameters; Problem 422 on one that is unknown, twice or not what it must be."""
    try:
        pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=QUERY_FIELDS, errors="strict")
    except UnicodeDecodeError:
        raise Problem(400, "the query is not UTF-8") from None
    except ValueError:
        raise Problem(400, f"the query has more than {QUERY_FIELDS} parameters") from None
    lists = repeated(kind)
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise Problem(422, f"the query parameter {name} stands twice")
        else:
            found[name] = value
    for name, (pattern, wanted) in stricter(kind).items():
        given = found.get(name)
        if isinstance(given, str) and not pattern.match(given):
            raise unprocessable(f"#query/{name}", wanted)
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise of_validation(error, kind, "#query") from None


@lru_cache(maxsize=64)
def repeated(kind: Any) -> frozenset[str]:
    """The parameters that may stand more than once."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind) if "tuple[" in str(field.type))


@lru_cache(maxsize=64)
def stricter(kind: Any) -> dict[str, tuple[re.Pattern[str], str]]:
    """What parameters must look like, and that in words, where msgspec reads more: null as nothing, numbers as times."""
    told = {}
    for each in msgspec.structs.fields(kind):
        if "datetime" in str(each.type):
            told[each.encode_name] = A_TIME, "Expected a time with its offset, such as 2024-05-01T10:00:00Z"
        elif "str" not in str(each.type):
            told[each.encode_name] = NOT_NULL, "a query has no null: leave the parameter out"
    return told


async def off_loop(size: int, function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function that reads: here, or in a thread where there is much to read. The world may be read from any thread."""
    if size < OFF_LOOP:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


async def _pieces(blob: Blob) -> AsyncIterator[bytes]:
    for piece in blob.pieces():
        yield piece


def content(blob: Blob | bytes, media_type: str, name: str = "") -> Reply:
    """Somebody's octets as a download: never a page of ours, whatever is in them."""
    headers = {
        "content-disposition": "attachment" + (f"; filename*=UTF-8''{quote(name, safe='')}" if name else ""),
        "content-security-policy": "sandbox; default-src 'none'",
    }
    if isinstance(blob, bytes):
        return Reply(blob, media_type, headers=headers)
    if blob.path is None:
        return Reply(blob.bytes(), media_type, headers=headers)
    return Reply(_pieces(blob), media_type, headers=headers, length=blob.size)


def path_to(*segments: str | int) -> str:
    """A URL of the API from its segments."""
    return "/api/v1/" + "/".join(quote(str(segment), safe="@") for segment in segments)


def created(value: Any, *segments: str | int) -> Reply:
    """201, and where the new thing is."""
    return Reply(msgspec.json.encode(value), status=201, headers={"location": path_to(*segments)})


def in_range(moment: datetime, pointer: str) -> datetime:
    """A time with its offset (UTC where it has none), in years that every protocol can tell; Problem 422."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise unprocessable(pointer, f"years go from {FIRST_YEAR} to {LAST_YEAR}")
    return moment
