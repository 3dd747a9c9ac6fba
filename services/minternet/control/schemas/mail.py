"""Mailboxes and messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from .base import END, Address, Flag, In, Limit, Moment, Name, Out, SpecialUse, Words


class NewMailbox(In, frozen=True, forbid_unknown_fields=True):
    """A new mailbox; "/" parts levels."""

    name: Name
    special_use: SpecialUse | None = None


class MailboxPatch(In, frozen=True, forbid_unknown_fields=True):
    """What to change; a field that is left out stays. A new name moves the mailboxes below it along."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    special_use: SpecialUse | msgspec.UnsetType | None = msgspec.UNSET
    subscribed: bool | msgspec.UnsetType = msgspec.UNSET


class MailboxView(Out, frozen=True):
    """A mailbox and its counters."""

    account: str
    name: str
    messages: int
    unseen: int
    octets: int
    uidvalidity: int
    uidnext: int
    highest_modseq: int
    special_use: str | None
    subscribed: bool
    keywords: tuple[str, ...]


class Mailboxes(Out, frozen=True):
    """All mailboxes of an account."""

    mailboxes: tuple[MailboxView, ...]


class MessageQuery(In, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages. Texts are contained, in upper or lower case; everything that is given must hold."""

    q: Annotated[str, Meta(max_length=1000, description="in the subject, an address or the text")] = ""
    subject: Words = ""
    sender: Annotated[str, Meta(max_length=1000, description="in the From field")] = field(name="from", default="")
    to: Annotated[str, Meta(max_length=1000, description="in To, Cc or the envelope's recipients")] = ""
    text: Annotated[str, Meta(max_length=1000, description="in the text")] = ""
    header: Annotated[
        tuple[Annotated[str, Meta(pattern=rf"^[!-9;-~]+:.*{END}", max_length=1000)], ...],
        Meta(description="`Name: value`, a header field that contains the value; may stand more than once"),
    ] = ()
    message_id: Words = ""
    flag: Annotated[tuple[Flag, ...], Meta(description="a flag it has; may stand more than once")] = ()
    no_flag: Annotated[tuple[Flag, ...], Meta(description="a flag it has not; may stand more than once")] = ()
    size_min: Annotated[int, Meta(ge=0, le=1 << 53, description="octets")] = 0
    size_max: Annotated[int, Meta(ge=0, le=1 << 53, description="octets")] | None = None
    after: Annotated[datetime, Meta(tz=True, description="came at that time or later")] | None = None
    before: Annotated[datetime, Meta(tz=True, description="came before that time")] | None = None
    order: Annotated[Literal["newest", "oldest"], Meta(description="which come first")] = "newest"
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=2000, description="the `next` of the page before")] = ""


class AllMessagesQuery(MessageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages of which accounts."""

    account: Annotated[tuple[str, ...], Meta(description="of these accounts only")] = ()
    mailbox: Annotated[tuple[str, ...], Meta(description="in mailboxes of these names only")] = ()


class MessageSummary(Out, frozen=True):
    """A message in a list."""

    account: str
    mailbox: str
    uid: int
    subject: str
    sender: str = field(name="from")
    to: str
    date: Moment
    """When it came (its internal date)."""
    sent: Moment | None
    """What its Date field says."""
    size: int
    flags: tuple[str, ...]
    message_id: str
    preview: str
    attachments: int


class Messages(Out, frozen=True):
    """A page of messages; `next` is the cursor of the next page, null where there is none."""

    messages: tuple[MessageSummary, ...]
    next: str | None
    total: int
    """How many messages were searched."""


class PartView(Out, frozen=True):
    """A part of a message by its section number (as in IMAP), with its parts in turn."""

    section: str
    type: str
    charset: str | None
    encoding: str | None
    disposition: str | None
    filename: str | None
    content_id: str | None
    size: int
    parts: tuple[PartView, ...] = ()


class AttachmentView(Out, frozen=True):
    """An attachment, and where its content is."""

    section: str
    filename: str
    type: str
    size: int
    """Octets, as they are encoded in the message."""
    url: str


class RecipientView(Out, frozen=True):
    """A recipient of the envelope, with its DSN parameters."""

    address: str
    notify: tuple[str, ...]
    original: str | None


class EnvelopeView(Out, frozen=True):
    """How a message came by SMTP or LMTP."""

    sender: str
    recipients: tuple[RecipientView, ...]
    helo: str
    peer: str
    protocol: str
    login: str | None
    body: str | None
    size: int | None
    smtputf8: bool
    ret: str | None
    envid: str | None
    transcript: int | None


class MessageView(MessageSummary, frozen=True, kw_only=True):
    """A message, read: header fields decoded and in order, its structure, texts, links and one-time codes."""

    id: str
    modseq: int
    labels: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    structure: PartView
    text: str
    html: str
    truncated: bool
    """Whether text or html was cut because it is very long."""
    links: tuple[str, ...]
    codes: tuple[str, ...]
    files: tuple[AttachmentView, ...]
    unsubscribe: tuple[str, ...]
    one_click: bool
    envelope: EnvelopeView | None
    transcript: str | None
    """Where the conversation is that brought it."""
    raw: str


class PutMessage(In, frozen=True, forbid_unknown_fields=True):
    """What a message is stored with; now where the date is left out."""

    flag: Annotated[tuple[Flag, ...], Meta(description="may stand more than once")] = ()
    date: Annotated[datetime, Meta(tz=True, description="the internal date")] | None = None


class DeliverMessage(In, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a message is delivered to, as by SMTP: aliases, lists and the catch-all lead on."""

    recipient: Annotated[
        tuple[Address, ...], Meta(min_length=1, max_length=1000, description="may stand more than once")
    ]
    sender: Annotated[str, Meta(max_length=320, description="the envelope's; empty for none")] = ""


class Stored(Out, frozen=True):
    """Where a message is now; `event` is a cursor."""

    account: str
    mailbox: str
    uid: int
    uidvalidity: int
    event: int
    url: str


class Delivered(Out, frozen=True):
    """Where the copies of a message are."""

    messages: tuple[Stored, ...]


class FlagsPatch(In, frozen=True, forbid_unknown_fields=True):
    """Flags to add and remove, or all that there shall be."""

    add: Annotated[tuple[Flag, ...], Meta(max_length=100)] = ()
    remove: Annotated[tuple[Flag, ...], Meta(max_length=100)] = ()
    replace: Annotated[tuple[Flag, ...], Meta(max_length=100)] | None = None


class Flags(Out, frozen=True):
    """The flags of a message."""

    uid: int
    flags: tuple[str, ...]
    modseq: int


class Cleared(Out, frozen=True):
    """How many there were."""

    removed: int
