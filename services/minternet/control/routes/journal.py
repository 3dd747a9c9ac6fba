"""Events, waits and transcripts."""

from __future__ import annotations

from .. import schemas as s
from ..resources import journal, transcripts
from ..table import Octets, Row
from .group import group

ROWS = group(
    "Journal",
    Row(
        "GET",
        "/events",
        journal.list_events,
        "Events since a cursor; with a timeout, waits for the first",
        query=s.EventQuery,
        answer=s.Events,
        problems=(503,),
    ),
    Row(
        "GET",
        "/events/stream",
        journal.stream,
        "Events as they happen (server-sent events; Last-Event-ID resumes)",
        query=s.StreamQuery,
        answer=Octets((journal.EVENT_STREAM,)),
        problems=(503,),
    ),
    Row(
        "POST",
        "/wait",
        journal.wait,
        "Wait for a message, article, request or file; 408 tells what came instead",
        body=s.Wanted,
        answer=s.Found,
        problems=(404, 408, 503),
    ),
    Row(
        "GET",
        "/transcripts",
        transcripts.list_transcripts,
        "Conversations, newest first",
        query=s.TranscriptQuery,
        answer=s.Transcripts,
    ),
    Row(
        "GET",
        "/transcripts/stream",
        transcripts.stream,
        "What is said in conversations, as it is said (server-sent events); secrets are masked",
        query=s.TranscriptStreamQuery,
        answer=Octets((journal.EVENT_STREAM,)),
        problems=(503,),
    ),
    Row(
        "GET",
        "/transcripts/{number:int}",
        transcripts.get_transcript,
        "A conversation, with times; secrets are masked",
        answer=s.TranscriptView,
        problems=(404,),
    ),
    Row(
        "GET",
        "/transcripts/{number:int}/text",
        transcripts.get_text,
        "The same in lines of text",
        query=s.TextQuery,
        answer=Octets(("text/plain",)),
        problems=(404,),
    ),
)
