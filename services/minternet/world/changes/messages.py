"""Changes of what mailboxes hold: messages stored, delivered, flagged, copied, moved, expunged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ..mail import Appended, Copied, Expunged, How, Stored
from ..records import Delivery, NewMessage, Quota
from .base import Change, Topics, mailbox_topic

if TYPE_CHECKING:
    from ..world import World


class Append(Change[Appended], frozen=True, gc=False):
    """Messages put into a mailbox, all or none (APPEND, MULTIAPPEND)."""

    owner: str
    mailbox: str
    messages: tuple[NewMessage, ...]
    at: datetime

    @property
    def octets(self) -> int:
        return sum(message.content.size for message in self.messages)

    def apply(self, world: World) -> Appended:
        _check_quota(world, self.owner, self.messages)
        box = world.mail.writable(self.owner, self.mailbox)
        return Appended(box.owner, box.name, box.uidvalidity, box.append(self.messages, self.at))

    def topics(self, result: Appended) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),)


class Deliver(Change[tuple[Appended, ...]], frozen=True, gc=False):
    """Mail that came by SMTP or LMTP, into the mailboxes of its recipients: all or none."""

    deliveries: tuple[Delivery, ...]
    at: datetime

    @property
    def octets(self) -> int:
        return sum(
            {delivery.message.content.tag: delivery.message.content.size for delivery in self.deliveries}.values()
        )

    def apply(self, world: World) -> tuple[Appended, ...]:
        coming: dict[str, list[NewMessage]] = {}
        for delivery in self.deliveries:
            world.mail.get(delivery.owner, delivery.mailbox)
            coming.setdefault(delivery.owner, []).append(delivery.message)
        for owner, messages in coming.items():
            _check_quota(world, owner, tuple(messages))
        results = []
        for delivery in self.deliveries:
            box = world.mail.writable(delivery.owner, delivery.mailbox)
            results.append(Appended(box.owner, box.name, box.uidvalidity, box.append((delivery.message,), self.at)))
        return tuple(results)

    def topics(self, result: tuple[Appended, ...]) -> Topics:
        return tuple(dict.fromkeys(mailbox_topic(appended.owner, appended.mailbox) for appended in result))


class StoreFlags(Change[Stored], frozen=True, gc=False):
    """Flags added to, removed from or put in the place of those of messages; not of those changed since."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    how: How
    flags: frozenset[str]
    unchanged_since: int | None = None

    def apply(self, world: World) -> Stored:
        box = world.mail.writable(self.owner, self.mailbox)
        return box.store(self.uids, self.how, self.flags, self.unchanged_since)

    def topics(self, result: Stored) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),) if result.changed else ()


class StoreLabels(Change[Stored], frozen=True, gc=False):
    """Labels of messages (Gmail's X-GM-LABELS)."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    how: How
    labels: frozenset[str]

    def apply(self, world: World) -> Stored:
        return world.mail.writable(self.owner, self.mailbox).label(self.uids, self.how, self.labels)

    def topics(self, result: Stored) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),) if result.changed else ()


class Expunge(Change[Expunged], frozen=True, gc=False):
    """Messages go for good."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]

    def apply(self, world: World) -> Expunged:
        return world.mail.writable(self.owner, self.mailbox).expunge(self.uids)

    def topics(self, result: Expunged) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),) if result.uids else ()


class Copy(Change[Copied], frozen=True, gc=False):
    """Messages copied into another mailbox, all or none; those that are gone meanwhile are left out."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    to_owner: str
    to: str
    at: datetime

    def apply(self, world: World) -> Copied:
        _check_copy_quota(world, self.owner, self.mailbox, self.uids, self.to_owner)
        return world.mail.copy(self.owner, self.mailbox, self.uids, (self.to_owner, self.to), self.at)

    def topics(self, result: Copied) -> Topics:
        return (mailbox_topic(self.to_owner, result.appended.mailbox),) if result.source_uids else ()


class Move(Change[Copied], frozen=True, gc=False):
    """Messages copied into another mailbox and gone from this one, in one step (RFC 6851)."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    to_owner: str
    to: str
    at: datetime

    def apply(self, world: World) -> Copied:
        if self.owner != self.to_owner:
            _check_copy_quota(world, self.owner, self.mailbox, self.uids, self.to_owner)
        copied = world.mail.copy(self.owner, self.mailbox, self.uids, (self.to_owner, self.to), self.at)
        expunged = world.mail.writable(self.owner, self.mailbox).expunge(copied.source_uids)
        return msgspec.structs.replace(copied, expunged=expunged)

    def topics(self, result: Copied) -> Topics:
        if not result.source_uids or result.expunged is None:
            return ()
        target = mailbox_topic(self.to_owner, result.appended.mailbox)
        return tuple(dict.fromkeys((mailbox_topic(self.owner, result.expunged.mailbox), target)))


class ReplaceMessage(Change[tuple[Appended, Expunged]], frozen=True, gc=False):
    """A message stored and an older one expunged, in one step (REPLACE, RFC 8508)."""

    owner: str
    mailbox: str
    uid: int
    to_owner: str
    to: str
    message: NewMessage
    at: datetime

    @property
    def octets(self) -> int:
        return self.message.content.size

    def apply(self, world: World) -> tuple[Appended, Expunged]:
        world.mail.get(self.owner, self.mailbox).get(self.uid)
        _check_quota(world, self.to_owner, (self.message,))
        target = world.mail.writable(self.to_owner, self.to)
        added = target.append((self.message,), self.at)
        expunged = world.mail.writable(self.owner, self.mailbox).expunge((self.uid,))
        return Appended(target.owner, target.name, target.uidvalidity, added), expunged

    def topics(self, result: tuple[Appended, Expunged]) -> Topics:
        source = mailbox_topic(result[1].owner, result[1].mailbox)
        return tuple(dict.fromkeys((source, mailbox_topic(result[0].owner, result[0].mailbox))))


class ClaimRecent(Change[tuple[int, int]], frozen=True, gc=False):
    r"""A session is the first to be told of the newest messages (\Recent): from which UID, to before which."""

    owner: str
    mailbox: str

    def apply(self, world: World) -> tuple[int, int]:
        box = world.mail.writable(self.owner, self.mailbox)
        claimed = (box.recent_from, box.uidnext)
        box.recent_from = box.uidnext
        return claimed


def _check_quota(world: World, owner: str, messages: tuple[NewMessage, ...]) -> None:
    account = world.accounts.find(owner)
    if account is not None:
        octets = sum(message.content.size for message in messages)
        world.mail.check_quota(owner, account.quota, octets, len(messages))


def _check_copy_quota(world: World, owner: str, mailbox: str, uids: tuple[int, ...], to_owner: str) -> None:
    account = world.accounts.find(to_owner)
    if account is not None and account.quota != Quota():
        source = world.mail.get(owner, mailbox)
        sizes = [source.messages[uid].size for uid in uids if uid in source.messages]
        world.mail.check_quota(to_owner, account.quota, sum(sizes), len(sizes))
