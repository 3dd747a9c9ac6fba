"""A POP3 session: its states, its loop, and how it replies (RFC 1939 section 3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from ...wire.wire import Hangup, TimedOut, TooLong, Wire
from ...world.journal import Origin
from ..commands import Command, CommandTable, Refusal
from ..context import ServiceContext
from .languages import ENGLISH, Language
from .maildrop import Maildrop

AUTHORIZATION: Final = "AUTHORIZATION"
TRANSACTION: Final = "TRANSACTION"
ENDED: Final = "UPDATE"
ANY: Final = frozenset({AUTHORIZATION, TRANSACTION})

Handler = Callable[["Pop3Session", bytes], Awaitable[bytes]]
TABLE: Final[CommandTable[Handler]] = CommandTable("POP3")
"""Every command there is; filled by `authorization` and `transaction`, and never again."""


class Pop3Session:
    """One client's session, from the greeting to QUIT or its disappearance."""

    def __init__(self, wire: Wire, context: ServiceContext) -> None:
        self.wire, self.context, self.world = wire, context, context.world
        self.limits = context.settings.limits
        self.state: str = AUTHORIZATION
        self.language: Language = ENGLISH
        self.utf8 = False
        self.user: bytes | None = None
        """The argument of USER, until PASS."""
        self.failures = 0
        self.bad_commands = 0
        self._maildrop: Maildrop | None = None
        self._lock: object | None = None
        self.stamp = b""
        """What an APOP digest is made over (RFC 1939 section 7); empty where APOP is hidden."""
        if "APOP" not in context.hidden:
            stamp = f"<{self.world.chance.token()}.{int(self.world.clock.now())}@{self.world.hostname}>"
            self.stamp = stamp.encode()
        wire.idle_limit = self.limits.pop3_idle
        # AUTH may bring a token along as its initial response; all other lines are kept to `pop3_line`.
        wire.max_line = max(self.limits.pop3_line, self.limits.sasl_line)

    @property
    def maildrop(self) -> Maildrop:
        """The maildrop; there is one in the TRANSACTION state only."""
        assert self._maildrop is not None
        return self._maildrop

    async def serve(self) -> None:
        """Greet, then reply to one command after the other until QUIT."""
        wire, context = self.wire, self.context
        wire.send(b" ".join(filter(None, (b"+OK minternet POP3 server ready", self.stamp))) + b"\r\n")
        try:
            while self.state is not ENDED:
                line = wire.next_line()
                if line is None:
                    try:
                        line = await wire.line()
                    except TooLong as overlong:
                        wire.send(self.too_long(overlong))
                        continue
                faults = context.faults
                wire.send(await (self.reply(line) if faults is None else faults.over(self, line, self.reply)))
        finally:
            self.close_maildrop()

    def farewell(self, reason: str) -> bytes:
        """What the client is told when the server ends the session (RFC 3206 section 4)."""
        return b"-ERR [SYS/TEMP] " + reason.encode() + b"\r\n"

    async def reply(self, line: bytes) -> bytes:
        """The reply to one command."""
        name, _, argument = line.partition(b" ")
        row = TABLE.find(name)
        try:
            if (
                row is None
                or self.state not in row.states
                or (len(line) > self.limits.pop3_line and row.name != "AUTH")
                or row.capability in self.context.hidden
            ):
                return self.bad_command(line, row)
            self.bad_commands = 0
            return await row.handler(self, argument)
        except Refusal as refusal:
            return f"{refusal}\r\n".encode()
        except TooLong as overlong:
            return self.too_long(overlong)
        except (Hangup, TimedOut):
            raise
        except Exception:
            self.context.log.exception("POP3 command %s failed", row.name if row else name)
            return f"{self.refusal('internal error', code='SYS/TEMP')}\r\n".encode()

    def bad_command(self, line: bytes, row: Command[Handler] | None) -> bytes:
        """The reply to what is no command here and now."""
        if row is None or row.capability in self.context.hidden:
            return self.bad(self.refusal("unknown command"))
        if self.state not in row.states:
            early = self.state is AUTHORIZATION
            text = "%s is not for this state: log in first" if early else "%s is not for this state: you are logged in"
            return self.bad(self.refusal(text, row.name))
        return self.too_long(TooLong(self.limits.pop3_line))

    def too_long(self, overlong: TooLong) -> bytes:
        """The reply to a line that is too long; the session ends where the line does not."""
        if overlong.fatal:
            self.state = ENDED
        return self.bad(self.refusal("a line has at most %d octets", overlong.limit))

    def bad(self, refusal: Refusal) -> bytes:
        """The reply to a bad command; too many in a row end the session."""
        self.bad_commands += 1
        if self.bad_commands >= self.limits.bad_commands:
            self.state = ENDED
            refusal = self.refusal("too many bad commands")
        return f"{refusal}\r\n".encode()

    # -- what commands call

    def ok(self, text: str, *values: object) -> bytes:
        """A positive reply, in the session's language."""
        return f"+OK {self.in_language(text, values)}\r\n".encode()

    def refusal(self, text: str, *values: object, code: str = "") -> Refusal:
        """A negative reply to be raised, in the session's language; `code` as of RFC 2449 section 8."""
        return Refusal("-ERR", self.in_language(text, values), "" if "RESP-CODES" in self.context.hidden else code)

    def in_language(self, text: str, values: tuple[object, ...]) -> str:
        """An English text in the session's language."""
        return self.language.texts.get(text, text) % values

    def usage(self, name: str) -> Refusal:
        """What to raise when a command's arguments are wrong."""
        row = TABLE.find(name.encode())
        return self.refusal("usage: %s", f"{name} {row.arguments}" if row else name)

    def open_maildrop(self, login: str) -> None:
        """Lock the account's maildrop and enter the TRANSACTION state; Refusal where another session has it."""
        account = self.world.accounts.get(login)
        lock = ("maildrop", account.login)
        if lock in self.context.locks:
            raise self.refusal("another session has this maildrop locked", code="IN-USE")
        if self.world.mail.find(account.login, "INBOX") is None:
            raise self.refusal("the account has no INBOX", code="SYS/PERM")
        self._maildrop = Maildrop(self.world, account, Origin(self.wire.conversation))
        self.context.locks[lock] = self
        self._lock = lock
        self.state = TRANSACTION

    def close_maildrop(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self.context.locks.pop(self._lock, None)
            self._lock = None
