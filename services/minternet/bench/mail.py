"""All mail in a test's hands, for who does not know, or does not care, in which mailbox a message ends up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import TypeAlias

from ..world.changes import Expunge
from ..world.mail import Mailbox
from ..world.records import Message
from ..world.world import World
from .letterbox import Letterbox, appended_in
from .letters import Letter
from .link import Link

ANYWHERE = "any mailbox"
"""The place of a wait for all mail, in words."""
Known: TypeAlias = tuple[str, int, int, datetime]
"""A message for good: its owner, UIDVALIDITY and UID, and when it was saved, for a reset gives UIDs anew."""


class MailHandle(Letterbox):
    """All mailboxes of all accounts as one: `owner` and `mailbox` of a letter say where it is."""

    def __init__(self, link: Link) -> None:
        super().__init__(link, ANYWHERE)

    def __repr__(self) -> str:
        return "<all mail>"

    @property
    def messages(self) -> list[Letter]:
        """The messages by arrival: those of the fixtures by their internal dates, then in the order in which they came."""
        world = self._link.world
        found = by_arrival(world, all_mailboxes(world))
        return [Letter(box.owner, box.name, message, self._link) for box, message in found]

    def __len__(self) -> int:
        return sum(map(len, all_mailboxes(self._link.world)))

    def clear(self) -> int:
        """Expunge all messages of all mailboxes; how many there were."""
        held = [(box, tuple(box.messages)) for box in all_mailboxes(self._link.world)]
        changes = [Expunge(box.owner, box.name, uids) for box, uids in held if uids]
        return sum(len(self._link.commit(change).uids) for change in changes)

    def _has(self, owner: str, name: str) -> bool:
        return True


def all_mailboxes(world: World) -> list[Mailbox]:
    """The mailboxes of all accounts."""
    return [box for login in list(world.mail.stores) for box in world.mail.mailboxes(login)]


def by_arrival(world: World, boxes: Iterable[Mailbox]) -> list[tuple[Mailbox, Message]]:
    """The messages of mailboxes in the order in which they came, which the journal knows better than a clock that is set.

    What it no longer knows was there before all that it does, and goes by when it was saved, then by internal date.
    """
    places = dict(zip(_came(world), count(1), strict=False))

    def place(found: tuple[Mailbox, Message]) -> tuple[int, datetime, datetime, str, str, int]:
        box, message = found
        known = (box.owner, box.uidvalidity, message.uid, message.saved)
        return places.get(known, 0), message.saved, message.internal_date, box.owner, box.name, message.uid

    return sorted(((box, message) for box in boxes for message in tuple(box.messages.values())), key=place)


def _came(world: World) -> Iterable[Known]:
    """The messages that the journal knows of, in the order in which they came."""
    for event in world.journal.since(0):
        for appended in appended_in(event.result):
            for message in appended.messages:
                yield appended.owner, appended.uidvalidity, message.uid, message.saved
