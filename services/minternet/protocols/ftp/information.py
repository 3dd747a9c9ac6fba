"""Commands about the server and the session, and the options of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ..commands import Refusal
from . import listing
from .digests import ALGORITHMS, hash_options
from .session import Session
from .table import ANY, ONLY_LOGGED_IN, TABLE
from .transfers import list_lines

HELP_COLUMNS = 8

FEATURES: Final[tuple[tuple[str, str, Callable[[Session], str]], ...]] = (
    ("AUTH TLS", "AUTH", lambda session: "AUTH TLS"),
    ("AUTH SSL", "AUTH", lambda session: "AUTH SSL"),
    ("AVBL", "AVBL", lambda session: "AVBL"),
    ("CCC", "CCC", lambda session: "CCC"),
    ("CLNT", "CLNT", lambda session: "CLNT"),
    ("EPRT", "EPRT", lambda session: "EPRT"),
    ("EPSV", "EPSV", lambda session: "EPSV"),
    ("HASH", "HASH", lambda session: "HASH " + _starred(ALGORITHMS, (session.hash_name,))),
    ("HOST", "HOST", lambda session: "HOST"),
    ("LANG", "LANG", lambda session: "LANG EN*"),
    ("MDTM", "MDTM", lambda session: "MDTM"),
    ("MFF", "MFF", lambda session: "MFF Modify;UNIX.mode;"),
    ("MFMT", "MFMT", lambda session: "MFMT"),
    ("MLST", "MLST", lambda session: "MLST " + _starred(listing.FACTS, session.facts)),
    ("PBSZ", "PBSZ", lambda session: "PBSZ"),
    ("PROT", "PROT", lambda session: "PROT"),
    ("RANG", "RANG", lambda session: "RANG STREAM"),
    ("REST", "REST", lambda session: "REST STREAM"),
    ("SIZE", "SIZE", lambda session: "SIZE"),
    ("TVFS", "PWD", lambda session: "TVFS"),
    ("UTF8", "OPTS", lambda session: "UTF8"),
    ("XCRC", "XCRC", lambda session: "XCRC filename;start;end"),
    ("XMD5", "XMD5", lambda session: "XMD5 filename;start;end"),
    ("XSHA1", "XSHA1", lambda session: "XSHA1 filename;start;end"),
    ("XSHA256", "XSHA256", lambda session: "XSHA256 filename;start;end"),
    ("XSHA512", "XSHA512", lambda session: "XSHA512 filename;start;end"),
)
"""What FEAT tells (RFC 2389): (the feature's name, the command it needs, its line)."""


def _starred(names: object, chosen: tuple[str, ...]) -> str:
    """Names with semicolons, a star behind those that are chosen."""
    return "".join(f"{name}{'*' if name in chosen else ''};" for name in names)  # type: ignore[attr-defined]


@TABLE.command("FEAT", ANY, "", "Tell the extensions there are", "RFC 2389 section 3")
def feat(session: Session, argument: str) -> str:
    rows = [
        line(session)
        for name, command, line in FEATURES
        if session.service.knows(command) and name not in session.context.hidden
    ]
    return session.lines(211, "Features:", rows, "End")


@TABLE.command(
    "OPTS", ANY, "<command> [options]", "Set options: UTF8 ON, MLST facts, HASH algorithm", "RFC 2389 section 4"
)
def opts(session: Session, argument: str) -> str:
    command, _, options = argument.partition(" ")
    name = command.upper()
    if name in ("UTF8", "UTF-8"):
        if options.upper() not in ("", "ON", "NLST"):
            raise Refusal("504", "Names are always in UTF-8.")
        return "200 Names are always in UTF-8."
    if name == "MLST" and session.service.knows("MLST"):
        return _mlst_options(session, options)
    if name == "HASH" and session.service.knows("HASH"):
        return hash_options(session, options)
    raise Refusal("501", "There are no options for that.")


def _mlst_options(session: Session, options: str) -> str:
    """RFC 3659 section 7.9: facts that are not known are left out; none leaves the name alone."""
    wanted = {name.lower() for name in options.split(";")}
    session.facts = tuple(name for name in listing.FACTS if name.lower() in wanted)
    return f"200 MLST OPTS {''.join(f'{name};' for name in session.facts)}".rstrip()


@TABLE.command("CLNT", ANY, "<name>", "Say which client this is", "draft-peterson-streamlined-ftp")
def clnt(session: Session, argument: str) -> str:
    session.note(f"the client is {argument[:80]}")
    return "200 Noted."


@TABLE.command("LANG", ANY, "[EN]", "The language of replies", "RFC 2640 section 4")
def lang(session: Session, argument: str) -> str:
    if argument.partition("-")[0].upper() not in ("", "EN"):
        raise Refusal("504", "Replies are in English.")
    return "200 Replies are in English."


@TABLE.command("SYST", ANY, "", "Tell which system's listings these are", "RFC 959 section 4.1.3")
def syst(session: Session, argument: str) -> str:
    return f"215 {session.profile.system}"


@TABLE.command("NOOP", ANY, "", "Do nothing", "RFC 959 section 4.1.3")
def noop(session: Session, argument: str) -> str:
    return "200 NOOP ok."


@TABLE.command("HELP", ANY, "[command]", "Tell the commands there are, or what one does", "RFC 959 section 4.1.3")
def help_(session: Session, argument: str) -> str:
    if argument:
        return described(session, argument.strip())
    names = sorted(row.name for row in TABLE if session.service.knows(row.name) and " " not in row.name)
    rows = [names[at : at + HELP_COLUMNS] for at in range(0, len(names), HELP_COLUMNS)]
    return session.lines(
        214,
        "The following commands are recognized:",
        (" ".join(f"{name:<7}" for name in row) for row in rows),
        "Help OK.",
    )


def described(session: Session, name: str) -> str:
    """What a command does; 501 for one that is not there."""
    row = TABLE.find(name.encode())
    if row is None or not session.service.knows(row.name):
        raise Refusal("501", f"There is no command {listing.safe(name)[:40]}.")
    return f"214 {' '.join(filter(None, (row.name, row.arguments)))}: {row.help} ({row.rfc})."


@TABLE.command(
    "STAT", ANY, "[path]", "Tell how the session stands, or list a path in the reply", "RFC 959 section 4.1.3"
)
def stat(session: Session, argument: str) -> str:
    if not argument:
        return session.lines(211, "Status:", list(_status(session)), "End of status.")
    rows = list(list_lines(session, argument))
    entry = session.files.find(session.files.resolve(argument))
    code = 213 if entry is not None and not entry.is_folder else 212
    return session.lines(code, f"Status of {listing.safe(argument)}:", rows, "End of status.")


def _status(session: Session) -> Iterator[str]:
    yield f"Connected to {session.remote_ip}"
    yield f"Logged in as {session.username}" if session.tree is not None else "Not logged in"
    yield f"TYPE: {'ASCII' if session.kind == 'a' else 'BINARY'}; STRU: File; MODE: Stream"
    yield f"Control connection: {'TLS' if session.secure else 'clear'}; data: {'TLS' if session.protected else 'clear'}"
    channel = session.data_channel
    if channel is not None:
        yield f"{channel.job.verb} {listing.safe(channel.job.path)}: {channel.get_transmitted_bytes()} octets so far"
    else:
        yield "No data connection" if not session.transferring else "Waiting for the data connection"


@TABLE.command("SMNT", ONLY_LOGGED_IN, "<path>", "Never: there is one tree of files", "RFC 959 section 4.1.1")
def smnt(session: Session, argument: str) -> str:
    return "504 There is nothing to mount."
