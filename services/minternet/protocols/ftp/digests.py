"""Commands that hash files: HASH, and the X commands of before it."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Protocol, cast

from ...world.blobs import Blob
from ..commands import Refusal
from . import listing
from .session import Session
from .table import ONLY_LOGGED_IN, TABLE, Handler
from .transfers import take_range

PIECE = 1 << 17
"""Octets hashed at once: some tenths of a millisecond."""


class Digest(Protocol):
    """A hash that is being calculated."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Crc32:
    """CRC-32 as zlib has it, in eight digits."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


ALGORITHMS: Final[Mapping[str, Callable[[], Digest]]] = MappingProxyType(
    {
        "SHA-256": hashlib.sha256,
        "SHA-512": hashlib.sha512,
        "SHA-1": lambda: hashlib.sha1(usedforsecurity=False),
        "MD5": lambda: hashlib.md5(usedforsecurity=False),
        "CRC32": Crc32,
    }
)
"""The names of draft-bryan-ftpext-hash."""
QUOTED = re.compile(r'"((?:[^"]|"")*)"(?: +(\d+))?(?: +(\d+))?|(.+?)(?: +(\d+) +(\d+))?')
"""A path, in quotes where it holds blanks and numbers, then where to start and where to end."""


@TABLE.command(
    "HASH", ONLY_LOGGED_IN, "<path>", "A file's hash, of the range RANG or REST said", "draft-bryan-ftpext-hash"
)
def hash_(session: Session, argument: str) -> None:
    path = session.files.resolve(argument)
    content = session.files.content(path)
    start, stop = take_range(session, content.size)
    name = session.hash_name
    span = f"{start}-{max(start, stop - 1)}"
    _calculate(session, name, content, start, stop, f"213 {name} {span} {{}} {listing.safe(argument)}")


def _calculate(session: Session, name: str, content: Blob, start: int, stop: int, reply: str) -> None:
    """Hash a part of a file without holding up others, then reply with it in the place of the braces."""
    before, _, after = reply.partition("{}")
    if name == "SHA-256" and (start, stop) == (0, content.size):
        session.reply(before + content.digest + after)
        return
    digest = ALGORITHMS[name]()
    session.work(_steps(digest, content, start, stop), lambda: before + digest.hexdigest() + after)


def _steps(digest: Digest, content: Blob, start: int, stop: int) -> Iterator[None]:
    for piece in content.pieces(start, stop, PIECE):
        digest.update(piece)
        yield


def hash_options(session: Session, argument: str) -> str:
    """OPTS HASH: tell, or choose, the algorithm."""
    name = argument.upper() or session.hash_name
    if name not in ALGORITHMS:
        raise Refusal("504", f"There are {', '.join(ALGORITHMS)}.")
    session.hash_name = name
    return f"200 {name}"


def _span(argument: str, size: Callable[[str], int]) -> tuple[str, int, int]:
    """Path, start and end (exclusive) of an X command's argument."""
    found = QUOTED.fullmatch(argument)
    if found is None:
        raise Refusal("501", 'Syntax: <path> or "<path>" [start] [end]')
    path = found[1].replace('""', '"') if found[1] is not None else found[4]
    first, last = (found[2], found[3]) if found[1] is not None else (found[5], found[6])
    if len(first or "") > 19 or len(last or "") > 19:
        raise Refusal("501", "That is no number of octets.")
    whole = size(path)
    start, stop = int(first or 0), min(int(last), whole) if last else whole
    if start > stop:
        raise Refusal("501", "The start is behind the end.")
    return path, start, stop


def _x_command(name: str) -> Handler:
    """The handler of XMD5 and its kin."""

    def handler(session: Session, argument: str) -> None:
        files = session.files
        if found := files.find(files.resolve(argument)):  # a name that ends in numbers
            path, start, stop = argument, 0, found.size
        else:
            path, start, stop = _span(argument, lambda name: files.content(files.resolve(name)).size)
        _calculate(session, name, files.content(files.resolve(path)), start, stop, "250 {}")

    return cast(Handler, handler)


for _verb, _name in (
    ("XCRC", "CRC32"),
    ("XMD5", "MD5"),
    ("XSHA1", "SHA-1"),
    ("XSHA256", "SHA-256"),
    ("XSHA512", "SHA-512"),
):
    TABLE.command(
        _verb, ONLY_LOGGED_IN, "<path> [start] [end]", f"A file's {_name}, as before HASH", "draft-bryan-ftpext-hash"
    )(_x_command(_name))
