"""Commands on the tree of files that need no data connection."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ...world.records import Entry
from ..commands import Refusal
from . import listing
from .session import Session
from .table import ONLY_LOGGED_IN, TABLE

TIME = re.compile(r"\d{14}(?:\.\d{1,6})?")
"""RFC 3659 section 2.3."""
CHANGED = ("modify", "unix.mode")
"""The facts that MFF changes, in small letters."""


def quoted(path: str) -> str:
    """A path as 257 tells it (RFC 959 appendix II)."""
    return '"' + listing.safe(path).replace('"', '""') + '"'


def seconds_of(text: str) -> float:
    """Seconds since 1970 of a time in UTC; 501."""
    if not TIME.fullmatch(text):
        raise Refusal("501", "A time is YYYYMMDDHHMMSS, in UTC.")
    try:
        moment = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("501", "There is no such time.") from None
    return moment.timestamp() + float("0" + text[14:])


def mode_of(text: str) -> int:
    """A mode in octal; 501."""
    if not re.fullmatch(r"[0-7]{3,5}", text) or int(text, 8) > 0o7777:
        raise Refusal("501", "A mode is three or four octal digits.")
    return int(text, 8)


@TABLE.command("CWD", ONLY_LOGGED_IN, "[path]", "Change the working directory", "RFC 959 section 4.1.1")
@TABLE.command("XCWD", ONLY_LOGGED_IN, "[path]", "The same", "RFC 1123 section 4.1.3")
def cwd(session: Session, argument: str) -> str:
    return _enter(session, argument or session.files.home)


def _enter(session: Session, name: str) -> str:
    session.files.enter(session.files.resolve(name))
    return f"250 {quoted(session.files.folder)} is the current directory."


@TABLE.command("CDUP", ONLY_LOGGED_IN, "", "Change to the directory above", "RFC 959 section 4.1.1")
@TABLE.command("XCUP", ONLY_LOGGED_IN, "", "The same", "RFC 1123 section 4.1.3")
def cdup(session: Session, argument: str) -> str:
    return _enter(session, "..")


@TABLE.command("PWD", ONLY_LOGGED_IN, "", "Tell the working directory", "RFC 959 section 4.1.3")
@TABLE.command("XPWD", ONLY_LOGGED_IN, "", "The same", "RFC 1123 section 4.1.3")
def pwd(session: Session, argument: str) -> str:
    return f"257 {quoted(session.files.folder)} is the current directory."


@TABLE.command("MKD", ONLY_LOGGED_IN, "<path>", "Make a directory", "RFC 959 section 4.1.3")
@TABLE.command("XMKD", ONLY_LOGGED_IN, "<path>", "The same", "RFC 1123 section 4.1.3")
def mkd(session: Session, argument: str) -> str:
    path = session.files.resolve(argument)
    session.files.make_folder(path)
    return f"257 {quoted(path)} directory created."


@TABLE.command("RMD", ONLY_LOGGED_IN, "<path>", "Remove an empty directory", "RFC 959 section 4.1.3")
@TABLE.command("XRMD", ONLY_LOGGED_IN, "<path>", "The same", "RFC 1123 section 4.1.3")
def rmd(session: Session, argument: str) -> str:
    session.files.remove_folder(session.files.resolve(argument))
    return "250 Directory removed."


@TABLE.command("DELE", ONLY_LOGGED_IN, "<path>", "Remove a file", "RFC 959 section 4.1.3")
def dele(session: Session, argument: str) -> str:
    session.files.remove_file(session.files.resolve(argument))
    return "250 File removed."


@TABLE.command("RNFR", ONLY_LOGGED_IN, "<path>", "What to rename", "RFC 959 section 4.1.3")
def rnfr(session: Session, argument: str) -> str:
    path = session.files.resolve(argument)
    session.files.entry(session.files.for_changing(path))
    session.rename_from = path
    return "350 Ready for the new name."


@TABLE.command("RNTO", ONLY_LOGGED_IN, "<path>", "Its new name", "RFC 959 section 4.1.3")
def rnto(session: Session, argument: str) -> str:
    path, session.rename_from = session.rename_from, ""
    if not path:
        raise Refusal("503", "RNFR comes first.")
    session.files.rename(path, session.files.resolve(argument))
    return "250 Renamed."


@TABLE.command("MDTM", ONLY_LOGGED_IN, "<path>", "When a file was changed, in UTC", "RFC 3659 section 3")
def mdtm(session: Session, argument: str) -> str:
    parts = argument.split(" ", 1)
    if len(parts) == 2 and TIME.fullmatch(parts[0]) and session.files.find(session.files.resolve(argument)) is None:
        return _set_time(session, argument)  # MDTM with a time sets it, say clients older than MFMT
    return f"213 {listing.stamp(session.files.entry(session.files.resolve(argument)).modified)}"


@TABLE.command("MFMT", ONLY_LOGGED_IN, "<time> <path>", "Set when a file was changed", "draft-somers-ftp-mfxx")
def mfmt(session: Session, argument: str) -> str:
    return _set_time(session, argument)


def _set_time(session: Session, argument: str) -> str:
    time, _, name = argument.partition(" ")
    path = session.files.resolve(_needed(name))
    entry = session.files.modify(path, modified=seconds_of(time))
    return f"213 Modify={listing.stamp(entry.modified)}; {listing.safe(path)}"


@TABLE.command(
    "MFF", ONLY_LOGGED_IN, "<fact=value;...> <path>", "Set facts: Modify, UNIX.mode", "draft-somers-ftp-mfxx"
)
def mff(session: Session, argument: str) -> str:
    wanted, _, name = argument.partition(" ")
    path = session.files.resolve(_needed(name))
    values = dict(_fact(part) for part in wanted.removesuffix(";").split(";"))
    modified = seconds_of(values["modify"]) if "modify" in values else None
    mode = mode_of(values["unix.mode"]) if "unix.mode" in values else None
    entry = session.files.modify(path, modified, mode)
    told = {"modify": f"Modify={listing.stamp(entry.modified)};", "unix.mode": f"UNIX.mode=0{entry.mode:03o};"}
    return f"213 {''.join(told[fact] for fact in values)} {listing.safe(path)}"


def _fact(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name.lower() not in CHANGED:
        raise Refusal("504", "The facts that can be set are Modify and UNIX.mode.")
    return name.lower(), value


def _needed(name: str) -> str:
    if not name:
        raise Refusal("501", "A path is needed after it.")
    return name


@TABLE.command("MLST", ONLY_LOGGED_IN, "[path]", "Tell the facts of one entry", "RFC 3659 section 7")
def mlst(session: Session, argument: str) -> str:
    path = session.files.resolve(argument)
    entry: Entry = session.files.entry(path)
    facts = listing.facts(entry, session.files.rights(path, entry), session.facts)
    return session.lines(250, f"Listing {listing.safe(path)}", [f"{facts} {listing.safe(path)}"], "End")


@TABLE.command(
    "AVBL", ONLY_LOGGED_IN, "[path]", "How many octets a file may have here", "draft-peterson-streamlined-ftp"
)
def avbl(session: Session, argument: str) -> str:
    if not session.files.entry(session.files.resolve(argument)).is_folder:
        raise Refusal("550", "Not a directory.")
    return f"213 {session.limits.file}"
