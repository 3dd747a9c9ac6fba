"""The selected mailbox as this client has been told of it, and what it has yet to be told.

A client counts messages by position, so positions must only move when it is told (RFC 3501 section 5.5).  `uids` is the
client's idea: position n is `uids[n - 1]`.  The world changes beneath it; what changed is noted in `gone`, `fresh` and
`changed`, and `tell` brings both together and says so, at the moments the protocol allows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ...world.mail import Appended, Copied, Expunged, Mailbox, Stored
from ...world.records import SYSTEM_FLAGS
from .reader import Malformed
from .sequence import SequenceSet, compact, merged

if TYPE_CHECKING:
    from .fetch import Plan


class View:
    """One client's view of one mailbox.  `recent` are the ranges of UIDs this session was the first to hear of."""

    __slots__ = (
        "changed", "condstore", "fresh", "gone", "keyword_names", "keywords", "lost", "mailbox_id", "name", "owner",
        "pending", "plans", "read_only", "recent", "replies", "rights", "saved", "uids", "uidvalidity", "version",
    )  # fmt: skip

    def __init__(self, mailbox: Mailbox, *, read_only: bool, rights: frozenset[str]) -> None:
        self.owner, self.name, self.uidvalidity = mailbox.owner, mailbox.name, mailbox.uidvalidity
        self.mailbox_id = mailbox.mailbox_id
        self.read_only, self.rights = read_only, rights
        self.uids: list[int] = list(mailbox.messages)
        self.gone: set[int] = set()
        self.fresh: list[int] = []
        self.changed: dict[int, None] = {}
        self.recent: list[tuple[int, int]] = []
        self.saved: tuple[int, ...] = ()
        self.keyword_names = mailbox.keywords
        self.keywords = len(mailbox.keywords)
        """How many of the mailbox's keywords the client has been told of."""
        self.version = 0
        """Grows whenever the client's numbers do change."""
        self.replies: dict[bytes, tuple[tuple[int, int], bytes]] = {}
        """Replies to SEARCHes, each with the mod-sequence and version it holds for."""
        self.plans: dict[tuple[bool, bytes | None], Plan] = {}
        """What FETCHes ask for, made ready, by whether it is UID FETCH and by their text."""
        self.pending = False
        self.condstore = False
        self.lost = ""
        """Why the mailbox can no longer be used, once it cannot."""

    # --- what the client counts

    def __len__(self) -> int:
        return len(self.uids)

    def position(self, uid: int) -> int:
        """The sequence number of a UID; 0 where the client does not know it."""
        at = bisect_left(self.uids, uid)
        return at + 1 if at < len(self.uids) and self.uids[at] == uid else 0

    def is_recent(self, uid: int) -> bool:
        """Whether the message is \\Recent in this session."""
        recent = self.recent
        if not recent or uid < recent[0][0]:
            return False
        return any(low <= uid <= high for low, high in recent)

    def recent_count(self) -> int:
        """How many messages are \\Recent in this session."""
        return sum(bisect_right(self.uids, high) - bisect_left(self.uids, low) for low, high in self.recent)

    def claim(self, claimed: tuple[int, int]) -> None:
        """Take UIDs (from, to before which) as recent in this session."""
        low, before = claimed
        if low < before:
            self.recent = merged(sorted([*self.recent, (low, before - 1)]))

    def spans(self, numbers: SequenceSet, *, uid: bool, lenient: bool = False) -> list[range]:
        """The indexes into `uids` that a message set names, as ranges in order.

        UIDs that do not exist are passed over; a sequence number that does not is malformed (RFC 9051 section 6.4.4),
        unless `lenient`."""
        if numbers.saved:
            return list(self.indexes_of(self.saved))
        if not uid:
            return self.spans_of_positions(numbers, lenient=lenient)
        highest = self.uids[-1] if self.uids else 0
        spans = []
        for low, high in numbers.resolve(highest):
            span = range(bisect_left(self.uids, low), bisect_right(self.uids, high))
            if span:
                spans.append(span)
        return spans

    def spans_of_positions(self, numbers: SequenceSet, *, lenient: bool) -> list[range]:
        """The same, for sequence numbers."""
        count = len(self.uids)
        ranges = numbers.resolve(count)
        if not lenient and (not count or ranges[-1][1] > count):
            raise Malformed("no message of that number")
        return [range(max(low, 1) - 1, min(high, count)) for low, high in ranges if low <= count and count]

    def indexes_of(self, uids: Iterable[int]) -> Iterator[range]:
        """The indexes of ascending UIDs that the client knows."""
        for uid in uids:
            position = self.position(uid)
            if position:
                yield range(position - 1, position)

    def chosen(self, numbers: SequenceSet, *, uid: bool, lenient: bool = False) -> list[int]:
        """The UIDs a message set names, ascending."""
        spans = self.spans(numbers, uid=uid, lenient=lenient)
        if len(spans) == 1:
            return self.uids[spans[0].start : spans[0].stop]
        return [chosen for span in spans for chosen in self.uids[span.start : span.stop]]

    def positions_of(self, uids: Sequence[int]) -> list[int]:
        """The sequence numbers of ascending UIDs, all of which the client knows."""
        if len(uids) * 8 < len(self.uids):
            return [bisect_left(self.uids, uid) + 1 for uid in uids]
        places = dict(zip(self.uids, range(1, len(self.uids) + 1), strict=True))
        return list(map(places.__getitem__, uids))

    def canonical_keyword(self, keyword: str) -> str:
        """A keyword as the mailbox writes it: keywords are equal in upper and lower case."""
        folded = keyword.lower()
        return next((name for name in self.keyword_names if name.lower() == folded), keyword)

    # --- what happened

    def hear(self, result: object, *, ours: bool) -> None:
        """Note what came of a change that may concern this mailbox; our own flag changes are told by the command."""
        if isinstance(result, Appended):
            if self.is_this(result.owner, result.mailbox):
                self.fresh += result.uids
                self.pending = True
        elif isinstance(result, Stored):
            if not ours and self.is_this(result.owner, result.mailbox):
                self.changed.update(dict.fromkeys(message.uid for message in result.changed))
                self.pending = True
        elif isinstance(result, Expunged):
            if self.is_this(result.owner, result.mailbox):
                self.gone.update(result.uids)
                self.pending = True
        elif isinstance(result, Copied):
            self.hear(result.appended, ours=ours)
            self.hear(result.expunged, ours=ours)
        elif isinstance(result, tuple):
            for part in result:
                self.hear(part, ours=ours)

    def is_this(self, owner: str, name: str) -> bool:
        """Whether that is the mailbox viewed."""
        return name == self.name and owner == self.owner

    # --- bringing the client up to date

    def take_expunged(self) -> tuple[list[int], list[int]]:
        """Forget the messages that are gone: the numbers to tell in turn, each as it is when its turn comes, and the UIDs."""
        uids = [uid for uid in sorted(self.gone) if self.position(uid)]
        numbers = [self.position(uid) - told for told, uid in enumerate(uids)]
        if not self.gone:
            return numbers, uids
        self.version += 1
        gone, self.gone = self.gone, set()
        self.uids = without(self.uids, [number - 1 + told for told, number in enumerate(numbers)])
        self.fresh = [uid for uid in self.fresh if uid not in gone]
        if self.saved:
            self.saved = tuple(uid for uid in self.saved if uid not in gone)
        for uid in gone & self.changed.keys():
            del self.changed[uid]
        return numbers, uids

    def take_fresh(self) -> list[int]:
        """Let the new messages be known to the client, but those that are gone before it heard of them; their UIDs."""
        unknown = self.gone.intersection(self.fresh)
        if unknown:
            self.gone -= unknown
            self.fresh = [uid for uid in self.fresh if uid not in unknown]
        fresh, self.fresh = self.fresh, []
        if fresh:
            self.version += 1
            self.uids += fresh
        return fresh

    def take_changed(self) -> list[int]:
        """The UIDs whose flags the client must be told, of those it knows, ascending."""
        if not self.changed:
            return []
        known = sorted(uid for uid in self.changed if uid not in self.gone and self.position(uid))
        self.changed = {}
        return known


