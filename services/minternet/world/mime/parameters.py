"""Content-Type and Content-Disposition values: the main value and its parameters (RFC 2045, section 5.1; RFC 2231).

Parameters come out as BODYSTRUCTURE shows them: names and values as given, unquoted, except that the numbered pieces of
RFC 2231 ("name*0", "name*1*") are joined to one "name" or "name*". Where a list is malformed the parser skips one octet
and waits for the next ";": Dovecot does so, and clients see its answer.
"""

from __future__ import annotations

import re
from itertools import groupby

from minternet.world.mime.charsets import decode_bytes, decode_header
from minternet.world.mime.headers import without_line_ends
from minternet.world.mime.tokens import BROKEN, END, MORE, Scanner, State

Parameters = tuple[tuple[bytes, bytes], ...]

_SIMPLE_PARAMETER = rb";[ \t\r\n]*+([!#-'+\-.0-9A-Z^-~]++)=(?:\"([^\"\\\n]*+)\"|([!#-'*+\-.0-9A-Z^-~]++))[ \t\r\n]*+"
_SIMPLE_VALUE = re.compile(
    rb"[ \t\r\n]*+([!#-'*+\-.0-9A-Z^-~]++)/([!#-'*+\-.0-9A-Z^-~]++)[ \t\r\n]*+((?:" + _SIMPLE_PARAMETER + rb")*+)"
)
_SIMPLE_PARAMETERS = re.compile(_SIMPLE_PARAMETER)
_NUMBERED = re.compile(rb"([^*]*+)\*(\d{0,9})(\*?)")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def content_type(value: bytes) -> tuple[bytes, bytes, Parameters]:
    """Type, subtype (both as given, empty where missing) and parameters of a Content-Type value."""
    simple = _SIMPLE_VALUE.fullmatch(value)
    if simple:
        return simple[1], simple[2], tuple((n, q or t) for n, q, t in _SIMPLE_PARAMETERS.findall(simple[3]))
    scanner = Scanner(value)
    if scanner.skip() is not MORE:
        return b"", b"", ()
    state, main = scanner.mime_token()
    if state is not MORE or not scanner.at(b"/"):
        return main, b"", ()
    scanner.position += 1
    if scanner.skip() is not MORE:
        return main, b"", ()
    state, sub = scanner.mime_token()
    return main, sub, () if state is BROKEN else _parameters(scanner)


def disposition(value: bytes) -> tuple[bytes | None, Parameters]:
    """The disposition type as given (None where unreadable) and its parameters (RFC 2183)."""
    scanner = Scanner(value)
    scanner.skip()
    state, kind = scanner.mime_token()
    return (None, ()) if state is BROKEN else (kind, _parameters(scanner))


def transfer_encoding(value: bytes) -> bytes | None:
    """The Content-Transfer-Encoding token as given; None where the value is not exactly one token."""
    scanner = Scanner(value)
    scanner.skip()
    state, token = scanner.mime_token()
    return token if state is END and token else None


def languages(value: bytes) -> tuple[bytes, ...]:
    """The tags of a Content-Language value (RFC 3282)."""
    scanner = Scanner(value)
    scanner.skip()
    found: list[bytes] = []
    while True:
        state, tag = scanner.atom()
        if state is BROKEN:
            return tuple(found)
        found.append(tag)
        if not scanner.at(b","):
            return tuple(found)
        scanner.position += 1
        scanner.skip()


def _parameters(scanner: Scanner) -> Parameters:
    plain: list[tuple[bytes, bytes]] = []
    numbered: list[tuple[bytes, int, bool, bytes]] = []
    while scanner.position < scanner.end:
        state, name, value = _parameter(scanner)
        if state is BROKEN:
            # Skip one octet and look for the next semicolon.
            position = scanner.data.find(b";", scanner.position + 1)
            if position < 0:
                break
            scanner.position = position
            continue
        number = _NUMBERED.fullmatch(name)
        if number:
            numbered.append((number[1], int(number[2] or b"0"), bool(number[3] or not number[2]), value))
        else:
            plain.append((name, value))
    if numbered:
        plain += _joined(numbered)
    return tuple(plain)


def _parameter(scanner: Scanner) -> tuple[State, bytes, bytes]:
    if not scanner.at(b";"):
        return BROKEN, b"", b""
    scanner.position += 1
    if scanner.skip() is not MORE:
        return BROKEN, b"", b""
    state, name = scanner.mime_token()
    if state is not MORE or not scanner.at(b"="):
        return BROKEN, b"", b""
    scanner.position += 1
    state = scanner.skip()
    if state is not MORE:
        return state, name, b""
    if scanner.at(b'"'):
        state, value = scanner.quoted_string()
    elif scanner.at(b"="):
        # name==?utf-8?b?...?=: an encoded word without quotes, which senders do write
        state, value = MORE, re.compile(rb"[^; \t\r\n]*").match(scanner.data, scanner.position)[0]  # type: ignore[index]
        scanner.position += len(value)
    else:
        state, value = scanner.mime_token()
    return state, name, value


def _joined(numbered: list[tuple[bytes, int, bool, bytes]]) -> list[tuple[bytes, bytes]]:
    result: list[tuple[bytes, bytes]] = []
    numbered.sort(key=lambda piece: piece[:2])
    for _, group in groupby(numbered, key=lambda piece: piece[0].lower()):
        pieces = list(group)
        extended = any(piece[2] for piece in pieces)
        if [piece[1] for piece in pieces] != list(range(len(pieces))):
            # A number is missing: these are no pieces of one value.
            result += [(b"%b*%d%b" % (name, number, b"*" * coded), value) for name, number, coded, value in pieces]
            continue
        value = b"".join(
            value if coded or not extended else value.replace(b"%", b"%25") for _, _, coded, value in pieces
        )
        if extended and not pieces[0][2]:
            value = b"''" + value
        result.append((pieces[0][0] + b"*" * extended, value))
    return result


def decoded_parameter(parameters: Parameters, name: str) -> str | None:
    """The decoded value of a parameter, RFC 2231 form preferred; encoded words and raw 8-bit are understood too."""
    wanted = name.lower().encode()
    values = {given.lower(): value for given, value in reversed(parameters)}
    extended = values.get(wanted + b"*")
    if extended is not None:
        charset, quote, rest = extended.partition(b"'")
        _, second, text = rest.partition(b"'")
        if not (quote and second):
            charset, text = b"", extended
        raw = _PERCENT.sub(lambda code: bytes((int(code[1], 16),)), text)
        return decode_bytes(raw, charset.decode("latin-1"))
    plain = values.get(wanted)
    if plain is None:
        pieces = sorted((len(given), given) for given in values if given.startswith(wanted + b"*"))
        plain = b"".join(values[given] for _, given in pieces) if pieces else None
    return None if plain is None else decode_header(without_line_ends(plain))
