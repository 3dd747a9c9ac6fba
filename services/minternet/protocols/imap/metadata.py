"""METADATA (RFC 5464), and the ANNOTATEMORE commands that imaplib has (draft-daboo-imap-annotatemore-05).

An annotation is an entry of a mailbox, or of the account where the mailbox is "".  ANNOTATEMORE's attributes `value.priv`
and `value.shared` of an entry are the entries below `/private` and `/shared`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from ...world.changes import SetMetadata
from . import access
from .format import astring, nstring
from .names import matches
from .reader import Literal, Malformed, Reader
from .replies import no
from .table import AFTER_LOGIN, command

if TYPE_CHECKING:
    from .session import ImapSession

ENTRY = re.compile(r"/(?:private|shared)(?:/[^/%*\x00-\x1f\x7f]+)+\Z", re.IGNORECASE)
ENTRY_OR_ALL = re.compile(r"/(?:private|shared)(?:/[^/%*\x00-\x1f\x7f]+)*\Z", re.IGNORECASE)
"""The same, and all entries together, where DEPTH looks below."""
VALUE_LIMIT = 65_536
"""Octets of a value."""
ENTRIES_LIMIT = 1000
"""Entries of one mailbox."""
SPACES = {"value.priv": "/private", "value.shared": "/shared"}
"""Where ANNOTATEMORE's attributes are kept."""


class Options(msgspec.Struct, frozen=True):
    """GETMETADATA's options: the longest value to give, and how far below an entry to look."""

    max_size: int | None = None
    depth: float = 0


def annotations_of(session: ImapSession, name: str, needs: str) -> Mapping[str, bytes]:
    """The annotations of a mailbox, or of the account for ""."""
    if name:
        return access.get(session, name, needs).annotations
    store = session.world.mail.stores.get(session.login)
    return {} if store is None else store.annotations


def read_name(session: ImapSession, reader: Reader) -> str:
    """A mailbox name; "" is the account."""
    return session.read_mailbox(reader)


def read_options(reader: Reader) -> Options:
    """`(MAXSIZE 1024 DEPTH 1)`."""
    max_size: int | None = None
    depth = 0.0

    def option() -> None:
        nonlocal max_size, depth
        name = reader.keyword()
        reader.space()
        if name == "MAXSIZE":
            max_size = reader.number()
        elif name == "DEPTH":
            word = reader.word()
            if word not in {"0", "1", "INFINITY"}:
                raise Malformed("DEPTH is 0, 1 or infinity")
            depth = float("inf") if word == "INFINITY" else float(word)
        else:
            raise Malformed(f"unknown option {name}")

    reader.list_of(option, empty=False)
    return Options(max_size, depth)


def read_entry(reader: Reader, *, exact: bool) -> str:
    """An entry's name, in lower case: they are compared without case."""
    name = reader.astring().decode("utf-8", "replace").lower()
    if not (ENTRY if exact else ENTRY_OR_ALL).match(name):
        raise Malformed("an entry is below /private or /shared")
    return name


@command(
    "GETMETADATA", AFTER_LOGIN, "[(option ...)] mailbox entry | (entry ...)", rfc="RFC 5464", capability="METADATA"
)
async def get_metadata(session: ImapSession, reader: Reader) -> bytes | None:
    """Tell annotations."""
    reader.space()
    options = Options()
    if reader.peek() == b"(":
        options = read_options(reader)
        reader.space()
    name = read_name(session, reader)
    reader.space()

    def entry() -> str:
        return read_entry(reader, exact=not options.depth)

    entries = reader.list_of(entry) if reader.peek() == b"(" else [entry()]
    reader.end()
    annotations = annotations_of(session, name, "r")
    found = {name: annotations[name] for wanted in entries for name in below(annotations, wanted, options.depth)}
    kept = {entry: value for entry, value in found.items() if not too_long(value, options)}
    if kept:
        told = b" ".join(
            astring(entry.encode("utf-8"), utf8=True) + b" " + value_text(value) for entry, value in kept.items()
        )
        written = astring(session.written_name(name), utf8=session.utf8) if name else b'""'
        session.wire.send(b"* METADATA %b (%b)\r\n" % (written, told))
    longest = max((len(value) for value in found.values() if too_long(value, options)), default=0)
    return b"[METADATA LONGENTRIES %d] Some values are longer" % longest if longest else None


def value_text(value: bytes) -> bytes:
    """A value as a string, or as literal8 where it has NUL."""
    return b"~{%d}\r\n%b" % (len(value), value) if b"\0" in value else nstring(value, utf8=False)


