"""A wire: one client's conversation, as bytes. Only the wire waits.

A session reads lines, literals and dot-terminated blocks from its wire and sends replies to it; it knows no socket and no
event loop. Subclasses say how to wait for more (`_more`), how to hand bytes over (`_transmit`) and how to put TLS beneath.

What arrived lies in two places: `_unread` (one bytes object, read from `_at` on: lines are cut from it without moving
anything) and `_arrived` (pieces not looked at yet). `_gather` joins them, and inflates where the conversation is compressed.

Replies are kept and written joined when the session next waits. So that a client which pipelines a million commands can
neither fill the memory with replies nor keep the loop for itself, `next_line` answers None when many replies are unsent or
when its turn (`_credit`) is over: the session then awaits `line()`, and that hands over and lets the others go first.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from minternet.wire.transcript import Transcript

MAX_LINE = 8192  # octets; RFC 7162 section 4 asks IMAP servers for 8192, the other protocols for far less
DISCARD_LIMIT = 1 << 20  # octets of one overlong line thrown away before the client is taken for a broken one
SEND_SOON = 1 << 16  # octets of unsent replies that make the next read hand them over first
INFLATE_PIECE = 1 << 16  # octets inflated at a time: whatever a client's data may grow to, this much is in memory
PIECE_OVERHEAD = 64  # octets a received piece costs beside its content; counted, so that tiny pieces are bounded too
FIRST_CREDIT = 16  # lines of a session's turn, before its commands have been timed
BLOCK_END = b"\r\n.\r\n"
STUFFED, UNSTUFFED = b"\r\n.", b"\r\n"
CARRIAGE_RETURN = 13


class Hangup(Exception):
    """The client went away, or the conversation was closed."""


class Dismissed(Hangup):
    """The server ends this conversation; its text is the reason."""


class TimedOut(Exception):
    """Nothing came for longer than the wire's `idle_limit` seconds."""


class TooLong(Exception):
    """A line or block longer than `limit` octets, already consumed; if `fatal`, its end never came: say so and close."""

    def __init__(self, limit: int, *, fatal: bool = False) -> None:
        super().__init__(f"longer than {limit} octets")
        self.limit = limit
        self.fatal = fatal


