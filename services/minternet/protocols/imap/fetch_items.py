"""What FETCH may ask for, read into records (RFC 3501 section 6.4.5, RFC 3516, RFC 7162, RFC 8474, RFC 8514, RFC 8970)."""

from __future__ import annotations

import re

import msgspec

from .reader import ATOM, Malformed, Reader

FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
MACROS = {"FAST": FAST, "ALL": (*FAST, "ENVELOPE"), "FULL": (*FAST, "ENVELOPE", "BODY")}
PLAIN = frozenset(
    [
        "FLAGS",
        "INTERNALDATE",
        "RFC822.SIZE",
        "ENVELOPE",
        "BODYSTRUCTURE",
        "BODY",
        "UID",
        "MODSEQ",
        "EMAILID",
        "THREADID",
        "SAVEDATE",
        "X-GM-MSGID",
        "X-GM-THRID",
        "X-GM-LABELS",
    ]
)
WHOLE = {"RFC822": ("", False), "RFC822.HEADER": ("HEADER", True), "RFC822.TEXT": ("TEXT", False)}
"""Old names of a section, and whether they leave \\Seen alone."""
ITEM = re.compile(rb"[A-Za-z0-9.-]+")
PART = re.compile(rb"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*")
PARTIAL = re.compile(rb"<([0-9]{1,19})\.([0-9]{1,19})>")
TEXTS = (b"HEADER.FIELDS.NOT", b"HEADER.FIELDS", b"HEADER", b"TEXT", b"MIME")
PARTS_LIMIT = 64
"""Levels of a part number: deeper ones exist in no message."""


class Attribute(msgspec.Struct, frozen=True):
    """A plain item: FLAGS, UID, ENVELOPE, ..."""

    name: str


class Preview(msgspec.Struct, frozen=True):
    """PREVIEW, and whether it may be left out when it is not at hand (RFC 8970)."""

    lazy: bool = False


class Section(msgspec.Struct, frozen=True):
    """BODY[...], BINARY[...] or BINARY.SIZE[...], or an old name of one in `label`.

    `part` is the part's number, `text` "" or HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT, MIME;
    `partial` the first octet and the most octets to give."""

    kind: str
    part: tuple[int, ...] = ()
    text: str = ""
    fields: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None
    peek: bool = False
    label: bytes = b""


Item = Attribute | Preview | Section


class FetchModifiers(msgspec.Struct, frozen=True):
    """What may follow the items: CHANGEDSINCE, VANISHED (RFC 7162), PARTIAL (RFC 9394)."""

    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None


def read_fetch_items(reader: Reader) -> tuple[Item, ...]:
    """A macro, one item, or a list of items."""
    if reader.peek() == b"(":
        return tuple(dict.fromkeys(reader.list_of(lambda: read_item(reader), empty=False)))
    name = ITEM.match(reader.text, reader.at)
    macro = MACROS.get(name[0].decode("ascii").upper()) if name else None
    if name and macro:
        reader.at = name.end()
        return tuple(Attribute(item) for item in macro)
    return (read_item(reader),)


def read_item(reader: Reader) -> Item:
    """One item."""
    name = reader.match(ITEM, "a FETCH item")[0].decode("ascii").upper()
    bracket = reader.peek() == b"["
    if bracket and name in {"BODY", "BODY.PEEK"}:
        return read_section(reader, "BODY", peek=name == "BODY.PEEK")
    if bracket and name in {"BINARY", "BINARY.PEEK", "BINARY.SIZE"}:
        return read_binary(reader, name)
    if name in WHOLE:
        text, peek = WHOLE[name]
        return Section("BODY", text=text, peek=peek, label=name.encode("ascii"))
    if name == "PREVIEW":
        return Preview(lazy=reader.skip(b" (LAZY)"))
    if name not in PLAIN:
        raise Malformed(f"unknown FETCH item {name}")
    return Attribute(name)


def read_section(reader: Reader, kind: str, *, peek: bool) -> Section:
    """`[1.2.HEADER.FIELDS (To From)]<0.100>`."""
    reader.expect(b"[")
    part = read_part(reader)
    text = ""
    fields: tuple[bytes, ...] = ()
    if reader.peek() != b"]":
        if part:
            reader.expect(b".")
        text, fields = read_section_text(reader, part)
    reader.expect(b"]")
    return Section(kind, part, text, fields, read_partial(reader), peek)


