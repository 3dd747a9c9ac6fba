"""Transcripts: who said what, when. A bounded ring over all conversations of an Internet.

Filling must cost next to nothing, so a piece is one append of a tuple and shares the bytes that were received or sent;
everything else (joining pieces to lines, masking secrets) is done when somebody reads. One thread, the event loop's, writes;
any thread may read.

Two bounds keep the memory: one conversation keeps at most a quarter of `max_bytes` (its oldest pieces go first), so that one
large download does not push out all others; and when all together have more than `max_bytes`, the oldest conversation loses
its oldest pieces. What was dropped is counted and said.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import Literal, TypeVar

import msgspec

Side = Literal["C", "S", "*"]
Item = TypeVar("Item")
MAX_BYTES = 16 << 20  # octets kept over all conversations
MAX_CONVERSATIONS = 4096
PIECE_COST = 120  # octets a piece costs beside its content (tuple, float, bytes header, deque slot)
SHORT_SECRET = 3  # a secret up to this many octets is masked only where it stands alone, not inside words


class Piece(msgspec.Struct, frozen=True):
    """What was received or sent at once: time in seconds, side "C" (client), "S" (server) or "*" (a note), bytes."""

    time: float
    side: Side
    data: bytes


class Transcript:
    """One conversation. `client`, `server` and `note` add to it; `pieces` and `text` read it, secrets masked."""

    def __init__(
        self, ring: TranscriptRing, number: int, service: str, peer: tuple[str, int], local: tuple[str, int]
    ) -> None:
        self.number = number
        self.service = service
        self.peer = peer
        self.local = local
        self.opened = ring.now()
        self.closed: float | None = None
        self.dropped_pieces = 0
        self.dropped_octets = 0
        self._ring = ring
        self._pieces: deque[tuple[float, Side, bytes]] = deque()
        self._cost = 0
        self._secrets: set[bytes] = set()
        self.secrets_in: re.Pattern[bytes] | None = None
        """What the client says that is to be masked as well wherever it is said: the pattern's group, found when somebody reads."""
        self._kept = True

    def client(self, data: bytes) -> None:
        """The client said `data`."""
        self._add("C", data)

    def server(self, data: bytes) -> None:
        """The server said `data`."""
        self._add("S", data)

    def note(self, text: str) -> None:
        """Something happened that nobody said, such as a handshake or a fault."""
        self._add("*", text.encode())

    def conceal(self, secret: bytes) -> None:
        """Mask `secret` (a password, or the text that carries one) wherever it was or will be said."""
        if secret:
            self._secrets.add(secret)

    def close(self) -> None:
        """The conversation is over."""
        if self.closed is None:
            self.closed = self._ring.now()
            self._ring.tell()

    @property
    def kept(self) -> bool:
        """Whether what is said is kept."""
        return self._kept

    @property
    def kept_pieces(self) -> int:
        """How many pieces are kept."""
        return len(self._pieces)

    @property
    def last_side(self) -> Side | None:
        """Who spoke last, notes apart; None where nobody did."""
        return next((side for _, side, _ in reversed(self._pieces) if side != "*"), None)

    def pieces(self, *, masked: bool = True) -> list[Piece]:
        """What was said, piece by piece as it came; masked octets are asterisks, so lengths stay."""
        raw = _snapshot(self._pieces)
        if masked and (secrets := self._secrets | self._found_in(raw)):
            raw = _mask(raw, secrets)
        return [Piece(*piece) for piece in raw]

    def text(self, *, times: bool = False, masked: bool = True) -> str:
        """The conversation in lines `C: ...`, `S: ...`, `*: ...` under a header; with seconds since it opened if asked."""
        lines = [self._header()]
        if self.dropped_pieces:
            lines.append(f"# {self.dropped_pieces} earlier pieces ({self.dropped_octets} octets) dropped")
        for side, run in groupby(self.pieces(masked=masked), key=lambda piece: piece.side):
            said = list(run)
            stamp = f"{said[0].time - self.opened:9.3f} " if times else ""
            data = b"".join(piece.data for piece in said) if side != "*" else b"\n".join(piece.data for piece in said)
            lines += [f"{stamp}{side}: {line}" for line in _readable(data)]
        return "\n".join(lines) + "\n"

    def _found_in(self, raw: list[tuple[float, Side, bytes]]) -> set[bytes]:
        if self.secrets_in is None:
            return set()
        return set(self.secrets_in.findall(b"".join(data for _, side, data in raw if side == "C"))) - {b""}

    def _header(self) -> str:
        opened = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.opened))
        state = "open" if self.closed is None else f"{self.closed - self.opened:.3f} s"
        return f"# {self.service} #{self.number} {_address(self.peer)} -> {_address(self.local)} {opened} {state}"

    def _add(self, side: Side, data: bytes) -> None:
        ring = self._ring
        self._pieces.append((ring.now(), side, data))
        cost = len(data) + PIECE_COST
        self._cost += cost
        ring.octets += cost
        if ring.watchers:
            ring.tell()
        if self._cost > ring.max_share or ring.octets > ring.max_bytes or not self._kept:
            ring.trim(self)

    def drop_oldest(self) -> bool:
        """Drop the oldest piece; False when there is none. For the ring."""
        if not self._pieces:
            return False
        octets = len(self._pieces.popleft()[2])
        self.dropped_pieces += 1
        self.dropped_octets += octets
        self._cost -= octets + PIECE_COST
        self._ring.octets -= octets + PIECE_COST
        return True

    def forget(self) -> None:
        """Drop all pieces, those to come as well. For the ring."""
        self._kept = False
        while self.drop_oldest():
            pass


