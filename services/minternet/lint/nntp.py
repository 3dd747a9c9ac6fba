"""What an NNTP client did wrong."""

from __future__ import annotations

import re

from .messages import Content, check_fields, check_lines, names_in
from .talk import Line, Lost, Reply, Talk

LINE_LIMIT = 512
"""Octets with CRLF (RFC 3977 section 3.1)."""
AUTH_LIMIT = 12288
BLOCKS = frozenset((100, 101, 215, 220, 221, 222, 224, 225, 230, 231))
"""Codes that a block follows (RFC 3977 section 3.2, RFC 2980, RFC 6048)."""
LAST_OF_GROUP = frozenset((b"POST", b"IHAVE", b"MODE READER", b"QUIT", b"STARTTLS", b"COMPRESS DEFLATE"))
"""Commands after which the client has to wait (RFC 3977 sections 5.3, 5.4, 6.3; RFC 4642; RFC 8054)."""
SERVERS_OWN = (b"injection-info", b"xref")
POSTED = re.compile(rb"^Path:[^\r\n]*!\.?POSTED", re.MULTILINE | re.IGNORECASE)
REQUIRED = ((b"from", "message-no-from"), (b"newsgroups", "nntp-required-field"), (b"subject", "nntp-required-field"))
REQUIRED_BY_PEERS = (
    (b"from", "message-no-from"),
    *((name, "nntp-required-field") for name in (b"date", b"message-id", b"newsgroups", b"path", b"subject")),
)
"""Of an article that was posted already, and is passed on (RFC 5536 section 3.1)."""
KNOWN = frozenset(
    b"ARTICLE AUTHINFO BODY CAPABILITIES CHECK COMPRESS DATE GROUP HDR HEAD HELP IHAVE LAST LIST LISTGROUP MODE NEWGROUPS"
    b" NEWNEWS NEXT OVER POST QUIT SLAVE STARTTLS STAT TAKETHIS XHDR XOVER XPAT XGTITLE XPATH".split()
)


