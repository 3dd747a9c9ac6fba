"""What NOTIFY SET asks for, read into records (RFC 5465 section 8)."""

from __future__ import annotations

import re

import msgspec

from .fetch_items import Attribute, Item, read_item
from .names import decode_name
from .reader import Malformed, Reader
from .replies import no

MESSAGE_EVENTS = frozenset({"MESSAGENEW", "MESSAGEEXPUNGE", "FLAGCHANGE"})
OTHER_EVENTS = frozenset({"MAILBOXNAME", "SUBSCRIPTIONCHANGE", "MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE"})
SUPPORTED = (
    "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange"
)
"""All events there are here, for BADEVENT; AnnotationChange belongs to ANNOTATE, which nobody has."""
SELECTED = ("SELECTED", "SELECTED-DELAYED")
WHOLE = frozenset({"INBOXES", "PERSONAL", "SUBSCRIBED"})
NAMED = frozenset({"SUBTREE", "MAILBOXES"})
WORD = re.compile(rb"[A-Za-z-]+")
NAMES_LIMIT = 1000
"""Mailbox names of one NOTIFY."""


class EventGroup(msgspec.Struct, frozen=True):
    """Some mailboxes and the events of them that the client wants; none where `events` is empty."""

    filter: str
    names: tuple[str, ...]
    events: frozenset[str]
    items: tuple[Item, ...] = ()
    """What to fetch of new messages in the selected mailbox."""


class NotifyRequest(msgspec.Struct, frozen=True):
    """A whole NOTIFY SET."""

    groups: tuple[EventGroup, ...]
    status: bool = False

    @property
    def selected(self) -> EventGroup | None:
        """The group of the selected mailbox."""
        return next((group for group in self.groups if group.filter in SELECTED), None)


def read_notify(reader: Reader, *, utf8: bool) -> NotifyRequest | None:
    """` SET [STATUS] (group) ...`; None for ` NONE`."""
    reader.space()
    word = reader.keyword()
    if word == "NONE":
        reader.end()
        return None
    if word != "SET":
        raise Malformed("NOTIFY takes SET or NONE")
    status = reader.skip(b" STATUS")
    groups = []
    while not reader.at_end():
        reader.space()
        groups.append(read_group(reader, utf8=utf8))
    if not groups:
        raise Malformed("NOTIFY SET needs events")
    if sum(group.filter in SELECTED for group in groups) > 1:
        raise Malformed("SELECTED and SELECTED-DELAYED exclude each other")
    return NotifyRequest(tuple(groups), status)


def read_group(reader: Reader, *, utf8: bool) -> EventGroup:
    """`(SUBTREE Lists (MessageNew MessageExpunge))`."""
    reader.expect(b"(")
    name = reader.match(WORD, "a mailbox filter")[0].decode("ascii").upper()
    if name not in WHOLE | NAMED | set(SELECTED):
        raise Malformed(f"unknown mailbox filter {name}")
    names: tuple[str, ...] = ()
    if name in NAMED:
        reader.space()
        names = read_names(reader, utf8=utf8)
    reader.space()
    if reader.skip(b"NONE)"):
        return EventGroup(name, names, frozenset())
    events, items = read_events(reader)
    reader.expect(b")")
    check_events(name, events, items)
    return EventGroup(name, names, events, items or ())


def read_names(reader: Reader, *, utf8: bool) -> tuple[str, ...]:
    """One mailbox, or several in parentheses."""

    def mailbox() -> str:
        return decode_name(reader.astring(), utf8=utf8)

    names = tuple(reader.list_of(mailbox, empty=False)) if reader.peek() == b"(" else (mailbox(),)
    if len(names) > NAMES_LIMIT:
        raise Malformed("too many mailboxes")
    return names


def read_events(reader: Reader) -> tuple[frozenset[str], tuple[Item, ...] | None]:
    """`(MessageNew (UID BODY.PEEK[]) MessageExpunge)`: the events, and what to fetch, where that is said."""
    items: tuple[Item, ...] | None = None
    events = set()

    def event() -> None:
        nonlocal items
        name = reader.match(WORD, "an event")[0].decode("ascii").upper()
        if name == "MESSAGENEW" and reader.skip(b" ("):
            reader.at -= 1
            items = with_uid(tuple(reader.list_of(lambda: read_item(reader), empty=False)))
        events.add(name)

    reader.list_of(event, empty=False)
    return frozenset(events), items


def with_uid(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """A new message's FETCH has its UID, whether or not it was asked for."""
    return items if Attribute("UID") in items else (Attribute("UID"), *items)


def check_events(name: str, events: frozenset[str], items: tuple[Item, ...] | None) -> None:
    """NO for events that nobody has; BAD for those that need others, or that the filter cannot have."""
    if events - MESSAGE_EVENTS - OTHER_EVENTS:
        raise no("Not all of these events are supported", f"BADEVENT ({SUPPORTED})")
    if events & MESSAGE_EVENTS and not {"MESSAGENEW", "MESSAGEEXPUNGE"} <= events:
        raise Malformed("MessageNew and MessageExpunge go together, and with FlagChange")
    if name in SELECTED and events & OTHER_EVENTS:
        raise Malformed("only events of messages in the selected mailbox")
    if name not in SELECTED and items is not None:
        raise Malformed("items are fetched in the selected mailbox only")
