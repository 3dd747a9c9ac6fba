"""Replies that take time or come in pieces: delay, drip, streams, random octets, ranges, events, WebSocket."""

from __future__ import annotations

import random
import uuid as uuids
from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response

from ..partial import content_reply
from ..ranges import Validators
from ..visit import Problem, Streamed, Visit, bounded, reply_json, whole
from .inspection import told_all, told_request

MAX_LINES = 100
MAX_DRIP = 10 << 20
CHUNK = 10 * 1024
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
EVENTS = 10
MAX_EVENTS = 10_000


async def uuid(visit: Visit) -> Response:
    made = uuids.UUID(bytes=visit.around.chance.randbytes(16), version=4)
    return reply_json(visit, {"uuid": str(made)})


async def delay(visit: Visit) -> Response:
    """Waits, ten seconds at most; "2", "0.5" or "300ms"."""
    high = visit.options.max_wait if visit.shape == "go-httpbin" else float("inf")
    seconds = min(bounded(visit.params["delay"], "delay", 0, high), visit.options.max_wait)
    await visit.wait(seconds)
    told = await told_all(visit, parsed=visit.shape == "go-httpbin")
    return reply_json(
        visit, told, headers={"Server-Timing": f'initial_delay;dur={seconds * 1000:.2f};desc="initial delay"'}
    )


async def drip(visit: Visit) -> Response:
    """`numbytes` asterisks over `duration` seconds after `delay`, with status `code`, never chunked."""
    limit = visit.options.max_wait
    duration = visit.number("duration", 2.0, 0, limit)
    pause_before = visit.number("delay", 0.0 if visit.shape == "httpbin" else 2.0, 0, limit)
    if visit.integer("numbytes", 10, -(1 << 60)) < 1:
        raise Problem(400, "number of bytes must be positive")
    octets = min(visit.integer("numbytes", 10, 1), MAX_DRIP)
    code = visit.integer("code", 200, 200, 599)
    if duration + pause_before > limit:
        raise Problem(400, f"too much time: {duration:g} + {pause_before:g} s is more than {limit:g}")
    await visit.wait(pause_before)
    headers = {"Content-Length": str(octets)}

    async def body() -> AsyncIterator[bytes]:
        # Many octets in little time go out several at once: a timer per octet would drip slower than asked.
        steps = min(octets, max(1, int(duration * 200))) if duration else 1
        sent = 0
        for step in range(1, steps + 1):
            due = octets * step // steps
            yield b"*" * (due - sent)
            sent = due
            if step < steps:
                await visit.wait(duration / steps)

    return Streamed(body(), code, headers, "application/octet-stream")


async def stream(visit: Visit) -> Response:
    """That many lines of JSON, at most 100."""
    told = told_request(visit)
    told.pop("method", None)

    async def body() -> AsyncIterator[bytes]:
        for number in range(min(int(visit.params["n"]), MAX_LINES)):
            yield msgspec.json.encode({**told, "id": number}) + b"\n"

    return Streamed(body(), media_type="application/json")


async def jsonl(visit: Visit) -> Response:
    """JSON lines: `count` of them (10), each with its number and a time."""
    count = visit.integer("count", EVENTS, 1, MAX_EVENTS)
    pause = visit.number("duration", 0.0, 0, visit.options.max_wait) / count

    async def body() -> AsyncIterator[bytes]:
        for number in range(count):
            yield msgspec.json.encode({"id": number, "timestamp": int(visit.around.now() * 1000)}) + b"\n"
            if pause:
                await visit.wait(pause)

    return Streamed(body(), headers={"Content-Type": "application/jsonl"})


