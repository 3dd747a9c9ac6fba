"""Addresses (RFC 5322, section 3.4, with the obsolete forms) and the IMAP ENVELOPE.

Malformed addresses come out as Dovecot shows them, because ENVELOPE must say something about them:

- `user` alone is a mailbox without a host; words that no address follows ("Display Name") are a name without a mailbox;
- a comment after a bare address is its name: `user@host (Name)`;
- what is missing is empty, or, with `placeholders`, MISSING_MAILBOX and MISSING_DOMAIN; a broken `<...>` has the host
  SYNTAX_ERROR and a broken source route is INVALID_ROUTE. ENVELOPE uses the placeholders: an empty host or mailbox there
  could be taken for a group marker by clients that do not tell NIL from "".
- Reading stops at the first address that is not followed by a comma.
"""

from __future__ import annotations

import re

import msgspec

from minternet.world.mime.headers import FIELD, NUL_REPLACEMENT, full_value, tidy, without_line_ends
from minternet.world.mime.structure import Part
from minternet.world.mime.tokens import BROKEN, END, MORE, Scanner, State

_ATEXT = rb"!#-'*+\-/0-9=?A-Z^-~\x80-\xff"
_WHITE = rb"[ \t\r\n]*+"
# The plain majority: [phrase] <local@domain> or local@domain, no comments, no escapes.
_PLAIN_ADDRESS = re.compile(
    rb"(?:(?:\"([^\"\\\r\n]*+)\"" + _WHITE + rb"|([" + _ATEXT + rb"][" + _ATEXT + rb". \t\r\n]*+))?<)?"
    rb"(["
    + _ATEXT
    + rb"]["
    + _ATEXT
    + rb".]*+)@(["
    + _ATEXT
    + rb"]["
    + _ATEXT
    + rb".]*+)(>?)"
    + _WHITE
    + rb"(,|\Z)"
    + _WHITE
)


class Address(msgspec.Struct, frozen=True):
    """One address as IMAP gives it (RFC 3501, section 7.4.2), each string raw.

    A group begins with an address of only a mailbox (its name) and ends with one of nothing at all.
    """

    name: bytes | None = None
    route: bytes | None = None
    mailbox: bytes | None = None
    host: bytes | None = None

    @property
    def spec(self) -> bytes:
        """mailbox@host, or what there is of it."""
        return b"%b@%b" % (self.mailbox or b"", self.host) if self.host else self.mailbox or b""


class Envelope(msgspec.Struct, frozen=True):
    """The ENVELOPE of a message: raw values on one line, the subject and display names with white space tidied."""

    date: bytes | None = None
    subject: bytes | None = None
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: bytes | None = None
    message_id: bytes | None = None


_ENVELOPE_FIELDS = {
    b"date": "date",
    b"subject": "subject",
    b"from": "from_",
    b"sender": "sender",
    b"reply-to": "reply_to",
    b"to": "to",
    b"cc": "cc",
    b"bcc": "bcc",
    b"in-reply-to": "in_reply_to",
    b"message-id": "message_id",
}


_ADDRESS_LISTS = ("from_", "sender", "reply_to", "to", "cc", "bcc")


def envelope(content: bytes, part: Part) -> Envelope:
    """The ENVELOPE of the message `part`; sender and reply_to default to from.

    A repeated field of addresses adds to the one before, of another repeated field the last counts (as Dovecot has it; RFC 5322
    section 3.6 forbids them all).
    """
    values: dict[str, bytes] = {}
    lists: dict[str, tuple[Address, ...]] = dict.fromkeys(_ADDRESS_LISTS, ())
    position = part.header_start
    while position < part.body_start and (found := FIELD.match(content, position, part.body_start)):
        key = _ENVELOPE_FIELDS.get(found[1].rstrip(b" \t\r").lower())
        if key in lists:
            lists[key] += _envelope_addresses(full_value(found[3]))
        elif key:
            values[key] = full_value(found[3])
        position = found.end()
    subject = values.get("subject")
    return Envelope(
        date=_line(values.get("date")),
        subject=None if subject is None else tidy(subject),
        from_=lists["from_"],
        sender=lists["sender"] or lists["from_"],
        reply_to=lists["reply_to"] or lists["from_"],
        to=lists["to"],
        cc=lists["cc"],
        bcc=lists["bcc"],
        in_reply_to=_line(values.get("in_reply_to")),
        message_id=_line(values.get("message_id")),
    )


def _line(value: bytes | None) -> bytes | None:
    return None if value is None else without_line_ends(value)


def _envelope_addresses(value: bytes) -> tuple[Address, ...]:
    found = addresses(value, placeholders=True)
    if any(address.name and (tidy(address.name) != address.name) for address in found):
        return tuple(
            msgspec.structs.replace(address, name=tidy(address.name)) if address.name else address for address in found
        )
    return found


def addresses(value: bytes, placeholders: bool = False) -> tuple[Address, ...]:
    """The addresses of a header value, group markers included; encoded words stay as they are."""
    value = value.replace(b"\0", NUL_REPLACEMENT) if b"\0" in value else value
    plain = _plain_addresses(value)
    if plain is not None:
        return plain
    parser = _AddressParser(value, placeholders)
    parser.parse()
    return tuple(parser.found)


