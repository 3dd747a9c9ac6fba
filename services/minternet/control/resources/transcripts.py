"""Transcripts: what was said in the conversations that are still kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...wire.transcript import Piece, Transcript
from ..call import Call, Reply, path_to
from ..hub import Hub
from ..problems import Problem
from ..schemas import (
    PieceView,
    SaidView,
    TextQuery,
    TranscriptQuery,
    Transcripts,
    TranscriptStreamQuery,
    TranscriptSummary,
    TranscriptView,
)
from .journal import EVENT_STREAM, HEARTBEAT, RECONNECT

SETTLED = 0.05
"""Seconds between what is said and its being told: by then the server has read it, and knows what of it is a secret."""


async def list_transcripts(call: Call[TranscriptQuery, None]) -> Transcripts:
    query = call.query
    found: list[TranscriptSummary] = []
    for transcript in reversed(call.hub.transcripts.conversations(query.service or None)):
        if transcript.number <= query.since or len(found) == query.limit:
            break
        if query.peer in ("", transcript.peer[0], address(transcript.peer)):
            found.append(summary(transcript))
    return Transcripts(tuple(found))


async def get_transcript(call: Call[None, None]) -> TranscriptView:
    transcript = transcript_in(call)
    pieces = transcript.pieces()
    said = tuple(PieceView(_since(transcript, piece), piece.side, shown(piece.data)) for piece in pieces)
    return TranscriptView(*_fields(transcript, pieces), said=said)


async def get_text(call: Call[TextQuery, None]) -> Reply:
    text = transcript_in(call).text(times=call.query.times)
    return Reply(text.encode("utf-8", "backslashreplace"), "text/plain; charset=utf-8")


# -- the stream


async def stream(call: Call[TranscriptStreamQuery, None]) -> Reply:
    """Each piece that is said; the stream has no memory: who comes back asks with `since`."""
    if call.scope["method"] == "HEAD":
        return Reply(type=EVENT_STREAM)
    call.hub.streams.check()
    return Reply(_told(call.hub, call.query), EVENT_STREAM)


async def _told(hub: Hub, query: TranscriptStreamQuery) -> AsyncIterator[bytes]:
    """The stream, piece by piece. It takes its place when it begins: one that never begins holds none."""
    ring, service = hub.transcripts, query.service or None
    since = ring.opened if query.since is None else query.since
    told = {each.number: _reached(each) for each in ring.conversations() if each.number <= since}
    with hub.streams.held():
        yield b"retry: %d\n: conversations after %d\n\n" % (RECONNECT, since)
        async with contextlib.aclosing(hub.sayings(HEARTBEAT)) as sayings:
            async for happened in sayings:
                if not happened:
                    yield b": still here\n\n"
                    continue
                await asyncio.sleep(SETTLED)
                for view in _news(ring.conversations(service), told):
                    yield _event(view)


def _news(kept: list[Transcript], told: dict[int, tuple[int, bool]]) -> Iterator[SaidView]:
    """What was not told yet of these conversations; `told` says how far each was, and moves on."""
    for number in told.keys() - {transcript.number for transcript in kept}:
        del told[number]
    for transcript in kept:
        before, over = told.get(transcript.number, (0, False))
        count, closed = _reached(transcript)
        if (count, closed) == (before, over):
            continue
        told[transcript.number] = (count, closed)
        who = (transcript.number, transcript.service, address(transcript.peer))
        pieces = transcript.pieces()
        fresh = pieces[max(before - transcript.dropped_pieces, 0) :]
        dropped = max(transcript.dropped_pieces - before, 0)
        for piece in fresh:
            yield SaidView(*who, _since(transcript, piece), piece.side, shown(piece.data), dropped)
            dropped = 0
        if closed and not over:
            yield SaidView(*who, round((transcript.closed or 0.0) - transcript.opened, 6), dropped=dropped, closed=True)


def _reached(transcript: Transcript) -> tuple[int, bool]:
    """How many pieces there have been, and whether it is over."""
    return transcript.dropped_pieces + transcript.kept_pieces, transcript.closed is not None


def _event(view: SaidView) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (b"closed" if view.closed else b"said", msgspec.json.encode(view))


def transcript_in(call: Call[Any, Any]) -> Transcript:
    """The transcript in the path; Problem 404."""
    transcript = call.hub.transcripts.find(int(call.path["number"]))
    if transcript is None:
        raise Problem(404, f"no transcript {call.path['number']} is kept")
    return transcript


def summary(transcript: Transcript) -> TranscriptSummary:
    return TranscriptSummary(*_fields(transcript, transcript.pieces(masked=False)))


def _fields(
    transcript: Transcript, pieces: list[Piece]
) -> tuple[int, str, str, str, datetime, datetime | None, int, int, int, int, str]:
    return (
        transcript.number,
        transcript.service,
        address(transcript.peer),
        address(transcript.local),
        datetime.fromtimestamp(transcript.opened, UTC),
        None if transcript.closed is None else datetime.fromtimestamp(transcript.closed, UTC),
        len(pieces),
        sum(len(piece.data) for piece in pieces),
        transcript.dropped_pieces,
        transcript.dropped_octets,
        path_to("transcripts", transcript.number),
    )


def _since(transcript: Transcript, piece: Piece) -> float:
    return round(max(piece.time - transcript.opened, 0.0), 6)


def shown(data: bytes) -> str:
    """Octets as text; what is not UTF-8 as \\xNN."""
    return data.decode("utf-8", "backslashreplace")


def address(pair: tuple[str, int]) -> str:
    """127.0.0.1:2025, [::1]:2025."""
    host, port = pair[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
