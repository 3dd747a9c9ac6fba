"""Articles that come in: read into fields, and checked (RFC 5536, RFC 5537). Pure functions; the reason for a no is `Rejected`.

Nothing is put right: what is taken is kept octet for octet, but for the fields that servers own (Path, Xref and what an
injecting agent adds).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from ...world.mime import addresses, parse_date, unfold
from ...world.news import Group
from .arguments import shown

LINE_LIMIT: Final = 998
"""Octets of a header line (RFC 5536 section 2.2)."""
HEADER_LIMIT: Final = 1 << 16
"""Octets of a header; so overview lines are bounded too."""
MOST_GROUPS: Final = 100
"""Groups an article may be posted to."""
MESSAGE_ID_LIMIT: Final = 250
"""Octets (RFC 5536 section 3.1.3)."""
FUTURE: Final = 24 * 3600.0
"""Seconds by which a Date may be ahead (RFC 5537 section 3.5)."""

FIELD: Final = re.compile(rb"([!-9;-~]+):([^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)")
MESSAGE_ID: Final = re.compile(rb"<[!-;=?A-~]+@[!-;=?A-~]+>")
GROUP_NAME: Final = re.compile(r"[^\x00-\x20\x7f,!*?\[\]\\:.]+(?:\.[^\x00-\x20\x7f,!*?\[\]\\:.]+)*")
PATH: Final = re.compile(rb"[!-~](?:[\t -~]*[!-~])?")

MANDATORY: Final = (b"from", b"newsgroups", b"subject")
"""What a poster has to write; the rest is filled in (RFC 5537 section 3.4.1)."""
MANDATORY_RELAYED: Final = (*MANDATORY, b"date", b"message-id", b"path")
"""RFC 5536 section 3.1."""
ONCE: Final = frozenset(
    b"approved archive cancel-key cancel-lock comments control date distribution expires followup-to from injection-date "
    b"injection-info lines message-id mime-version newsgroups organization path references reply-to sender subject "
    b"summary supersedes user-agent xref content-type content-transfer-encoding content-disposition content-id".split()
) - {b"comments"}
"""Fields of which there may be one (RFC 5536 section 3)."""
SERVERS_OWN: Final = frozenset(
    (b"injection-info", b"xref", b"nntp-posting-host", b"nntp-posting-date", b"x-trace", b"x-complaints-to")
)
"""Fields that a poster may not write (RFC 5537 section 3.4.1, and their obsolete kin)."""
POSTED: Final = b".POSTED"
POSTER: Final = "poster"


class Rejected(Exception):
    """Why an article is not taken."""


class Field(NamedTuple):
    """A header field: its name in small letters, its value on one line, and all its octets."""

    name: bytes
    value: bytes
    raw: bytes


class Draft(msgspec.Struct, frozen=True):
    """An article as it came in."""

    fields: tuple[Field, ...]
    values: Mapping[bytes, bytes]
    """The first value of each field that has one."""
    body: bytes

    def get(self, name: bytes) -> bytes | None:
        """A field's value; None where it is missing or empty."""
        return self.values.get(name)


def parse(content: bytes) -> Draft:
    """Read an article; Rejected where it is none."""
    end = content.find(b"\r\n\r\n")
    if end < 0:
        raise Rejected("there is no empty line between header and body")
    if b"\0" in content:
        raise Rejected("the article holds NUL octets")
    head = content[: end + 2]
    if len(head) > HEADER_LIMIT:
        raise Rejected(f"the header is longer than {HEADER_LIMIT} octets")
    fields = tuple(read_fields(head))
    values: dict[bytes, bytes] = {}
    for field in fields:
        if field.value:
            values.setdefault(field.name, field.value)
    return Draft(fields, MappingProxyType(values), content[end + 4 :])


def read_fields(head: bytes) -> list[Field]:
    """The fields of a header, each line of which ends in CRLF; Rejected."""
    fields, at = [], 0
    while at < len(head):
        found = FIELD.match(head, at)
        if found is None:
            line = head[at:].split(b"\n", 1)[0].strip()
            raise Rejected(f'a header line is not "Name: value": {shown(line)}')
        name, value = found.groups()
        check_lines(name, found[0])
        fields.append(Field(name.lower(), unfold(value).strip(b" \t\r\n"), found[0]))
        at = found.end()
    return fields


def check_lines(name: bytes, raw: bytes) -> None:
    """The rules for one field's lines (RFC 5536 section 2.2)."""
    if raw[len(name) + 1 : len(name) + 2] not in (b" ", b"\r"):
        raise Rejected(f"{shown(name)} wants a space after its colon")
    if len(raw) <= LINE_LIMIT + 2 and raw.count(b"\n") == 1:
        return
    for number, line in enumerate(raw.removesuffix(b"\r\n").split(b"\r\n")):
        if len(line) > LINE_LIMIT:
            raise Rejected(f"a line of {shown(name)} is longer than {LINE_LIMIT} octets")
        if number and not line.strip():
            raise Rejected(f"{shown(name)} is folded into an empty line")


# -- what is checked


