"""Transcripts: what was said in the conversations that are still kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...wire.transcript import Piece, Transcript
from ..call import Call, Reply, path_to
from ..problems import Problem
from ..schemas import PieceView, TextQuery, TranscriptQuery, Transcripts, TranscriptSummary, TranscriptView


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