def without(values: list[int], places: Sequence[int]) -> list[int]:
    """The values but those at these places, which ascend."""
    kept: list[int] = []
    at = 0
    for place in places:
        if place > at:
            kept += values[at:place]
        at = place + 1
    return kept + values[at:]


def expunge_lines(numbers: Sequence[int]) -> bytes:
    """`* 3 EXPUNGE` for each number."""
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers])


def vanished_line(uids: Iterable[int], *, earlier: bool = False) -> bytes:
    """`* VANISHED 3:5` (RFC 7162 section 3.2.10)."""
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", compact(uids))


def written_flags(mailbox: Mailbox) -> bytes:
    """The flags and keywords of a mailbox, for FLAGS."""
    return flags_with(mailbox.keywords)


@lru_cache(maxsize=32)
def flags_with(keywords: tuple[str, ...]) -> bytes:
    """The system flags, and these keywords."""
    return " ".join((*SYSTEM_FLAGS, *keywords)).encode("ascii", "replace")


@lru_cache(maxsize=32)
def permanent_flags(rights: frozenset[str], flags: bytes) -> bytes:
    """The flags this client may store, and `\\*` where it may make keywords."""
    needed = {b"\\Seen": "s", b"\\Deleted": "t"}
    allowed = [flag for flag in flags.split(b" ") if needed.get(flag, "w") in rights]
    return b" ".join([*allowed, b"\\*"] if "w" in rights else allowed)
