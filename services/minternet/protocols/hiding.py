"""What a service may keep to itself, to imitate a weaker server: the names there are, and what is wrong with others."""

from __future__ import annotations

from collections.abc import Iterable

from ..hints import did_you_mean


class NothingToHide(ValueError):
    """A name that is no capability; says which there are."""


def check(service: str, protocol: str, names: Iterable[str]) -> None:
    """NothingToHide where a name is no capability of the protocol: hiding it would change nothing."""
    there = hideable(protocol)
    for name in names:
        if name.upper() not in there:
            told = f"; there are {', '.join(sorted(there))}" if there else "; it has nothing to hide"
            raise NothingToHide(f"{service} has no capability {name!r}{told}{did_you_mean(name, there)}")


def hideable(protocol: str) -> frozenset[str]:
    """The names that a service of this protocol may hide, in capitals."""
    names: Iterable[str | None]
    match protocol:
        case "imap":
            from .imap.capabilities import CAPABILITIES

            names = (capability.name for capability in CAPABILITIES)
        case "smtp":
            from . import smtp
            from .smtp.greeting import CAPABILITIES as EXTENSIONS

            names = (*EXTENSIONS, *(row.capability for row in smtp.TABLE))
        case "pop3":
            from . import pop3

            names = (*pop3.authorization.CAPABILITIES, *(row.capability for row in pop3.TABLE))
        case "nntp":
            from . import nntp

            names = (*nntp.capabilities.LABELS, *(row.capability for row in nntp.TABLE))
        case "ftp":
            from .ftp import server  # noqa: F401 - its imports fill the table
            from .ftp.information import FEATURES
            from .ftp.table import TABLE

            commands = (word for row in TABLE for word in (row.name, row.name.split()[0]))
            return frozenset(("AUTH TLS", *(name for name, _, _ in FEATURES), *commands))
        case _:
            return frozenset()
    from .sasl import MECHANISMS

    found = (name.upper() for name in names if name)
    return frozenset((*found, *MECHANISMS, *(f"AUTH={name}" for name in MECHANISMS)))