def _plain_addresses(value: bytes) -> tuple[Address, ...] | None:
    result: list[Address] = []
    position, end = len(value) - len(value.lstrip(b" \t\r\n")), len(value)
    while position < end:
        found = _PLAIN_ADDRESS.match(value, position)
        if not found or (found[5] == b">") != (value.find(b"<", position, found.start(3)) >= 0):
            return None
        if found[6] and found.end() == end:
            return None  # a comma at the end is no plain list
        quoted, phrase, mailbox, host = found.group(1, 2, 3, 4)
        name = quoted if quoted is not None else b" ".join(phrase.split()) if phrase else None
        result.append(Address(name or None, None, mailbox, host))
        position = found.end()
    return tuple(result)


class _AddressParser:
    __slots__ = ("found", "host", "mailbox", "name", "placeholders", "route", "scanner")

    def __init__(self, value: bytes, placeholders: bool) -> None:
        self.scanner = Scanner(value)
        self.placeholders = placeholders
        self.found: list[Address] = []
        self._forget()

    def _forget(self) -> None:
        self.name: bytes | None = None
        self.route: bytes | None = None
        self.mailbox: bytes | None = None
        self.host: bytes | None = None

    def parse(self) -> None:
        scanner = self.scanner
        state = scanner.skip()
        while state is MORE:
            if self._address() is END or not scanner.at(b","):
                return
            scanner.position += 1
            state = scanner.skip()
            if state is BROKEN:
                self._add_filled()  # a comma and garbage

    def _add(self) -> None:
        self.found.append(Address(self.name, self.route, self.mailbox, self.host))
        self._forget()

    def _add_filled(self) -> None:
        if self.mailbox is None:
            self.mailbox = b"MISSING_MAILBOX" if self.placeholders else b""
        if not self.host:
            self.host = b"MISSING_DOMAIN" if self.placeholders else b""
        self._add()

    def _address(self) -> State:
        start = self.scanner.position
        state, phrase = self.scanner.phrase()
        if state is MORE and self.scanner.at(b":"):
            return self._group(phrase)
        if state is MORE and self.scanner.at(b"<"):
            return self._name_and_angle(phrase)
        self.scanner.position = start
        return self._bare()

    def _mailbox(self) -> State:
        start = self.scanner.position
        state, phrase = self.scanner.phrase()
        if state is MORE and self.scanner.at(b"<"):
            return self._name_and_angle(phrase)
        self.scanner.position = start
        return self._bare()

    def _group(self, name: bytes) -> State:
        """group (RFC 5322, section 3.4), its name read already: its marker, its members, its end."""
        scanner = self.scanner
        scanner.position += 1
        state = scanner.skip()
        self.mailbox = name
        self._add()
        while state is MORE and not scanner.at(b";"):
            self._mailbox()  # a broken member does not end the group
            if not scanner.at(b","):
                break
            scanner.position += 1
            if scanner.skip() is not MORE:
                state = BROKEN
        if state is not BROKEN and scanner.at(b";"):
            scanner.position += 1
            state = scanner.skip()
        else:
            state = BROKEN
        self._add()
        return END if state is END else MORE

    def _name_and_angle(self, name: bytes) -> State:
        self.name = name or None
        if self._angle() is BROKEN:
            self.host = b"SYNTAX_ERROR" if self.placeholders else self.host
        self._add_filled()
        return MORE if self.scanner.position < self.scanner.end else END

    def _angle(self) -> State:
        """angle-addr, source route included (RFC 5322, section 4.4)."""
        scanner = self.scanner
        scanner.position += 1
        if scanner.skip() is not MORE:
            return BROKEN
        if scanner.at(b"@"):
            if self._source_route() is MORE and scanner.at(b":"):
                scanner.position += 1
            elif self.placeholders:
                self.route = b"INVALID_ROUTE"
            if scanner.skip() is not MORE:
                return BROKEN
        if not scanner.at(b">"):
            if self._local_part() is not MORE:
                return BROKEN
            if scanner.at(b"@") and self._domain() is not MORE:
                return BROKEN
        if not scanner.at(b">"):
            return BROKEN
        scanner.position += 1
        return scanner.skip()

    def _source_route(self) -> State:
        scanner = self.scanner
        domains: list[bytes] = []
        while scanner.at(b"@"):
            state, domain = scanner.domain()
            if state is not MORE:
                return state
            domains.append(b"@" + domain)
            while scanner.skip() is MORE and scanner.at(b","):
                scanner.position += 1
        if scanner.position >= scanner.end:
            return END
        self.route = b",".join(domains)
        return MORE

    def _local_part(self) -> State:
        scanner = self.scanner
        state, text = scanner.quoted_string() if scanner.at(b'"') else scanner.dot_atom()
        if state is not BROKEN:
            self.mailbox = text
        return state

    def _domain(self) -> State:
        state, text = self.scanner.domain()
        if state is not BROKEN:
            self.host = text
        return state

    def _bare(self) -> State:
        """addr-spec, or what stands in its place: a lone user, a name without an address, garbage."""
        scanner = self.scanner
        scanner.comment = b""
        quoted = scanner.at(b'"')
        state = self._local_part()
        invalid, has_domain = state is not MORE, False
        if state is not END and scanner.at(b"@"):
            has_domain = True
            ended = self._domain()
            state = state if ended is MORE else ended
        if scanner.comment:
            self.name = scanner.comment
        elif not has_domain:
            more = scanner.phrase()[1] if scanner.position < scanner.end else b""
            if more:
                # Words go on where a host should be: all of them were a display name.
                self.name, self.mailbox = (self.mailbox or b"") + b" " + more, None
            elif not quoted:
                self.host = b""
            state, invalid = BROKEN, True
        if invalid and self.name is None and self.mailbox is not None and self.host is None:
            self.name, self.mailbox = self.mailbox, None
        self._add_filled()
        return state