def check_posted(draft: Draft, now: float) -> None:
    """All that a poster's article must be (RFC 5537 sections 3.4.1 and 3.5)."""
    owned = next((field.name for field in draft.fields if field.name in SERVERS_OWN), None)
    if owned is not None:
        raise Rejected(f"{shown(owned.title())} is the server's to write")
    check_common(draft, MANDATORY, now)
    if POSTED in draft.values.get(b"path", b""):
        raise Rejected("the Path tells of an earlier posting")
    if draft.get(b"injection-date") and not (draft.get(b"date") and draft.get(b"message-id")):
        raise Rejected("Injection-Date comes with Date and Message-ID only")
    followup = draft.get(b"followup-to")
    if followup is not None and followup != POSTER.encode():
        names_of(followup, "Followup-To")


def check_relayed(draft: Draft, now: float) -> None:
    """All that an article from a peer must be (RFC 5537 section 3.6)."""
    check_common(draft, MANDATORY_RELAYED, now)


def check_common(draft: Draft, mandatory: tuple[bytes, ...], now: float) -> None:
    """What holds for every article."""
    missing = [name.title().replace(b"-Id", b"-ID").decode() for name in mandatory if draft.get(name) is None]
    if missing:
        raise Rejected(f"{', '.join(missing)} missing")
    check_once(draft)
    check_author(draft.values[b"from"])
    check_date(draft, b"date", now)
    check_date(draft, b"injection-date", now)
    if b"path" in draft.values and PATH.fullmatch(draft.values[b"path"]) is None:
        raise Rejected("the Path is not printable")
    if b"message-id" in draft.values:
        check_message_id(draft.values[b"message-id"])
    if b"supersedes" in draft.values:
        check_message_id(draft.values[b"supersedes"])
        if b"control" in draft.values:
            raise Rejected("Control and Supersedes cannot go together")


def check_once(draft: Draft) -> None:
    seen: set[bytes] = set()
    for field in draft.fields:
        if field.name in ONCE and field.name in seen:
            raise Rejected(f"there is more than one {shown(field.name.title())}")
        seen.add(field.name)


def check_author(value: bytes) -> None:
    """From holds one or more addresses, local@domain (RFC 5536 section 3.1.2)."""
    found = addresses(value)
    if not found or not all(each.mailbox and each.host for each in found):
        raise Rejected(f"From holds no address: {shown(value)}")


def check_date(draft: Draft, name: bytes, now: float) -> None:
    value = draft.get(name)
    if value is None:
        return
    moment = parse_date(value)
    if moment is None:
        raise Rejected(f"{name.title().decode()} is no date: {shown(value)}")
    if moment.timestamp() > now + FUTURE:
        raise Rejected(f"{name.title().decode()} is more than a day ahead: {shown(value)}")


def check_message_id(value: bytes) -> None:
    """RFC 5536 section 3.1.3."""
    if len(value) > MESSAGE_ID_LIMIT or MESSAGE_ID.fullmatch(value) is None:
        raise Rejected(f"{shown(value)} is no message-id")


# -- where it goes


def names_of(value: bytes, field: str = "Newsgroups") -> tuple[str, ...]:
    """The groups that Newsgroups or Followup-To names, blanks around commas left off."""
    try:
        names = tuple(part.strip() for part in value.decode().split(","))
    except UnicodeDecodeError:
        raise Rejected(f"{field} is not UTF-8") from None
    if len(names) > MOST_GROUPS:
        raise Rejected(f"{field} names more than {MOST_GROUPS} groups")
    for name in names:
        if GROUP_NAME.fullmatch(name) is None:
            raise Rejected(f"{field} names no group with {shown(name) or 'nothing between its commas'}")
    if len(set(names)) < len(names):
        raise Rejected(f"{field} names a group twice")
    return names


def known_groups(names: tuple[str, ...], groups: Mapping[str, Group]) -> tuple[Group, ...]:
    """Those of the groups that are here; Rejected where none is."""
    known = tuple(groups[name] for name in names if name in groups)
    if not known:
        raise Rejected(f"no such newsgroup here: {shown(', '.join(names))}")
    return known


def check_open(groups: tuple[Group, ...]) -> None:
    """Whether one may post to all of them."""
    for group in groups:
        if group.status not in ("y", "m"):
            raise Rejected(f"{shown(group.name)} is read-only")


def unapproved(draft: Draft, groups: tuple[Group, ...]) -> Group | None:
    """The first moderated group that the article needs an Approved for, and has none."""
    if draft.get(b"approved") is not None:
        return None
    return next((group for group in groups if group.status == "m"), None)


# -- what becomes of it


def header_of(draft: Draft, path: bytes, added: tuple[bytes, ...] = ()) -> bytes:
    """The header to keep: Path is `path`, Xref is left out, `added` fields come last; all else as it came."""
    line = b"Path: %b\r\n" % path
    kept = [line if field.name == b"path" else field.raw for field in draft.fields if field.name != b"xref"]
    if not any(field.name == b"path" for field in draft.fields):
        kept.insert(0, line)
    return b"".join((*kept, *(b"%b\r\n" % field for field in added)))
