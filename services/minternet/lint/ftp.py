"""What an FTP client did wrong. Its control connection is recorded line by line, as the server carries lines out."""

from __future__ import annotations

import ipaddress

from .talk import Line, Lost, Reply, Talk

DATA = frozenset(b"RETR STOR STOU APPE LIST NLST MLSD".split())
ANONYMOUS = (b"anonymous", b"ftp")


def judge_ftp(talk: Talk) -> None:
    """Read the conversation as the server did."""
    Judging(talk).run()


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.offers_tls = self.protected = False
        self.user = b""
        self.refused: set[tuple[bytes, bytes]] = set()
        self.ended = False

    def run(self) -> None:
        """Command by command; what came after an ABOR is not told apart any more."""
        talk = self.talk
        greeting = talk.next_reply()
        if greeting is None or greeting.code != 220:
            return
        last, spoke = 0, False
        while (line := talk.client.line()) is not None:
            if self.ended:
                talk.find_order("after-quit", line)
                return
            spoke, last = True, line.start
            talk.secure = talk.secured_by(line.arrived)
            verb, _, argument = line.data.partition(b" ")
            if verb.strip().upper().endswith((b"ABOR", b"STAT", b"QUIT")) and self.quits(verb):
                continue
            self.meaning(line, verb.strip().upper(), argument, self.reply())
        talk.check_closing(self.ended or talk.next_reply() is not None, spoke, last)

    def quits(self, verb: bytes) -> bool:
        """QUIT: whatever is still answered, the client has said it. Lost at what may interrupt a transfer."""
        if not verb.strip().upper().endswith(b"QUIT"):
            raise Lost
        self.ended = True
        while self.talk.next_reply() is not None:
            pass
        return True

    def meaning(self, line: Line, verb: bytes, argument: bytes, reply: Reply) -> None:
        """What a command means, by its reply."""
        talk = self.talk
        if verb == b"FEAT" and reply.code == 211:
            self.offers_tls = any(each.strip().upper().startswith(b"AUTH TLS") for each in reply.lines)
        elif verb == b"AUTH" and reply.code == 234 and talk.tls_after(line.arrived) is None:
            raise Lost  # the handshake failed
        elif verb == b"USER":
            self.user = argument
        elif verb == b"PASS" and self.user.lower() not in ANONYMOUS:
            self.login(line, argument, reply)
        elif verb == b"PROT" and reply.code == 200:
            self.protected = argument.strip().upper() == b"P"
        elif verb in DATA and reply.code in (226, 250):
            if talk.secure and not self.protected:
                talk.find("ftp-data-in-clear", line)
        elif verb in (b"PORT", b"EPRT"):
            named = address_in(verb, argument)
            if named is not None and talk.peer and not _same(named, talk.peer):
                talk.find("ftp-port-address", line, f"The client is {talk.peer}.")
        elif verb == b"REIN":
            self.protected = False

    def login(self, line: Line, password: bytes, reply: Reply) -> None:
        """In the clear, or the same again after a refusal."""
        talk = self.talk
        if self.offers_tls and not talk.secure:
            talk.find("password-without-tls", line)
        if reply.code == 530:
            if (self.user, password) in self.refused:
                talk.find_order("login-retried", line)
            self.refused.add((self.user, password))

    def reply(self) -> Reply:
        """The next final reply: those of 1yz come before it; Lost."""
        while (reply := self.talk.next_reply()) is not None:
            if reply.code >= 200:
                return reply
        raise Lost


def address_in(verb: bytes, argument: bytes) -> str | None:
    """The address that PORT or EPRT names; None where it is none."""
    text = argument.strip().decode("latin-1")
    if verb == b"PORT":
        numbers = text.split(",")
        return ".".join(numbers[:4]) if len(numbers) == 6 else None
    fields = text.split(text[0]) if text else []
    return fields[2] if len(fields) == 5 else None


def _same(named: str, peer: str) -> bool:
    try:
        one, other = ipaddress.ip_address(named), ipaddress.ip_address(peer)
    except ValueError:
        return True
    mapped = getattr(other, "ipv4_mapped", None) or other
    return one == mapped
