"""The frozen records of the world. Nothing here changes once made: a store puts a new record in the place of an old one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from .blobs import Blob

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"
SYSTEM_FLAGS = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)
"""The system flags of RFC 9051 section 2.3.2 that are kept (\\Recent is a session's, not a message's)."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """A bearer token for XOAUTH2 and OAUTHBEARER; `expires` in seconds since 1970, None for never."""

    value: str
    expires: float | None = None
    scopes: tuple[str, ...] = ()


class Quota(msgspec.Struct, frozen=True, gc=False):
    """What an account may store: `storage` in octets, `messages` in number; None for no limit."""

    storage: int | None = None
    messages: int | None = None


class Account(msgspec.Struct, frozen=True, gc=False):
    """Somebody who may log in: at every service with the same login, or the address, and password."""

    login: str
    address: str
    password: str
    name: str = ""
    home: str = "/"
    tokens: tuple[Token, ...] = ()
    quota: Quota = Quota()
    disabled: bool = False


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """A RCPT TO: the address as the client gave it, and its DSN parameters (RFC 3461)."""

    address: str
    notify: tuple[str, ...] = ()
    original: str | None = None


class SmtpEnvelope(msgspec.Struct, frozen=True, gc=False):
    """How a message came by SMTP or LMTP (RFC 5321 section 2.3.1); `sender` is "" for the null sender."""

    sender: str
    recipients: tuple[Recipient, ...]
    helo: str = ""
    peer: str = ""
    protocol: str = "SMTP"
    login: str | None = None
    body: str | None = None
    size: int | None = None
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None
    transcript: int | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message in a mailbox: UID and content never change, flags and modseq do (by a new record)."""

    uid: int
    modseq: int
    flags: frozenset[str]
    internal_date: datetime
    saved: datetime
    content: Blob
    envelope: SmtpEnvelope | None = None
    labels: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Octets (RFC822.SIZE)."""
        return self.content.size

    @property
    def email_id(self) -> str:
        """OBJECTID's EMAILID (RFC 8474): the same for the same octets."""
        return "M" + self.content.digest[:24]


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """A message about to be stored."""

    content: Blob
    internal_date: datetime
    flags: frozenset[str] = frozenset()
    envelope: SmtpEnvelope | None = None
    labels: frozenset[str] = frozenset()


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """Where one copy of a delivered message goes."""

    owner: str
    mailbox: str
    message: NewMessage
    recipient: str = ""


class Article(msgspec.Struct, frozen=True, gc=False):
    """A news article: `content` as it is served (Path and Xref in it), `overview` as OVER tells it after the number."""

    message_id: str
    content: Blob
    places: tuple[tuple[str, int], ...]
    arrived: float
    overview: bytes
    lines: int
    header_octets: int

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(group for group, _ in self.places)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A file or a folder in a tree; `modified` in seconds since 1970, `unique` the same for as long as it lives."""

    name: str
    content: Blob | None
    modified: float
    unique: int
    owner: str = ""
    mode: int = 0o644

    @property
    def is_folder(self) -> bool:
        return self.content is None

    @property
    def size(self) -> int:
        """Octets; 0 for a folder."""
        return 0 if self.content is None else self.content.size


class Reply(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a programmed route answers; `delay` in seconds before it, `file` a path in the world's tree."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    file: str | None = None
    delay: float = 0.0


class Route(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A programmed answer: the replies in turn, the last one for ever (or from the start again when it `cycles`)."""

    name: str
    method: str = "*"
    path: str = "/*"
    host: str = "*"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    json: msgspec.Raw | None = None
    replies: tuple[Reply, ...] = (Reply(),)
    cycles: bool = False
    times: int | None = None
    priority: int = 0
    used: int = 0


class Request(msgspec.Struct, frozen=True, gc=False):
    """An HTTP request that was received, and how it was answered."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: Blob
    client: str
    arrived: float
    status: int
    host: str = ""
    route: str | None = None


Kind = Literal["files", "site"]
"""The two trees of a world."""
