"""An SMTP or LMTP session: its states, its loop, and how it replies (RFC 5321, RFC 2033).

The session speaks over a Wire as the other protocols do, and keeps aiosmtpd's contract towards what stands behind it: an
aiosmtpd `Session`, an aiosmtpd `Envelope`, and a handler whose `handle_*` hooks are called with (server, session, envelope,
...) and answer with the reply. So any aiosmtpd handler can be put in the place of the one that delivers into the world.

aiosmtpd's own `SMTP` class does not run the connection. Measured on one machine: 235 us to make one for each connection, 108 us
to parse an address, a timer and a flush for each command, a read for each line of the message; two to four times the processor
time of a small message here, ten times that of a large one (benchmarks/smtp_receive.py).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from aiosmtpd.smtp import Session as AiosmtpdSession

from ...wire.wire import Hangup, TimedOut, TooLong, Wire
from ...world.journal import Origin
from ...world.records import Account
from ..commands import Command, CommandTable, Refusal
from ..context import ServiceContext
from .delivery import WorldHandler
from .envelope import Content, Envelope

START: Final = "START"
"""Before HELO, EHLO or LHLO."""
GREETED: Final = "GREETED"
SENDER: Final = "SENDER"
"""After MAIL."""
RECIPIENTS: Final = "RECIPIENTS"
"""After a RCPT that was accepted."""
CHUNKS: Final = "CHUNKS"
"""Between the first BDAT and the last."""
ANY: Final = frozenset({START, GREETED, SENDER, RECIPIENTS, CHUNKS})

Handler = Callable[["SmtpSession", bytes], Awaitable[bytes | None]]
TABLE: Final[CommandTable[Handler]] = CommandTable("SMTP")
"""Every command there is; filled by `greeting`, `transaction` and `inquiry`, and never again."""

NOT_OFFERED: Final = frozenset({b"SEND", b"SOML", b"SAML", b"TURN", b"ETRN", b"ATRN", b"BURL", b"XCLIENT", b"XFORWARD"})
"""Commands of SMTP that are known and not there: 502, where nonsense gets 500 (RFC 5321 section 4.2.4)."""
COUNTED: Final = frozenset({"500", "501", "502", "503", "504"})
"""Refusals that count towards `limits.bad_commands`."""
HOOKS: Final = ("HELO", "EHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "QUIT")
"""What a handler may answer itself, by methods named `handle_` and one of these (aiosmtpd's documentation, "Handlers")."""
_ENHANCED_CODE = re.compile(rb"^([245][0-9]{2}[ -])[245]\.[0-9]{1,3}\.[0-9]{1,3} ", re.MULTILINE)


class SmtpSession:
    """One client's session, from the greeting to QUIT or its disappearance."""

    def __init__(self, wire: Wire, context: ServiceContext, handler: object | None = None) -> None:
        self.wire, self.context, self.world = wire, context, context.world
        self.limits = context.settings.limits
        self.hostname = context.world.hostname
        self.lmtp = context.service.name == "lmtp"
        self.submission = context.service.name in ("submission", "smtps")
        """Whether this is message submission (RFC 6409)."""
        self.handler = WorldHandler(context) if handler is None else handler
        self._hooks = {name: getattr(self.handler, f"handle_{name}", None) for name in HOOKS}
        self.state = START
        self.helo = ""
        self.extended = False
        """Whether EHLO or LHLO was said, not HELO."""
        self.account: Account | None = None
        self.failures = 0
        self.bad_commands = 0
        self.ended = False
        self.envelope = Envelope()
        self.session = AiosmtpdSession(None)  # type: ignore[arg-type]  # it keeps the loop and never uses it
        self.session.peer = wire.peer  # type: ignore[assignment]  # aiosmtpd puts the pair there too
        wire.idle_limit = self.limits.smtp_idle
        # AUTH may bring a token along as its initial response; all other lines are kept to `smtp_line`.
        wire.max_line = max(self.limits.smtp_line, self.limits.sasl_line)

    async def serve(self) -> None:
        """Greet, then reply to one command after the other until QUIT."""
        wire = self.wire
        self.send(f"220 {self.hostname} {'LMTP' if self.lmtp else 'ESMTP'} minternet".encode())
        try:
            while not self.ended:
                line = wire.next_line()
                if line is None:
                    try:
                        line = await wire.line()
                    except TooLong as overlong:
                        self.refuse(too_long(overlong))
                        if overlong.fatal:
                            return
                        continue
                faults = self.context.faults
                await (self.obey(line) if faults is None else faults.over(self, line, self.obey))
        except TimedOut:
            self.send(f"421 4.4.2 {self.hostname} Idle for too long, closing transmission channel".encode())
        finally:
            self.forget_transaction()

    @property
    def origin(self) -> Origin:
        """Who changes of the world are said to come from."""
        return Origin(self.wire.conversation)

    def farewell(self, reason: str) -> bytes:
        """What the client is told when the server ends the session (RFC 5321 section 3.8)."""
        return f"421 4.3.2 {self.hostname} Service closing transmission channel\r\n".encode()

    async def obey(self, line: bytes) -> None:
        """Carry out one command, and reply."""
        name, _, argument = line.partition(b" ")
        row = TABLE.find(name)
        try:
            command = self._permitted(row, name, line)
            reply = await command.handler(self, argument.strip(b" \t"))
            if reply is not None:
                self.send(reply)
        except Refusal as refusal:
            self.refuse(refusal)
        except TooLong as overlong:
            self.refuse(too_long(overlong))
            self.ended = self.ended or overlong.fatal
        except (Hangup, TimedOut, asyncio.CancelledError):
            raise
        except Exception:
            self.context.log.exception("SMTP command %s failed", row.name if row else "?")
            self.send(b"451 4.3.0 Internal error")

    def _permitted(self, row: Command[Handler] | None, name: bytes, line: bytes) -> Command[Handler]:
        """The row, where the command may be given here and now; else Refusal 500, 502, 503."""
        if row is None:
            raise unknown(name)
        if not self.speaks(row):
            raise Refusal("500", "Not spoken here", "5.5.1")
        if row.capability in self.context.hidden:
            raise Refusal("502", "Not implemented", "5.5.1")
        if len(line) > self.limits.smtp_line and row.name != "AUTH":
            raise Refusal("500", f"Line longer than {self.limits.smtp_line} octets", "5.5.6")
        if self.state not in row.states:
            raise self.out_of_order(row.name)
        return row

    def speaks(self, row: Command[Handler]) -> bool:
        """Whether the command belongs to this protocol: LMTP has LHLO, and no HELO and EHLO (RFC 2033 section 4.1)."""
        return row.name not in (("HELO", "EHLO") if self.lmtp else ("LHLO",))

    def out_of_order(self, name: str) -> Refusal:
        """A command in the wrong state, with what to do first."""
        if self.state == START:
            return Refusal("503", f"Say {'LHLO' if self.lmtp else 'EHLO'} first", "5.5.1")
        if self.state == CHUNKS:
            return Refusal("503", "Finish the message with BDAT LAST, or give it up with RSET", "5.5.1")
        if name in ("RCPT", "DATA", "BDAT") and self.state == GREETED:
            return Refusal("503", "Say MAIL first", "5.5.1")
        if self.state == SENDER and name in ("DATA", "BDAT"):
            if self.envelope.asked and not self.lmtp:  # every one of them was turned down
                return Refusal("554", "No valid recipients", "5.5.1")
            return Refusal("503", "Say RCPT first", "5.5.1")
        return Refusal("503", f"{name} cannot be given during a mail transaction", "5.5.1")

    # -- replies

    def send(self, reply: bytes) -> None:
        """Send a reply, all its lines but for the last line end."""
        if "ENHANCEDSTATUSCODES" in self.context.hidden:
            reply = _ENHANCED_CODE.sub(rb"\1", reply)
        self.wire.send(reply + b"\r\n")

    def refuse(self, refusal: Refusal) -> None:
        """Send a refusal; too many bad commands end the session."""
        if refusal.status in COUNTED:
            self.bad_commands += 1
            if self.bad_commands >= self.limits.bad_commands:
                self.ended = True
                self.send(f"421 4.7.0 {self.hostname} Too many errors".encode())
                return
        reply = " ".join(filter(None, (refusal.status, refusal.code, refusal.text)))
        self.send(reply.encode("utf-8", "backslashreplace"))

    # -- the handler

    async def hook(self, name: str, *arguments: Any) -> bytes | None:
        """What the handler's hook of that name answers; None where it has none."""
        method = self._hooks[name]
        if method is None:
            return None
        answer = await method(self, self.session, self.envelope, *arguments)
        return answer if isinstance(answer, bytes) else str(answer).encode()

    async def hook_extensions(self, texts: Sequence[str]) -> list[str] | None:
        """EHLO's reply as the handler's hook for it wants it, line by line; None where it has none."""
        method = self._hooks["EHLO"]
        if method is None:
            return None
        replies = [f"250{' ' if text is texts[-1] else '-'}{text}" for text in texts]
        answer: list[str] = await method(self, self.session, self.envelope, self.helo, replies)
        return answer

    def open_content(self) -> Content:
        """Where the content of this transaction goes; it is in the envelope as well."""
        opener = getattr(self.handler, "open_content", None)
        if opener is None:
            content = Content(self.world.blobs, self.limits.message)
        else:
            content = opener(self, self.envelope)
        self.envelope.receiving = content
        return content

    # -- the transaction

    @contextmanager
    def whole_or_not_at_all(self) -> Iterator[None]:
        """Within it, content is read: if that fails half-way, what follows must never be taken for commands."""
        ended, self.ended = self.ended, True
        yield
        self.ended = ended

    def forget_transaction(self) -> None:
        """Drop what MAIL began; nothing of it stays."""
        if self.envelope.receiving is not None and self.envelope.blob is None:
            self.envelope.receiving.abandon()
        self.envelope = Envelope()
        if self.state != START:
            self.state = GREETED

    def log_in(self, account: Account) -> None:
        """From here on the client is that account's owner."""
        self.account = account
        self.session.authenticated = True

    def forget_client(self) -> None:
        """Drop all that is known of the client: after a TLS handshake (RFC 3207 section 4.2)."""
        self.forget_transaction()
        self.state, self.helo, self.extended, self.account = START, "", False, None
        self.session.authenticated = None
        self.session.host_name = None

    # -- what is offered

    def has(self, capability: str) -> bool:
        """Whether an extension is there: not hidden."""
        return capability not in self.context.hidden


def unknown(name: bytes) -> Refusal:
    """What to raise for what is no command here."""
    if name.upper() in NOT_OFFERED:
        return Refusal("502", "Not implemented", "5.5.1")
    return Refusal("500", "Command not recognized" if name else "An empty line is no command", "5.5.2")


def usage(name: str) -> Refusal:
    """What to raise when a command's arguments are wrong."""
    row = TABLE.find(name.encode())
    return Refusal("501", f"Syntax: {name} {row.arguments if row else ''}".rstrip(), "5.5.4")


def too_long(overlong: TooLong) -> Refusal:
    """What to raise for a line that is too long."""
    return Refusal("500", f"Line longer than {overlong.limit} octets", "5.5.6")


def lines(code: str, texts: Iterable[str]) -> bytes:
    """A reply of several lines (RFC 5321 section 4.2.1); `code` may hold the enhanced code too."""
    status, _, enhanced = code.partition(" ")
    *first, last = [f"{enhanced} {text}" if enhanced else text for text in texts]
    return "\r\n".join([*(f"{status}-{text}" for text in first), f"{status} {last}"]).encode()
