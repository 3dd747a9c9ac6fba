"""Mailboxes of all accounts. Names are text with "/" between levels; INBOX is in capitals.

A mailbox keeps its counters at each change, so that no reader ever counts. `messages` is in UID order, for UIDs
only grow and a replaced record keeps its place in a dict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import takewhile
from typing import Literal

import msgspec

from .eras import Eras, Shelf, writable_in
from .errors import MailboxExists, MailboxForbidden, MailboxMissing, MessageMissing, QuotaExceeded, there_are
from .records import DELETED, SEEN, Message, NewMessage, Quota

DELIMITER = "/"
INBOX = "INBOX"
DEFAULT_MAILBOXES = (
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
)
"""What a new account has, with the special use of each (RFC 6154)."""
How = Literal["add", "remove", "replace"]


class Appended(msgspec.Struct, frozen=True, gc=False):
    """Messages that came into a mailbox, and how they are known there (APPENDUID, RFC 4315)."""

    owner: str
    mailbox: str
    uidvalidity: int
    messages: tuple[Message, ...]

    @property
    def uids(self) -> tuple[int, ...]:
        return tuple(message.uid for message in self.messages)


class Stored(msgspec.Struct, frozen=True, gc=False):
    """Messages whose flags were stored; `failed` are those that had changed since (MODIFIED, RFC 7162)."""

    owner: str
    mailbox: str
    changed: tuple[Message, ...]
    failed: tuple[int, ...]


class Expunged(msgspec.Struct, frozen=True, gc=False):
    """UIDs that are gone from a mailbox, and the mod-sequence of it."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    modseq: int


class Copied(msgspec.Struct, frozen=True, gc=False):
    """Messages copied or moved: source UIDs and, in the same order, what they became (COPYUID, RFC 4315)."""

    source_uids: tuple[int, ...]
    appended: Appended
    expunged: Expunged | None = None


