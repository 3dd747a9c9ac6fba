"""Makes the tables of docs/faults.md from the catalogue of faults: python docs/make_faults.py [--check]."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from minternet.faults.catalogue import KINDS
from minternet.faults.kind import PROTOCOLS, Attribute, Kind

PAGE = Path(__file__).resolve().parent / "faults.md"
TABLES = re.compile(
    r"^\| kind \| what happens \|.*^\| kind \| echo \|[^\n]*\n(?:\|[^\n]*\n)*", re.MULTILINE | re.DOTALL
)


def page() -> str:
    """The whole page: what is there, with the tables as the catalogue says."""
    before, after = TABLES.split(PAGE.read_text("utf-8"))
    return before + tables() + after


def tables() -> str:
    """What each kind does, and what a client sees of it."""
    rows = ["| kind | what happens | attributes | strikes |", "| --- | --- | --- | --- |"]
    for kind in KINDS.values():
        name = f"`{kind.name}`" + (" (T)" if kind.toxiproxy else "")
        rows.append(f"| {name} | {kind.help} | {attributes(kind)} | {strikes(kind)} |")
    rows += ["", f"| kind | {' | '.join(PROTOCOLS)} |", "| --- |" + " --- |" * len(PROTOCOLS)]
    for kind in KINDS.values():
        seen = (promise(kind, protocol) for protocol in PROTOCOLS)
        rows.append(f"| `{kind.name}` | {' | '.join(seen)} |")
    return "\n".join(rows) + "\n"


def attributes(kind: Kind) -> str:
    return "; ".join(told(name, attribute) for name, attribute in kind.attributes.items()) or "-"


def told(name: str, attribute: Attribute) -> str:
    default = attribute.default
    if isinstance(default, bool):
        default = "yes" if default else "no"
    elif default == "":
        default = "empty"
    unit = f" {attribute.unit}" if attribute.unit else f" {', '.join(attribute.words)}" if attribute.words else ""
    return f"`{name}` ({default};{unit}) {attribute.help}".replace(";)", ")")


def strikes(kind: Kind) -> str:
    parts = ["in the network"] * kind.network + ["in a TLS handshake"] * kind.tls + list(kind.whens)
    return ", ".join(parts) or "before"


def promise(kind: Kind, protocol: str) -> str:
    if protocol not in kind.protocols:
        return "-"
    return kind.promise.get(protocol, kind.promise.get("*", "as the reply says"))


def main() -> int:
    """Write the page; with --check, only say whether it is up to date."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
