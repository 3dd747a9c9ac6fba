"""A mail message's structure with byte-exact offsets, and what can be read from it.

`parse` gives the tree of parts; offsets in it, and in the header fields, are into the one content buffer, so a section
of any message is a slice. Nothing is decoded before it is asked for, nothing raises on malformed mail, and everything
takes time linear in its input. For one header of one message use `first_header`, which parses nothing else.
"""

from __future__ import annotations

from minternet.world.mime.addresses import Address, Envelope, addresses, envelope
from minternet.world.mime.bodies import (
    charset_of,
    decoded,
    disposition_parameter,
    filename,
    leaves,
    parameter,
    preview,
    text,
)
from minternet.world.mime.charsets import codec_of, decode_bytes, decode_header, decode_transfer
from minternet.world.mime.dates import parse_date, sent_date
from minternet.world.mime.headers import (
    HeaderField,
    all_headers,
    field_pattern,
    first_header,
    first_headers,
    header_end,
    header_fields,
    tidy,
    unfold,
    without_line_ends,
)
from minternet.world.mime.sections import SectionName, find_part, locate, section, select_headers
from minternet.world.mime.structure import MAX_DEPTH, MAX_PARTS, Part, parse
from minternet.world.mime.subjects import base_subject, casemap, message_ids

__all__ = [
    "MAX_DEPTH",
    "MAX_PARTS",
    "Address",
    "Envelope",
    "HeaderField",
    "Part",
    "SectionName",
    "addresses",
    "all_headers",
    "base_subject",
    "casemap",
    "charset_of",
    "codec_of",
    "decode_bytes",
    "decode_header",
    "decode_transfer",
    "decoded",
    "disposition_parameter",
    "envelope",
    "field_pattern",
    "filename",
    "find_part",
    "first_header",
    "first_headers",
    "header_end",
    "header_fields",
    "leaves",
    "locate",
    "message_ids",
    "parameter",
    "parse",
    "parse_date",
    "preview",
    "section",
    "select_headers",
    "sent_date",
    "text",
    "tidy",
    "unfold",
    "without_line_ends",
]
