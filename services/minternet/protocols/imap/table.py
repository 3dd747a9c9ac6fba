"""The table of commands: every command, where it may be given, what it needs, and the function that does it.

`@command("FETCH", IN_MAILBOX, uid=True)` enters a function under FETCH and UID FETCH; it is called with the session and
a reader that stands behind the command's name, and returns the text of its OK (None for the usual one).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from ..commands import CommandTable

if TYPE_CHECKING:
    from .reader import Reader
    from .session import ImapSession

NOT_AUTHENTICATED, AUTHENTICATED, SELECTED, LOGOUT = "not authenticated", "authenticated", "selected", "logout"
BEFORE_LOGIN = frozenset({NOT_AUTHENTICATED})
AFTER_LOGIN = frozenset({AUTHENTICATED, SELECTED})
IN_MAILBOX = frozenset({SELECTED})
ANYWHERE = frozenset({NOT_AUTHENTICATED, AUTHENTICATED, SELECTED})

Precheck = Callable[["ImapSession", "Reader"], None]
Run = Callable[..., Awaitable[bytes | None]]


class Action(msgspec.Struct, frozen=True):
    """What a command does.

    `expunges`: EXPUNGE may be told before its tagged reply (RFC 3501 section 7.4.1).  `messages`: its literals are
    messages, kept as blobs; `precheck` refuses it before such a literal is taken."""

    run: Callable[[Any, Any], Awaitable[bytes | None]]
    expunges: bool = True
    messages: bool = False
    precheck: Precheck | None = None

    def __call__(self, session: ImapSession, reader: Reader) -> Awaitable[bytes | None]:
        """Do it."""
        return self.run(session, reader)


TABLE: CommandTable[Action] = CommandTable("imap")
"""All commands; complete once the package is imported."""


def command(
    name: str,
    states: frozenset[str],
    arguments: str = "",
    *,
    rfc: str = "RFC 3501",
    capability: str | None = None,
    uid: bool = False,
    expunges: bool = True,
    messages: bool = False,
    precheck: Precheck | None = None,
) -> Callable[[Run], Run]:
    """Enter the function below under this name, and under `UID name` where `uid`."""

    def enter(handler: Run) -> Run:
        text = (handler.__doc__ or "").strip().split("\n")[0]
        run = partial(handler, uid=False) if uid else handler
        action = Action(run, expunges, messages, precheck)
        TABLE.command(name, states, arguments, text, rfc, capability)(action)
        if uid:
            action = Action(partial(handler, uid=True), True, messages, precheck)
            TABLE.command(f"UID {name}", states, arguments, text, rfc, capability)(action)
        return handler

    return enter
