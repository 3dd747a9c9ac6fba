"""The table of commands, and the states a client may be in. Importing `server` fills it, from the modules beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from ..commands import CommandTable

if TYPE_CHECKING:
    from .session import Session

Handler: TypeAlias = "Callable[[Session, str], str | None]"
"""What a command does: returns its reply, or None where it replies itself or later; Refusal and WorldError reply."""

CONNECTED: Final = "connected"
LOGGED_IN: Final = "logged in"
ANY: Final = frozenset({CONNECTED, LOGGED_IN})
ONLY_LOGGED_IN: Final = frozenset({LOGGED_IN})

TABLE: Final[CommandTable[Handler]] = CommandTable("FTP")
"""`arguments` says what a command wants: "<...>" must be there, "[...]" may be, "" must not."""

IMMEDIATE: Final = frozenset({b"STAT", b"NOOP", b"HELP", b"FEAT", b"SYST"})
"""Commands that are answered while a transfer is going on; the rest waits for its end, but for ABOR."""
TRANSFERS: Final = frozenset({"RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"})
"""Commands that what REST and RANG said is for, the next one and no other, even where it is refused (RFC 3659 section 5)."""
URGENT: Final = b"ABOR"
