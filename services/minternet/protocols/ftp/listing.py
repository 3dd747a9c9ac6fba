"""What LIST, MLSD and MLST tell of an entry: pure functions from records to lines."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias

from ...world.records import Entry
from .profiles import Style

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RECENT: Final = 182.5 * 86400
"""Seconds: ls tells the time of what changed within half a year, and the year of the rest."""
LINES_AT_ONCE: Final = 200
"""Lines that are made, and sent, in one piece."""
NOBODY: Final = "ftp"
NUMBERED: Final = 1000
"""The owner and group that listings with numbers tell."""
Fact: TypeAlias = Callable[[Entry, str], str]


def safe(name: str) -> str:
    """A name that cannot break out of its line."""
    return name if name.isprintable() else name.translate({10: "?", 13: "?", 0: "?"})


def time_of(seconds: float) -> datetime:
    """The time in UTC; 1970 where a year cannot be told."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def stamp(seconds: float) -> str:
    """RFC 3659 section 2.3: YYYYMMDDHHMMSS, in UTC."""
    moment = time_of(seconds)
    return f"{moment.year:04}{moment:%m%d%H%M%S}"


def mode_of(entry: Entry) -> str:
    """The ten letters of ls -l."""
    return stat.filemode((stat.S_IFDIR if entry.is_folder else stat.S_IFREG) | entry.mode & 0o7777)


def ls_line(name: str, entry: Entry, now: float, numbered: bool = False) -> str:
    """A line as ls -l has it (there is no standard; clients read ProFTPD's and vsftpd's)."""
    moment = time_of(entry.modified)
    recent = -86400 < now - entry.modified < RECENT
    when = f"{moment:%H:%M}" if recent else f"{moment.year:>5}"
    date = f"{MONTHS[moment.month - 1]} {moment.day:>2} {when}"
    size = 4096 if entry.is_folder else entry.size
    links = 2 if entry.is_folder else 1
    if numbered:
        return f"{mode_of(entry)} {links:4} {NUMBERED:<8} {NUMBERED:<8} {size:>8} {date} {safe(name)}"
    owner = entry.owner or NOBODY
    return f"{mode_of(entry)} {links:>3} {owner:<8} {owner:<8} {size:>8} {date} {safe(name)}"


def dos_line(name: str, entry: Entry) -> str:
    """A line as IIS has it."""
    what = "<DIR>         " if entry.is_folder else f"{entry.size:>14}"
    return f"{time_of(entry.modified):%m-%d-%y  %I:%M%p}       {what} {safe(name)}"


def line(style: Style, name: str, entry: Entry, now: float) -> str:
    """A line of LIST in one of the styles."""
    return dos_line(name, entry) if style == "dos" else ls_line(name, entry, now, style == "numbered")


FACTS: Final[Mapping[str, Fact]] = MappingProxyType(
    {
        "type": lambda entry, rights: "dir" if entry.is_folder else "file",
        "size": lambda entry, rights: str(entry.size),
        "modify": lambda entry, rights: stamp(entry.modified),
        "perm": lambda entry, rights: rights,
        "unique": lambda entry, rights: f"{entry.unique:x}",
        "UNIX.mode": lambda entry, rights: f"0{entry.mode & 0o7777:03o}",
        "UNIX.ownername": lambda entry, rights: entry.owner or NOBODY,
    }
)
"""The facts of RFC 3659 section 7.5 there are, and how each is told."""
USUAL_FACTS: Final = ("type", "size", "modify", "perm", "unique")


def facts(entry: Entry, rights: str, wanted: Iterable[str]) -> str:
    """The facts of an entry, each with its semicolon (RFC 3659 section 7.2); a folder has no size."""
    told = (name for name in wanted if not (name == "size" and entry.is_folder))
    return "".join(f"{name}={FACTS[name](entry, rights)};" for name in told)


def pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines as they are sent, many at a time."""
    endless = iter(lines)
    while some := list(islice(endless, LINES_AT_ONCE)):
        yield "".join(f"{each}\r\n" for each in some).encode("utf-8", "surrogateescape")
