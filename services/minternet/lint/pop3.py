"""What a POP3 client did wrong."""

from __future__ import annotations

from .talk import Line, Lost, Talk

LINE_LIMIT = 255
"""Octets with CRLF (RFC 2449 section 4)."""
AUTH_LIMIT = 12288
TEMPORARY = (b"[SYS/TEMP]", b"[IN-USE]", b"[LOGIN-DELAY]")
"""Failures after which the same credentials may be right (RFC 2449 section 8, RFC 3206)."""


NUMBERED = frozenset((b"RETR", b"TOP", b"DELE", b"LIST", b"UIDL"))


def judge_pop3(talk: Talk) -> None:
    """Read the conversation as the server did."""
    Judging(talk).run()


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.capabilities: frozenset[bytes] | None = None
        """None before CAPA."""
        self.answered = -1
        self.user = b""
        self.refused: set[tuple[bytes, ...]] = set()
        self.deleted: set[bytes] = set()
        self.before = b""
        self.ended = self.logged_in = False

    def run(self) -> None:
        """Command by command."""
        talk = self.talk
        greeting = talk.server.line()
        if greeting is None or not greeting.data.startswith(b"+OK"):
            return
        self.answered, last, spoke = greeting.arrived, 0, False
        while (line := talk.client.line()) is not None:
            if line.arrived < self.answered and not spoke:
                talk.find_order("early-talker", line)
            elif self.ended:
                talk.find_order("after-quit", line)
                return
            elif line.arrived < self.answered and b"PIPELINING" not in (self.capabilities or ()):
                talk.find_order("pipelining-not-offered", line)
            spoke, last = True, line.start
            self.command(line)
        farewell = talk.server.line()
        if not (self.ended or farewell) and self.deleted and talk.closed:
            talk.find_order("pop3-deletions-lost", last, f"{len(self.deleted)} were marked.")
        talk.check_closing(self.ended or farewell is not None, spoke, last)

    def command(self, line: Line) -> None:
        """One command and its reply; Lost."""
        talk = self.talk
        talk.check_end(line)
        verb, _, argument = line.data.partition(b" ")
        verb = verb.upper()
        if line.size > (AUTH_LIMIT if verb == b"AUTH" else LINE_LIMIT):
            talk.find("command-too-long", line, f"It has {line.size} octets; {LINE_LIMIT} are allowed.")
        self.check_state(line, verb, argument)
        said = [line.data]
        reply = self.reply()
        while verb == b"AUTH" and reply.data.startswith(b"+ "):
            answer = talk.client.line()
            if answer is None:
                raise Lost
            said.append(answer.data)
            reply = self.reply()
        well = reply.data.startswith(b"+OK")
        if not well and not reply.data.startswith(b"-ERR"):
            raise Lost
        self.meaning(line, verb, argument.strip(), said, reply.data, well)
        self.before = verb

    def check_state(self, line: Line, verb: bytes, argument: bytes) -> None:
        """Whether the command may come now."""
        talk = self.talk
        if verb in (b"USER", b"PASS", b"APOP", b"AUTH") and self.logged_in:
            talk.find("login-again", line)
        elif verb == b"PASS" and self.before != b"USER":
            talk.find("pop3-pass-order", line)
        elif verb == b"STLS" and talk.secure:
            talk.find("starttls-again", line)
        elif verb in NUMBERED and _number(argument) in self.deleted:
            talk.find("pop3-deleted-used", line)

    def meaning(self, line: Line, verb: bytes, argument: bytes, said: list[bytes], reply: bytes, well: bool) -> None:
        """What a command means, by its reply."""
        match verb:
            case b"CAPA" if well:
                self.capabilities = frozenset(each.split(b" ")[0].upper() for each in self.lines())
            case b"RETR" | b"TOP" if well:
                self.lines()
            case b"LIST" | b"UIDL" | b"AUTH" | b"LANG" if well and not argument:
                self.lines()
            case b"USER":
                self.user = argument
            case b"PASS" | b"APOP":
                self.login(line, (self.user, *said), reply, well, clear=verb == b"PASS")
            case b"AUTH":
                mechanism = argument.split(b" ")[0].upper()
                told = len(said) > 1 or len(argument.split()) > 1
                clear = mechanism in (b"PLAIN", b"LOGIN") and told and b"*" not in said[1:]
                if argument:
                    self.login(line, tuple(said), reply, well, clear=clear)
            case b"STLS" if well:
                self.talk.begin_tls(line, self.answered)
                self.capabilities = None
            case b"DELE" if well:
                self.deleted.add(_number(argument))
            case b"RSET" if well:
                self.deleted.clear()
            case b"QUIT" if well:
                self.ended = True

    def login(self, line: Line, said: tuple[bytes, ...], reply: bytes, well: bool, *, clear: bool) -> None:
        """In the clear, or the same again after a refusal."""
        talk = self.talk
        self.logged_in |= well
        if clear:
            talk.find_password(line, offered=b"STLS" in (self.capabilities or ()))
        if not well and clear and not reply[5:].startswith(TEMPORARY):
            if said in self.refused:
                talk.find_order("login-retried", line)
            self.refused.add(said)

    def reply(self) -> Line:
        """The next line of the server's; Lost."""
        line = self.talk.server.line()
        if line is None:
            raise Lost
        self.answered = line.arrived
        return line

    def lines(self) -> list[bytes]:
        """The lines up to the one of a single dot; Lost."""
        block = self.talk.server.block()
        if block is None:
            raise Lost
        self.answered = self.talk.server.piece(self.talk.server.at - 1)
        return block.split(b"\r\n")


def _number(argument: bytes) -> bytes:
    """The message number that an argument begins with."""
    return (argument.split()[:1] or [b""])[0].lstrip(b"0")
