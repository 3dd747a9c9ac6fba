"""Messages and articles as the API tells of them: read from their octets, with the bench's own reading of a letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..bench.letters import Letter
from ..world import mime
from ..world.records import Message, SmtpEnvelope
from .call import path_to
from .schemas import (
    AttachmentView,
    EnvelopeView,
    MessageSummary,
    MessageView,
    PartView,
    RecipientView,
)

LONGEST_TEXT = 1 << 20
"""Characters of text or HTML in a message's view; all of it is in the raw message."""
PREVIEW = 160
"""Characters of a preview."""
SUMMARISED = 256 * 1024
"""Octets from which a list does not look into a message for its preview and attachments."""


def letter_path(letter: Letter, *more: str) -> str:
    """Where a message is."""
    return path_to("accounts", letter.owner, "mailboxes", letter.mailbox, "messages", letter.uid, *more)


def summary_fields(letter: Letter) -> dict[str, Any]:
    """The fields of a summary."""
    raw, message = letter.raw, letter.message
    end = mime.header_end(raw)
    root = mime.parse(raw) if message.size <= SUMMARISED else None
    return {
        "account": letter.owner,
        "mailbox": letter.mailbox,
        "uid": letter.uid,
        "subject": letter.subject,
        "sender": letter.sender,
        "to": letter.header("To"),
        "date": message.internal_date,
        "sent": mime.sent_date(raw),
        "size": message.size,
        "flags": tuple(sorted(message.flags)),
        "message_id": _text(mime.first_header(raw, b"message-id", 0, end)),
        "preview": mime.preview(raw, root, PREVIEW) if root is not None else "",
        "attachments": len(list(attachments(root))) if root is not None else 0,
    }


def summary(letter: Letter) -> MessageSummary:
    """A message in a list."""
    return MessageSummary(**summary_fields(letter))


def view(letter: Letter) -> MessageView:
    """A message, read."""
    raw, message = letter.raw, letter.message
    root = mime.parse(raw)
    fields = summary_fields(letter)
    found = list(attachments(root))
    text, html = body(raw, root, "plain"), letter.html
    if not text:
        text = letter.text
    transcript = message.envelope.transcript if message.envelope else None
    return MessageView(
        **{**fields, "attachments": len(found), "preview": mime.preview(raw, root, PREVIEW)},
        id=message.email_id,
        modseq=message.modseq,
        labels=tuple(sorted(message.labels)),
        headers=headers(raw),
        structure=part_view(raw, root, ()),
        text=text[:LONGEST_TEXT],
        html=html[:LONGEST_TEXT],
        truncated=max(len(text), len(html)) > LONGEST_TEXT,
        links=tuple(letter.links),
        codes=tuple(letter.codes),
        files=tuple(
            AttachmentView(
                number,
                mime.filename(part) or f"part-{number}",
                f"{part.type}/{part.subtype}",
                part.size,
                letter_path(letter, "parts", number),
            )
            for number, part in found
        ),
        unsubscribe=tuple(letter.unsubscribe),
        one_click=letter.one_click,
        envelope=envelope_view(message.envelope),
        transcript=None if transcript is None else path_to("transcripts", transcript),
        raw=letter_path(letter, "raw"),
    )


def body(raw: bytes, root: mime.Part, subtype: str) -> str:
    """The first text of that subtype that is no attachment."""
    for part in mime.leaves(root):
        if part.is_text and part.subtype == subtype and not _is_attachment(part):
            return mime.text(raw, part)
    return ""


def headers(raw: bytes) -> tuple[tuple[str, str], ...]:
    """All header fields in order, decoded."""
    return tuple(
        (field.name.decode("utf-8", "replace"), mime.decode_header(mime.tidy(mime.unfold(field.value))))
        for field in mime.header_fields(raw)
    )


def attachments(part: mime.Part, path: tuple[int, ...] = ()) -> Iterator[tuple[str, mime.Part]]:
    """The parts that are files for a reader, with their section numbers: attachments, and all that is no text or container."""
    if part.is_multipart:
        for number, inner in enumerate(part.parts, 1):
            yield from attachments(inner, (*path, number))
    elif _is_attachment(part) or not part.is_text or mime.filename(part):
        yield ".".join(map(str, path or (1,))), part


def part_view(raw: bytes, part: mime.Part, path: tuple[int, ...]) -> PartView:
    """A part and those in it. The message inside a message/rfc822 has its parts numbered below it (RFC 9051 6.4.5)."""
    inner: tuple[PartView, ...] = ()
    if part.is_multipart:
        inner = tuple(part_view(raw, each, (*path, number)) for number, each in enumerate(part.parts, 1))
    elif part.message is not None:
        message = part.message
        inner = (part_view(raw, message, path if message.is_multipart else (*path, 1)),)
    return PartView(
        ".".join(map(str, path)) or ("" if part.is_multipart else "1"),
        f"{part.type}/{part.subtype}",
        mime.charset_of(part) if part.is_text else None,
        _optional(part.encoding),
        _optional(part.disposition),
        mime.filename(part),
        _optional(part.id),
        part.size,
        inner,
    )


def envelope_view(envelope: SmtpEnvelope | None) -> EnvelopeView | None:
    if envelope is None:
        return None
    fields = msgspec.structs.asdict(envelope)
    recipients = tuple(RecipientView(**msgspec.structs.asdict(each)) for each in envelope.recipients)
    return EnvelopeView(**{**fields, "recipients": recipients})


def letter_of(owner: str, mailbox: str, message: Message) -> Letter:
    return Letter(owner, mailbox, message)


def with_line_ends(content: bytes) -> bytes:
    """As fixtures are read: content without any CRLF gets one at each line end; else it is kept as it is."""
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


def _is_attachment(part: mime.Part) -> bool:
    return (part.disposition or b"").lower() == b"attachment"


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def _optional(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
