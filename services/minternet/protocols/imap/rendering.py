"""Writing what FETCH asks for: an item is made into a function on a message once, and run over many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from ...world import mime
from ...world.blobs import Blob
from ...world.records import Message
from .contents import contents_of, header_of, thread_id
from .fetch_items import Attribute, Item, Preview, Section, label
from .format import date_time, string
from .store import flags_item
from .telling import flags_text
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

STREAMED = 1 << 18
"""Octets of a body from which it is streamed rather than put into the reply."""


NOTHING = b"{0}\r\n"
"""A section that is not there: an empty literal, as Dovecot gives it (the RFC leaves it open)."""


class Span(msgspec.Struct, frozen=True):
    """Octets of a blob that follow a reply's text."""

    text: bytes
    blob: Blob
    start: int
    stop: int


class MissingEncoding(Exception):
    """A body in a transfer encoding nobody knows: NO [UNKNOWN-CTE]."""


Render = Callable[[Message], bytes | Span]
"""Writes one item of a message."""


class Rendering:
    """Writes items of messages for one session."""

    def __init__(self, session: ImapSession, view: View) -> None:
        self.session, self.view = session, view
        self.contents = contents_of(session.context)

    def renderer(self, item: Item) -> Render:
        """The function that writes an item of a message."""
        if isinstance(item, Attribute):
            return self.attribute(item.name)
        if isinstance(item, Preview):
            return self.preview
        name = label(item) + b" "
        if item.kind == "BODY":
            return lambda message: self.body(message, item, name)
        if item.kind == "BINARY":
            return lambda message: self.binary(message, item, name)
        return lambda message: name + b"%d" % len(self.decoded(message, item) or b"")

    def attribute(self, name: str) -> Render:
        """The function for a plain item."""
        contents = self.contents
        renders: dict[str, Render] = {
            "FLAGS": self.flags,
            "UID": lambda message: b"UID %d" % message.uid,
            "INTERNALDATE": lambda message: b"INTERNALDATE " + date_time(message.internal_date),
            "RFC822.SIZE": lambda message: b"RFC822.SIZE %d" % message.content.size,
            "ENVELOPE": lambda message: b"ENVELOPE " + contents.envelope(message.content),
            "BODYSTRUCTURE": lambda message: b"BODYSTRUCTURE " + contents.structure(message.content, extended=True),
            "BODY": lambda message: b"BODY " + contents.structure(message.content, extended=False),
            "MODSEQ": lambda message: b"MODSEQ (%d)" % message.modseq,
            "EMAILID": lambda message: b"EMAILID (%b)" % message.email_id.encode("ascii"),
            "THREADID": self.thread,
            "SAVEDATE": lambda message: b"SAVEDATE " + date_time(message.saved.astimezone(UTC)),
            "X-GM-MSGID": lambda message: b"X-GM-MSGID %d" % gmail_number(message.content.digest),
            "X-GM-THRID": self.gmail_thread,
            "X-GM-LABELS": lambda message: labels_item(message, utf8=self.session.utf8),
        }
        return renders[name]

    def flags(self, message: Message) -> bytes:
        """FLAGS."""
        return flags_text(self.session, message.flags, recent=self.view.is_recent(message.uid))

    def thread(self, message: Message) -> bytes:
        """THREADID."""
        identifier = thread_id(self.contents.headline(message.content))
        return b"THREADID (%b)" % identifier.encode("ascii") if identifier else b"THREADID NIL"

    def gmail_thread(self, message: Message) -> bytes:
        """X-GM-THRID: a number, for every message."""
        identifier = thread_id(self.contents.headline(message.content))[1:] or message.content.digest
        return b"X-GM-THRID %d" % gmail_number(identifier)

    def preview(self, message: Message) -> bytes:
        """PREVIEW."""
        return b"PREVIEW " + string(self.contents.preview(message.content).encode("utf-8"), utf8=self.session.utf8)

    def body(self, message: Message, item: Section, name: bytes) -> bytes | Span:
        """BODY[...]."""
        blob = message.content
        if not item.part and not item.text:
            return span_of(name, blob, 0, blob.size, item.partial)
        if not item.part and item.text != "TEXT":
            return self.top_header(blob, item, name)
        octets, root = self.contents.parse(blob)
        what = item.text or None
        if what is not None and what.startswith("HEADER.FIELDS"):
            part = mime.locate(root, item.part, "HEADER")
            if part is None:
                return name + NOTHING
            return literal_of(name, mime.select_headers(octets, part, item.fields, what.endswith("NOT")), item.partial)
        found = mime.section(octets, root, item.part, what)  # type: ignore[arg-type]
        if found is None:
            return name + NOTHING
        return span_of(name, blob, *found, item.partial)

    def top_header(self, blob: Blob, item: Section, name: bytes) -> bytes:
        """BODY[HEADER], BODY[HEADER.FIELDS ...]: no structure is needed for those."""
        header = header_of(blob)
        if item.text == "HEADER":
            return literal_of(name, header, item.partial)
        part = mime.Part(header_start=0, body_start=len(header), end=len(header), lines=0)
        chosen = mime.select_headers(header, part, item.fields, item.text.endswith("NOT"))
        return literal_of(name, chosen, item.partial)

    def binary(self, message: Message, item: Section, name: bytes) -> bytes:
        """BINARY[...] (RFC 3516 section 4.2)."""
        data = self.decoded(message, item)
        if data is None:
            return name + NOTHING
        if item.partial:
            data = data[item.partial[0] : item.partial[0] + item.partial[1]]
        return name + (b"~" if b"\0" in data else b"") + b"{%d}\r\n" % len(data) + data

    def decoded(self, message: Message, item: Section) -> bytes | None:
        """A part without its transfer encoding; None where there is no such part."""
        if not item.part:
            return message.content.bytes()
        octets, root = self.contents.parse(message.content)
        part = mime.find_part(root, item.part)
        if part is None:
            return None
        data = octets[part.body_start : part.end] if part.is_multipart or part.message else mime.decoded(octets, part)
        if data is None:
            raise MissingEncoding
        return data


def span_of(name: bytes, blob: Blob, start: int, stop: int, partial: tuple[int, int] | None) -> bytes | Span:
    """Octets of a blob as a literal: in the reply, or streamed where there are many."""
    if partial is not None:
        start = min(start + partial[0], stop)
        stop = min(start + partial[1], stop)
    text = name + b"{%d}\r\n" % (stop - start)
    if stop - start < STREAMED:
        return text + blob.slice(start, stop)
    return Span(text, blob, start, stop)


def literal_of(name: bytes, octets: bytes, partial: tuple[int, int] | None) -> bytes:
    """Octets as a literal."""
    if partial is not None:
        octets = octets[partial[0] : partial[0] + partial[1]]
    return name + b"{%d}\r\n" % len(octets) + octets


def gmail_number(digest: str) -> int:
    """A number of 63 bits for hexadecimal digits, as Gmail's identifiers are."""
    return int(digest[:16], 16) >> 1


def labels_item(message: Message, *, utf8: bool) -> bytes:
    """X-GM-LABELS."""
    return b"X-GM-LABELS " + flags_item(message.labels, utf8=utf8)
