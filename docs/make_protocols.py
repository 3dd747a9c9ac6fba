"""Makes docs/protocols.md from the tables that the servers dispatch by: python docs/make_protocols.py [--check]."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from minternet.protocols import imap, nntp, pop3, smtp
from minternet.protocols.commands import Command, CommandTable
from minternet.protocols.ftp import server as ftp
from minternet.protocols.ftp.information import FEATURES
from minternet.protocols.ftp.table import TABLE as FTP_TABLE
from minternet.protocols.http.endpoints.rows import ENDPOINTS
from minternet.protocols.imap.capabilities import CAPABILITIES as IMAP_CAPABILITIES
from minternet.protocols.imap.table import TABLE as IMAP_TABLE
from minternet.protocols.nntp.capabilities import LABELS as NNTP_CAPABILITIES
from minternet.protocols.nntp.table import TABLE as NNTP_TABLE
from minternet.protocols.pop3.authorization import CAPABILITIES as POP3_CAPABILITIES
from minternet.protocols.smtp.greeting import CAPABILITIES as SMTP_CAPABILITIES
from minternet.registry import SERVICES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "protocols.md"
LOADED = (ftp, imap, nntp, pop3, smtp)
"""Importing a protocol fills its table."""
HEAD = """\
# What each server speaks

Made from the tables that the servers dispatch by, with `python docs/make_protocols.py`; a test keeps it so. The last column names the
dialogues in `tests/conversations/` that play a command or capability, over a real socket and, for SMTP, IMAP, POP3, NNTP and echo, in memory:
line by line, octet by octet and pipelined.

Every capability can be hidden, to imitate a weaker server: `minternet up --hide imap=IDLE`, or `Settings(hide={"imap": ("IDLE",)})`.
"""


def page() -> str:
    """The whole page."""
    told = conversations()
    parts = [HEAD, services()]
    parts += protocol("SMTP, submission and LMTP", smtp.TABLE, SMTP_CAPABILITIES, told["smtp"])
    parts += protocol("IMAP", IMAP_TABLE, {row.name: row.rfc for row in IMAP_CAPABILITIES}, told["imap"])
    parts += protocol("POP3", pop3.TABLE, POP3_CAPABILITIES, told["pop3"])
    parts += protocol("NNTP", NNTP_TABLE, NNTP_CAPABILITIES, told["nntp"])
    parts += protocol("FTP", FTP_TABLE, {name: "" for name, _, _ in FEATURES}, told["ftp"])
    parts.append(endpoints())
    return "\n".join(parts)


def services() -> str:
    rows = (
        (
            service.name,
            str(service.port + 2000),
            service.tls or "",
            service.title + ("" if service.on else " (off until named)"),
        )
        for service in SERVICES
    )
    return "\n## Services\n\n" + table(("service", "port", "TLS", "what"), rows)


def protocol(
    title: str, rows: CommandTable, capabilities: Mapping[str, str], told: Mapping[str, list[str]]
) -> Iterator[str]:
    yield f"\n## {title}\n"
    shown = ((f"`{name}`", rfc, played(told, name)) for name, rfc in capabilities.items())
    if any(capabilities.values()):
        yield table(("capability", "RFC", "conversations"), shown)
    else:
        yield "Features: " + ", ".join(f"`{name}`" for name in capabilities) + "\n"
    commands = (command_row(row, told) for row in sorted(rows, key=lambda row: row.name))
    yield table(("command", "what it does", "RFC", "conversations"), commands)


def command_row(row: Command, told: Mapping[str, list[str]]) -> tuple[str, ...]:
    syntax = f"`{row.name} {row.arguments}`" if row.arguments else f"`{row.name}`"
    return syntax, row.help.rstrip("."), row.rfc, played(told, *row.name.split())


def endpoints() -> str:
    rows = ((f"`{row.path}`", " ".join(row.methods), row.help, row.group) for row in ENDPOINTS)
    return "\n## HTTP\n\n" + table(("path", "methods", "what it answers", "group"), rows)


def conversations() -> dict[str, dict[str, list[str]]]:
    """Protocol -> command or capability -> the conversations that play it."""
    protocols = {service.name: service.protocol for service in SERVICES}
    told: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / "tests" / "conversations").glob("*.txt")):
        head = path.read_text("utf-8").split("\n\n", 1)[0].splitlines()
        fields = dict(line.split(": ", 1) for line in head if ": " in line and not line.startswith("#"))
        for name in fields.get("covers", "").split():
            told[protocols[fields["service"]]][name.upper()].append(path.stem)
    return told


def played(told: Mapping[str, list[str]], *names: str) -> str:
    found = [
        name for key in (" ".join(names), names[-1], names[0].partition("=")[0]) for name in told.get(key.upper(), ())
    ]
    unique = list(dict.fromkeys(found))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or with --check say whether it is as it should be."""
    wanted = page()
    if "--check" in sys.argv:
        return 0 if PAGE.read_text("utf-8") == wanted else 1
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
