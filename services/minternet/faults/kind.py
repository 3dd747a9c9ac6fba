"""What a kind of fault is: a row of the catalogue, and the protocols it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .rule import Value, When

PROTOCOLS: Final = ("echo", "http", "smtp", "imap", "pop3", "ftp", "nntp")
LINES: Final = frozenset({"smtp", "imap", "pop3", "ftp", "nntp"})
"""Protocols of commands and reply lines."""
SECURE: Final = LINES | {"http"}
"""Protocols with TLS."""
ALL: Final = frozenset(PROTOCOLS)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a kind: its default, its unit or the words it may be, and what it says."""

    default: Value
    unit: str = ""
    help: str = ""
    words: tuple[str, ...] = ()
    least: float = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the catalogue."""

    name: str
    help: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    whens: tuple[When, ...] = ()
    """When it may strike in a conversation; the first is meant where a command is named and nothing else is said."""
    protocols: frozenset[str] = ALL
    otherwise: str = ""
    """Why it cannot strike elsewhere."""
    network: bool = False
    """Whether it can be the network's: about bytes, whatever they mean. It is, where no command and no `when` is named."""
    tls: bool = False
    """Whether it strikes in a TLS handshake."""
    toxiproxy: bool = False
    """Whether it is one of Toxiproxy's, with its name, attributes and units."""
    promise: Mapping[str, str] = field(default_factory=dict)
    """By protocol ("*": all others): what a client of the standard library sees."""

    @property
    def principal(self) -> str:
        """The attribute that a value without a name is for."""
        return next(iter(self.attributes), "")
