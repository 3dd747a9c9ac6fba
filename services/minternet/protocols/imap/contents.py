"""What can be read from messages' content, worked out once for each content and kept, within bounds.

Content never changes and is named by its digest, so whatever follows from it can be shared by all sessions, mailboxes
and copies of a message: ENVELOPE and BODYSTRUCTURE as written, and what SORT and THREAD compare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

import msgspec

from ...world import mime
from ...world.blobs import Blob
from ...world.mime import Envelope, Part
from ..context import ServiceContext
from .structure import envelope_text, structure_text

CONTENTS_LIMIT = 50_000
"""Contents whose derived texts are kept."""
PARSED_LIMIT = 16
"""Structures kept whole: a client asks for one part of a message after another."""
HEADER_PIECE = 1 << 16
"""Octets read of a large message to find the end of its header."""
KEY = "imap contents"


class Headline(msgspec.Struct, frozen=True, gc=False):
    """What THREAD compares, and SORT by date and subject (RFC 5256 section 2); `sent` in seconds since 1970."""

    sent: float | None
    sent_day: date | None
    subject: str
    reply: bool
    message_id: str
    references: tuple[str, ...]


class People(msgspec.Struct, frozen=True, gc=False):
    """The first addresses of a message as SORT compares them (RFC 5256 section 3, RFC 5957): collation keys."""

    from_: str
    to: str
    cc: str
    display_from: str
    display_to: str


class Content:
    """What was worked out about one content."""

    __slots__ = ("body", "envelope", "headline", "people", "preview", "structure")

    def __init__(self) -> None:
        self.envelope: bytes | None = None
        self.structure: bytes | None = None
        self.body: bytes | None = None
        self.preview: str | None = None
        self.headline: Headline | None = None
        self.people: People | None = None


class Contents:
    """All that is kept; one for each internet."""

    def __init__(self) -> None:
        self.known: dict[str, Content] = {}
        self.parsed: dict[str, tuple[bytes, Part]] = {}

    def of(self, blob: Blob) -> Content:
        """What is known of a blob; room for more."""
        content = self.known.get(blob.digest)
        if content is None:
            if len(self.known) >= CONTENTS_LIMIT:
                for digest in list(self.known)[: CONTENTS_LIMIT // 4]:
                    del self.known[digest]
            content = self.known[blob.digest] = Content()
        return content

    def parse(self, blob: Blob) -> tuple[bytes, Part]:
        """The octets and their structure."""
        found = self.parsed.get(blob.digest)
        if found is None:
            octets = blob.bytes()
            found = octets, mime.parse(octets)
            if len(self.parsed) >= PARSED_LIMIT:
                del self.parsed[next(iter(self.parsed))]
            if blob.path is None:
                self.parsed[blob.digest] = found
        return found

    def envelope(self, blob: Blob) -> bytes:
        """The ENVELOPE as written."""
        content = self.of(blob)
        if content.envelope is None:
            content.envelope = envelope_text(envelope_of(blob))
        return content.envelope

    def structure(self, blob: Blob, *, extended: bool) -> bytes:
        """BODYSTRUCTURE, or BODY, as written."""
        content = self.of(blob)
        text = content.structure if extended else content.body
        if text is None:
            octets, root = self.parse(blob)
            text = structure_text(octets, root, extended=extended)
            if extended:
                content.structure = text
            else:
                content.body = text
        return text

    def preview(self, blob: Blob) -> str:
        """The PREVIEW (RFC 8970)."""
        content = self.of(blob)
        if content.preview is None:
            content.preview = mime.preview(*self.parse(blob))
        return content.preview

    def headline(self, blob: Blob) -> Headline:
        """Date, subject and ids."""
        content = self.of(blob)
        if content.headline is None:
            content.headline = headline_of(blob)
        return content.headline

    def people(self, blob: Blob) -> People:
        """First addresses."""
        content = self.of(blob)
        if content.people is None:
            envelope = envelope_of(blob)
            content.people = People(
                mailbox_key(envelope.from_),
                mailbox_key(envelope.to),
                mailbox_key(envelope.cc),
                display_key(envelope.from_),
                display_key(envelope.to),
            )
        return content.people


def contents_of(context: ServiceContext) -> Contents:
    """The contents shared by this internet's sessions."""
    contents = context.locks.get(KEY)
    if not isinstance(contents, Contents):
        contents = context.locks[KEY] = Contents()
    return contents


def header_of(blob: Blob) -> bytes:
    """The octets of the message's header, its empty line included."""
    size = HEADER_PIECE
    while True:
        octets: bytes = blob.slice(0, size)
        end = mime.header_end(octets)
        if end < len(octets) or len(octets) == blob.size:
            return octets[:end]
        size *= 4


def envelope_of(blob: Blob) -> Envelope:
    """The ENVELOPE, from the header alone."""
    header = header_of(blob)
    return mime.envelope(header, Part(header_start=0, body_start=len(header), end=len(header), lines=0))


HEADLINE_FIELDS = mime.field_pattern(b"date", b"subject", b"message-id", b"references", b"in-reply-to")


def headline_of(blob: Blob) -> Headline:
    """Date, subject and ids, from the header alone."""
    fields = mime.first_headers(header_of(blob), HEADLINE_FIELDS)
    moment = mime.parse_date(fields[b"date"]) if b"date" in fields else None
    subject, reply = mime.base_subject(mime.decode_header(fields.get(b"subject", b"")))
    ids = mime.message_ids(fields.get(b"message-id", b""))
    return Headline(
        None if moment is None else moment.timestamp(),
        None if moment is None else moment.date(),
        mime.casemap(subject),
        reply,
        ids[0].decode("latin-1") if ids else "",
        references_of(fields),
    )


def mailbox_key(addresses: tuple[mime.Address, ...]) -> str:
    """The local part of the first address, or a group's name."""
    return mime.casemap(mime.decode_bytes(addresses[0].mailbox or b"")) if addresses else ""


def display_key(addresses: tuple[mime.Address, ...]) -> str:
    """The display name of the first address, or the address itself (RFC 5957 section 3)."""
    if not addresses:
        return ""
    first = addresses[0]
    return mime.casemap(mime.decode_header(first.name) if first.name else mime.decode_bytes(first.spec))


def references_of(fields: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """The ids a message refers to: References, or the first of In-Reply-To (RFC 5256 section 3)."""
    ids = mime.message_ids(fields.get(b"references", b"")) or mime.message_ids(fields.get(b"in-reply-to", b""))[:1]
    return tuple(identifier.decode("latin-1") for identifier in ids)


def thread_id(headline: Headline) -> str:
    """OBJECTID's THREADID: the same for a message and all that refer to it first (RFC 8474 section 5.2)."""
    root = headline.references[0] if headline.references else headline.message_id
    if not root:
        return ""
    return "T" + hashlib.sha256(root.encode("utf-8", "replace")).hexdigest()[:24]
