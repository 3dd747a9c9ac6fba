"""SITE and what stands behind it."""

from __future__ import annotations

import re

from ..commands import Refusal
from .commands import mode_of, quoted, seconds_of
from .information import described
from .session import Session
from .table import ANY, ONLY_LOGGED_IN, TABLE

UTIME_FIRST = re.compile(r"(\d{12}(?:\d\d)?) (.+)")
"""SITE UTIME YYYYMMDDhhmm[ss] path."""
UTIME_LAST = re.compile(r"(.+) (\d{14}) (\d{14}) (\d{14}) UTC")
"""SITE UTIME path access modification creation UTC, as Pure-FTPd has it."""


@TABLE.command("SITE", ANY, "<command>", "Commands of this server's own; see SITE HELP", "RFC 959 section 4.1.3")
def site(session: Session, argument: str) -> str:
    raise Refusal("501", "Which SITE command? See SITE HELP.")


@TABLE.command("SITE HELP", ANY, "[command]", "Tell the SITE commands there are", "RFC 959 section 4.1.3")
def site_help(session: Session, argument: str) -> str:
    if argument:
        return described(session, f"SITE {argument.strip()}")
    names = sorted(row.name[5:] for row in TABLE if row.name.startswith("SITE ") and session.service.knows(row.name))
    return session.lines(214, "The following SITE commands are recognized:", names, "Help OK.")


@TABLE.command("SITE CHMOD", ONLY_LOGGED_IN, "<mode> <path>", "Set the mode that listings tell", "no RFC")
def site_chmod(session: Session, argument: str) -> str:
    mode, _, name = argument.partition(" ")
    if not name:
        raise Refusal("501", "Syntax: SITE CHMOD <mode> <path>")
    session.files.modify(session.files.resolve(name), mode=mode_of(mode))
    return "200 SITE CHMOD successful."


@TABLE.command("SITE UTIME", ONLY_LOGGED_IN, "<time> <path>", "Set when a file was changed, in UTC", "no RFC")
def site_utime(session: Session, argument: str) -> str:
    if last := UTIME_LAST.fullmatch(argument):
        name, time = last[1], last[3]
    elif first := UTIME_FIRST.fullmatch(argument):
        name, time = first[2], first[1].ljust(14, "0")
    else:
        raise Refusal("501", "Syntax: SITE UTIME <YYYYMMDDhhmmss> <path>")
    session.files.modify(session.files.resolve(name), modified=seconds_of(time))
    return "200 SITE UTIME successful."


@TABLE.command("SITE CPFR", ONLY_LOGGED_IN, "<path>", "What to copy", "no RFC")
def site_cpfr(session: Session, argument: str) -> str:
    path = session.files.resolve(argument)
    session.files.content(path)
    session.copy_from = path
    return "350 Ready for where to."


@TABLE.command("SITE CPTO", ONLY_LOGGED_IN, "<path>", "Where to copy it", "no RFC")
def site_cpto(session: Session, argument: str) -> str:
    path, session.copy_from = session.copy_from, ""
    if not path:
        raise Refusal("503", "SITE CPFR comes first.")
    files = session.files
    to = files.resolve(argument)
    files.store(to, files.content(path), exclusive=not files.may_change(to))
    return f"250 Copied to {quoted(to)}."
