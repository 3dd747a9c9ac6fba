"""A message as a test reads it: bytes and parsed, with the links, codes and attachments that mail tests look for."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ..world import mime
from ..world.records import Message, SmtpEnvelope
from .pages import hrefs, unescape, words
from .reading import Readable

if TYPE_CHECKING:
    from ..world.journal import Event
    from .link import Link
    from .transcripts import Conversation

LINK = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
CODE = re.compile(r"(?<![\w.,/#:-])(?:\d{4,8}|(?=[A-Z0-9-]*\d)[A-Z0-9]{3,5}(?:-[A-Z0-9]{3,5})+)(?![\w/-]|[.,:]\d)")
"""A one-time code: four to eight digits, or groups of capitals and digits, standing alone."""


class Letter(Readable):
    """One message of a mailbox, as it was when it was looked at."""

    def __init__(self, owner: str, mailbox: str, message: Message, link: Link | None = None) -> None:
        super().__init__(message.content)
        self.owner, self.mailbox, self.message, self._link = owner, mailbox, message, link

    def __repr__(self) -> str:
        return f"<Letter {self.message.uid} in {self.owner}/{self.mailbox}: {self.subject!r} from {self.sender!r}>"

    @property
    def uid(self) -> int:
        return self.message.uid

    @property
    def flags(self) -> frozenset[str]:
        return self.message.flags

    @property
    def date(self) -> datetime:
        """The internal date: when it came."""
        return self.message.internal_date

    @property
    def envelope(self) -> SmtpEnvelope | None:
        """How it came by SMTP: sender, recipients (Bcc too), parameters; None where it did not."""
        return self.message.envelope

    @property
    def conversation(self) -> Conversation | None:
        """The one it came by (SMTP), or was put here by (APPEND, COPY ...); None where none is kept."""
        from .letterbox import appended_in
        from .transcripts import conversation_behind, conversation_of

        if self._link is None:
            return None
        if self.envelope is not None and self.envelope.transcript:
            return conversation_of(self._link, self.envelope.transcript)

        def put(event: Event) -> bool:  # after a reset, UIDs are given anew
            return any(
                (message.uid, message.content.digest) == (self.uid, self.message.content.digest)
                for appended in appended_in(event.result)
                if (appended.owner, appended.mailbox) == (self.owner, self.mailbox)
                for message in appended.messages
            )

        return conversation_behind(self._link, put)

    @property
    def sender(self) -> str:
        """The From field, decoded."""
        return self.header("From")

    @property
    def to(self) -> str:
        """The To and Cc fields, decoded, and the envelope's recipients."""
        fields = [self.header("To"), self.header("Cc")]
        recipients = [recipient.address for recipient in self.envelope.recipients] if self.envelope else []
        return ", ".join(filter(None, [*fields, *recipients]))

    @cached_property
    def text(self) -> str:
        """The plain text of it; the HTML's words where there is no plain text."""
        plain = self._body("plain")
        return plain if plain else words(self.html)

    @cached_property
    def html(self) -> str:
        """The HTML of it; "" where there is none."""
        return self._body("html")

    @property
    def links(self) -> list[str]:
        """The http and https links of text and HTML, in order, each once."""
        found = [*hrefs(self.html), *LINK.findall(self._body("plain"))]
        return list(dict.fromkeys(unescape(link).rstrip(".,;:!?") for link in found if link.startswith("http")))

    @property
    def codes(self) -> list[str]:
        """What looks like a one-time code, in order, each once."""
        return list(dict.fromkeys(CODE.findall(self.text)))

    @property
    def attachments(self) -> dict[str, bytes]:
        """The attachments' content by file name."""
        found: dict[str, bytes] = {}
        for number, part in enumerate(self.parsed.iter_attachments(), 1):
            content = part.get_payload(decode=True)
            found[part.get_filename() or f"part-{number}"] = content if isinstance(content, bytes) else part.as_bytes()
        return found

    @property
    def unsubscribe(self) -> list[str]:
        """The addresses of List-Unsubscribe (RFC 2369)."""
        return re.findall(r"<([^>]+)>", self.header("List-Unsubscribe"))

    @property
    def one_click(self) -> bool:
        """Whether it may be unsubscribed from by one POST (RFC 8058)."""
        return self.header("List-Unsubscribe-Post").strip().lower() == "list-unsubscribe=one-click"

    def _body(self, subtype: str) -> str:
        root = mime.parse(self.raw)
        for part in mime.leaves(root):
            if part.type == "text" and part.subtype == subtype and (part.disposition or b"").lower() != b"attachment":
                return mime.text(self.raw, part)
        return ""


def text_of(letter: Letter, name: str) -> str:
    """What a word of a search or a wait looks at: subject, from, to, text, html; any other name is a header field's."""
    match name:
        case "subject":
            return letter.subject
        case "from":
            return letter.sender
        case "to":
            return letter.to
        case "text":
            return letter.text
        case "html":
            return letter.html
    return letter.header(name)
