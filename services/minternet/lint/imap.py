"""What an IMAP client did wrong."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict, deque
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush

from .messages import BARE_LF, has_bare
from .talk import Line, Lost, Talk

LINE_LIMIT = 8192
"""Octets of a command without its literals (RFC 7162 section 4)."""
LITERAL = re.compile(rb"(~?)\{([0-9]{1,12})(\+?)\}\Z")
SERVER_LITERAL = re.compile(rb"~?\{([0-9]{1,12})\}\Z")
CAPABILITY = re.compile(rb"(?:\A\* |\[)CAPABILITY ([^\]\r\n]*)", re.IGNORECASE)
LITERAL_MINUS = 4096
"""Octets (RFC 7888 section 5)."""
MAY_RENUMBER = frozenset(b"NOOP CHECK EXPUNGE COPY MOVE UID".split())
"""Commands whose answers may carry EXPUNGE (RFC 9051 section 7.5.1); the UID commands are such as well."""
BY_NUMBER = frozenset(b"FETCH STORE COPY MOVE SEARCH SORT THREAD".split())
TEMPORARY = (b"[UNAVAILABLE", b"[LIMIT", b"[INUSE", b"[SERVERBUG")
"""Failures after which the same credentials may be right (RFC 5530 section 3)."""
PLAIN = (b"PLAIN", b"LOGIN")
TAG = re.compile(rb"[!#$&',-Z[\]^-z|}~]+")
"""RFC 9051 section 9: ASTRING-CHAR but for `+`."""
NAMES_IN = {b"RENAME": 2} | dict.fromkeys(
    b"SELECT EXAMINE CREATE DELETE SUBSCRIBE UNSUBSCRIBE STATUS APPEND".split(), 1
)
"""How many mailbox names stand behind each command."""
NAME = re.compile(rb' (?:"((?:[^"\\]|\\.)*)"|([^\s"(){}]+))')
MODIFIED_UTF7 = re.compile(rb"(?:[^&]|&-|&[A-Za-z0-9+,]+-)*", re.DOTALL)


def judge_imap(talk: Talk) -> None:
    """Read the conversation as the server did."""
    Judging(talk).run()


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the server's, literals taken out, and when it was complete."""

    data: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its first line, texts without literals, the literals, when it was complete."""

    line: Line
    tag: bytes
    verb: bytes
    text: bytes
    literals: tuple[bytes, ...]
    arrived: int


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.said = list(_server_lines(talk))
        self.cursor = 0
        self.tagged: dict[bytes, deque[Said]] = defaultdict(deque)
        for each in self.said:
            self.tagged[each.data.partition(b" ")[0]].append(each)
        self.pending: list[tuple[int, bytes]] = []
        """When they were answered, as a heap, and the tags of commands that a later one may have overtaken."""
        self.unanswered: set[bytes] = set()
        """Those tags."""
        self.renumbering: dict[bytes, bytes] = {}
        """The verbs of those that may renumber messages, by tag."""
        self.utf8 = self.ended = self.logged_in = False
        self.refused: set[tuple[bytes, ...]] = set()

    def run(self) -> None:
        """Command by command."""
        talk = self.talk
        if not self.said or not self.said[0].data.upper().startswith((b"* OK", b"* PREAUTH")):
            return
        last, spoke = 0, False
        while (line := talk.client.line()) is not None:
            if not spoke and line.arrived < self.said[0].at:
                talk.find_order("early-talker", line)
            if self.ended:
                talk.find_order("after-quit", line)
                return
            spoke, last = True, line.start
            command = self.gather(line)
            if command is not None:
                self.judge(command)
        bye = any(each.data.upper().startswith(b"* BYE") for each in self.said)
        talk.check_closing(self.ended or bye, spoke, last)

    # -- reading a command

    def gather(self, line: Line) -> Command | None:
        """The whole command with its literals; None where the server refused it before its end. Lost."""
        talk = self.talk
        talk.check_end(line)
        tag, _, rest = line.data.partition(b" ")
        if TAG.fullmatch(tag) is None:
            talk.find("imap-tag", line, "" if line.data else "The line is empty.")
        if not tag or tag in (b"+", b"*"):
            return None
        texts, literals, current = [line.data], [], line
        verb = rest.split(b" ", 1)[0].upper()
        while match := LITERAL.search(current.data):
            size = int(match[2])
            if match[3]:
                self.check_literal_plus(current, size)
            elif not self.waited(tag, current):
                self.drop_answer(tag, current)
                return None
            content = talk.client.take(size)
            if content is None:
                raise Lost
            if verb == b"APPEND" and not match[1] and has_bare(content) and BARE_LF.search(content):
                talk.find("imap-append-bare-lf", line)
            if not match[1] and b"\0" in content:
                talk.find("message-nul", line)
            literals.append(content)
            following = talk.client.line()
            if following is None:
                raise Lost
            current = following
            texts.append(current.data)
            if current.data[:1] not in (b"", b" ", b")"):
                talk.find("imap-literal-size", current, f"{size} were announced.")
                raise Lost
        text = b"".join(texts)
        if len(text) + 2 > LINE_LIMIT:
            talk.find("command-too-long", line, f"It has {len(text)} octets without its literals.")
        if not self.utf8 and not text.isascii():
            talk.find("imap-utf8", line)
        return Command(line, tag, verb, text[len(tag) + 1 :], tuple(literals), current.arrived)

    def waited(self, tag: bytes, line: Line) -> bool:
        """Whether the server asked for the literal; where the client did not wait, that is noted. Lost."""
        talk = self.talk
        asked = self.continuation(tag, line)
        if asked is None:
            raise Lost
        rest = talk.client.at < len(talk.client.data)
        if rest and talk.client.piece(talk.client.at) < asked.at:
            talk.find_order("imap-literal-not-waited", line)
            if not asked.data.startswith(b"+"):
                raise Lost
        return asked.data.startswith(b"+")

    def check_literal_plus(self, line: Line, size: int) -> None:
        """RFC 7888: whether the server had said that it takes such literals."""
        offered = self.capabilities(line.arrived)
        if offered is None or b"LITERAL+" in offered:
            return
        if (b"LITERAL-" not in offered and b"IMAP4REV2" not in offered) or size > LITERAL_MINUS:
            self.talk.find("imap-literal-plus", line)

    def drop_answer(self, tag: bytes, line: Line) -> None:
        """The answer that came in the place of a continuation; Lost where it was another command's."""
        answers = self.tagged[tag]
        while answers and answers[0].at < line.arrived:
            answers.popleft()
        if not answers:
            raise Lost
        answers.popleft()

    def continuation(self, tag: bytes, line: Line) -> Said | None:
        """The server's next line after this one that begins with `+`, or that answers this tag instead."""
        while self.cursor < len(self.said):
            each = self.said[self.cursor]
            self.cursor += 1
            if each.at < line.arrived:
                continue
            if each.data.startswith(b"+") or each.data.startswith(tag + b" "):
                return each
        return None

    def capabilities(self, index: int) -> frozenset[bytes] | None:
        """What the server had last said it can by then; None where it had not."""
        known = bisect_left(self.offers, index, key=lambda offer: offer[0])
        return self.offers[known - 1][1] if known else None

    @cached_property
    def offers(self) -> list[tuple[int, frozenset[bytes]]]:
        """When the server said what it can, and what that was."""
        found = ((each.at, CAPABILITY.search(each.data)) for each in self.said)
        return [(at, frozenset(match[1].upper().split())) for at, match in found if match is not None]

    # -- judging it

    def judge(self, command: Command) -> None:
        """Its tag, its place among others, and what it means by its reply; Lost."""
        exchanged: tuple[bytes, ...] = (command.text, *command.literals)
        if command.verb == b"IDLE":
            self.idle(command)
        elif command.verb == b"AUTHENTICATE":
            exchanged += self.authenticate(command)
        self.check_order(command)
        self.check_names(command)
        answers = self.tagged[command.tag]
        while answers and answers[0].at < command.arrived and command.verb not in (b"IDLE", b"AUTHENTICATE"):
            answers.popleft()
        if not answers:
            raise Lost
        answer = answers.popleft()
        self.owe(command, answer.at)
        _, _, result = answer.data.partition(b" ")
        self.meaning(command, exchanged, result, answer.at)

    def owe(self, command: Command, answered: int) -> None:
        """A command is answered at that piece only."""
        heappush(self.pending, (answered, command.tag))
        self.unanswered.add(command.tag)
        if command.verb in MAY_RENUMBER:
            self.renumbering[command.tag] = command.verb

    def check_order(self, command: Command) -> None:
        """Against the commands that were not answered when it came."""
        talk = self.talk
        while self.pending and self.pending[0][0] <= command.line.arrived:
            _, tag = heappop(self.pending)
            self.unanswered.discard(tag)
            self.renumbering.pop(tag, None)
        if command.tag in self.unanswered:
            talk.find_order("imap-tag-reused", command.line)
            raise Lost
        if command.verb in BY_NUMBER and self.renumbering:
            first = next(iter(self.renumbering.values()))
            talk.find_order("imap-ambiguous", command.line, f"{first.decode('ascii', 'replace')} was not answered yet.")

    def check_names(self, command: Command) -> None:
        """Mailbox names in modified UTF-7 (RFC 3501 section 5.1.3); those in literals are not looked at."""
        at = len(command.verb)
        for _ in range(0 if self.utf8 else NAMES_IN.get(command.verb, 0)):
            match = NAME.match(command.text, at)
            if match is None:
                return
            if MODIFIED_UTF7.fullmatch(match[1] or match[2] or b"") is None:
                self.talk.find("imap-mailbox-name", command.line)
            at = match.end()

    def meaning(self, command: Command, exchanged: tuple[bytes, ...], result: bytes, at: int) -> None:
        """What a command means, by its reply."""
        well = result[:3].upper().strip() == b"OK"
        if command.verb in (b"LOGIN", b"AUTHENTICATE"):
            if self.logged_in:
                self.talk.find("login-again", command.line)
            self.logged_in |= well
        elif result[:4].upper() == b"BAD ":
            self.talk.find_order("imap-bad", command.line, f"It said: {result.decode('utf-8', 'backslashreplace')}")
        if command.verb == b"STARTTLS" and self.talk.secure:
            self.talk.find("starttls-again", command.line)
        match command.verb:
            case b"LOGIN":
                told = len(command.text.split()) + len(command.literals) > 2
                self.login(command, exchanged, result, clear=told and not result.upper().startswith(b"BAD"))
            case b"AUTHENTICATE":
                mechanism = (command.text.split()[1:2] or [b""])[0].upper()
                told = len(exchanged) > 1 or len(command.text.split()) > 2
                self.login(command, exchanged, result, clear=mechanism in PLAIN and told and b"*" not in exchanged)
            case b"ENABLE" if well:
                self.utf8 |= any(word in command.text.upper() for word in (b"UTF8=ACCEPT", b"IMAP4REV2"))
            case b"STARTTLS" if well:
                self.talk.begin_tls(command.line, at)
            case b"LOGOUT" if well:
                self.ended = True

    def login(self, command: Command, exchanged: tuple[bytes, ...], result: bytes, *, clear: bool) -> None:
        """In the clear, or the same again after a refusal."""
        talk = self.talk
        offered = self.capabilities(command.line.arrived) or frozenset()
        if clear and not talk.secure and command.verb == b"LOGIN" and b"LOGINDISABLED" in offered:
            talk.find("imap-login-disabled", command.line)
        elif clear:
            talk.find_password(command.line, offered=b"STARTTLS" in offered)
        if clear and result[:3].upper() == b"NO " and not result[3:].upper().startswith(TEMPORARY):
            if exchanged in self.refused:
                talk.find_order("login-retried", command.line)
            self.refused.add(exchanged)

    def idle(self, command: Command) -> None:
        """Until DONE; Lost where something else comes."""
        asked = self.continuation(command.tag, command.line)
        if asked is None:
            raise Lost
        if asked.data.startswith(b"+"):
            line = self.talk.client.line()
            if line is None:
                raise Lost
            if line.data.strip().upper() != b"DONE":
                self.talk.find_order("imap-idle", line)
                raise Lost
            if line.arrived < asked.at:
                self.talk.find_order("imap-idle", line, "DONE was sent before the line that begins with `+`.")
            self.talk.check_end(line)

    def authenticate(self, command: Command) -> tuple[bytes, ...]:
        """The client's answers; Lost."""
        answers: list[bytes] = []
        while (asked := self.continuation(command.tag, command.line)) is not None:
            if not asked.data.startswith(b"+"):
                return tuple(answers)
            line = self.talk.client.line()
            if line is None:
                break
            answers.append(line.data)
        raise Lost


def _server_lines(talk: Talk) -> list[Said]:
    """All that the server said, up to what is not whole."""
    found: list[Said] = []
    while (line := talk.server.line()) is not None:
        text = line.data
        while match := SERVER_LITERAL.search(line.data):
            if talk.server.take(int(match[1])) is None:
                return found
            following = talk.server.line()
            if following is None:
                return found
            line = following
            text += line.data
        found.append(Said(text, line.arrived))
    return found