def below(annotations: Mapping[str, bytes], wanted: str, depth: float) -> list[str]:
    """The entries that are there: the one wanted, and those at most so far below it."""
    return sorted(
        entry
        for entry in annotations
        if entry == wanted or (depth and entry.startswith(wanted + "/") and entry.count("/", len(wanted)) <= depth)
    )


def too_long(value: bytes, options: Options) -> bool:
    """Whether MAXSIZE leaves the value out."""
    return options.max_size is not None and len(value) > options.max_size


@command("SETMETADATA", AFTER_LOGIN, "mailbox (entry value ...)", rfc="RFC 5464", capability="METADATA")
async def set_metadata(session: ImapSession, reader: Reader) -> None:
    """Set annotations; NIL removes one."""
    reader.space()
    name = read_name(session, reader)
    reader.space()
    values: dict[str, bytes | None] = {}

    def pair() -> None:
        entry = read_entry(reader, exact=True)
        reader.space()
        values[entry] = read_value(reader)

    reader.list_of(pair, empty=False)
    reader.end()
    await store_annotations(session, name, values)


def read_value(reader: Reader) -> bytes | None:
    """A string, a literal8 or NIL."""
    if reader.at_literal():
        taken: Literal = reader.literal()
        content: bytes = taken.content if isinstance(taken.content, bytes) else taken.content.bytes()
        return content
    return reader.nstring()


async def store_annotations(session: ImapSession, name: str, values: Mapping[str, bytes | None]) -> None:
    """Set annotations within the limits."""
    present = annotations_of(session, name, "rw" if name else "")
    if any(len(value or b"") > VALUE_LIMIT for value in values.values()):
        raise no("Value too long", f"METADATA MAXSIZE {VALUE_LIMIT}")
    if len(present) + len(values) > ENTRIES_LIMIT:
        raise no("Too many entries", "METADATA TOOMANY")
    mailbox = access.get(session, name) if name else None
    for entry, value in values.items():
        owner, target = (mailbox.owner, mailbox.name) if mailbox is not None else (session.login, "")
        await session.commit(SetMetadata(owner, target, entry, value))


# --- ANNOTATEMORE


def read_patterns(reader: Reader) -> list[str]:
    """A pattern, or several."""

    def pattern() -> str:
        return reader.list_pattern().decode("utf-8", "replace").lower()

    return reader.list_of(pattern) if reader.peek() == b"(" else [pattern()]


@command(
    "GETANNOTATION",
    AFTER_LOGIN,
    "mailbox entry attribute",
    rfc="draft-daboo-imap-annotatemore-05",
    capability="METADATA",
)
async def get_annotation(session: ImapSession, reader: Reader) -> None:
    """Tell annotations, in the manner before METADATA."""
    reader.space()
    name = read_name(session, reader)
    reader.space()
    entries = read_patterns(reader)
    reader.space()
    attributes = read_patterns(reader)
    reader.end()
    annotations = annotations_of(session, name, "r")
    found: dict[str, list[bytes]] = {}
    for attribute, space in SPACES.items():
        if not any(matches(pattern, attribute) for pattern in attributes):
            continue
        for entry in sorted(annotations):
            short = entry.removeprefix(space)
            if short != entry and any(matches(pattern, short) for pattern in entries):
                found.setdefault(short, []).append(
                    b'"%b" ' % attribute.encode("ascii") + value_text(annotations[entry])
                )
    written = nstring(session.written_name(name), utf8=session.utf8)
    for entry, told in found.items():
        text = nstring(entry.encode("utf-8"), utf8=True)
        session.wire.send(b"* ANNOTATION %b %b (%b)\r\n" % (written, text, b" ".join(told)))


@command(
    "SETANNOTATION",
    AFTER_LOGIN,
    "mailbox entry (attribute value ...)",
    rfc="draft-daboo-imap-annotatemore-05",
    capability="METADATA",
)
async def set_annotation(session: ImapSession, reader: Reader) -> None:
    """Set annotations, in the manner before METADATA."""
    reader.space()
    name = read_name(session, reader)
    reader.space()
    entry = reader.astring().decode("utf-8", "replace").lower()
    reader.space()
    values: dict[str, bytes | None] = {}

    def pair() -> None:
        attribute = reader.astring().decode("latin-1").lower()
        space = SPACES.get(attribute)
        if space is None or not ENTRY.match(space + entry):
            raise Malformed("attributes are value.priv and value.shared")
        reader.space()
        values[space + entry] = read_value(reader)

    reader.list_of(pair, empty=False)
    reader.end()
    await store_annotations(session, name, values)
