"""The table of NNTP's commands. What HELP, CAPABILITIES and the documentation say is made from it.

A command's arguments are written once, as people read them, and counted from there: words in brackets may be left out, a
last word with dots takes as many as come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from ..commands import CommandTable

if TYPE_CHECKING:
    from .session import NntpSession

LOCKED: Final = "LOCKED"
"""A log-in is wanted first (480)."""
OPEN: Final = "OPEN"
CLOSED: Final = "CLOSED"
ANYTIME: Final = frozenset({LOCKED, OPEN})
READING: Final = frozenset({OPEN})

FAMILIES: Final = frozenset({b"LIST", b"MODE", b"AUTHINFO"})
"""Keywords whose variants are rows of their own; an unknown variant is 501, not 500 (RFC 3977 section 3.2.1)."""
DEFAULT_LIST: Final = b"ACTIVE"
"""What LIST alone means (RFC 3977 section 7.6.1)."""
ANY_NUMBER: Final = 1 << 16
"""More arguments than a line can hold."""

Run = Callable[["NntpSession", list[bytes]], Awaitable[bytes]]


class Action(msgspec.Struct, frozen=True):
    """What a command does, and how many arguments it takes."""

    run: Run
    least: int
    most: int

    def __call__(self, session: NntpSession, arguments: list[bytes]) -> Awaitable[bytes]:
        """Do it: the reply, or a Refusal."""
        return self.run(session, arguments)


TABLE: Final[CommandTable[Action]] = CommandTable("NNTP")
"""All commands; complete once the package is imported."""


def command(
    name: str,
    arguments: str = "",
    *,
    rfc: str = "RFC 3977",
    states: frozenset[str] = READING,
    capability: str | None = None,
) -> Callable[[Run], Run]:
    """Enter the function below in the table."""

    def enter(run: Run) -> Run:
        least, most = arity(arguments)
        text = (run.__doc__ or "").split("\n")[0]
        TABLE.command(name, states, arguments, text, rfc, capability)(Action(run, least, most))
        return run

    return enter


def arity(arguments: str) -> tuple[int, int]:
    """How many arguments such a description stands for, at least and at most: "a b [c [d]]" is 2 and 4."""
    words = arguments.split()
    most = ANY_NUMBER if arguments.rstrip("]").endswith("...") else len(words)
    return len(arguments.partition("[")[0].split()), most
