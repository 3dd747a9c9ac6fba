"""ENVELOPE, BODY and BODYSTRUCTURE as they are written (RFC 3501 section 7.4.2).

Where the RFC leaves malformed mail open these follow Dovecot: a text part without a charset has `us-ascii`, a multipart
without parts shows one empty text part, a missing transfer encoding is `7bit`.
"""

from __future__ import annotations

from ...world import mime
from ...world.mime import Address, Envelope, Part
from .format import nstring, string

NO_PARTS = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
NO_PARTS_EXTENDED = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'
"""What stands for the parts of a multipart that has none, for the grammar wants at least one."""


def envelope_text(envelope: Envelope) -> bytes:
    """An ENVELOPE's value."""
    from_ = address_list(envelope.from_)
    # Sender and Reply-To are nearly always the very From.
    sender, reply_to = (
        from_ if addresses is envelope.from_ else address_list(addresses)
        for addresses in (envelope.sender, envelope.reply_to)
    )
    pieces = (
        nstring(envelope.date),
        nstring(envelope.subject),
        from_,
        sender,
        reply_to,
        address_list(envelope.to),
        address_list(envelope.cc),
        address_list(envelope.bcc),
        nstring(envelope.in_reply_to),
        nstring(envelope.message_id),
    )
    return b"(" + b" ".join(pieces) + b")"


def address_list(addresses: tuple[Address, ...]) -> bytes:
    """Addresses in a list, NIL for none."""
    return b"(" + b"".join([address_text(address) for address in addresses]) + b")" if addresses else b"NIL"


def address_text(address: Address) -> bytes:
    """`(name route mailbox host)`."""
    parts = (address.name, address.route, address.mailbox, address.host)
    return b"(" + b" ".join([nstring(part) for part in parts]) + b")"


def structure_text(content: bytes, part: Part, *, extended: bool) -> bytes:
    """A BODYSTRUCTURE's value, or without `extended` that of BODY."""
    if part.is_multipart:
        return multipart_text(content, part, extended=extended)
    pieces = [
        string(part.raw_type),
        string(part.raw_subtype),
        parameters(part.parameters, text=part.is_text),
        nstring(part.id),
        nstring(part.description),
        string(part.encoding) if part.encoding else b'"7bit"',
        b"%d" % part.size,
    ]
    if part.message is not None:
        pieces.append(envelope_text(mime.envelope(content, part.message)))
        pieces.append(structure_text(content, part.message, extended=extended))
    if part.message is not None or part.is_text:
        pieces.append(b"%d" % part.lines)
    if extended:
        pieces.append(nstring(part.md5))
        pieces += extension(part)
    return b"(" + b" ".join(pieces) + b")"


def multipart_text(content: bytes, part: Part, *, extended: bool) -> bytes:
    """A multipart: its parts, then its subtype."""
    parts = b"".join([structure_text(content, child, extended=extended) for child in part.parts])
    parts = parts or (NO_PARTS_EXTENDED if extended else NO_PARTS)
    pieces = [parts, string(part.raw_subtype)]
    if extended:
        pieces.append(parameters(part.parameters))
        pieces += extension(part)
    return b"(" + b" ".join(pieces) + b")"


def extension(part: Part) -> list[bytes]:
    """Disposition, language and location."""
    disposition = b"NIL"
    if part.disposition is not None:
        disposition = b"(" + string(part.disposition) + b" " + parameters(part.disposition_parameters) + b")"
    language = b"(" + b" ".join([string(tag) for tag in part.language]) + b")" if part.language else b"NIL"
    return [disposition, language, nstring(part.location)]


def parameters(pairs: tuple[tuple[bytes, bytes], ...], *, text: bool = False) -> bytes:
    """`("charset" "utf-8")`, NIL for none; a `text` part has a charset, given or not."""
    pieces = [piece for name, value in pairs for piece in (string(name), string(value))]
    if text and not any(name.lower() == b"charset" for name, _ in pairs):
        pieces += [b'"charset"', b'"us-ascii"']
    return b"(" + b" ".join(pieces) + b")" if pieces else b"NIL"