class TranscriptRing:
    """The transcripts of all conversations, newest kept; `now` gives the time in seconds since 1970."""

    def __init__(
        self,
        max_bytes: int = MAX_BYTES,
        *,
        max_conversations: int = MAX_CONVERSATIONS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_share = max_bytes // 4
        self.max_conversations = max_conversations
        self.now = now
        self.octets = 0
        self.opened = 0
        """Conversations ever opened; the next one's number is one more."""
        self.left_out: set[tuple[str, int]] = set()
        """Clients that leave no transcript: those who look whether the servers are well, while they do."""
        self._conversations: deque[Transcript] = deque()
        self.watchers: tuple[Callable[[], object], ...] = ()

    def open(self, service: str, peer: tuple[str, int], local: tuple[str, int]) -> Transcript:
        """Begin the transcript of a conversation; it keeps nothing, and is not counted, where the client is left out."""
        if peer in self.left_out:
            unkept = Transcript(self, 0, service, peer, local)
            unkept.forget()
            return unkept
        self.opened += 1
        transcript = Transcript(self, self.opened, service, peer, local)
        self._conversations.append(transcript)
        if len(self._conversations) > self.max_conversations:
            self._conversations.popleft().forget()
        return transcript

    def conversations(self, service: str | None = None) -> list[Transcript]:
        """The transcripts kept, oldest first; of one service if named."""
        kept = [transcript for transcript in _snapshot(self._conversations) if service in (None, transcript.service)]
        return sorted(kept, key=lambda transcript: transcript.number)

    def find(self, number: int) -> Transcript | None:
        """The transcript with this number, if it is still kept."""
        return next((transcript for transcript in self.conversations() if transcript.number == number), None)

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back, on the loop's thread, whenever something was said or a conversation ended; returns what ends it."""
        self.watchers = (*self.watchers, callback)

        def unwatch() -> None:
            self.watchers = tuple(each for each in self.watchers if each is not callback)

        return unwatch

    def tell(self) -> None:
        """Tell those who watch. For the transcripts."""
        for callback in self.watchers:
            callback()

    def discard(self, transcript: Transcript) -> None:
        """Forget one conversation."""
        transcript.forget()
        with contextlib.suppress(ValueError):
            self._conversations.remove(transcript)

    def clear(self) -> None:
        """Forget all conversations; those still open are not recorded further."""
        while self._conversations:
            self._conversations.popleft().forget()

    def trim(self, grown: Transcript) -> None:
        """Bring `grown` and the whole within their bounds."""
        if not grown._kept:
            grown.forget()
        while grown._cost > self.max_share and grown.drop_oldest():
            pass
        while self.octets > self.max_bytes and self._conversations:
            oldest = self._conversations[0]
            oldest.drop_oldest()
            if oldest._pieces:
                continue
            self._conversations.popleft()
            if oldest.closed is None:
                self._conversations.append(oldest)


def _snapshot(items: deque[Item]) -> list[Item]:
    """A copy, taken while the loop's thread may be appending."""
    while True:
        try:
            return list(items)
        except RuntimeError:  # it grew meanwhile
            continue


def _mask(raw: list[tuple[float, Side, bytes]], secrets: set[bytes]) -> list[tuple[float, Side, bytes]]:
    """The pieces with every secret overwritten, also where one lies across pieces of the same side."""
    pattern = re.compile(b"|".join(_secret_pattern(secret) for secret in sorted(secrets, key=len, reverse=True)))
    masked = list(raw)
    for side in ("C", "S", "*"):
        indexes = [index for index, piece in enumerate(raw) if piece[1] == side]
        said = b"".join(raw[index][2] for index in indexes)
        if pattern.search(said) is None:
            continue
        said = pattern.sub(lambda found: b"*" * len(found[0]), said)
        at = 0
        for index in indexes:
            when, side_said, data = raw[index]
            masked[index] = (when, side_said, said[at : at + len(data)])
            at += len(data)
    return masked


def _secret_pattern(secret: bytes) -> bytes:
    if len(secret) > SHORT_SECRET:
        return re.escape(secret)
    return rb"(?<![0-9A-Za-z])" + re.escape(secret) + rb"(?![0-9A-Za-z])"


def _readable(data: bytes) -> list[str]:
    """Lines of text; octets that are not printable UTF-8 become \\xNN, a tab stays."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [_printable(line.removesuffix(b"\r").decode("utf-8", "backslashreplace")) for line in lines]


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(
        character if character.isprintable() or character == "\t" else f"\\x{ord(character):02x}" for character in line
    )


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
