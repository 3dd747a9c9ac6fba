"""Commands that move files and listings, and those that say how."""

from __future__ import annotations

from collections.abc import Iterator

from ...world.blobs import Blob
from ...world.files import split
from ..commands import Refusal
from . import listing
from .endpoints import number
from .jobs import Job
from .netascii import network_size
from .receiver import Receiver
from .session import Session
from .table import ONLY_LOGGED_IN, TABLE
from .upload import Upload

COUNTED = 1 << 20
"""Octets of a file whose size in TYPE A is still counted; a longer one would hold up others."""


@TABLE.command(
    "TYPE", ONLY_LOGGED_IN, "<A|I|L 8>", "ASCII (lines end in CRLF on their way) or image", "RFC 959 section 3.1.1"
)
def type_(session: Session, argument: str) -> str:
    kind = "".join(argument.upper().split())
    if kind in ("A", "AN"):
        session.kind = "a"
        return "200 Switching to ASCII mode."
    if kind in ("I", "L8"):
        session.kind = "i"
        return "200 Switching to BINARY mode."
    raise Refusal("504", "Types are A, I and L 8.")


@TABLE.command("MODE", ONLY_LOGGED_IN, "<S>", "The transfer mode: stream", "RFC 959 section 3.4")
def mode(session: Session, argument: str) -> str:
    if argument.upper() != "S":
        raise Refusal("504" if argument.upper() in ("B", "C", "Z") else "501", "The mode is S.")
    return "200 Mode set to S."


@TABLE.command("STRU", ONLY_LOGGED_IN, "<F>", "The file structure: file", "RFC 959 section 3.1.2")
def stru(session: Session, argument: str) -> str:
    if argument.upper() != "F":
        raise Refusal("504" if argument.upper() in ("R", "P") else "501", "The structure is F.")
    return "200 Structure set to F."


@TABLE.command("ALLO", ONLY_LOGGED_IN, "<octets> [R octets]", "Ask whether there is room", "RFC 959 section 4.1.3")
def allo(session: Session, argument: str) -> str:
    if number(argument.split()[0] if argument.split() else "") > session.limits.file:
        raise Refusal("552", f"A file has at most {session.limits.file} octets.")
    return "202 Room need not be asked for."


@TABLE.command("REST", ONLY_LOGGED_IN, "<octet>", "Where the next RETR or STOR begins", "RFC 3659 section 5")
def rest(session: Session, argument: str) -> str:
    start = number(argument)
    session.restart, session.range_end = start, 0
    return f"350 Restarting at {start}."


@TABLE.command(
    "RANG",
    ONLY_LOGGED_IN,
    "<first> <last>",
    "Which octets the next RETR or HASH is of; 1 0 for all",
    "draft-bryan-ftp-range",
)
def rang(session: Session, argument: str) -> str:
    first, last = (number(part) for part in _two(argument))
    if (first, last) == (1, 0):
        session.restart = session.range_end = 0
        return "350 The range is the whole file."
    if last < first:
        raise Refusal("501", "A range ends where it begins or later.")
    session.restart, session.range_end = first, last + 1
    return f"350 The range is {first} to {last}."


def _two(argument: str) -> tuple[str, str]:
    parts = argument.split()
    if len(parts) != 2:
        raise Refusal("501", "Two numbers are needed.")
    return parts[0], parts[1]


# -- files


@TABLE.command("RETR", ONLY_LOGGED_IN, "<path>", "Send a file", "RFC 959 section 4.1.3")
def retr(session: Session, argument: str) -> None:
    session.need_endpoint()
    path = session.files.resolve(argument)
    blob = session.files.content(path)
    text, size = session.kind == "a", _sent_size(session, blob)
    if size is None and (session.restart or session.range_end):
        raise Refusal("501", "A restart in TYPE A is for small files only; use TYPE I.")
    start, stop = (0, None) if size is None else take_range(session, size)
    told = "" if stop is None else f" ({stop - start} bytes)"
    job = Job("RETR", path, file=blob.open(), start=start, stop=stop, text=text)
    name = f"{'ASCII' if text else 'BINARY'} mode data connection for {listing.safe(argument)}"
    session.begin(job, f"Opening {name}{told}.")


def _sent_size(session: Session, content: Blob) -> int | None:
    """How many octets the content has on its way; None for text too long to count."""
    if session.kind == "i":
        return content.size
    return network_size(content.bytes()) if content.size <= COUNTED else None


def take_range(session: Session, size: int) -> tuple[int, int]:
    """What REST and RANG said of so many octets, for one transfer; 554 beyond the end (RFC 1123 section 4.1.3)."""
    start, stop = session.restart, session.range_end
    session.restart = session.range_end = 0
    if start > size:
        raise Refusal("554", f"The file ends at {size}.")
    return start, max(start, min(stop or size, size))


