"""A conversation to be judged: two streams of octets, and for each octet the piece it came in.

The order of pieces is what the server saw: a client's line that lies before the reply to the line above it was sent without
waiting for that reply. Judges read the client's stream as the server did, and never look at what comes after they got lost:
`Lost` ends the judging in silence, for a rule that was not broken must never be reported.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..wire.transcript import Piece
from .rules import RULES, Rule

QUOTED = 160
"""Octets of a line that a finding quotes."""


class Lost(Exception):
    """The judge no longer knows what the client means: what follows is not judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach of a rule: the conversation, the line (secrets masked), why, seconds since the opening, how often.

    `piece` and `octet` say where the line begins: in which of the conversation's pieces, at which of the client's octets.
    """

    rule: Rule
    service: str
    conversation: int
    line: str
    why: str
    at: float
    count: int = 1
    piece: int = 0
    octet: int = 0

    @property
    def severity(self) -> str:
        return self.rule.severity

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        where = f"{self.service} #{self.conversation}" if self.conversation else self.service
        lines = [f"{self.rule.severity}: {self.rule.name} in {where} at {self.at:.3f} s{times}: {self.rule.wrong}"]
        lines += [f"    C: {self.line}"] if self.line else []
        lines += [f"    {self.why}"] if self.why else []
        lines += [f"    {self.rule.reference}. {self.rule.advice}"]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end: where it begins in its stream, its end (b"" where it has none), and when it was complete."""

    start: int
    data: bytes
    end: bytes
    arrived: int

    @property
    def size(self) -> int:
        """Octets, with the line's end."""
        return len(self.data) + len(self.end)


class Stream:
    """What one side said, read in order."""

    def __init__(self, pieces: Iterable[tuple[int, bytes]]) -> None:
        self._indexes: list[int] = []
        self._starts: list[int] = []
        said: list[bytes] = []
        size = 0
        for index, data in pieces:
            if data:
                self._indexes.append(index)
                self._starts.append(size)
                said.append(data)
                size += len(data)
        self.data = b"".join(said)
        self.at = 0

    def piece(self, offset: int) -> int:
        """The number of the piece that this octet came in."""
        return self._indexes[bisect_right(self._starts, offset) - 1]

    def line(self) -> Line | None:
        """The next whole line; None where there is none."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            return None
        start, self.at = self.at, end + 1
        data = self.data[start:end]
        bare = not data.endswith(b"\r")
        return Line(start, data if bare else data[:-1], b"\n" if bare else b"\r\n", self.piece(end))

    def take(self, size: int) -> bytes | None:
        """So many octets; None where fewer are left."""
        if size > len(self.data) - self.at:
            return None
        self.at += size
        return self.data[self.at - size : self.at]

    def block(self) -> bytes | None:
        """Up to CRLF . CRLF, still with its doubled dots, without the last line; None where it does not end."""
        if self.data.startswith(b".\r\n", self.at):
            self.at += 3
            return b""
        end = self.data.find(b"\r\n.\r\n", self.at)
        if end < 0:
            return None
        start, self.at = self.at, end + 5
        return self.data[start : end + 2]

    def skip_to_piece(self, index: int) -> bool:
        """Leave out what came before that piece; whether there was anything."""
        before = self.at
        while self.at < len(self.data) and self.piece(self.at) < index:
            following = bisect_right(self._starts, self.at)
            self.at = self._starts[following] if following < len(self._starts) else len(self.data)
        return self.at > before


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply with a code: the code, its lines without the code, and when it was complete."""

    code: int
    lines: tuple[bytes, ...]
    at: int

    @property
    def text(self) -> bytes:
        return b"\n".join(self.lines)


