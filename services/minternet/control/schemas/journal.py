"""Events, waits and transcripts."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from .base import In, Limit, Moment, Out, Seconds, Since, Tree, Words
from .mail import MessageView
from .news import ArticleView
from .trees import EntryView
from .web import RequestView


class Arrival(Out, frozen=True):
    """A message that came into a mailbox."""

    account: str
    mailbox: str
    uid: int
    subject: str
    sender: str = field(name="from")


class EventView(Struct, frozen=True, omit_defaults=True):
    """A change that was made: its kind, a line for people, and what it is about."""

    number: int
    at: Moment
    kind: str
    text: str
    account: str = ""
    mailbox: str = ""
    uids: tuple[int, ...] = ()
    arrived: tuple[Arrival, ...] = ()
    group: str = ""
    groups: tuple[str, ...] = ()
    message_id: str = ""
    subject: str = ""
    tree: str = ""
    path: str = ""
    to: str = ""
    name: str = ""
    method: str = ""
    status: int = 0
    conversation: int = 0
    """The number of the transcript of the conversation that it came from."""


class EventQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which events, and how long to wait for the first."""

    since: Since = 0
    kind: Annotated[
        tuple[Annotated[str, Meta(max_length=64)], ...],
        Meta(description="of this kind only, such as `deliver`; may stand more than once"),
    ] = ()
    timeout: Seconds = 0.0
    limit: Limit = 100


class StreamQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which events; those to come where there is no `since` (or Last-Event-ID)."""

    since: Since | None = None
    kind: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(description="of this kind only")] = ()


class Events(Out, frozen=True):
    """Events, oldest first. `last` is the newest event's number; go on with `since` = `next`."""

    events: tuple[EventView, ...]
    last: int
    next: int
    dropped: int
    """Events up to this number are no longer kept."""


class Like(In, frozen=True, forbid_unknown_fields=True):
    """A whole text: `equals`, or `glob` with `*` for anything and `?` for one character."""

    equals: str | None = None
    glob: Annotated[str, Meta(max_length=1000)] | None = None


Pattern = str | Like
"""A text that is contained, or a whole text."""


class Wanted(In, frozen=True, forbid_unknown_fields=True):
    """What to wait for: a message, an article, a request or a file, whose texts are as wanted.

    `headers` are header fields by name. Without `since`, what is there already counts too; with a cursor, only what came
    after it. A message may be sought in one mailbox, all mailboxes of an account, or everywhere.
    """

    what: Literal["message", "article", "request", "file"] = "message"
    account: str | None = None
    mailbox: str | None = None
    group: str | None = None
    tree: Tree = "files"
    path: Pattern | None = None
    subject: Pattern | None = None
    sender: Pattern | None = field(name="from", default=None)
    to: Pattern | None = None
    text: Pattern | None = None
    html: Pattern | None = None
    headers: dict[str, Pattern] = field(default_factory=dict)
    method: Pattern | None = None
    body: Pattern | None = None
    since: Since | None = None
    timeout: Seconds = 5.0


class Found(Struct, frozen=True, omit_defaults=True):
    """What was waited for; `event` is a cursor to go on from."""

    what: str
    event: int
    message: MessageView | None = None
    article: ArticleView | None = None
    request: RequestView | None = None
    file: EntryView | None = None


class TranscriptQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which conversations; `peer` is an address, with or without its port."""

    service: Words = ""
    peer: Words = ""
    since: Annotated[int, Meta(ge=0, le=1 << 53, description="after the conversation of this number")] = 0
    limit: Limit = 100


class TranscriptSummary(Out, frozen=True):
    """A conversation: who with whom, when, and how much of it is kept."""

    number: int
    service: str
    peer: str
    local: str
    opened: Moment
    closed: Moment | None
    pieces: int
    octets: int
    dropped_pieces: int
    dropped_octets: int
    url: str


class Transcripts(Out, frozen=True):
    """Conversations, newest first."""

    transcripts: tuple[TranscriptSummary, ...]


class PieceView(Out, frozen=True):
    """What was said at once: seconds since the opening, C (client), S (server) or * (a note), secrets masked."""

    at: float
    side: Literal["C", "S", "*"]
    text: str


class TranscriptView(TranscriptSummary, frozen=True, kw_only=True):
    """A conversation with all that was said."""

    said: tuple[PieceView, ...]


class TranscriptStreamQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which conversations: all that say something from now on, or of one service; with `since`, those of higher numbers whole."""

    service: Words = ""
    since: Since | None = None


class SaidView(Struct, frozen=True, omit_defaults=True):
    """Something that was said, and in which conversation; or, where it is `closed`, that the conversation is over."""

    number: int
    service: str
    peer: str
    at: float
    side: str = ""
    text: str = ""
    dropped: int = 0
    """Pieces that were dropped before they could be told."""
    closed: bool = False


class TextQuery(In, frozen=True, forbid_unknown_fields=True):
    """How to write it."""

    times: Annotated[bool, Meta(description="seconds since the opening before each line")] = False