@TABLE.command(
    "STOR", ONLY_LOGGED_IN, "<path>", "Receive a file, in the place of one there may be", "RFC 959 section 4.1.3"
)
def stor(session: Session, argument: str) -> None:
    if session.restart and session.kind == "a":
        raise Refusal("501", "A restart of STOR needs TYPE I.")
    _receive(session, "STOR", session.files.resolve(argument), session.restart)


@TABLE.command("APPE", ONLY_LOGGED_IN, "<path>", "Receive more of a file", "RFC 959 section 4.1.3")
def appe(session: Session, argument: str) -> None:
    _receive(session, "APPE", session.files.resolve(argument), None)


@TABLE.command(
    "STOU", ONLY_LOGGED_IN, "[name]", "Receive a file under a name nothing has yet", "RFC 1123 section 4.1.2.9"
)
def stou(session: Session, argument: str) -> None:
    folder, stem = split(session.files.resolve(argument)) if argument else (session.files.folder, "ftp")
    path = session.files.unique(folder, stem)
    _receive(session, "STOU", path, 0, f"FILE: {listing.safe(split(path)[1])}")


def _receive(
    session: Session, verb: str, path: str, offset: int | None, announcement: str = "Ok to send data."
) -> None:
    """Receive a file's content from `offset` on (None: from its end); what stands before stays."""
    session.need_endpoint()
    files = session.files
    found = files.find(files.for_storing(path))
    if found is not None:
        files.for_changing(path)
    if found is not None and found.is_folder:
        raise Refusal("550", "Is a directory.")
    files.entries(split(path)[0])
    before = found.content if found is not None and offset != 0 else None
    size = before.size if before is not None else 0
    start = size if offset is None else offset
    if start > size:
        raise Refusal("554", f"The file ends at {size}.")
    receiver = Receiver(session.world.blobs)
    upload = Upload(files, receiver, path, session.limits.file, before=before, offset=start, text=session.kind == "a")
    job = Job(verb, path, upload=upload)
    session.work(upload.prepare(), lambda: session.begin(job, announcement))


@TABLE.command("ABOR", ONLY_LOGGED_IN, "", "Stop the transfer", "RFC 959 section 4.1.3")
def abor(session: Session, argument: str) -> str:
    if session.stop_transfer():
        session.reply("426 Transfer aborted.")
        return "226 ABOR successful."
    return "225 There is no transfer to abort."


@TABLE.command("SIZE", ONLY_LOGGED_IN, "<path>", "A file's size as it would be sent", "RFC 3659 section 4")
def size(session: Session, argument: str) -> str:
    sent = _sent_size(session, session.files.content(session.files.resolve(argument)))
    if sent is None:
        raise Refusal("550", "The size in TYPE A is counted for small files only; use TYPE I.")
    return f"213 {sent}"


# -- listings


@TABLE.command("LIST", ONLY_LOGGED_IN, "[path or pattern]", "Send a listing for people", "RFC 959 section 4.1.3")
def list_(session: Session, argument: str) -> None:
    _send_lines(session, "LIST", argument, listing.pieces(list_lines(session, argument)))


@TABLE.command("NLST", ONLY_LOGGED_IN, "[path or pattern]", "Send names", "RFC 1123 section 4.1.2.7")
def nlst(session: Session, argument: str) -> None:
    path, _ = _without_options(argument)
    found = session.files.named(path)
    _send_lines(session, "NLST", argument, listing.pieces(listing.safe(name) for name, _ in found))


@TABLE.command("MLSD", ONLY_LOGGED_IN, "[path]", "Send a listing for programs", "RFC 3659 section 7")
def mlsd(session: Session, argument: str) -> None:
    files = session.files
    path = files.resolve(argument)
    if not files.entry(path).is_folder:
        raise Refusal("501", "MLSD lists directories; use MLST.")
    wanted, below = session.facts, "" if path == "/" else path
    lines = (
        f"{listing.facts(entry, files.rights(f'{below}/{entry.name}', entry), wanted)} {listing.safe(entry.name)}"
        for entry in files.entries(path)
    )
    _send_lines(session, "MLSD", argument, listing.pieces(lines))


def list_lines(session: Session, argument: str) -> Iterator[str]:
    """The lines of LIST and STAT; names below a path are told without it, as ls does."""
    path, hidden = _without_options(argument)
    now, style = session.world.clock.now(), session.profile.style
    found = session.files.named(path, hidden and style != "dos")
    return (listing.line(style, name.rpartition("/")[2], entry, now) for name, entry in found)


def _without_options(argument: str) -> tuple[str, bool]:
    """What follows the options of ls that clients send, and whether -a is among them."""
    hidden = False
    while argument.startswith("-"):
        options, _, argument = argument.partition(" ")
        hidden = hidden or "a" in options
    return argument.lstrip(), hidden


def _send_lines(session: Session, verb: str, argument: str, pieces: Iterator[bytes]) -> None:
    session.need_endpoint()
    session.begin(Job(verb, argument, pieces=pieces), "Here comes the directory listing.")