def read_part(reader: Reader) -> tuple[int, ...]:
    """`1.2.3`, or nothing."""
    found = PART.match(reader.text, reader.at)
    if found is None:
        return ()
    reader.at = found.end()
    numbers = tuple(int(number) for number in found[0].split(b"."))
    if len(numbers) > PARTS_LIMIT:
        raise Malformed("part number too deep")
    return numbers


def read_section_text(reader: Reader, part: tuple[int, ...]) -> tuple[str, tuple[bytes, ...]]:
    """HEADER, TEXT, MIME, HEADER.FIELDS and its names."""
    text = next((name.decode("ascii") for name in TEXTS if reader.skip(name)), "")
    if not text:
        raise Malformed("unknown section")
    if text == "MIME" and not part:
        raise Malformed("MIME needs a part number")
    if not text.startswith("HEADER.FIELDS"):
        return text, ()
    reader.space()
    return text, tuple(reader.list_of(reader.astring, empty=False))


def read_binary(reader: Reader, name: str) -> Section:
    """BINARY[1]<0.10>, BINARY.SIZE[1] (RFC 3516)."""
    reader.expect(b"[")
    part = read_part(reader)
    reader.expect(b"]")
    kind = "BINARY.SIZE" if name == "BINARY.SIZE" else "BINARY"
    partial = read_partial(reader) if kind == "BINARY" else None
    return Section(kind, part, partial=partial, peek=name != "BINARY")


def read_partial(reader: Reader) -> tuple[int, int] | None:
    """`<origin.count>`, or nothing."""
    if reader.peek() != b"<":
        return None
    found = reader.match(PARTIAL, "a partial range")
    start, count = int(found[1]), int(found[2])
    if count == 0:
        raise Malformed("a partial range of no octets")
    return start, count


def read_fetch_modifiers(reader: Reader) -> FetchModifiers:
    """` (CHANGEDSINCE 12 VANISHED)`, or nothing."""
    if reader.at_end():
        return FetchModifiers()
    reader.space()
    changed_since: int | None = None
    vanished = False
    partial: tuple[int, int] | None = None

    def modifier() -> None:
        nonlocal changed_since, vanished, partial
        name = reader.word()
        if name == "CHANGEDSINCE":
            reader.space()
            changed_since = reader.modseq()
        elif name == "VANISHED":
            vanished = True
        elif name == "PARTIAL":
            reader.space()
            partial = read_window(reader)
        else:
            raise Malformed(f"unknown FETCH modifier {name}")

    reader.list_of(modifier, empty=False)
    if vanished and changed_since is None:
        raise Malformed("VANISHED needs CHANGEDSINCE")
    return FetchModifiers(changed_since, vanished, partial)


WINDOW = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})")


def read_window(reader: Reader) -> tuple[int, int]:
    """A PARTIAL range: `1:100` from the first, `-1:-100` from the last (RFC 9394)."""
    found = reader.match(WINDOW, "a range")
    if found[1] != found[3]:
        raise Malformed("a range of mixed signs")
    first, second = sorted((int(found[2]), int(found[4])))
    return (-first, -second) if found[1] else (first, second)


def label(section: Section) -> bytes:
    """How the reply names the section: as asked, in capitals, with the origin of a partial only."""
    if section.label:
        return section.label
    inside = ".".join(map(str, section.part))
    if section.text:
        inside += ("." if inside else "") + section.text
    named = section.kind.encode("ascii") + b"[" + inside.encode("ascii")
    if section.fields:
        named += b" (" + b" ".join(field_name(field.upper()) for field in section.fields) + b")"
    return named + (b"]<%d>" % section.partial[0] if section.partial else b"]")


def field_name(field: bytes) -> bytes:
    """A header field's name as an atom, or quoted where it cannot be one."""
    if ATOM.fullmatch(field):
        return field
    return b'"' + re.sub(rb'([\\"])', rb"\\\1", re.sub(rb"[\x00\r\n]", b"", field)) + b'"'