def judge_nntp(talk: Talk) -> None:
    """Read the conversation as the server did."""
    Judging(talk).run()


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.capabilities: frozenset[bytes] = frozenset()
        self.before, self.answered = b"", -1
        self.user = b""
        self.refused: set[tuple[bytes, ...]] = set()
        self.ended = self.logged_in = False

    def run(self) -> None:
        """Command by command."""
        talk = self.talk
        greeting = talk.next_reply()
        if greeting is None or greeting.code not in (200, 201):
            return
        last, spoke = 0, False
        while (line := talk.client.line()) is not None:
            if not spoke and line.arrived < greeting.at:
                talk.find_order("early-talker", line)
            if self.ended:
                talk.find_order("after-quit", line)
                return
            spoke, last = True, line.start
            self.command(line)
        hung_up = talk.next_reply() is not None
        talk.check_closing(self.ended or hung_up, spoke, last)

    def command(self, line: Line) -> None:
        """One command and its reply; Lost."""
        talk = self.talk
        talk.check_end(line)
        words = line.data.split()
        verb = words[0].upper() if words else b""
        if verb in (b"MODE", b"COMPRESS") and len(words) > 1:
            verb += b" " + words[1].upper()
        if self.before in LAST_OF_GROUP and line.arrived < self.answered:
            talk.find_order("pipelining-order", line, f"{self.before.decode()} was not answered yet.")
        if line.size > (AUTH_LIMIT if verb == b"AUTHINFO" else LINE_LIMIT):
            talk.find("command-too-long", line, f"It has {line.size} octets; {LINE_LIMIT} are allowed.")
        if verb == b"STARTTLS" and talk.secure:
            talk.find("starttls-again", line)
        elif verb == b"AUTHINFO" and self.logged_in:
            talk.find("login-again", line)
        if verb == b"TAKETHIS":
            start = talk.client.at
            self.check_article(Content.of((start, self.block())), REQUIRED_BY_PEERS)
        reply = self.reply()
        if reply.code in BLOCKS or (reply.code == 211 and verb == b"LISTGROUP"):
            self.follow(verb, reply)
        self.meaning(line, verb, words, reply)
        self.before = verb

    def follow(self, verb: bytes, reply: Reply) -> None:
        """The block after a reply; Lost."""
        block = self.talk.server.block()
        if block is None:
            raise Lost
        self.answered = self.talk.server.piece(self.talk.server.at - 1)
        if verb == b"CAPABILITIES":
            self.capabilities = frozenset(each.split(b" ")[0].upper() for each in block.split(b"\r\n"))

    def meaning(self, line: Line, verb: bytes, words: list[bytes], reply: Reply) -> None:
        """What a command means, by its reply."""
        if verb in (b"POST", b"IHAVE") and reply.code in (340, 335):
            self.article(verb, reply)
        elif verb == b"AUTHINFO" and len(words) > 1:
            self.login(line, words, reply)
        elif verb == b"STARTTLS" and reply.code == 382:
            self.talk.begin_tls(line, reply.at)
            self.capabilities = frozenset()
        elif verb == b"QUIT" and reply.code == 205:
            self.ended = True

    def article(self, verb: bytes, asked: Reply) -> None:
        """What is posted; Lost where it has no end."""
        talk, start = self.talk, self.talk.client.at
        article = self.block()
        if talk.client.piece(start) < asked.at:
            talk.find_order("content-not-waited", start)
        content = Content.of((start, article))
        self.check_article(content, REQUIRED if verb == b"POST" else REQUIRED_BY_PEERS)
        if verb == b"POST":
            header = content.header().data
            names = names_in(header)
            wrong = [name.decode().title() for name in SERVERS_OWN if name in names]
            if wrong or POSTED.search(header):
                talk.find("nntp-injected-field", start, ", ".join(wrong or ["Path"]) + ".")
        end = talk.client.piece(talk.client.at - 1)
        reply = self.reply()
        following = talk.client.line()
        if following is not None:
            talk.client.at = following.start
            verb = following.data.split(b" ", 1)[0].upper()
            if verb not in KNOWN and following.arrived <= max(end, reply.at):
                talk.find(
                    "dot-stuffing",
                    following,
                    "What follows the lone dot is the rest of the article, taken for commands.",
                )
                raise Lost

    def check_article(self, article: Content, required: tuple[tuple[bytes, str], ...]) -> None:
        """Its lines and fields."""
        check_lines(self.talk, article)
        check_fields(self.talk, article, required)

    def login(self, line: Line, words: list[bytes], reply: Reply) -> None:
        """AUTHINFO: in the clear, or the same again after a refusal (RFC 4643); Lost."""
        talk, kind, said = self.talk, words[1].upper(), [line.data]
        while reply.code == 383:
            answer = talk.client.line()
            if answer is None:
                raise Lost
            said.append(answer.data)
            reply = self.reply()
        self.logged_in |= reply.code in (281, 283)
        if kind == b"USER":
            self.user = line.data
            return
        plain = kind == b"PASS" or (kind == b"SASL" and len(words) > 2 and words[2].upper() in (b"PLAIN", b"LOGIN"))
        plain = plain and (kind == b"PASS" or len(said) > 1 or len(words) > 3) and b"*" not in said[1:]
        if plain:
            talk.find_password(line, offered=b"STARTTLS" in self.capabilities)
        if plain and reply.code == 481:
            said = [self.user, *said] if kind == b"PASS" else said
            if tuple(said) in self.refused:
                talk.find_order("login-retried", line)
            self.refused.add(tuple(said))

    def block(self) -> bytes:
        """The client's lines up to the single dot; Lost."""
        block = self.talk.client.block()
        if block is None:
            raise Lost
        return block

    def reply(self) -> Reply:
        """The next reply, which never goes on in a second line with a hyphen; Lost."""
        line = self.talk.server.line()
        if line is None or not line.data[:3].isdigit():
            raise Lost
        self.answered = line.arrived
        return Reply(int(line.data[:3]), (line.data[4:],), line.arrived)