async def sse(visit: Visit) -> Response:
    """Server-sent events: `count` pings over `duration` seconds after `delay`; their times come as a trailer."""
    limit = visit.options.max_wait
    count = visit.integer("count", EVENTS, 1, MAX_EVENTS)
    duration = visit.number("duration", 5.0, 0, limit)
    before = visit.number("delay", 0.0, 0, limit)
    if duration + before > limit:
        raise Problem(400, "too much time")
    await visit.wait(before)
    pause = duration / (count - 1) if count > 1 else 0.0

    async def body() -> AsyncIterator[bytes]:
        for number in range(count):
            told = msgspec.json.encode({"id": number, "timestamp": int(visit.around.now() * 1000)})
            yield b"event: ping\ndata: " + told + b"\n\n"
            if number < count - 1:
                await visit.wait(pause)

    timing = f"initial_delay;dur={before * 1000:.2f}, write_duration;dur={duration * 1000:.2f}".encode()
    return Streamed(
        body(),
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "Trailer": "Server-Timing",
        },
        trailers=lambda: [(b"server-timing", timing)],
    )


def _chance(visit: Visit) -> random.Random:
    """The query's seed, or the world's chance."""
    if not visit.argument("seed"):
        return visit.around.chance
    return random.Random(visit.integer("seed", 0, -(1 << 62)))


def _octets(visit: Visit) -> bytes:
    count = min(int(visit.params["n"]), visit.options.max_bytes)
    chance = _chance(visit)
    return bytes(chance.choices(range(256), k=count)) if not visit.argument("seed") else _seeded(chance, count)


def _seeded(chance: random.Random, count: int) -> bytes:
    """The octets that httpbin gives for the same seed."""
    return bytes(chance.randint(0, 255) for _ in range(count))


async def octets(visit: Visit) -> Response:
    return Response(_octets(visit), headers={"Content-Type": "application/octet-stream"})


async def stream_octets(visit: Visit) -> Response:
    """Random octets in chunks of `chunk_size`."""
    size = max(1, visit.integer("chunk_size", CHUNK, -(1 << 60)))
    content = _octets(visit)

    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(content), size):
            yield content[at : at + size]

    return Streamed(body(), headers={"Content-Type": "application/octet-stream"})


async def byte_range(visit: Visit) -> Response:
    """The alphabet over and over, `n` octets, by ranges; `duration` spreads it over time, in pieces of `chunk_size`."""
    size = int(visit.params["n"])
    if not 0 < size <= visit.options.max_bytes:
        told = {"ETag": f"range{size}", "Accept-Ranges": "bytes"}
        status = 404 if visit.shape == "httpbin" else 400
        raise Problem(status, f"number of bytes must be in the range (0, {visit.options.max_bytes}]", told)
    chunk = max(1, visit.integer("chunk_size", CHUNK, -(1 << 60)))
    pause = visit.number("duration", 0.0, 0, visit.options.max_wait) / size
    content = (ALPHABET * (size // 26 + 1))[:size]
    headers = {} if visit.headers.get("range") else {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    if visit.shape == "go-httpbin":
        headers = {}

    def pieces(start: int, stop: int) -> list[bytes]:
        return [content[at : min(at + chunk, stop)] for at in range(start, stop, chunk)]

    reply = content_reply(
        visit,
        lambda start, stop: iter(pieces(start, stop)),
        size,
        "application/octet-stream",
        Validators(f"range{size}"),
        headers,
    )
    if pause and isinstance(reply, Streamed):
        reply.pieces = _slowly(visit, reply.pieces, pause)
    return reply


async def _slowly(visit: Visit, pieces: AsyncIterator[bytes], pause: float) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece
        await visit.wait(pause * len(piece))


def echo_limits(arguments: dict[str, str], limit: int) -> tuple[int, int]:
    """`max_fragment_size` and `max_message_size` of a WebSocket echo; Problem 400."""
    message = whole(arguments.get("max_message_size", str(limit)), "max_message_size", 1, limit)
    fragment = whole(arguments.get("max_fragment_size", str(min(limit // 2, message))), "max_fragment_size", 1, limit)
    if fragment > message:
        raise Problem(400, "max_fragment_size must be less than or equal to max_message_size")
    return fragment, message
