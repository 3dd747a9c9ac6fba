"""What an SMTP, submission or LMTP client did wrong."""

from __future__ import annotations

import ipaddress
import re

from .messages import Content, check_fields, check_lines, names_in, not_ascii
from .talk import Line, Lost, Reply, Talk

VERBS = frozenset(b"EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP AUTH STARTTLS ETRN BURL".split())
LAST_OF_GROUP = frozenset(b"EHLO HELO LHLO VRFY EXPN QUIT NOOP AUTH STARTTLS".split())
"""Nothing may be sent before the reply to these, PIPELINING or not (RFC 2920 section 3.1, RFC 3207, RFC 4954)."""
COMMAND_LIMIT = 512
PARAMETERS = 1600
"""How much longer MAIL and RCPT may be by all extensions together (SIZE, AUTH, DSN, SMTPUTF8 ...)."""
AUTH_LIMIT = 12288
"""RFC 4954 section 4."""
NEEDS = {
    b"SIZE": b"SIZE",
    b"SMTPUTF8": b"SMTPUTF8",
    b"AUTH": b"AUTH",
    b"RET": b"DSN",
    b"ENVID": b"DSN",
    b"NOTIFY": b"DSN",
    b"ORCPT": b"DSN",
    b"BY": b"DELIVERBY",
    b"MT-PRIORITY": b"MT-PRIORITY",
}
"""The extension that each parameter belongs to."""
COMMANDS_OF = {b"STARTTLS": b"STARTTLS", b"AUTH": b"AUTH", b"BDAT": b"CHUNKING", b"ETRN": b"ETRN", b"BURL": b"BURL"}
"""The extension that each command belongs to."""
PATH = re.compile(rb"(?:MAIL[ \t]+FROM|RCPT[ \t]+TO):([ \t]*)(.*)", re.IGNORECASE | re.DOTALL)
NAME = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.?")
ONLY_DIGITS_AND_DOTS = re.compile(rb"[0-9]+(?:\.[0-9]+)+")
REQUIRED = ((b"from", "message-no-from"), (b"date", "message-no-date"), (b"message-id", "message-no-id"))