class Mailbox:
    """One mailbox. Only changes write to it; what readers get is the mailbox itself."""

    __slots__ = (
        "acl",
        "annotations",
        "created",
        "deleted",
        "era",
        "highest_modseq",
        "keywords",
        "mailbox_id",
        "messages",
        "name",
        "octets",
        "owner",
        "recent_from",
        "special_use",
        "uidnext",
        "uidvalidity",
        "unseen",
        "vanished",
    )

    def __init__(self, era: int, owner: str, name: str, uidvalidity: int, mailbox_id: str) -> None:
        self.era, self.owner, self.name = era, owner, name
        self.uidvalidity, self.mailbox_id = uidvalidity, mailbox_id
        self.uidnext = self.highest_modseq = self.recent_from = 1
        self.messages: dict[int, Message] = {}
        self.unseen = self.deleted = self.octets = 0
        self.special_use: str | None = None
        self.keywords: tuple[str, ...] = ()
        """Every keyword that was ever used here, as first written (for FLAGS and PERMANENTFLAGS)."""
        self.vanished: list[tuple[int, int]] = []
        """(mod-sequence, UID) of what was expunged, oldest first (QRESYNC, RFC 7162)."""
        self.acl: dict[str, str] = {}
        """Identifier -> rights, beside the owner's (RFC 4314)."""
        self.annotations: dict[str, bytes] = {}
        """Entry -> value (METADATA, RFC 5464)."""

    def fork(self, era: int) -> Mailbox:
        """The same mailbox, to be written in a newer era."""
        twin = Mailbox.__new__(Mailbox)
        for name in Mailbox.__slots__:
            setattr(twin, name, getattr(self, name, None))
        twin.era = era
        twin.messages, twin.vanished = self.messages.copy(), self.vanished.copy()
        twin.acl, twin.annotations = self.acl.copy(), self.annotations.copy()
        return twin

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages.values())

    @property
    def recent(self) -> int:
        """How many messages the next session to select it will be told are recent."""
        return sum(1 for _ in takewhile(lambda uid: uid >= self.recent_from, reversed(self.messages)))

    @property
    def first_unseen(self) -> int:
        """The position, from 1, of the first message that is not \\Seen; 0 where all are.

        It is looked for from both ends, as it is mostly near one of them.
        """
        left = self.unseen
        pairs = zip(self.messages.values(), reversed(self.messages.values()), strict=True)
        for position, (early, late) in enumerate(pairs, 1):
            if SEEN not in early.flags:
                return position
            if SEEN not in late.flags:
                left -= 1
                if not left:
                    return len(self.messages) - position + 1
        return 0

    def get(self, uid: int) -> Message:
        """The message of that UID; MessageMissing."""
        try:
            return self.messages[uid]
        except KeyError:
            raise MessageMissing(f"no message with UID {uid} in {self.name!r}") from None

    def canonical(self, flag: str) -> str:
        """A flag or keyword as this mailbox writes it: keywords are equal in upper and lower case."""
        folded = flag.lower()
        for known in self.keywords:
            if known.lower() == folded:
                return known
        return flag

    # -- changes call these, on a mailbox that may be written

    def append(self, news: Iterable[NewMessage], saved: datetime) -> tuple[Message, ...]:
        self.highest_modseq += 1
        added = []
        for new in news:
            flags = self._known_flags(new.flags)
            message = Message(
                self.uidnext,
                self.highest_modseq,
                flags,
                new.internal_date,
                saved,
                new.content,
                new.envelope,
                new.labels,
            )
            self.uidnext += 1
            self.messages[message.uid] = message
            self._count(message, 1)
            added.append(message)
        return tuple(added)

    def store(self, uids: Iterable[int], how: How, flags: frozenset[str], unchanged_since: int | None) -> Stored:
        flags = self._known_flags(flags)
        modseq = self.highest_modseq + 1
        changed: list[Message] = []
        failed: list[int] = []
        for uid in dict.fromkeys(uids):
            message = self.messages.get(uid)
            if message is None:
                continue
            if unchanged_since is not None and message.modseq > unchanged_since:
                failed.append(uid)
                continue
            after = message.flags | flags if how == "add" else message.flags - flags if how == "remove" else flags
            if after != message.flags:
                changed.append(self._put(message, msgspec.structs.replace(message, flags=after, modseq=modseq)))
        if changed:
            self.highest_modseq = modseq
        return Stored(self.owner, self.name, tuple(changed), tuple(failed))

    def label(self, uids: Iterable[int], how: How, labels: frozenset[str]) -> Stored:
        modseq = self.highest_modseq + 1
        changed: list[Message] = []
        for message in filter(None, map(self.messages.get, uids)):
            after = message.labels | labels if how == "add" else message.labels - labels if how == "remove" else labels
            if after != message.labels:
                changed.append(self._put(message, msgspec.structs.replace(message, labels=after, modseq=modseq)))
        if changed:
            self.highest_modseq = modseq
        return Stored(self.owner, self.name, tuple(changed), ())

    def expunge(self, uids: Iterable[int]) -> Expunged:
        gone = [uid for uid in dict.fromkeys(uids) if uid in self.messages]
        if gone:
            self.highest_modseq += 1
        for uid in gone:
            self._count(self.messages.pop(uid), -1)
            self.vanished.append((self.highest_modseq, uid))
        return Expunged(self.owner, self.name, tuple(gone), self.highest_modseq)

    def _put(self, before: Message, after: Message) -> Message:
        self._count(before, -1)
        self.messages[after.uid] = after
        self._count(after, 1)
        return after

    def _count(self, message: Message, sign: int) -> None:
        self.octets += sign * message.content.size
        if SEEN not in message.flags:
            self.unseen += sign
        if DELETED in message.flags:
            self.deleted += sign

    def _known_flags(self, flags: frozenset[str]) -> frozenset[str]:
        """The flags as this mailbox writes them; new keywords become known."""
        if all(flag[0] == "\\" or flag in self.keywords for flag in flags):
            return flags
        known = frozenset(flag if flag[0] == "\\" else self.canonical(flag) for flag in flags)
        new = sorted(flag for flag in known if flag[0] != "\\" and flag not in self.keywords)
        self.keywords += tuple(new)
        return known