class Wire:
    """One client's conversation. Reads raise Hangup, Dismissed or TimedOut when there is nothing more to come."""

    peer: tuple[str, int] = ("memory", 0)
    local: tuple[str, int] = ("memory", 0)
    cipher: str | None = None
    """The name of the TLS cipher, once secure."""
    tls_version: str | None = None
    """Such as "TLSv1.3", once secure."""

    def __init__(self, max_line: int = MAX_LINE, *, idle_limit: float | None = None) -> None:
        self.max_line = max_line
        self.idle_limit = idle_limit
        self.secure = False
        self.transcript: Transcript | None = None
        self.bare_line_feeds = 0
        self.spoil: Callable[[bytes], None] | None = None
        """Is given what would be handed over to the client, and puts of it what it likes: a fault in the reply."""
        self._unread = b""
        self._at = 0
        self._arrived: list[bytes] = []
        self._arrived_octets = 0
        self._unsent: list[bytes] = []
        self._unsent_octets = 0
        self._eof = False
        self._closed = False
        self._flooded = False
        self._dismissal: str | None = None
        self._credit = FIRST_CREDIT
        self._inflate: zlib._Decompress | None = None
        self._deflate: zlib._Compress | None = None
        self._deflated = b""
        self._inflate_holds = False

    # -- reading ----------------------------------------------------------------------------------------------------

    def next_line(self) -> bytes | None:
        """A complete line that is here already, without its line end; None when the session has to ask `line()`."""
        unread, start = self._unread, self._at
        end = unread.find(b"\n", start)
        if end < 0:
            if len(unread) - start > self.max_line or not self._gather():
                return None
            return self.next_line()
        if self._credit <= 0 or self._unsent_octets > SEND_SOON:
            return None
        if end > start and unread[end - 1] == CARRIAGE_RETURN:
            if end - start > self.max_line + 1:
                return None
            self._credit -= 1
            self._at = end + 1
            return unread[start : end - 1]
        if end - start > self.max_line:
            return None
        self._credit -= 1
        self.bare_line_feeds += 1
        self._at = end + 1
        return unread[start:end]

    async def line(self, limit: int | None = None) -> bytes:
        """The next line, without its CRLF (or bare LF); TooLong when it has more than `limit` octets (`max_line`)."""
        if limit is None:
            line = self.next_line()
            if line is not None:
                return line
            limit = self.max_line
        self._check_dismissed()
        if self._credit <= 0 or self._unsent_octets > SEND_SOON:
            await self._take_turns()
        while (end := self._unread.find(b"\n", self._at)) < 0:
            if len(self._unread) - self._at > limit + 1:
                await self._discard_line(limit)
            await self._fill()
        return self._cut_line(end, limit)

    async def exactly(self, size: int) -> bytes:
        """The next `size` octets, as one; the caller has checked that it wants that many in memory."""
        if len(self._unread) - self._at >= size:
            self._check_dismissed()
            taken = self._take(size)
            self._acknowledge_literal()
            return taken
        content = bytearray()
        async for chunk in self.chunks(size):
            content += chunk
        return bytes(content)

    async def chunks(self, size: int) -> AsyncIterator[bytes]:
        """The next `size` octets in pieces as they come, none of them empty; to be read to its end."""
        self._check_dismissed()
        while size:
            while self._at == len(self._unread):
                await self._fill()
            chunk = self._take(size)
            size -= len(chunk)
            if not size:
                self._acknowledge_literal()
            yield chunk

    async def block(self, limit: int) -> bytes:
        """A dot-terminated block (RFC 3977 section 3.1.1, RFC 5321 section 4.5.2), unstuffed, with its last CRLF.

        Only CRLF.CRLF ends it (or .CRLF on its first line); bare CR and LF are kept and mean nothing. TooLong when it has
        more than `limit` octets unstuffed: it is read to its end then, but not kept.
        """
        pieces: list[bytes] = []
        octets = 0
        async for piece in self.block_pieces():
            octets += len(piece)
            if octets > limit:
                pieces.clear()
            else:
                pieces.append(piece)
        if octets > limit:
            raise TooLong(limit)
        return b"".join(pieces)

    async def block_pieces(self) -> AsyncIterator[bytes]:
        """A dot-terminated block unstuffed, with its last CRLF, in pieces that are not empty; to be read to its end.

        By the rules of `block`, for what need not stand in memory whole: no line that another server would take for the
        end is one here (CVE-2023-51764 and its family).
        """
        self._check_dismissed()
        chunk = b"\r\n" + self._take_all()  # the end of the line before the block: makes the first line like any other
        skip = 2
        while (end := chunk.find(BLOCK_END)) < 0:
            # What may be the beginning of an end, or of a stuffed line, waits for what follows it.
            cut = chunk.find(b"\r", max(len(chunk) - len(BLOCK_END) + 1, 0))
            cut = len(chunk) if cut < 0 else cut
            if cut > skip:
                yield chunk[:cut].replace(STUFFED, UNSTUFFED)[skip:]
            skip = 0 if cut else skip
            held = chunk[cut:]
            await self._fill()
            chunk = held + self._take_all()
        self._unread, self._at = chunk, end + len(BLOCK_END)
        if end + 2 > skip:
            yield chunk[: end + 2].replace(STUFFED, UNSTUFFED)[skip:]

    async def some(self, limit: int = 65536) -> bytes:
        """What is here, from one octet up to `limit`; b"" when the client has sent its end."""
        self._check_dismissed()
        while self._at == len(self._unread):
            if not self._gather():
                if self._eof:
                    return b""
                await self._more()
        return self._take(limit)

    # -- sending ----------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Queue a reply; it is written, joined with others, when the session next waits."""
        self._unsent.append(data)
        self._unsent_octets += len(data)

    def flush(self) -> None:
        """Hand over what is queued now, without waiting; for what the server says unasked (IDLE)."""
        self._hand_over()

    async def drain(self) -> None:
        """Hand over what is queued, and wait while the client is slow to take it."""
        self._hand_over()

    async def pause(self, seconds: float) -> None:
        """Keep the client waiting: the answer to a wrong password."""
        self._hand_over()

    # -- changing what lies beneath -----------------------------------------------------------------------------------

    async def start_tls(self) -> None:
        """Hand over the reply, drop what the client sent in plaintext after its command, and shake hands."""
        raise NotImplementedError

    def compress(self) -> None:
        """DEFLATE in both directions from here on (RFC 4978, RFC 8054); what came after the command is deflated already."""
        self._hand_over()
        early = [self._take_all(), *self._arrived]
        self._arrived = [b"".join(early)] if any(early) else []
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)

    @property
    def compressed(self) -> bool:
        """Whether `compress` was called."""
        return self._inflate is not None

    # -- ending -----------------------------------------------------------------------------------------------------

    def send_eof(self) -> None:
        """Hand over what is queued, and end this direction (a half-close) where the transport can."""
        self._hand_over()

    def close(self) -> None:
        """Hand over what is queued, and close."""
        self._hand_over()
        self._closed = True

    def abort(self) -> None:
        """Drop what is queued, and close at once."""
        self._forget_unsent()
        self._closed = True

    def dismiss(self, reason: str) -> None:
        """Make the session's next read raise Dismissed; nothing it has not read yet is handed to it."""
        self._dismissal = reason
        self._credit = 0  # so that `next_line` has nothing to give

    # -- for subclasses ---------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> int:
        """The number of the transcript, 0 where there is none: what changes of the world are traced by."""
        return self.transcript.number if self.transcript is not None else 0

    def receive(self, data: bytes) -> None:
        """Take what the client sent; for whatever holds the connection."""
        if self.transcript is not None and self._inflate is None:
            self.transcript.client(data)
        self._arrived.append(data)
        self._arrived_octets += len(data) + PIECE_OVERHEAD

    async def _more(self) -> None:
        """Hand over, then wait until something arrives or the client's end; Hangup when that has come before."""
        raise NotImplementedError

    def _transmit(self, data: bytes) -> None:
        """Give bytes to the client."""
        raise NotImplementedError

    def _acknowledge_literal(self) -> None:
        """A literal is here and what follows it may be held back until it is acknowledged (Nagle): do so now."""

    async def _take_turns(self) -> None:
        """Hand over, and let other sessions run if this one had its time; sets `_credit` anew."""
        raise NotImplementedError

    def _hand_over(self) -> None:
        if not self._unsent:
            return
        data = b"".join(self._unsent)
        self._forget_unsent()
        if self.spoil is None:
            self.put(data)
        else:
            self.spoil(data)

    def put(self, data: bytes) -> None:
        """Give these bytes to the client now, and past any fault."""
        if self.transcript is not None:
            self.transcript.server(data)
        if self._deflate is not None:
            data = self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._transmit(data)

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        self._unsent_octets = 0

    def _forget_received(self) -> None:
        self._unread, self._at = b"", 0
        self._arrived.clear()
        self._arrived_octets = 0

    def _check_dismissed(self) -> None:
        if self._dismissal is not None:
            raise Dismissed(self._dismissal)

    def _hang_up(self) -> NoReturn:
        raise Hangup("the client went away")

    # -- the buffer -------------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Make `_unread` grow if it can be done at once, else wait for the client (and maybe let it grow next time)."""
        if not self._gather():
            await self._more()
        elif self._inflate is not None:
            await self._take_turns()

    def _gather(self) -> bool:
        """Move what arrived to `_unread`; whether there was any."""
        if self._inflate is not None:
            return self._inflate_piece(self._inflate)
        if not self._arrived:
            return False
        self._unread = b"".join((self._unread[self._at :], *self._arrived))
        self._at = 0
        self._arrived.clear()
        self._arrived_octets = 0
        return True

    def _inflate_piece(self, inflate: zlib._Decompress) -> bool:
        if self._arrived:
            self._deflated = b"".join((self._deflated, *self._arrived))
            self._arrived.clear()
        if not self._deflated and not self._inflate_holds:
            return False
        try:
            piece = inflate.decompress(self._deflated, INFLATE_PIECE)
        except zlib.error as error:
            raise Hangup("the client's compressed data is damaged") from error
        if inflate.eof:
            self._eof = True
        self._deflated = b"" if inflate.eof else inflate.unconsumed_tail
        self._inflate_holds = len(piece) == INFLATE_PIECE
        self._arrived_octets = len(self._deflated)
        if piece and self.transcript is not None:
            self.transcript.client(piece)
        self._unread = self._unread[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _take(self, size: int) -> bytes:
        taken = self._unread[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def _take_all(self) -> bytes:
        taken = self._unread[self._at :]
        self._unread, self._at = b"", 0
        return taken

    def _cut_line(self, end: int, limit: int) -> bytes:
        start, unread = self._at, self._unread
        self._at = end + 1
        self._credit -= 1
        if end > start and unread[end - 1] == CARRIAGE_RETURN:
            end -= 1
        else:
            self.bare_line_feeds += 1
        if end - start > limit:
            raise TooLong(limit)
        return unread[start:end]

    async def _discard_line(self, limit: int) -> NoReturn:
        discarded = 0
        while (end := self._unread.find(b"\n", self._at)) < 0:
            discarded += len(self._take_all())
            if discarded > DISCARD_LIMIT:
                self._flooded = True
                raise TooLong(limit, fatal=True)
            await self._fill()
        self._at = end + 1
        raise TooLong(limit)


class Session(Protocol):
    """A conversation in some protocol: it reads from its wire and sends to it until it returns."""

    @property
    def wire(self) -> Wire:
        """The wire it converses over."""

    async def serve(self) -> None:
        """The conversation, from greeting to end."""

    def farewell(self, reason: str) -> bytes:
        """What the protocol says when the server ends the conversation, such as b"* BYE reason" with its CRLF."""


async def converse(session: Session) -> None:
    """Serve a session to its end, whoever ends it; lets only unexpected exceptions out. Does not close the wire."""
    try:
        await session.serve()
    except Dismissed as dismissed:
        session.wire.send(session.farewell(str(dismissed)))
    except TimedOut:
        session.wire.send(session.farewell("idle for too long"))
    except TooLong:
        session.wire.send(session.farewell("line too long"))
    except Hangup:
        pass
