"""What an FTP client did wrong on its control connection."""

from __future__ import annotations

import ipaddress

from ..wire.telnet import without_telnet
from .talk import Line, Lost, Reply, Talk

DATA = frozenset(b"RETR STOR STOU APPE LIST NLST MLSD".split())
BINARY = frozenset(
    b"7z apk bin bmp bz2 class deb dmg doc docx exe flac gif gz ico iso jar jpeg jpg mov mp3 mp4 ogg pdf png ppt pptx pyc rar"
    b" rpm so tar tgz tif tiff war wasm wav webm webp whl xls xlsx xz zip zst".split()
)
"""Ends of the names of files that are no text."""
FILES = frozenset(b"RETR STOR STOU APPE".split())
COMPLETE = frozenset((226, 250))
LINE_LIMIT = 4200
"""Octets of a line that the server takes."""
HANDSHAKE = b"\x16\x03"
"""What a client begins with that speaks TLS to the wrong port."""
TLS_ENDED = b"TLS ended"
"""The server's note."""
ANONYMOUS = (b"anonymous", b"ftp")


def judge_ftp(talk: Talk) -> None:
    """Read the conversation as the server did."""
    judging = Judging(talk)
    try:
        judging.run()
    except Lost:
        judging.check_other_ends()
        raise


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.offers_tls = self.protected = self.sized = False
        self.before = b""
        self.restart = False
        """Whether REST was accepted, and no transfer came after it."""
        self.cut = False
        """Whether the command before was a transfer that was cut off, by an ABOR perhaps, which overtakes others."""
        self.as_text = True
        """TYPE A, which is the default (RFC 959 section 3.1.1.1)."""
        self.user = b""
        self.refused: set[tuple[bytes, bytes]] = set()
        self.ended = False
        self.legible = True
        """Whether what follows is lines at all."""

    def run(self) -> None:
        """Command by command; Lost."""
        talk = self.talk
        greeting = talk.next_reply()
        if greeting is None or greeting.code != 220:
            return
        last, spoke = 0, False
        while (line := talk.client.line()) is not None:
            if not spoke and line.data.startswith(HANDSHAKE):
                return
            if not spoke and line.arrived < greeting.at:
                talk.find_order("early-talker", line)
            if self.ended:
                talk.find_order("after-quit", line)
                return
            spoke, last = True, line.start
            self.command(line)
        talk.check_closing(self.ended or talk.next_reply() is not None, spoke, last)

    def command(self, line: Line) -> None:
        """One command and its reply; Lost."""
        talk = self.talk
        talk.check_end(line)
        if line.size - 1 > LINE_LIMIT + 1:  # as the server counts: the CR, but not the LF
            talk.find("command-too-long", line, f"It has {line.size} octets; RFC 959 names no limit.")
            self.reply()
            self.before = b""
            return
        verb, _, argument = without_telnet(line.data).partition(b" ")
        verb = verb.strip().upper()
        if self.cut and verb != b"ABOR":
            raise Lost
        if verb == b"QUIT":
            self.quits()
            return
        self.check_sequence(line, verb)
        reply = self.reply()
        if verb in DATA and 200 <= reply.code < 300 and reply.code not in COMPLETE:
            raise Lost  # the server answers some commands while a transfer goes on
        self.cut = verb in DATA and reply.code == 426 and b"ABOR" in talk.client.data[talk.client.at :].upper()
        self.meaning(line, verb, argument, reply)
        self.before = verb

    def check_other_ends(self) -> None:
        """What is left to be judged where replies no longer tell which command they are of."""
        while self.legible and (line := self.talk.client.line()) is not None:
            self.talk.check_end(line)
            self.legible = not line.data.upper().startswith(b"AUTH")  # a handshake may follow, and fail

    def check_sequence(self, line: Line, verb: bytes) -> None:
        """Commands that come right after another one (RFC 959 section 4.1)."""
        talk = self.talk
        if verb == b"RNTO" and self.before != b"RNFR":
            talk.find("ftp-order", line, "RNTO comes right after RNFR.")
        elif verb == b"PASS" and self.before != b"USER":
            talk.find("ftp-order", line, "PASS comes right after USER.")
        elif verb == b"PROT" and not self.sized:
            talk.find("ftp-order", line, "PROT comes after PBSZ.")
        elif verb in FILES and self.restart and self.before != b"REST":
            talk.find("ftp-order", line, "It comes right after REST.")
        if verb in DATA:
            self.restart = False

    def quits(self) -> None:
        """QUIT: whatever is still answered, the client has said it."""
        self.ended = True
        while self.talk.next_reply() is not None:
            pass

    def meaning(self, line: Line, verb: bytes, argument: bytes, reply: Reply) -> None:
        """What a command means, by its reply."""
        talk = self.talk
        if verb == b"FEAT" and reply.code == 211:
            self.offers_tls = any(each.strip().upper().startswith(b"AUTH TLS") for each in reply.lines)
        elif verb == b"AUTH" and reply.code == 234:
            self.secured(line, reply)
        elif verb == b"CCC" and reply.code == 200:
            self.cleared(reply)
        elif verb == b"USER":
            self.user = argument
        elif verb == b"PASS" and self.user.lower() not in ANONYMOUS:
            self.login(line, argument, reply)
        elif verb == b"PROT" and reply.code == 200:
            self.protected = argument.strip().upper() == b"P"
        elif verb == b"PBSZ" and reply.code == 200:
            self.sized = True
        elif verb == b"TYPE" and reply.code == 200:
            self.as_text = argument.strip()[:1].upper() not in (b"I", b"L")
        elif verb == b"REST":
            self.restart = reply.code == 350 and argument.strip().strip(b"0") != b""
        elif verb in DATA and reply.code in COMPLETE:
            self.transferred(line, verb, argument)
        elif verb in (b"PORT", b"EPRT"):
            named = address_in(verb, argument)
            if named is not None and talk.peer and not _same(named, talk.peer):
                talk.find("ftp-port-address", line, f"The client is {talk.peer}.")
        elif verb == b"REIN":
            self.protected, self.as_text = False, True

    def secured(self, line: Line, reply: Reply) -> None:
        """The handshake; what came before it was dropped. Lost where it failed."""
        began = self.talk.tls_after(reply.at)
        if began is None:
            self.legible = False
            raise Lost
        if self.talk.client.skip_to_piece(began):
            self.talk.find_order("after-starttls", line)
        self.talk.secure = True

    def cleared(self, reply: Reply) -> None:
        """The end of TLS; what came before it was dropped. Lost where there was none."""
        ended = next((at for at, data in self.talk.notes if at > reply.at and data == TLS_ENDED), None)
        if ended is None:
            raise Lost
        self.talk.client.skip_to_piece(ended)
        self.talk.secure = False

    def transferred(self, line: Line, verb: bytes, argument: bytes) -> None:
        """A transfer that went well: under TLS, and as what it is."""
        talk = self.talk
        if talk.secure and not self.protected:
            talk.find("ftp-data-in-clear", line)
        if (
            verb in FILES
            and self.as_text
            and argument.strip().rpartition(b".")[2].lower() in BINARY
            and b"." in argument
        ):
            talk.find("ftp-text-transfer", line)

    def login(self, line: Line, password: bytes, reply: Reply) -> None:
        """In the clear, or the same again after a refusal."""
        talk = self.talk
        talk.find_password(line, offered=self.offers_tls)
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