def judge_smtp(talk: Talk) -> None:
    """Read the conversation as the server did."""
    Judging(talk).run()


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.offered: frozenset[bytes] | None = None
        """The extensions the last EHLO was answered with; None before EHLO."""
        self.mechanisms: frozenset[bytes] = frozenset()
        self.greeted = self.logged_in = False
        self.transaction = False
        """Whether MAIL was accepted and nothing ended it."""
        self.mail_answered = -1
        self.chunks: list[tuple[int, bytes]] = []
        """What BDAT brought, and where it begins in the client's stream."""
        self.parameters: set[bytes] = set()
        """Of the MAIL command of the transaction: SMTPUTF8, BODY=8BITMIME."""
        self.refused: set[tuple[bytes, ...]] = set()
        self.waiting_since: tuple[bytes, int] | None = None
        """The verb before, and when it was answered."""
        self.recipients = 0
        """Accepted ones: LMTP answers a message once for each (RFC 2033 section 4.2)."""
        self.ended = False
        self.server_ended = False
        self.last = 0

    def run(self) -> None:
        """Command by command."""
        talk = self.talk
        greeting = talk.next_reply()
        if greeting is None or greeting.code != 220:
            return
        first = True
        while (line := talk.client.line()) is not None:
            if first and line.arrived < greeting.at:
                talk.find_order("early-talker", line)
            first, self.last = False, line.start
            self.command(line)
        hung_up = talk.next_reply()
        self.server_ended |= hung_up is not None
        talk.check_closing(self.ended or self.server_ended, not first, self.last)

    def command(self, line: Line) -> None:
        """One command and what came of it; Lost."""
        talk = self.talk
        verb = line.data.split(b" ", 1)[0].strip().upper()
        if self.ended:
            talk.find_order("after-quit", line)
            raise Lost
        self.check_order(line, verb)
        talk.check_end(line)
        self.check_length(line, verb)
        self.check_state(line, verb)
        if verb == b"BDAT":
            self.chunk(line)
            return
        reply = talk.next_reply()
        if reply is None:
            raise Lost  # unanswered: there is nothing to be said about what follows
        self.waiting_since = (verb, reply.at)
        if reply.code == 421:
            self.server_ended = True
        self.answered(line, verb, reply)

    def answered(self, line: Line, verb: bytes, reply: Reply) -> None:
        """What a command means, by its reply."""
        match verb:
            case b"EHLO" | b"HELO" | b"LHLO":
                self.hello(line, verb, reply)
            case b"MAIL" | b"RCPT":
                self.path(line, verb, reply)
            case b"DATA" if reply.code == 354:
                self.content(line, reply)
            case b"AUTH":
                self.auth(line, reply)
            case b"STARTTLS" if reply.code == 220:
                self.talk.begin_tls(line, reply.at)
                self.greeted, self.offered, self.waiting_since = False, None, None
                self.logged_in = False
                self.over()
            case b"RSET":
                self.over()
            case b"QUIT" if reply.code == 221:
                self.ended = True

    # -- each command

    def hello(self, line: Line, verb: bytes, reply: Reply) -> None:
        """The name, and what the server offers."""
        name = line.data[len(verb) :].strip()
        if why := wrong_name(name):
            self.talk.find("smtp-hello-name", line, why)
        if reply.code == 250:
            self.greeted = True
            self.over()
            offers = [words for text in reply.lines[1:] if (words := text.upper().replace(b"AUTH=", b"AUTH ").split())]
            self.offered = frozenset(words[0] for words in offers) if verb != b"HELO" else frozenset()
            self.mechanisms = frozenset(word for words in offers if words[0] == b"AUTH" for word in words[1:])

    def over(self) -> None:
        """The transaction ended, or was given up."""
        self.transaction = False
        self.recipients = 0
        self.parameters.clear()
        self.chunks.clear()

    def path(self, line: Line, verb: bytes, reply: Reply) -> None:
        """MAIL and RCPT: brackets, parameters, addresses outside ASCII."""
        talk = self.talk
        if verb == b"MAIL":
            self.recipients, self.mail_answered = 0, reply.at
            self.transaction |= reply.code == 250
        else:
            self.recipients += reply.code in (250, 251, 252)
        if not self.greeted and verb == b"MAIL":
            talk.find_order("smtp-no-hello", line)
        match = PATH.match(line.data)
        if match is None:
            return
        if match[1]:
            talk.find("smtp-path-blank", line)
        path, _, rest = match[2].partition(b">")
        if not path.startswith(b"<"):
            if match[2].strip():
                talk.find("smtp-path", line)
            return
        words = [word.upper() for word in rest.split()]
        if verb == b"MAIL":
            self.parameters = set(words)
        self.check_parameters(line, words)
        if not path.isascii() and b"SMTPUTF8" not in self.parameters:
            talk.find("smtp-utf8-address", line)

    def check_parameters(self, line: Line, words: list[bytes]) -> None:
        """Every parameter belongs to an extension that was offered."""
        offered = self.offered
        if offered is None:
            return
        for word in words:
            key, _, value = word.partition(b"=")
            needed = NEEDS.get(key)
            if key == b"BODY":
                needed = {b"8BITMIME": b"8BITMIME", b"BINARYMIME": b"BINARYMIME"}.get(value)
            if needed is not None and needed not in offered:
                self.talk.find("smtp-not-offered", line, f"{key.decode()} belongs to {needed.decode()}.")

    def content(self, line: Line, asked: Reply) -> None:
        """The message after DATA; Lost where it has no end."""
        talk = self.talk
        start = talk.client.at
        block = talk.client.block()
        if block is None:
            raise Lost
        if talk.client.piece(start) < asked.at:
            talk.find_order("content-not-waited", start)
        self.check_split(start, block)
        content = Content.of((start, block))
        check_lines(talk, content)
        self.check_content(content)
        self.outcome(last=True)
        self.waiting_since = None
        self.over()

    def outcome(self, *, last: bool) -> Reply:
        """What became of the message, or of a part of it; Lost."""
        replies = self.recipients if self.talk.service == "lmtp" and last else 1
        for _ in range(replies - 1):
            self.talk.next_reply()
        reply = self.talk.next_reply()
        if reply is None:
            raise Lost
        return reply

    def check_split(self, start: int, block: bytes) -> None:
        """Whether the message's end was a line of its own that ought to have had two dots; Lost."""
        client, server = self.talk.client, self.talk.server
        end, replied = client.piece(client.at - 1), server.at
        following = client.line()
        if following is None:
            return
        answer = self.talk.next_reply()
        server.at = replied
        client.at = following.start
        verb = following.data.split(b" ", 1)[0].upper()
        if verb not in VERBS and following.arrived <= (answer.at if answer is not None else end):
            self.talk.find(
                "dot-stuffing", following, "What follows the lone dot is the rest of the message, taken for commands."
            )
            raise Lost

    def check_content(self, content: Content) -> None:
        """What may be in a message under the parameters of MAIL."""
        talk, header = self.talk, content.header().data
        international = b"SMTPUTF8" in self.parameters
        if not international and (at := not_ascii(header)) >= 0:
            talk.find("smtp-utf8-header", content.line_at(at))
        eight_bit = {b"BODY=8BITMIME", b"BODY=BINARYMIME"} & self.parameters
        if not eight_bit and (at := not_ascii(content.data, len(header))) >= 0:
            talk.find("smtp-8bit", content.line_at(at))
        check_fields(talk, content, REQUIRED)
        if b"bcc" in names_in(header):
            talk.find("message-bcc", content.at(0))

    def chunk(self, line: Line) -> None:
        """BDAT: so many octets at once (RFC 3030); Lost."""
        words = line.data.split()
        if len(words) < 2 or not words[1].isdigit() or len(words[1]) > 12:
            raise Lost
        start, data = self.talk.client.at, self.talk.client.take(int(words[1]))
        if data is None:
            raise Lost
        self.chunks.append((start, data))
        last = words[-1].upper() == b"LAST"
        if last:
            self.check_chunks()
        reply = self.outcome(last=last)
        self.waiting_since = (b"BDAT", reply.at)
        if last or reply.code >= 300:
            self.over()

    def check_chunks(self) -> None:
        """The message that came in chunks: as binary, only its header has lines."""
        content = Content.of(*self.chunks)
        if not content.data or not self.transaction:
            return
        binary = b"BODY=BINARYMIME" in self.parameters
        check_lines(self.talk, content.header() if binary else content, stuffed=False)
        self.check_content(content)

    def auth(self, line: Line, reply: Reply) -> None:
        """The whole exchange: in the clear, or the same again after a refusal."""
        talk, said = self.talk, [line.data]
        while reply.code == 334:
            answer = talk.client.line()
            following = talk.next_reply()
            if answer is None or following is None:
                raise Lost
            said.append(answer.data)
            reply = following
        mechanism = (line.data.split()[1:2] or [b""])[0].upper()
        self.waiting_since = (b"AUTH", reply.at)
        self.logged_in |= reply.code == 235
        if mechanism and b"AUTH" in (self.offered or ()) and mechanism not in self.mechanisms:
            offered = b", ".join(sorted(self.mechanisms)).decode("utf-8", "backslashreplace")
            talk.find("smtp-not-offered", line, f"The mechanisms were {offered}.")
        told = len(said) > 1 or len(line.data.split()) > 2
        if mechanism not in (b"PLAIN", b"LOGIN") or not told or b"*" in said[1:]:
            return
        talk.find_password(line, offered=b"STARTTLS" in (self.offered or ()))
        if reply.code == 535:
            if tuple(said) in self.refused:
                talk.find_order("login-retried", line)
            self.refused.add(tuple(said))

    # -- order and length

    def check_order(self, line: Line, verb: bytes) -> None:
        """Whether the client waited for the reply to the command before, where it had to."""
        if self.waiting_since is None:
            return
        before, answered = self.waiting_since
        if line.arrived >= answered:
            return
        if before == b"DATA":
            self.talk.find_order("content-not-waited", line, "DATA was refused, and this was taken for a command.")
            raise Lost
        if before in LAST_OF_GROUP:
            self.talk.find_order("pipelining-order", line, f"{before.decode()} was not answered yet.")
        elif b"PIPELINING" not in (self.offered or ()) and before != b"BDAT":
            self.talk.find_order("pipelining-not-offered", line)

    def check_state(self, line: Line, verb: bytes) -> None:
        """Whether the command may come now, and belongs to what was offered."""
        talk, needed = self.talk, COMMANDS_OF.get(verb)
        if needed is not None and self.offered is not None and needed not in self.offered:
            talk.find("smtp-not-offered", line, f"{verb.decode()} belongs to {needed.decode()}.")
        if verb == b"STARTTLS" and talk.secure:
            talk.find("starttls-again", line)
        if verb == b"AUTH" and self.logged_in:
            talk.find("login-again", line)
        if verb in (b"MAIL", b"AUTH") and self.transaction:
            talk.find_order("smtp-order", line, f"{verb.decode()} was said within a transaction.")
        # Where MAIL is refused, what was sent along with it is no mistake.
        elif verb in (b"RCPT", b"DATA", b"BDAT") and not self.transaction and line.arrived >= self.mail_answered:
            talk.find_order("smtp-order", line, f"{verb.decode()} was said outside a transaction.")
        elif verb == b"DATA" and (self.chunks or b"BODY=BINARYMIME" in self.parameters):
            talk.find("smtp-data-or-bdat", line)

    def check_length(self, line: Line, verb: bytes) -> None:
        """RFC 5321 section 4.5.3.1.4, and what extensions add to it."""
        limit = COMMAND_LIMIT
        if verb in (b"MAIL", b"RCPT"):
            limit += PARAMETERS
        elif verb == b"AUTH":
            limit = AUTH_LIMIT
        if line.size > limit:
            self.talk.find("command-too-long", line, f"It has {line.size} octets; {limit} are allowed.")


def wrong_name(name: bytes) -> str:
    """What is wrong with the name after EHLO; "" where nothing is."""
    if not name:
        return "There is no name."
    if name.startswith(b"[") and name.endswith(b"]"):
        return _wrong_literal(name[1:-1].decode("latin-1"))
    if NAME.fullmatch(name) is None:
        try:
            ipaddress.ip_address(name.decode("latin-1"))
        except ValueError:
            return "Names have letters, digits, hyphens and dots."
        return "An address stands in brackets."
    if ONLY_DIGITS_AND_DOTS.fullmatch(name):
        return "An address stands in brackets."
    return ""


def _wrong_literal(literal: str) -> str:
    tag, colon, rest = literal.partition(":")
    six = colon and tag.lower() == "ipv6"
    try:
        if six:
            ipaddress.IPv6Address(rest)
        elif ":" in literal:
            ipaddress.IPv6Address(literal)
            return "An IPv6 address stands behind `IPv6:`."
        else:
            ipaddress.IPv4Address(literal)
    except ValueError:
        return "" if colon and tag.lower() != "ipv6" and tag.isalnum() else "This is no address."
    return ""
