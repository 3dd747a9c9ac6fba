"""The journal: events since a cursor, waits for one that matches, and the stream of all as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import msgspec

from ...world.journal import Event
from ..call import Call, Reply
from ..happenings import KINDS, view
from ..hub import Hub
from ..problems import unprocessable
from ..schemas import EventQuery, Events, Found, StreamQuery, Wanted
from ..waits import find

HEARTBEAT = 15.0
"""Seconds between two signs of life of a stream in which nothing happens; proxies close silent ones after 30 or 60."""
EVENT_STREAM = "text/event-stream"
RECONNECT = 1000
"""Milliseconds after which a client comes back (`retry`)."""
AT_ONCE = 200
"""Events written before others have their turn."""


async def list_events(call: Call[EventQuery, None]) -> Events:
    """At once where there are such events, or no time to wait; else when the first comes, or the time is over."""
    hub, query = call.hub, call.query
    kinds = kinds_of(query.kind)
    found = _since(hub, query.since, kinds, query.limit)
    if not found and query.timeout:
        with hub.waits.one():
            found = await _first(hub, query, kinds)
    journal = hub.world.journal
    reached = found[-1].number if len(found) == query.limit else journal.last
    return Events(tuple(map(view, found)), journal.last, max(reached, min(query.since, journal.last)), journal.dropped)


async def _first(hub: Hub, query: EventQuery, kinds: frozenset[type]) -> list[Event]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(query.timeout), contextlib.aclosing(hub.changes(query.timeout)) as changes:
            async for _ in changes:
                if found := _since(hub, query.since, kinds, query.limit):
                    return found
    return []


def _since(hub: Hub, cursor: int, kinds: frozenset[type], limit: int) -> list[Event]:
    found: list[Event] = []
    for event in hub.world.journal.since(cursor):
        if not kinds or type(event.change) in kinds:
            found.append(event)
            if len(found) == limit:
                break
    return found


def kinds_of(names: Iterable[str]) -> frozenset[type]:
    """The kinds of changes of these names; Problem 422."""
    for name in names:
        if name not in KINDS:
            raise unprocessable("#query/kind", f"no kind of event is called {name!r}; there are {', '.join(KINDS)}")
    return frozenset(KINDS[name] for name in names)


async def wait(call: Call[None, Wanted]) -> Found:
    """Problem 408 where nothing matched in time; it tells what came instead."""
    with call.hub.waits.one():
        return await call.hub.unless_closing(find(call.world, call.body))


# -- the stream


async def stream(call: Call[StreamQuery, None]) -> Reply:
    """Each event with its number as its id: a client that comes back with Last-Event-ID misses nothing that is kept."""
    hub, kinds = call.hub, kinds_of(call.query.kind)
    last = call.field("last-event-id")
    if last.isascii() and last.isdigit() and len(last) < 18:
        cursor = int(last)
    else:
        cursor = hub.world.journal.last if call.query.since is None else call.query.since
    if call.scope["method"] == "HEAD":
        return Reply(type=EVENT_STREAM)
    hub.streams.check()
    return Reply(_told(hub, min(cursor, hub.world.journal.last), kinds), EVENT_STREAM)


async def _told(hub: Hub, cursor: int, kinds: frozenset[type]) -> AsyncIterator[bytes]:
    """The stream, piece by piece. It takes its place when it begins: one that never begins holds none."""
    journal = hub.world.journal
    with hub.streams.held():
        yield b"retry: %d\n: events after %d\n\n" % (RECONNECT, cursor)
        if cursor < journal.dropped:
            yield b'event: dropped\ndata: {"from":%d,"to":%d}\n\n' % (cursor + 1, journal.dropped)
            cursor = journal.dropped
        async with contextlib.aclosing(hub.changes(HEARTBEAT)) as changes:
            while journal.last > cursor:
                block, cursor = _block(hub, cursor, kinds)
                yield block
            async for happened in changes:
                if not happened:
                    yield b": still here\n\n"
                while journal.last > cursor:
                    block, cursor = _block(hub, cursor, kinds)
                    yield block


def _block(hub: Hub, cursor: int, kinds: frozenset[type]) -> tuple[bytes, int]:
    """Some events after the cursor as text, and the cursor after them."""
    pieces: list[bytes] = []
    for event in hub.world.journal.since(cursor):
        cursor = event.number
        if not kinds or type(event.change) in kinds:
            told = view(event)
            pieces.append(
                b"id: %d\nevent: %b\ndata: %b\n\n" % (event.number, told.kind.encode(), msgspec.json.encode(told))
            )
            if len(pieces) == AT_ONCE:
                break
    return b"".join(pieces) or b": %d\n\n" % cursor, cursor
