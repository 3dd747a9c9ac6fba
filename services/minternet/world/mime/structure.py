"""The structure of a message: a tree of parts, each three offsets into the one content buffer.

The tree follows Dovecot 2.3 wherever the standards leave malformed MIME open, because IMAP clients know those answers:

- A line that begins with "--" and a boundary in force is a delimiter, whatever follows on it; the longest matching
  boundary wins, the innermost among equals, and an exact match ends the search. "--" after it closes the multipart.
- A delimiter ends every part inside its multipart, closed or not, and also a header. The line end before the delimiter
  belongs to the delimiter, even where it was the header's empty line; such a part has no body and no parts.
- A multipart without a boundary parameter, or without a delimiter in it, is a multipart with no parts. An empty boundary
  matches every line that begins with "--". Boundaries count with their first 80 octets.
- Without Content-Type a part is text/plain, in multipart/digest message/rfc822. The Content fields of a message with
  neither MIME-Version nor Content-Type do not count. A broken Content-Type keeps as much of itself as could be read.
- A delimiter line that ends with a line end begins a part, even where nothing follows.
- A part 100 levels deep is opaque; the 10,000th part is opaque and takes all the rest.

The parser walks forward only. Every "line that begins with --", every empty line and every line end is looked for once,
by bytes.find or a regular expression, so hostile content costs linear time.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from minternet.world.mime.headers import FIELD, first_header, full_value, without_line_ends
from minternet.world.mime.parameters import Parameters, content_type, disposition, languages, transfer_encoding

MAX_DEPTH: Final = 100
"""Levels of parts; deeper composites are opaque (Dovecot's default)."""
MAX_PARTS: Final = 10_000
"""Parts of one message; the last takes all the rest (Dovecot's default)."""
MAX_BOUNDARY: Final = 80
"""Octets of a boundary that count: 70 by RFC 2046, section 5.1.1, and some room."""

_EMPTY_LINE = re.compile(rb"\n\r?\n")
_CONTENT_FIELDS = frozenset(
    b"content-" + name
    for name in (b"type", b"transfer-encoding", b"id", b"description", b"md5", b"disposition", b"language", b"location")
)

_MESSAGES = frozenset((b"rfc822", b"global"))


class Part(msgspec.Struct, frozen=True):
    """A message or body part: header [header_start, body_start), body [body_start, end), both in the content parsed.

    `raw_type`, `raw_subtype`, `encoding` and the parameters are spelt as given; `type` and `subtype` are lower-case.
    `lines` counts the line feeds of the body. `opaque` marks a composite that a limit kept from being looked into.
    """

    header_start: int
    body_start: int
    end: int
    lines: int
    type: str = "text"
    subtype: str = "plain"
    raw_type: bytes = b"text"
    raw_subtype: bytes = b"plain"
    parameters: Parameters = ()
    id: bytes | None = None
    description: bytes | None = None
    encoding: bytes | None = None
    md5: bytes | None = None
    disposition: bytes | None = None
    disposition_parameters: Parameters = ()
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    is_multipart: bool = False
    parts: tuple[Part, ...] = ()
    message: Part | None = None
    opaque: bool = False

    @property
    def size(self) -> int:
        """Octets of the body."""
        return self.end - self.body_start

    @property
    def is_message(self) -> bool:
        """Whether the body is a message that was looked into."""
        return self.message is not None

    @property
    def is_text(self) -> bool:
        """Whether BODYSTRUCTURE shows a line count for it."""
        return self.type == "text"


class _Content(msgspec.Struct, frozen=True):
    """What the Content fields of one header say."""

    declared: bool  # a Content-Type field was there
    raw_type: bytes = b"text"
    raw_subtype: bytes = b"plain"
    parameters: Parameters = ()
    fields: dict[bytes, bytes] = {}
    disposition: bytes | None = None
    disposition_parameters: Parameters = ()

    @property
    def composite(self) -> str:
        """ "multipart", "message", or "" for what holds no parts."""
        main, sub = self.raw_type.lower(), self.raw_subtype.lower()
        if main == b"multipart" and (sub or self.parameters):
            return "multipart"
        return "message" if main == b"message" and sub in _MESSAGES else ""

    @property
    def boundary(self) -> bytes | None:
        for name, value in self.parameters:
            if name.lower() == b"boundary":
                return value[:MAX_BOUNDARY]
        return None


_NOTHING = _Content(declared=False)


def _content_fields(content: bytes, start: int, end: int, mime: bool) -> _Content:
    """Read the Content fields; unless `mime` already holds, they need MIME-Version or Content-Type beside them."""
    lowered = b"\n" + content[start:end].lower()
    position = lowered.find(b"\ncontent-")
    if position < 0:
        return _NOTHING
    fields: dict[bytes, bytes] = {}
    kind: bytes | None = None
    kind_parameters: Parameters = ()
    while position >= 0:
        found = FIELD.match(content, start + position, end)
        name = found[1].rstrip(b" \t\r").lower() if found else b""
        if found and name == b"content-disposition":
            # A later one counts while none had parameters.
            if not kind_parameters:
                latest, kind_parameters = disposition(full_value(found[3]))
                kind = kind if latest is None else latest
        elif found and name in _CONTENT_FIELDS and name not in fields:
            fields[name] = full_value(found[3])
        position = lowered.find(b"\ncontent-", position + 9)
    declared = b"content-type" in fields
    if not (declared or mime or first_header(content, b"mime-version", start, end) is not None):
        return _NOTHING
    main, sub, parameters = content_type(fields[b"content-type"]) if declared else (b"text", b"plain", ())
    return _Content(declared, main, sub, parameters, fields, kind, kind_parameters)


class _Open:
    """A part whose end is not known yet."""

    __slots__ = ("body_start", "children", "content", "header_start", "is_multipart", "lines", "opaque", "truncated")

    def __init__(self, header_start: int, body_start: int, lines: int, content: _Content, truncated: bool) -> None:
        self.header_start = header_start
        self.body_start = body_start
        self.lines = lines  # line feeds before the body
        self.content = content
        self.truncated = truncated  # a delimiter ended the header, so there is no body
        self.children: list[Part] = []
        self.is_multipart = False
        self.opaque = False

    def close(self, end: int, lines: int) -> Part:
        """The finished part; `lines` counts the line feeds before `end`."""
        if self.truncated:
            end, lines = self.body_start, self.lines
        content = self.content
        fields = content.fields
        encoding = fields.get(b"content-transfer-encoding")
        language = fields.get(b"content-language")
        children = tuple(self.children)
        return Part(
            header_start=self.header_start,
            body_start=self.body_start,
            end=end,
            lines=lines - self.lines,
            type=content.raw_type.decode("latin-1").lower(),
            subtype=content.raw_subtype.decode("latin-1").lower(),
            raw_type=content.raw_type,
            raw_subtype=content.raw_subtype,
            parameters=content.parameters,
            id=_line(fields.get(b"content-id")),
            description=_line(fields.get(b"content-description")),
            encoding=None if encoding is None else transfer_encoding(encoding),
            md5=_line(fields.get(b"content-md5")),
            disposition=content.disposition,
            disposition_parameters=content.disposition_parameters,
            language=() if language is None else languages(language),
            location=_line(fields.get(b"content-location")),
            is_multipart=self.is_multipart,
            parts=children if self.is_multipart else (),
            message=children[0] if children and not self.is_multipart else None,
            opaque=self.opaque,
        )


def _line(value: bytes | None) -> bytes | None:
    return None if value is None else without_line_ends(value)


class _Parser:
    """One pass over the content. All positions it keeps only grow."""

    __slots__ = (
        "boundaries",
        "content",
        "counted",
        "dashes",
        "empty",
        "line_feeds",
        "needles",
        "open",
        "size",
        "total",
    )

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.open: list[_Open] = []
        self.boundaries: list[tuple[bytes, int]] = []  # in force, outermost first, each with its part's index in `open`
        self.needles: tuple[bytes, ...] = ()  # the same as "--boundary", for one startswith
        self.dashes = -1  # the next line that begins with "--"
        self.empty = (-1, -1)  # the next empty line: the line feed before it, and its end
        self.counted = 0
        self.line_feeds = 0  # before `counted`
        self.total = 0

    def parse(self) -> Part:
        position = self._open_parts(0)
        while self.boundaries:
            delimiter = self._delimiter(position, self.size)
            if delimiter >= self.size:
                break
            position = self._delimit(delimiter, position)
        return self._close_down_to(0, self.size)

    # Looking ahead

    def _delimiter(self, position: int, limit: int) -> int:
        """The first line at or after `position` (a line's start) and before `limit` that a boundary in force begins."""
        content, dashes = self.content, self.dashes
        if dashes < position:
            dashes = position if content.startswith(b"--", position) else content.find(b"\n--", position) + 1
        while 0 < dashes < limit and not content.startswith(self.needles, dashes):
            dashes = content.find(b"\n--", dashes) + 1
        self.dashes = dashes or self.size
        return self.dashes if self.dashes < limit else limit

    def _after_empty_line(self, position: int) -> int:
        """Where the first empty line at or after `position` (a line's start) ends."""
        if self.content.startswith((b"\n", b"\r\n"), position):
            return position + 1 + (self.content[position] == 13)
        if self.empty[0] < position:
            found = _EMPTY_LINE.search(self.content, position)
            self.empty = found.span() if found else (self.size, self.size)
        return self.empty[1]

    def _line_end_before(self, position: int, start: int) -> int:
        """Where the line end just before `position` begins; never before `start`."""
        return position - (2 if self.content.startswith(b"\r", max(position - 2, start), position - 1) else 1)

    def _line_feeds_before(self, position: int) -> int:
        if position > self.counted:
            self.line_feeds += self.content.count(b"\n", self.counted, position)
            self.counted = position
        return self.line_feeds

    # Opening and closing parts

    def _open_parts(self, position: int) -> int:
        """Read the header at `position`, and those of messages directly inside; returns where the body begins."""
        start = position
        while True:
            part, position = self._read_header(start, position)
            composite = self._composite(part)
            self.open.append(part)
            if not part.truncated and self._is_foreign_delimiter(position):
                part.truncated = True
                part.body_start = self._line_end_before(position, start)
            if composite != "message":
                return position
            start = part.body_start

    def _read_header(self, start: int, position: int) -> tuple[_Open, int]:
        body_start = following = self._after_empty_line(position)
        truncated = False
        if self.boundaries:
            delimiter = self._delimiter(position, following)
            if delimiter < following:
                truncated, following = True, delimiter
                body_start = start if delimiter == position else self._line_end_before(delimiter, position)
        inside_multipart = bool(self.open) and self.open[-1].is_multipart
        fields = _content_fields(self.content, start, body_start, inside_multipart)
        if inside_multipart and not fields.declared and self.open[-1].content.raw_subtype.lower() == b"digest":
            fields = msgspec.structs.replace(fields, raw_type=b"message", raw_subtype=b"rfc822")
        return _Open(start, body_start, self._line_feeds_before(body_start), fields, truncated), following

    def _is_foreign_delimiter(self, position: int) -> bool:
        """Whether the line is a delimiter, and not one of the multipart just opened."""
        if position >= self.size or self._delimiter(position, position + 1) != position:
            return False
        return self.boundaries[self._choose(position)[0]][1] != len(self.open) - 1

    def _composite(self, part: _Open) -> str:
        """Decide whether the part is looked into: "multipart", "message" or ""; mind the limits."""
        self.total += 1
        content = part.content
        kind = content.composite
        if self.total >= MAX_PARTS:
            self._keep_boundaries(0)
            part.opaque = True
        elif kind and len(self.open) + 1 >= MAX_DEPTH:
            part.opaque = True
        elif kind == "multipart":
            part.is_multipart = True
            boundary = content.boundary
            if boundary is not None and not part.truncated:
                self.boundaries.append((boundary, len(self.open)))
                self._keep_boundaries(len(self.boundaries))
        return "" if part.opaque else kind

    def _close_down_to(self, index: int, end: int) -> Part:
        """Close all parts inside the one at `index`, and that one too; returns it."""
        lines = self._line_feeds_before(end)
        while True:
            part = self.open.pop().close(end, lines)
            if len(self.open) == index:
                return part
            self.open[-1].children.append(part)

    def _keep_boundaries(self, count: int) -> None:
        del self.boundaries[count:]
        self.needles = tuple(b"--" + boundary for boundary, _ in self.boundaries)

    # Delimiters

    def _delimit(self, delimiter: int, segment: int) -> int:
        """Act on a delimiter line; returns where to go on. The bytes since the last one begin at `segment`."""
        chosen, closes = self._choose(delimiter)
        boundary, owner = self.boundaries[chosen]
        end = delimiter if delimiter == segment else self._line_end_before(delimiter, segment)
        if len(self.open) > owner + 1:
            self.open[owner].children.append(self._close_down_to(owner + 1, end))
        self._keep_boundaries(chosen if closes else chosen + 1)
        line_feed = self.content.find(b"\n", delimiter + 2 + len(boundary) + (2 if closes else 0))
        if line_feed < 0:
            self._keep_boundaries(0)
            return self.size
        return line_feed + 1 if closes else self._open_parts(line_feed + 1)

    def _choose(self, delimiter: int) -> tuple[int, bool]:
        """Which boundary the line is for (an index), and whether it closes its multipart."""
        content, start = self.content, delimiter + 2
        stop = content.find(b"\n", start)
        dashes = False
        if stop < 0:
            stop = min(self.size, start + MAX_BOUNDARY)
        else:
            stop -= content.startswith(b"\r", max(stop - 1, start))
            dashes = stop - start > 2 and content.startswith(b"--", stop - 2)
        chosen, best = -1, b""
        for index in range(len(self.boundaries) - 1, -1, -1):
            boundary = self.boundaries[index][0]
            if (chosen < 0 or len(boundary) > len(best)) and content.startswith(boundary, start):
                chosen, best = index, boundary
                # "a--" may close "a" or be a boundary of its own: whichever uses the line up is meant.
                if stop - start == len(best) or (dashes and stop - start == len(best) + 2):
                    break
        return chosen, content.startswith(b"--", start + len(best))


def parse(content: bytes) -> Part:
    """The structure of a message. Never raises; takes time linear in the size of the content."""
    return _Parser(content).parse()
