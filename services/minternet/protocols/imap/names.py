"""Mailbox names as clients write them: modified UTF-7 and UTF-8, INBOX in any case, and LIST's wildcards.

The world holds names as text with `/` between levels; the wire has them in modified UTF-7 (RFC 3501 section 5.1.3) until
a client enables UTF8=ACCEPT or IMAP4rev2, and in UTF-8 from then on.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from functools import lru_cache

SEPARATOR = "/"
LEVEL_LIMIT = 64
"""Levels of a mailbox name: a client cannot make a hierarchy that is costly to list."""
SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
PLAIN = re.compile(r"[\x20-\x25\x27-\x7e]+|&|[^\x20-\x7e]+")


class InvalidName(ValueError):
    """Not a name a mailbox can have; the text says why."""


def decode_utf7(name: bytes) -> str:
    """Modified UTF-7 as text; `InvalidName` for anything that is not its one right form."""
    if b"&" not in name:
        return ascii_text(name)
    pieces: list[str] = []
    end = 0
    for found in SHIFTED.finditer(name):
        pieces.append(ascii_text(name[end : found.start()]))
        pieces.append(decode_shifted(found[1]))
        end = found.end()
    pieces.append(ascii_text(name[end:]))
    text = "".join(pieces)
    if encode_utf7(text) != name:
        raise InvalidName("Mailbox name is not valid modified UTF-7")
    return text


def ascii_text(name: bytes) -> str:
    """The unshifted part of a name."""
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidName("Mailbox name is not valid modified UTF-7") from None
    if "&" in text:
        raise InvalidName("Mailbox name is not valid modified UTF-7")
    return text


def decode_shifted(encoded: bytes) -> str:
    """What stands between `&` and `-`."""
    if not encoded:
        return "&"
    try:
        octets = b64decode(encoded.replace(b",", b"/") + b"=" * (-len(encoded) % 4), validate=True)
        return octets.decode("utf-16-be")
    except (NotBase64, UnicodeDecodeError):
        raise InvalidName("Mailbox name is not valid modified UTF-7") from None


def encode_utf7(name: str) -> bytes:
    """Text in modified UTF-7."""
    if name.isascii() and "&" not in name and name.isprintable():
        return name.encode("ascii")
    return b"".join(encode_stretch(stretch) for stretch in PLAIN.findall(name))


def encode_stretch(stretch: str) -> bytes:
    """One stretch of characters that are written alike."""
    if stretch == "&":
        return b"&-"
    if " " <= stretch[0] <= "~":
        return stretch.encode("ascii")
    encoded = b64encode(stretch.encode("utf-16-be", "surrogatepass")).rstrip(b"=")
    return b"&" + encoded.replace(b"/", b",") + b"-"


def decode_name(name: bytes, *, utf8: bool) -> str:
    """A mailbox name as the client sent it.  Raw UTF-8 is understood in either mode, modified UTF-7 only without `utf8`."""
    if utf8 or not name.isascii():
        try:
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidName("Mailbox name is not valid UTF-8") from None
        text = unicodedata.normalize("NFC", text)
    else:
        text = decode_utf7(name)
    return normal(text)


def encode_name(name: str, *, utf8: bool) -> bytes:
    """A mailbox name as it is sent to the client."""
    return name.encode("utf-8") if utf8 else encode_utf7(name)


def normal(name: str) -> str:
    """The name with a first level INBOX, in any case, in capitals."""
    first, slash, rest = name.partition(SEPARATOR)
    return "INBOX" + slash + rest if first.upper() == "INBOX" else name


def check_new_name(name: str, most: int) -> None:
    """Refuse (`InvalidName`) what no mailbox may be called, and what has more octets, as UTF-8."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > most:
        raise InvalidName("Mailbox name is empty or too long")
    levels = name.split(SEPARATOR)
    if not all(levels):
        raise InvalidName("Mailbox name has an empty level")
    if len(levels) > LEVEL_LIMIT:
        raise InvalidName("Mailbox name has too many levels")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
        raise InvalidName("Mailbox name has control characters")
    if any(character in "*%" for character in name):
        raise InvalidName("Mailbox name has wildcards")


def decode_pattern(pattern: bytes, *, utf8: bool) -> str:
    """A LIST pattern as text; one that is neither UTF-7 nor UTF-8 matches nothing but itself."""
    try:
        return decode_name(pattern, utf8=utf8)
    except InvalidName:
        return pattern.decode("latin-1")


@lru_cache(maxsize=256)
def pattern_of(pattern: str) -> re.Pattern[str]:
    """A LIST pattern as a regular expression: `*` is anything, `%` anything within one level (RFC 3501 section 6.3.8)."""
    pieces = [{"*": ".*", "%": "[^/]*"}.get(character) or re.escape(character) for character in pattern]
    inbox = re.IGNORECASE if pattern.upper() == "INBOX" else re.NOFLAG
    return re.compile("".join(pieces), re.DOTALL | inbox)


WILDCARDS_OF_A_REGEX = 3
"""A regular expression with more wildcards can take a polynomial of their number on names made for it."""


@lru_cache(maxsize=256)
def simplified(pattern: str) -> str:
    """The pattern with each run of wildcards made one."""
    return re.sub(r"[*%]*\*[*%]*|%+", lambda run: "*" if "*" in run[0] else "%", pattern)


def matches(pattern: str, name: str) -> bool:
    """Whether the name, the whole of it, matches the LIST pattern."""
    pattern = simplified(pattern)
    if pattern == "*":
        return True
    if pattern.count("*") + pattern.count("%") <= WILDCARDS_OF_A_REGEX:
        return pattern_of(pattern).fullmatch(name) is not None
    return matches_stepwise(pattern, name)


def matches_stepwise(pattern: str, name: str) -> bool:
    """`matches` in time bounded by the product of the lengths: all places in the pattern that may be reached, by character."""
    places = opened(pattern, {0})
    for character in name:
        reached = set()
        for place in places:
            wanted = pattern[place : place + 1]
            if wanted == "*" or (wanted == "%" and character != SEPARATOR):
                reached.add(place)
            elif wanted == character:
                reached.add(place + 1)
        places = opened(pattern, reached)
    return len(pattern) in places


def opened(pattern: str, places: set[int]) -> set[int]:
    """The places, and those behind a wildcard that matches nothing."""
    return places | {place + 1 for place in places if pattern[place : place + 1] in ("*", "%")}
