"""What an FTP client did wrong. Its control connection is recorded line by line, as the server carries lines out."""

from __future__ import annotations

import ipaddress

from .talk import Line, Lost, Reply, Talk

DATA = frozenset(b"RETR STOR STOU APPE LIST NLST MLSD".split())
BINARY = frozenset(
    b"7z apk bin bmp bz2 class deb dmg doc docx exe flac gif gz ico iso jar jpeg jpg mov mp3 mp4 ogg pdf png ppt pptx pyc rar"
    b" rpm so tar tgz tif tiff war wasm wav webm webp whl xls xlsx xz zip zst".split()
)
"""Ends of the names of files that are no text."""
FILES = frozenset(b"RETR STOR STOU APPE".split())
TOO_LONG = b"a line that was too long"
"""The note of a line that the server did not keep."""
ANONYMOUS = (b"anonymous", b"ftp")


def judge_ftp(talk: Talk) -> None:
    """Read the conversation as the server did."""
    Judging(talk).run()


class Judging:
    """What the server knew at each moment."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.offers_tls = self.protected = self.sized = False
        self.before = b""
        self.restart = False
        """Whether REST was accepted, and no transfer came after it."""
        self.as_text = True
        """TYPE A, which is the default (RFC 959 section 3.1.1.1)."""
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
        too_long = next((index for index, data in talk.notes if data == TOO_LONG), None)
        if too_long is not None:
            talk.find_note("command-too-long", too_long, "The server did not take it; RFC 959 names no limit.")
        while (line := talk.client.line()) is not None:
            if too_long is not None and line.arrived > too_long:
                raise Lost  # replies no longer follow from the lines there are
            if self.ended:
                talk.find_order("after-quit", line)
                return
            spoke, last = True, line.start
            talk.secure = talk.secured_by(line.arrived)
            verb, _, argument = line.data.partition(b" ")
            if verb.strip().upper().endswith((b"ABOR", b"STAT", b"QUIT")) and self.quits(verb):
                continue
            verb = verb.strip().upper()
            self.check_sequence(line, verb)
            self.meaning(line, verb, argument, self.reply())
            self.before = verb
        talk.check_closing(self.ended or talk.next_reply() is not None, spoke, last)

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
        elif verb == b"PBSZ" and reply.code == 200:
            self.sized = True
        elif verb == b"TYPE" and reply.code == 200:
            self.as_text = argument.strip()[:1].upper() not in (b"I", b"L")
        elif verb == b"REST":
            self.restart = reply.code == 350 and argument.strip().strip(b"0") != b""
        elif verb in DATA and reply.code in (226, 250):
            self.transferred(line, verb, argument)
        elif verb in (b"PORT", b"EPRT"):
            named = address_in(verb, argument)
            if named is not None and talk.peer and not _same(named, talk.peer):
                talk.find("ftp-port-address", line, f"The client is {talk.peer}.")
        elif verb == b"REIN":
            self.protected, self.as_text = False, True

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
