"""Paths, addresses and parameters of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531, RFC 3461): pure, and linear.

aiosmtpd's own parser (`_getaddr`, on the standard library's `email`) takes 100 us an address, reads `a b@x` as an
address and ends in a RecursionError on a line of brackets; these patterns take 1 us and follow the grammar.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from ..commands import Refusal

# Classes are written by what they leave out: to name all of Unicode costs `re` a millisecond of compiling each.
ATOM = r"[^\x00-\x20\"(),.:;<>@\[\\\]\x7f]+"
QUOTED = r'"(?:[^\x00-\x1f"\\\x7f]|\\[ -~])*"'
_LETTERS = r"[^\x00-/:-@\[-^`{-\x7f]+"
"""Letters, digits, the underscore, and all beyond ASCII."""
LABEL = rf"{_LETTERS}(?:-+{_LETTERS})*"
DOMAIN = rf"{LABEL}(?:\.{LABEL})*"
LITERAL = r"\[[!-Z^-~]+\]"

_PLAIN = re.compile(rb":<([0-9A-Za-z_+-]+(?:\.[0-9A-Za-z_+-]+)*@[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)>\Z")
"""What nearly all clients send; everything else goes the long way."""
_ARGUMENT = re.compile(rb':[ \t]*(?:<((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>|([^<>\s]+))(?:[ \t]+(.*))?\Z', re.DOTALL)
_MAILBOX = re.compile(rf"({ATOM}(?:\.{ATOM})*|{QUOTED})(?:@({DOMAIN}|{LITERAL}))?\Z")
_PARAMETER = re.compile(rb"([0-9A-Za-z][0-9A-Za-z-]*)(?:=([!-<>-~\x80-\xff]+))?\Z")
# Seldom seen, so `re` compiles them when they are.
_ROUTE = rf"@{DOMAIN}(?:,@{DOMAIN})*:"
_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z"
_UNICODE_XTEXT = r"(?:[^\x00-\x20+=\\\x7f]|\\x\{[0-9A-F]{2,6}\}|\+[0-9A-F]{2})*\Z"
_LONGEST_DOMAIN = 255
"""Octets; RFC 5321 section 4.5.3.1.2."""

BAD_SENDER, BAD_RECIPIENT = "5.1.7", "5.1.3"
"""Enhanced codes of a malformed address (RFC 3463 section 3.2)."""


class Path(NamedTuple):
    """An address ("" for the null sender) as the client wrote it, without brackets and source route, and what followed."""

    address: str
    parameters: dict[str, str | None]


def parse(argument: bytes, keyword: bytes, usage: str) -> Path:
    """The argument of MAIL (`FROM`) or RCPT (`TO`), with `usage` for who writes it wrong; Refusal 501, 553."""
    size = len(keyword)
    if argument[:size] != keyword and argument[:size].upper() != keyword:
        raise Refusal("501", f"Syntax: {usage}", "5.5.4")
    plain = _PLAIN.match(argument, size)
    if plain is not None and len(plain[1]) <= _LONGEST_DOMAIN:
        return Path(plain[1].decode("ascii"), {})
    found = _ARGUMENT.match(argument, size)
    if found is None:
        raise Refusal("501", f"Syntax: {usage}", "5.5.4")
    code = BAD_SENDER if keyword == b"FROM" else BAD_RECIPIENT
    octets = found[1] if found[1] is not None else found[2]
    return Path(_mailbox(octets, code) if octets else "", parse_parameters(found[3] or b""))


def _mailbox(octets: bytes, code: str) -> str:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise Refusal("553", "the address is not UTF-8", code) from None
    if text.startswith("@") and (route := re.match(_ROUTE, text)):  # accepted and ignored: RFC 5321 appendix C
        text = text[route.end() :]
    found = _MAILBOX.match(text)
    if found is None or not _domain_fits(found[2]):
        raise Refusal("553", "malformed address", code)
    return text


def _domain_fits(domain: str | None) -> bool:
    if domain is None:
        return True
    if not domain.startswith("["):
        return len(domain.encode()) <= _LONGEST_DOMAIN
    literal = domain[1:-1]
    try:
        if literal[:5].upper() == "IPV6:":
            ipaddress.IPv6Address(literal[5:])
        else:
            ipaddress.IPv4Address(literal)
    except ValueError:
        return False
    return True


def unquoted(address: str) -> str:
    """The address with its local part freed from quotes: `"a b"@x` and `a b@x` are one (RFC 5321 section 4.1.2)."""
    if not address.startswith('"'):
        return address
    quoted, at, domain = address.rpartition("@")
    if not at or not quoted.endswith('"') or len(quoted) < 2:
        quoted, at, domain = address, "", ""
    return re.sub(r"\\(.)", r"\1", quoted[1:-1]) + at + domain


def parse_parameters(octets: bytes) -> dict[str, str | None]:
    """ESMTP parameters by keyword in capitals, None for those without a value; Refusal 501."""
    found: dict[str, str | None] = {}
    for word in octets.split():
        match = _PARAMETER.match(word)
        if match is None:
            raise Refusal("501", "a parameter is KEYWORD or KEYWORD=value", "5.5.4")
        keyword = match[1].decode("ascii").upper()
        try:
            value = None if match[2] is None else match[2].decode()
        except UnicodeDecodeError:
            raise Refusal("501", f"the value of {keyword} is not UTF-8", "5.5.4") from None
        if found.get(keyword, value) != value:  # smtplib says BODY=8BITMIME twice, and means no harm
            raise Refusal("501", f"{keyword} is given twice", "5.5.4")
        found[keyword] = value
    return found


def decode_xtext(text: str, what: str) -> str:
    """The text behind xtext (RFC 3461 section 4); Refusal 501."""
    if not re.match(_XTEXT, text):
        raise Refusal("501", f"{what} is not xtext (RFC 3461 section 4)", "5.5.4")
    decoded = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)
    if any(character < " " or character > "~" for character in decoded):
        raise Refusal("501", f"{what} hides what cannot be printed", "5.5.4")
    return decoded


def decode_original_recipient(value: str) -> str:
    """The value of ORCPT, `type;address`, decoded (RFC 3461 section 4.2, RFC 6533 section 3); Refusal 501."""
    kind, semicolon, address = value.partition(";")
    if not semicolon or not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z-]*", kind) or not address:
        raise Refusal("501", "ORCPT is a type, a semicolon and an address", "5.5.4")
    if kind.lower() != "utf-8":
        return f"{kind};{decode_xtext(address, 'ORCPT')}"
    if not re.match(_UNICODE_XTEXT, address):
        raise Refusal("501", "ORCPT is not as RFC 6533 section 3 writes addresses", "5.5.4")
    try:
        decoded = re.sub(r"\\x\{([0-9A-F]+)\}|\+([0-9A-F]{2})", lambda hit: chr(int(hit[1] or hit[2], 16)), address)
        decoded.encode()
    except (ValueError, OverflowError):
        raise Refusal("501", "ORCPT names a code point that does not exist", "5.5.4") from None
    if any(character < " " or character == "\x7f" for character in decoded):
        raise Refusal("501", "ORCPT hides what cannot be printed", "5.5.4")
    return f"{kind};{decoded}"