class MailStore:
    """What one account has: its mailboxes by name, its subscriptions and its server annotations."""

    __slots__ = ("annotations", "era", "mailboxes", "subscriptions")

    def __init__(self, era: int) -> None:
        self.era = era
        self.mailboxes: dict[str, Mailbox] = {}
        self.subscriptions: dict[str, None] = {}
        self.annotations: dict[str, bytes] = {}

    def fork(self, era: int) -> MailStore:
        twin = MailStore(era)
        twin.mailboxes, twin.subscriptions = self.mailboxes.copy(), self.subscriptions.copy()
        twin.annotations = self.annotations.copy()
        return twin


class Mail:
    """All mail of the world."""

    def __init__(self, eras: Eras) -> None:
        self._eras = eras
        self.stores: Shelf[str, MailStore] = Shelf(eras)
        self.next_uidvalidity = 1
        """Grows for ever, over resets too: a name that is deleted and made again never has the same (RFC 9051 2.3.1.1)."""

    def store(self, owner: str) -> MailStore:
        """What an account has; MailboxMissing where it never had any."""
        store = self.stores.get(owner)
        if store is None:
            raise MailboxMissing(f"{owner!r} has no mailboxes")
        return store

    def mailboxes(self, owner: str) -> list[Mailbox]:
        """An account's mailboxes, by name."""
        store = self.stores.get(owner)
        return [] if store is None else [store.mailboxes[name] for name in sorted(store.mailboxes)]

    def find(self, owner: str, name: str) -> Mailbox | None:
        store = self.stores.get(owner)
        return None if store is None else store.mailboxes.get(_inbox_in_capitals(name))

    def get(self, owner: str, name: str) -> Mailbox:
        """The mailbox of that name; MailboxMissing."""
        mailbox = self.find(owner, name)
        if mailbox is None:
            there = there_are(box.name for box in self.mailboxes(owner))
            raise MailboxMissing(f"{owner!r} has no mailbox {name!r}{there}")
        return mailbox

    def usage(self, owner: str) -> tuple[int, int]:
        """Octets and messages that an account stores."""
        boxes = self.mailboxes(owner)
        return sum(box.octets for box in boxes), sum(len(box) for box in boxes)

    def check_quota(self, owner: str, quota: Quota, octets: int, messages: int) -> None:
        """QuotaExceeded where that much more would not fit."""
        if quota.storage is None and quota.messages is None:
            return
        stored, count = self.usage(owner)
        if quota.storage is not None and stored + octets > quota.storage:
            raise QuotaExceeded(f"{owner!r} has {stored} of {quota.storage} octets in use; {octets} more do not fit")
        if quota.messages is not None and count + messages > quota.messages:
            raise QuotaExceeded(f"{owner!r} has {count} of {quota.messages} messages; {messages} more do not fit")

    # -- changes call these

    def writable(self, owner: str, name: str) -> Mailbox:
        """The mailbox, fit to be written in this era; MailboxMissing."""
        mailbox = self.get(owner, name)
        if mailbox.era != self._eras.number:
            mailbox = mailbox.fork(self._eras.number)
            self.writable_store(owner).mailboxes[mailbox.name] = mailbox
        return mailbox

    def writable_store(self, owner: str) -> MailStore:
        if owner not in self.stores:
            self.stores.writable()[owner] = MailStore(self._eras.number)
        return writable_in(self.stores, owner, self._eras)

    def create(self, owner: str, name: str, special_use: str | None = None, uidvalidity: int | None = None) -> Mailbox:
        """A new, empty mailbox; a UIDVALIDITY that is given (by a fixture) is never given again."""
        name = _inbox_in_capitals(name)
        if self.find(owner, name) is not None:
            raise MailboxExists(f"{owner!r} has a mailbox {name!r} already")
        if uidvalidity is None:
            uidvalidity = self.next_uidvalidity
        self.next_uidvalidity = max(self.next_uidvalidity, uidvalidity + 1)
        mailbox = Mailbox(self._eras.number, owner, name, uidvalidity, mailbox_id(owner, uidvalidity))
        mailbox.special_use = special_use
        self.writable_store(owner).mailboxes[name] = mailbox
        return mailbox

    def delete(self, owner: str, name: str) -> Mailbox:
        mailbox = self.get(owner, name)
        if mailbox.name == INBOX:
            raise MailboxForbidden("INBOX cannot be deleted")
        del self.writable_store(owner).mailboxes[mailbox.name]
        return mailbox

    def rename(self, owner: str, name: str, to: str) -> tuple[tuple[str, str], ...]:
        """Rename a mailbox and those below it; INBOX's messages move and INBOX stays (RFC 9051 6.3.6). Old, new names."""
        source, to = self.find(owner, name), _inbox_in_capitals(to)
        if source is not None and source.name == INBOX:
            return self._rename_inbox(owner, to)
        store = self.store(owner)
        names = [box for box in store.mailboxes if box == name or box.startswith(name + DELIMITER)]
        pairs = tuple((old, to + old[len(name) :]) for old in names)
        if not pairs:
            raise MailboxMissing(f"{owner!r} has no mailbox {name!r}")
        if taken := [new for _, new in pairs if new in store.mailboxes]:
            raise MailboxExists(f"{owner!r} has a mailbox {taken[0]!r} already")
        if to.startswith(name + DELIMITER):
            raise MailboxForbidden(f"{name!r} cannot be put below itself")
        boxes = self.writable_store(owner).mailboxes
        for old, new in pairs:
            moved = boxes.pop(old).fork(self._eras.number)
            moved.name = new
            boxes[new] = moved
        return pairs

    def _rename_inbox(self, owner: str, to: str) -> tuple[tuple[str, str], ...]:
        target = self.create(owner, to)
        inbox = self.writable(owner, INBOX)
        target.append((_as_new(message) for message in inbox.messages.values()), _newest(inbox))
        inbox.expunge(tuple(inbox.messages))
        return ((INBOX, to),)

    def subscribe(self, owner: str, name: str, on: bool) -> bool:
        """Subscribe or unsubscribe; whether that changed anything. The name need not exist (RFC 9051 6.3.7)."""
        name = _inbox_in_capitals(name)
        store = self.writable_store(owner)
        before = name in store.subscriptions
        if on:
            store.subscriptions[name] = None
        else:
            store.subscriptions.pop(name, None)
        return before != on

    def copy(self, owner: str, name: str, uids: Iterable[int], to: tuple[str, str], saved: datetime) -> Copied:
        source = self.get(owner, name)
        messages = [source.messages[uid] for uid in dict.fromkeys(uids) if uid in source.messages]
        target = self.writable(*to)
        added = target.append([_as_new(message) for message in messages], saved) if messages else ()
        appended = Appended(target.owner, target.name, target.uidvalidity, added)
        return Copied(tuple(message.uid for message in messages), appended)


def mailbox_id(owner: str, uidvalidity: int) -> str:
    """A MAILBOXID: no other mailbox has it; at most 255 letters, digits, `_` and `-` (RFC 8474 section 7)."""
    named = (
        owner if _FIT_FOR_ID.fullmatch(owner) else "_" + hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()
    )
    return f"F{uidvalidity}-{named}"


_FIT_FOR_ID = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_-]{0,99}")


def _inbox_in_capitals(name: str) -> str:
    """INBOX is the same in upper and lower case (RFC 9051 section 5.1), at the top of a hierarchy too."""
    if len(name) >= 5 and name[:5] != INBOX and name[:5].upper() == INBOX and name[5:6] in ("", DELIMITER):
        return INBOX + name[5:]
    return name


def _as_new(message: Message) -> NewMessage:
    """What a copy takes along: content, flags, internal date and envelope (RFC 9051 section 6.4.7)."""
    return NewMessage(message.content, message.internal_date, message.flags, message.envelope, message.labels)


def _newest(mailbox: Mailbox) -> datetime:
    """When the newest message was saved; RENAME INBOX keeps that time, so that the change needs no clock."""
    return max((message.saved for message in mailbox.messages.values()), default=datetime.fromtimestamp(0).astimezone())