class Talk:
    """The two streams, the notes between them, and what was found."""

    def __init__(
        self,
        service: str,
        pieces: Sequence[Piece],
        *,
        shown: Callable[[], Sequence[Piece]] | None = None,
        closed: bool = True,
        number: int = 0,
        opened: float | None = None,
        peer: str = "",
    ) -> None:
        self.service, self.number, self.closed, self.peer = service, number, closed, peer
        self.pieces = pieces
        self.opened = opened if opened is not None else (pieces[0].time if pieces else 0.0)
        self.client = Stream((index, piece.data) for index, piece in enumerate(pieces) if piece.side == "C")
        self.server = Stream((index, piece.data) for index, piece in enumerate(pieces) if piece.side == "S")
        self._show = shown
        self._shown: bytes | None = None
        self.notes = [(index, piece.data) for index, piece in enumerate(pieces) if piece.side == "*"]
        self.faulty = any(data.startswith(b"fault ") for _, data in self.notes)
        """Whether a fault struck: what the client does about it, or how long a reply took, is no breach of order."""
        self.secure = service.endswith("s")
        """Whether the connection is under TLS by now."""
        self._found: dict[str, Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        return list(self._found.values())

    def tls_after(self, index: int) -> int | None:
        """The piece at which TLS began after that one; None where it did not."""
        return next((at for at, data in self.notes if at > index and data.startswith(b"TLSv")), None)

    def begin_tls(self, line: Line, replied: int) -> None:
        """The handshake after a STARTTLS that was answered well; what came before that answer was dropped. Lost where it failed.

        What comes after the handshake may be recorded before the note about it.
        """
        if self.tls_after(line.arrived) is None:
            raise Lost
        if self.client.skip_to_piece(replied):
            self.find_order("after-starttls", line)
        self.secure = True

    def find(self, name: str, line: Line | int, why: str = "") -> None:
        """Note a breach at a line of the client's, or at an octet of its stream. The first of a rule is told, others counted."""
        before = self._found.get(name)
        if before is not None:
            found = replace(before, count=before.count + 1)
        else:
            found = self._first(name, line.start if isinstance(line, Line) else line, why)
        self._found[name] = found

    def _first(self, name: str, start: int, why: str) -> Finding:
        start = max(min(start, len(self.client.data) - 1), 0)
        piece = self.client.piece(start) if self.client.data else 0
        when = self.pieces[piece].time if self.client.data else self.opened
        at = max(when - self.opened, 0.0)
        line = self.quote(start)
        return Finding(RULES[name], self.service, self.number, line, why, at, piece=piece, octet=start)

    def find_note(self, name: str, index: int, why: str) -> None:
        """Note a breach that only a note tells of: what the client said is not in the transcript."""
        at = max(self.pieces[index].time - self.opened, 0.0)
        self._found.setdefault(name, Finding(RULES[name], self.service, self.number, "", why, at, piece=index))

    def find_order(self, name: str, line: Line | int, why: str = "") -> None:
        """The same for a rule about order and endings, which faults excuse."""
        if not self.faulty:
            self.find(name, line, why)

    def find_password(self, line: Line | int, *, offered: bool) -> None:
        """Note a password in the clear; `offered` where the client could have had TLS."""
        if not self.secure:
            self.find("password-without-tls" if offered else "password-in-clear", line)

    def quote(self, start: int) -> str:
        """The client's line that begins there, secrets masked, what is not printable as escapes, long ones cut."""
        if self._shown is None:
            visible = self.pieces if self._show is None else self._show()
            self._shown = b"".join(piece.data for piece in visible if piece.side == "C")
        end = self._shown.find(b"\n", start)
        line = self._shown[start : end if end >= 0 else None].removesuffix(b"\r")
        cut = line[:QUOTED].decode("utf-8", "backslashreplace")
        text = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in cut)
        return text + (f" ... ({len(line)} octets)" if len(line) > QUOTED else "")

    def next_reply(self) -> Reply | None:
        """The next whole reply with a three-digit code (RFC 5321 section 4.2, RFC 959 section 4.2); None; Lost."""
        lines: list[bytes] = []
        first = b""
        while (line := self.server.line()) is not None:
            code = line.data[:3]
            if not lines and not (len(code) == 3 and code.isdigit()):
                raise Lost
            first = first or code
            lines.append(line.data[4:] if code == first else line.data)
            if code == first and line.data[3:4] != b"-":
                return Reply(int(code), tuple(lines), line.arrived)
        return None

    def check_end(self, line: Line) -> None:
        """A command's line end."""
        if line.end == b"\n":
            self.find("bare-lf", line)

    def check_closing(self, ended: bool, spoke: bool, last: int) -> None:
        """How it ended: `ended` where QUIT was said or the server hung up, `spoke` where there was any command."""
        if self.closed and spoke and not ended:
            self.find_order("no-quit", last)


Judge = Callable[[Talk], None]
