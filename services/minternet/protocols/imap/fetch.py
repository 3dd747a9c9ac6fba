"""FETCH (RFC 3501 section 6.4.5, RFC 3516, 7162, 8474, 8514, 8970, 9394), and the old PARTIAL of RFC 1730.

The items asked for are made into functions on a message once, and then run over the messages.  A long answer goes out in
pieces; a large body is a `Span` of its blob, and streamed.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from ...world.changes import StoreFlags
from ...world.mail import Mailbox
from ...world.records import SEEN, Message
from .fetch_items import (
    Attribute,
    FetchModifiers,
    Item,
    Preview,
    Section,
    label,
    read_fetch_items,
    read_fetch_modifiers,
)
from .mailboxes import KEPT_REQUEST, vanished_since
from .reader import Malformed, Reader
from .rendering import MissingEncoding, Rendering, Span
from .replies import no
from .sequence import read_sequence_set
from .table import IN_MAILBOX, command
from .telling import flags_text
from .view import View, vanished_line

if TYPE_CHECKING:
    from .session import ImapSession

PIECE = 250
"""Messages of a reply between two looks at the other sessions, where they are light."""
OCTETS = 1 << 17
"""Octets of a reply handed over at a time."""
TURN = 0.001
"""Seconds of work between two looks at the other sessions."""
IN_THE_RECORD = frozenset({"FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "EMAILID", "SAVEDATE"})
"""Items for which the content is not looked into."""
HEAVY_PIECE = 5
"""Messages between two looks at the other sessions where each must be parsed."""


@command("FETCH", IN_MAILBOX, "set items [(modifier ...)]", uid=True, expunges=False)
async def fetch(session: ImapSession, reader: Reader, *, uid: bool) -> bytes | None:
    """Give items of messages: flags, sizes, envelopes, structures, contents."""
    view = session.selected
    reader.space()
    numbers = read_sequence_set(reader)
    reader.space()
    plan, modifiers = read_plan(session, view, reader, uid=uid)
    spans = view.spans(numbers, uid=uid)
    if modifiers.vanished:
        tell_vanished(session, modifiers, numbers.resolve(0xFFFFFFFF), uid=uid)
    if modifiers.partial is not None:
        spans = windowed(spans, modifiers.partial)
    complete = await Fetching(session, view, plan, modifiers.changed_since).run(spans)
    if not complete and not uid:
        raise no("Some of the messages no longer exist", "EXPUNGEISSUED")
    return None


NO_MODIFIERS = FetchModifiers()
PLANS_LIMIT = 32
"""Plans kept for each selected mailbox."""


def read_plan(session: ImapSession, view: View, reader: Reader, *, uid: bool) -> tuple[Plan, FetchModifiers]:
    """What is asked for, made ready to be run; kept by its text, for clients ask for the same again and again."""
    text = reader.rest()
    key = (uid, text)
    plan = view.plans.get(key)
    if plan is not None:
        reader.skip_rest()
        return plan, NO_MODIFIERS
    items = read_fetch_items(reader)
    modifiers = read_fetch_modifiers(reader)
    reader.end()
    plan = Plan(session, view, completed(session, items, modifiers, uid=uid))
    if text is not None and len(text) <= KEPT_REQUEST and modifiers == NO_MODIFIERS and len(view.plans) < PLANS_LIMIT:
        view.plans[key] = plan
    return plan, modifiers


def completed(
    session: ImapSession, items: tuple[Item, ...], modifiers: FetchModifiers, *, uid: bool
) -> tuple[Item, ...]:
    """The items, with UID and MODSEQ where they must be; checks that they are offered."""
    check_offered(session, items, modifiers)
    if Attribute("MODSEQ") in items or modifiers.changed_since is not None:
        session.enabled.add("CONDSTORE")
    if modifiers.changed_since is not None and Attribute("MODSEQ") not in items:
        items = (*items, Attribute("MODSEQ"))
    if uid and Attribute("UID") not in items:
        items = (Attribute("UID"), *items)
    return items


NEEDS = {
    "MODSEQ": "CONDSTORE",
    "EMAILID": "OBJECTID",
    "THREADID": "OBJECTID",
    "SAVEDATE": "SAVEDATE",
    "X-GM-MSGID": "X-GM-EXT-1",
    "X-GM-THRID": "X-GM-EXT-1",
    "X-GM-LABELS": "X-GM-EXT-1",
}
"""Items that belong to an extension."""


def check_offered(session: ImapSession, items: tuple[Item, ...], modifiers: FetchModifiers) -> None:
    """BAD for items and modifiers of extensions that are hidden."""
    for item in items:
        if isinstance(item, Attribute):
            needs = NEEDS.get(item.name)
        elif isinstance(item, Preview):
            needs = "PREVIEW"
        else:
            needs = "BINARY" if item.kind != "BODY" else None
        if needs and not session.has(needs):
            raise Malformed("unknown FETCH item")
    if modifiers.changed_since is not None and not session.has("CONDSTORE"):
        raise Malformed("unknown FETCH modifier")
    if modifiers.vanished and "QRESYNC" not in session.enabled:
        raise Malformed("VANISHED needs QRESYNC enabled")
    if modifiers.partial and not session.has("PARTIAL"):
        raise Malformed("unknown FETCH modifier")


def tell_vanished(session: ImapSession, modifiers: FetchModifiers, ranges: list[tuple[int, int]], *, uid: bool) -> None:
    """UIDs of the set that were expunged since (RFC 7162 section 3.2.6)."""
    if not uid:
        raise Malformed("VANISHED is for UID FETCH")
    gone = vanished_since(session.mailbox(), modifiers.changed_since or 0, ranges)
    pending = session.selected.gone
    if told := [uid for uid in gone if uid not in pending]:
        session.wire.send(vanished_line(told, earlier=True))


def windowed(spans: list[range], window: tuple[int, int]) -> list[range]:
    """The messages of a PARTIAL range, of those chosen (RFC 9394 section 3.3)."""
    chosen = [index for span in spans for index in span]
    low, high = window
    kept = chosen[low - 1 : high] if low > 0 else chosen[max(0, len(chosen) + high) : len(chosen) + low + 1]
    return [range(index, index + 1) for index in kept]


class Plan:
    """What a FETCH asks for, made into functions on a message.  It holds for as long as the mailbox is selected."""

    __slots__ = ("flags_only", "items", "marks_seen", "may_stream", "piece", "rendering", "renders", "tells_flags")

    def __init__(self, session: ImapSession, view: View, items: tuple[Item, ...]) -> None:
        self.items = items
        self.marks_seen = (
            not view.read_only
            and "s" in view.rights
            and any(isinstance(item, Section) and not item.peek for item in items)
        )
        self.rendering = Rendering(session, view)
        self.renders = [self.rendering.renderer(item) for item in items]
        self.may_stream = any(isinstance(item, Section) for item in items)
        self.tells_flags = Attribute("FLAGS") in items
        self.flags_only = self.tells_flags and all(item in (Attribute("FLAGS"), Attribute("UID")) for item in items)
        """Whether only FLAGS and UID are asked for: what clients ask for of whole mailboxes."""
        light = all(isinstance(item, Attribute) and item.name in IN_THE_RECORD for item in items)
        self.piece = PIECE if light else HEAVY_PIECE


def written_now(plan: Plan, number: int, message: Message) -> bytes:
    """The untagged FETCH of a message, whole and without marking it \\Seen: what NOTIFY tells of a new one."""
    try:
        values = [render(message) for render in plan.renders]
    except MissingEncoding:
        return b""
    texts = [
        value if isinstance(value, bytes) else value.text + value.blob.slice(value.start, value.stop)
        for value in values
    ]
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(texts))


class Fetching:
    """One FETCH at work."""

    __slots__ = ("began", "changed_since", "octets", "plan", "session", "unsent", "view")

    def __init__(self, session: ImapSession, view: View, plan: Plan, changed_since: int | None) -> None:
        self.session, self.view, self.plan, self.changed_since = session, view, plan, changed_since
        self.unsent: list[bytes] = []
        self.octets = 0
        self.began = 0.0

    async def run(self, spans: list[range]) -> bool:
        """Answer for these messages; whether all of them still exist."""
        plan = self.plan
        if len(spans) == 1 and len(spans[0]) <= plan.piece:
            complete = await self.answer(spans[0])
        else:
            complete = await self.run_in_pieces(spans)
        # A short reply is handed over with the tagged one, and with those of commands that came along.
        self.session.wire.send(b"".join(self.unsent))
        if self.octets > OCTETS:
            await self.session.wire.drain()
        return complete

    async def run_in_pieces(self, spans: list[range]) -> bool:
        """The same for many messages, looking at the other sessions now and then."""
        complete, piece = True, self.plan.piece
        self.began = perf_counter()
        for span in spans:
            for start in range(span.start, span.stop, piece):
                complete = await self.answer(range(start, min(start + piece, span.stop))) and complete
                if self.octets > OCTETS or perf_counter() - self.began > TURN:
                    await self.hand_over()
        return complete

    async def hand_over(self) -> None:
        """Send what has gathered, and let others go on."""
        if self.unsent:
            self.session.wire.send(b"".join(self.unsent))
            self.unsent.clear()
            self.octets = 0
        await self.session.wire.drain()
        self.began = perf_counter()

    async def answer(self, span: range) -> bool:
        """Answer for a few messages."""
        uids = self.view.uids[span.start : span.stop]
        mailbox = self.session.mailbox()
        newly_seen: frozenset[int] = frozenset()
        if self.plan.marks_seen:
            newly_seen = await self.mark_seen(mailbox, uids)
            mailbox = self.session.mailbox()
        if self.plan.flags_only and self.changed_since is None:
            return self.answer_flags(mailbox, span, uids)
        complete, messages = True, mailbox.messages
        for number, uid in enumerate(uids, span.start + 1):
            message = messages.get(uid)
            if message is None:
                complete = False
            elif self.changed_since is None or message.modseq > self.changed_since:
                await self.answer_one(number, message, seen=uid in newly_seen)
        return complete

    async def mark_seen(self, mailbox: Mailbox, uids: list[int]) -> frozenset[int]:
        """Set \\Seen where it is not; on which messages that was new."""
        messages = mailbox.messages
        unseen = tuple(
            uid
            for uid in uids
            if (message := messages.get(uid)) is not None
            and SEEN not in message.flags
            and (self.changed_since is None or message.modseq > self.changed_since)
        )
        if not unseen:
            return frozenset()
        await self.session.commit(StoreFlags(mailbox.owner, mailbox.name, unseen, "add", frozenset({SEEN})))
        return frozenset(unseen)

    def answer_flags(self, mailbox: Mailbox, span: range, uids: list[int]) -> bool:
        """FLAGS, with or without UID, of many messages."""
        session, view, messages = self.session, self.view, mailbox.messages
        recent_from = 1 << 62 if session.rev2 or not view.recent else view.recent[0][0]
        texts = session.flag_texts
        with_uid = len(self.plan.items) == 2
        uid_first = self.plan.items[0] == Attribute("UID")
        lines: list[bytes] = []
        number, complete = span.start, True
        for uid in uids:
            number += 1
            message = messages.get(uid)
            if message is None:
                complete = False
                continue
            flags = texts.get(message.flags) if uid < recent_from else None
            if flags is None:
                flags = flags_text(session, message.flags, recent=view.is_recent(uid))
            if not with_uid:
                lines.append(b"* %d FETCH (%b)\r\n" % (number, flags))
            elif uid_first:
                lines.append(b"* %d FETCH (UID %d %b)\r\n" % (number, uid, flags))
            else:
                lines.append(b"* %d FETCH (%b UID %d)\r\n" % (number, flags, uid))
        block = b"".join(lines)
        self.unsent.append(block)
        self.octets += len(block)
        return complete

    async def answer_one(self, number: int, message: Message, *, seen: bool) -> None:
        """One untagged FETCH."""
        plan = self.plan
        try:
            values = [render(message) for render in plan.renders]
        except MissingEncoding:
            await self.hand_over()
            raise no("Unknown content transfer encoding", "UNKNOWN-CTE") from None
        if seen and not plan.tells_flags:
            values.append(plan.rendering.flags(message))
            if self.session.condstore and Attribute("MODSEQ") not in plan.items:
                values.append(b"MODSEQ (%d)" % message.modseq)
        if plan.may_stream and any(isinstance(value, Span) for value in values):
            await self.stream(number, values)
            return
        line = b"* %d FETCH (%b)\r\n" % (number, b" ".join(values))  # type: ignore[arg-type]
        self.unsent.append(line)
        self.octets += len(line)
        if self.octets > OCTETS:
            await self.hand_over()

    async def stream(self, number: int, values: list[bytes | Span]) -> None:
        """One untagged FETCH whose large values go out in pieces."""
        self.unsent.append(b"* %d FETCH (" % number)
        for at, value in enumerate(values):
            self.unsent.append(b" " * bool(at) + (value if isinstance(value, bytes) else value.text))
            if not isinstance(value, bytes):
                await self.stream_one(value)
        self.unsent.append(b")\r\n")
        await self.hand_over()

    async def stream_one(self, span: Span) -> None:
        """Send what there is, and then the octets of a blob in pieces."""
        wire = self.session.wire
        await self.hand_over()
        for piece in span.blob.pieces(span.start, span.stop):
            wire.send(piece)
            await wire.drain()


@command("PARTIAL", IN_MAILBOX, "number item start length", rfc="RFC 1730", expunges=False)
async def partial(session: ImapSession, reader: Reader) -> None:
    """Give some octets of one item of one message (IMAP4 before rev1; imaplib still has it)."""
    reader.space()
    number = reader.number()
    reader.space()
    item = read_fetch_items(reader)[0]
    reader.space()
    start = reader.number()
    reader.space()
    length = reader.number()
    reader.end()
    view = session.selected
    if not 1 <= number <= len(view) or not isinstance(item, Section) or item.kind != "BODY" or not start or not length:
        raise Malformed("PARTIAL takes a message's number, a body item, a first octet from 1 and a length")
    name = item.label or label(item)
    section = msgspec.structs.replace(item, partial=(start - 1, length), label=name)
    fetching = Fetching(session, view, Plan(session, view, (section,)), None)
    if not await fetching.run([range(number - 1, number)]):
        raise no("The message no longer exists", "EXPUNGEISSUED")
