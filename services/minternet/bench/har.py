"""HTTP conversations as HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), which browsers' developer tools read."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..lint.exchanges import Exchange, Part, exchanges
from ..lint.talk import Stream, Talk
from ..wire.transcript import Transcript

SERVICES = ("http", "https", "control")
"""Those that speak HTTP."""
ENDING = b"]}}"
"""What stands after the entries."""
LARGEST = 4 << 20
"""Octets that a compressed body is let grow to; one that would grow further is told as it was sent."""
CODINGS = 4
"""Content codings that are undone, one after the other."""
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What no text holds. Each would be six characters of JSON."""


def har_of(transcripts: Iterable[Transcript], *, masked: bool = True) -> dict[str, Any]:
    """One log of all their exchanges; ValueError for conversations of other services."""
    entries = [entry for transcript in transcripts for entry in entries_of(transcript, masked=masked)]
    return {"log": {**_head(), "entries": entries}}


def beginning() -> bytes:
    """What stands before the entries where a log is written piece by piece; commas go between them."""
    return json.dumps({"log": {**_head(), "entries": []}}).encode().removesuffix(ENDING)


def _head() -> dict[str, Any]:
    from .. import __version__

    return {"version": "1.2", "creator": {"name": "minternet", "version": __version__}, "pages": []}


def entries_of(transcript: Transcript, *, masked: bool = True) -> Iterator[dict[str, Any]]:
    """A conversation's exchanges; none where its beginning is no longer kept, ValueError for another service's."""
    if transcript.service not in SERVICES:
        raise ValueError(f"conversation {transcript.number} is of {transcript.service}: HAR is for HTTP")
    if transcript.dropped_pieces:
        return  # the beginning is gone, and with it where each message begins
    talk = Talk(transcript.service, transcript.pieces(masked=masked))
    for exchange in exchanges(talk):
        if exchange.request.words[1]:
            yield _entry(talk, transcript, exchange)


def _entry(talk: Talk, transcript: Transcript, exchange: Exchange) -> dict[str, Any]:
    request, reply = exchange.request, exchange.reply
    began, asked = _when(talk, talk.client, request.start), _when(talk, talk.client, _end(request) - 1)
    answered = _when(talk, talk.server, reply.start) if reply is not None else asked
    over = _when(talk, talk.server, _end(reply) - 1) if reply is not None else asked
    send, wait, receive = (max(seconds, 0.0) * 1000 for seconds in (asked - began, answered - asked, over - answered))
    return {
        "startedDateTime": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        "time": send + wait + receive,
        "request": _request(transcript, request),
        "response": _response(reply),
        "cache": {},
        "timings": {"send": send, "wait": wait, "receive": receive},
        "serverIPAddress": transcript.local[0],
        "connection": str(transcript.number),
    }


def _end(part: Part) -> int:
    return part.start + max(part.head_octets + part.body_octets, 1)


def _when(talk: Talk, stream: Stream, offset: int) -> float:
    return talk.pieces[stream.piece(min(offset, len(stream.data) - 1))].time


def _request(transcript: Transcript, request: Part) -> dict[str, Any]:
    method, target, version = (word.decode("latin-1") for word in request.words)
    scheme = "https" if transcript.service == "https" else "http"
    host = request.value(b"host").decode("latin-1") or f"{transcript.local[0]}:{transcript.local[1]}"
    url = target if "://" in target else f"{scheme}://{host}{target if target.startswith('/') else '/'}"
    told: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": _cookies(request.value(b"cookie")),
        "headers": _fields(request),
        "queryString": [{"name": name, "value": value} for name, value in _query(url)],
        "headersSize": request.head_octets,
        "bodySize": request.body_octets,
    }
    if request.body:
        kind = request.value(b"content-type").decode("latin-1") or "application/octet-stream"
        body, text = _decoded(request), _text(_decoded(request))
        told["postData"] = {"mimeType": kind, "params": [], "text": text if text is not None else _encoded(body)}
        if text is None:
            told["postData"]["comment"] = "base64"
    return told


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return []


def _response(reply: Part | None) -> dict[str, Any]:
    if reply is None:
        content: dict[str, Any] = {"size": 0, "mimeType": "x-unknown"}
        return _reply_fields(0, "", "", [], content, "", -1, -1, [])
    version, status, phrase = (word.decode("latin-1") for word in reply.words)
    body = _decoded(reply)
    content = {"size": len(body), "mimeType": reply.value(b"content-type").decode("latin-1") or "x-unknown"}
    if len(body) != len(reply.body):
        content["compression"] = len(body) - len(reply.body)
    if body:
        text = _text(body)
        content["text"] = text if text is not None else _encoded(body)
        if text is None:
            content["encoding"] = "base64"
    cookies = [cookie for value in reply.values(b"set-cookie") for cookie in _cookies(value)]
    location = reply.value(b"location").decode("latin-1")
    sizes = reply.head_octets, reply.body_octets
    return _reply_fields(int(status), phrase, version, _fields(reply), content, location, *sizes, cookies)


def _reply_fields(
    status: int,
    phrase: str,
    version: str,
    fields: list[dict[str, str]],
    content: dict[str, Any],
    location: str,
    head: int,
    body: int,
    cookies: list[dict[str, str]],
) -> dict[str, Any]:
    return {
        "status": status,
        "statusText": phrase,
        "httpVersion": version,
        "cookies": cookies,
        "headers": fields,
        "content": content,
        "redirectURL": location,
        "headersSize": head,
        "bodySize": body,
    }


def _fields(part: Part) -> list[dict[str, str]]:
    return [{"name": name.decode("latin-1"), "value": value.decode("latin-1")} for name, value in part.fields]


def _cookies(value: bytes) -> list[dict[str, str]]:
    try:
        jar = SimpleCookie(value.decode("latin-1"))
    except CookieError:
        return []
    return [{"name": name, "value": morsel.value} for name, morsel in jar.items()]


def _decoded(part: Part) -> bytes:
    """The body without its content codings; as it was sent where one is unknown or broken, or it grows too large."""
    body = part.body
    codings = [coding.strip().lower() for coding in part.value(b"content-encoding").split(b",") if coding.strip()]
    for coding in reversed(codings) if len(codings) <= CODINGS else ():
        inflated = _inflated(coding, body)
        if inflated is None:
            return part.body
        body = inflated
    return body


def _inflated(coding: bytes, body: bytes) -> bytes | None:
    try:
        if coding in (b"gzip", b"x-gzip"):
            return _grown(zlib.decompressobj(31), body)
        if coding == b"deflate":
            return _grown(zlib.decompressobj(15 if body[:1] == b"\x78" else -15), body)
        if coding == b"br":
            import brotli

            grown = bytes(brotli.Decompressor().process(body, output_buffer_limit=LARGEST + 1))  # brotli 1.2 and later
            return grown if len(grown) <= LARGEST else None
    except Exception:  # brotli's own errors have no base to name
        return None
    return body if coding == b"identity" else None


def _grown(inflate: Any, body: bytes) -> bytes | None:
    grown = bytes(inflate.decompress(body, LARGEST + 1))
    return grown if len(grown) <= LARGEST else None


def _text(body: bytes) -> str | None:
    """The body as text; None where it is none."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text


def _encoded(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")
