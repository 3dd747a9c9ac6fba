"""NOTIFY (RFC 5465): the client is told what happens in other mailboxes too, without asking and without IDLE.

What happens is noted when the world tells of it and told at once if the client is between two commands, else at the end of its
command.  Of the selected mailbox the view keeps account as ever; NOTIFY has it told unasked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ...world.changes import (
    CreateMailbox,
    DeleteMailbox,
    RenameMailbox,
    Reset,
    SetAcl,
    SetMetadata,
    Subscribe,
)
from ...world.journal import Event
from ...world.mail import Appended, Copied, Expunged, Mailbox, Stored
from . import access
from .fetch import Plan, completed, written_now
from .fetch_items import FetchModifiers
from .format import astring
from .mailboxes import status_line
from .names import SEPARATOR
from .notify_request import EventGroup, NotifyRequest, read_notify
from .reader import Reader
from .table import AFTER_LOGIN, command
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

PENDING_LIMIT = 500
"""Mailboxes and lines that wait to be told; with more the client is told that it must look for itself."""
OVERFLOW = b"* OK [NOTIFICATIONOVERFLOW] %b\r\n"
COUNTS = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
FLAGS = ("UIDVALIDITY", "UNSEEN")


@command("NOTIFY", AFTER_LOGIN, "NONE | SET [STATUS] (filter events) ...", rfc="RFC 5465", capability="NOTIFY")
async def notify(session: ImapSession, reader: Reader) -> None:
    """Be told what happens in these mailboxes from now on."""
    request = read_notify(reader, utf8=session.utf8)
    if request is not None and request.selected is not None:
        completed(session, request.selected.items, FetchModifiers(), uid=False)
    session.notify_none()
    if request is None:
        return
    notifying = Notifying(session, request)
    session.notifying = notifying
    if request.status:
        await notifying.tell_status()


class Notifying:
    """What one session has asked to be told, and what it has yet to be told."""

    def __init__(self, session: ImapSession, request: NotifyRequest) -> None:
        self.session, self.request = session, request
        self.statuses: dict[tuple[str, str], set[str]] = {}
        """Mailboxes, by owner and name, with what happened there."""
        self.lines: dict[bytes, None] = {}
        self.overflown = ""
        """Why the client must look for itself, once it must."""
        self.stop: Callable[[], None] = session.world.watch(self.hear)

    @property
    def pending(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.statuses or self.lines or self.overflown)

    # --- the selected mailbox

    def pushes(self, view: View) -> bool:
        """Whether what is pending in the selected mailbox is to be told unasked."""
        group = self.request.selected
        if group is None or not group.events:
            return False
        return bool(
            view.lost or view.fresh or (view.gone and self.expunges) or (view.changed and "FLAGCHANGE" in group.events)
        )

    @property
    def expunges(self) -> bool:
        """Whether messages of the selected mailbox may go unasked: not with SELECTED-DELAYED (section 6.2)."""
        return self.request.selected is not None and self.request.selected.filter == "SELECTED"

    def fetched(self, view: View, uids: Iterable[int]) -> bytes:
        """FETCH of new messages in the selected mailbox, where that is wanted."""
        group = self.request.selected
        if group is None or not group.items:
            return b""
        plan = Plan(self.session, view, group.items)
        messages = self.session.mailbox().messages
        return b"".join(written_now(plan, view.position(uid), messages[uid]) for uid in uids if uid in messages)

    # --- other mailboxes

    def group_of(self, owner: str, name: str) -> EventGroup | None:
        """The first group that covers the mailbox (section 6)."""
        mine = owner == self.session.login
        shown = name if mine else f"{access.OTHERS}{owner}{SEPARATOR}{name}"
        return next((group for group in self.request.groups if self.covers(group, shown, mine=mine)), None)

    def covers(self, group: EventGroup, name: str, *, mine: bool) -> bool:
        """Whether the group's filter takes the mailbox."""
        if group.filter == "PERSONAL":
            return mine
        if group.filter == "INBOXES":
            return name == "INBOX"
        if group.filter == "SUBSCRIBED":
            store = self.session.world.mail.stores.get(self.session.login)
            return store is not None and name in store.subscriptions
        if group.filter == "SUBTREE":
            return any(name == top or name.startswith(top + SEPARATOR) for top in group.names)
        return group.filter == "MAILBOXES" and name in group.names

    def wants(self, event: str, owner: str, name: str) -> bool:
        """Whether that event in that mailbox is to be told."""
        group = self.group_of(owner, name)
        return group is not None and event in group.events

    # --- hearing of the world

    def hear(self, event: Event) -> None:
        """Note what happened, unless we did it ourselves, and tell it where the client is not in a command."""
        if event.origin is self.session or self.overflown:
            return
        if isinstance(event.change, Reset):
            self.overflown = "The world was reset"
        else:
            for owner, name, kind in message_events(event.result):
                self.note_messages(owner, name, kind)
            self.note_mailboxes(event)
        if len(self.statuses) + len(self.lines) > PENDING_LIMIT:
            self.overflown = "Too much happens"
        if self.pending and self.session.waiting:
            self.tell()
            self.session.wire.flush()

    def note_messages(self, owner: str, name: str, kind: str) -> None:
        """Messages came, went or changed."""
        view = self.session.view
        if (view is None or not view.is_this(owner, name)) and self.wants(kind, owner, name):
            self.statuses.setdefault((owner, name), set()).add(kind)

    def note_mailboxes(self, event: Event) -> None:
        """A mailbox was made, removed, renamed, subscribed to or annotated."""
        change = event.change
        if isinstance(change, (CreateMailbox, DeleteMailbox)):
            gone = isinstance(change, DeleteMailbox)
            self.note_name(event.result.owner, event.result.name, b"\\NonExistent" if gone else b"")
        elif isinstance(change, RenameMailbox):
            for old, new in event.result:
                if old == "INBOX":
                    self.note_messages(change.owner, old, "MESSAGEEXPUNGE")
                    self.note_name(change.owner, new, b"")
                else:
                    self.note_name(change.owner, new, b"", old)
        elif isinstance(change, Subscribe) and event.result and change.owner == self.session.login:
            self.note_subscription(change.name, on=change.on)
        elif isinstance(change, SetMetadata):
            self.note_metadata(change)
        elif isinstance(change, SetAcl) and change.identifier.removeprefix("-") in (self.session.login, access.ANYONE):
            self.note_rights(change)

    def note_name(self, owner: str, name: str, attribute: bytes, old: str = "") -> None:
        """MailboxName: LIST (section 5.4)."""
        if not self.wants("MAILBOXNAME", owner, name) and not (old and self.wants("MAILBOXNAME", owner, old)):
            return
        mailbox = self.session.world.mail.find(owner, name)
        if owner != self.session.login and (mailbox is None or "l" not in access.rights_in(self.session, mailbox)):
            return
        old_name = b' ("OLDNAME" (' + self.written(owner, old) + b"))" if old else b""
        self.lines[b'* LIST (%b) "/" %b%b\r\n' % (attribute, self.written(owner, name), old_name)] = None

    def note_rights(self, change: SetAcl) -> None:
        """Rights that came or went are a MailboxName event too: the mailbox shows, or no longer does (section 5.4)."""
        mailbox = self.session.world.mail.find(change.owner, change.mailbox)
        if mailbox is None or change.owner == self.session.login:
            return
        if self.wants("MAILBOXNAME", change.owner, change.mailbox):
            attribute = b"" if "l" in access.rights_in(self.session, mailbox) else b"\\NoAccess"
            self.lines[b'* LIST (%b) "/" %b\r\n' % (attribute, self.written(change.owner, change.mailbox))] = None

    def note_subscription(self, name: str, *, on: bool) -> None:
        """SubscriptionChange: LIST (section 5.5)."""
        if not self.wants("SUBSCRIPTIONCHANGE", self.session.login, name):
            return
        exists = self.session.world.mail.find(self.session.login, name) is not None
        attributes = [] if exists else [b"\\NonExistent"]
        if on:
            attributes.append(b"\\Subscribed")
        written = self.written(self.session.login, name)
        self.lines[b'* LIST (%b) "/" %b\r\n' % (b" ".join(attributes), written)] = None

    def note_metadata(self, change: SetMetadata) -> None:
        """MailboxMetadataChange and ServerMetadataChange: METADATA with the entry's name (sections 5.6 and 5.7)."""
        if change.mailbox:
            wanted = self.wants("MAILBOXMETADATACHANGE", change.owner, change.mailbox)
            wanted = wanted and self.readable(change.owner, change.mailbox) is not None
            name = self.written(change.owner, change.mailbox)
        else:
            wanted = any("SERVERMETADATACHANGE" in group.events for group in self.request.groups)
            wanted = wanted and change.owner == self.session.login
            name = b'""'
        if wanted:
            self.lines[b"* METADATA %b %b\r\n" % (name, astring(change.entry.encode("utf-8"), utf8=True))] = None

    def readable(self, owner: str, name: str) -> Mailbox | None:
        """The mailbox, if it is there and the client may look into it."""
        mailbox = self.session.world.mail.find(owner, name)
        return mailbox if mailbox is not None and "r" in access.rights_in(self.session, mailbox) else None

    def written(self, owner: str, name: str) -> bytes:
        """A mailbox's name for this client."""
        shown = name if owner == self.session.login else f"{access.OTHERS}{owner}{SEPARATOR}{name}"
        return astring(self.session.written_name(shown), utf8=self.session.utf8)

    # --- telling

    def tell(self) -> None:
        """Tell what is pending; after an overflow nothing more is told (section 5.8)."""
        send = self.session.wire.send
        if self.overflown:
            send(OVERFLOW % self.overflown.encode())
            self.session.notify_none()
            return
        for line in self.lines:
            send(line)
        for (owner, name), kinds in self.statuses.items():
            mailbox = self.readable(owner, name)
            if mailbox is not None:
                send(self.status(mailbox, FLAGS if kinds == {"FLAGCHANGE"} else COUNTS))
        self.lines.clear()
        self.statuses.clear()

    def status(self, mailbox: Mailbox, items: tuple[str, ...]) -> bytes:
        """STATUS of a mailbox where something happened (sections 5.1 to 5.3)."""
        told = [*items, "HIGHESTMODSEQ"] if self.session.has("CONDSTORE") else [*items]
        return status_line(self.session, mailbox, told)

    async def tell_status(self) -> None:
        """STATUS of all mailboxes whose messages the client wants to hear of (section 3.1)."""
        session = self.session
        for store_owner, store in list(session.world.mail.stores.items()):
            if store_owner != session.login and not session.has("ACL"):
                continue
            for name in sorted(store.mailboxes):
                self.tell_first_status(store_owner, name)
                await session.wire.drain()

    def tell_first_status(self, owner: str, name: str) -> None:
        """The same for one mailbox."""
        view = self.session.view
        if view is not None and view.is_this(owner, name):
            return
        mailbox = self.readable(owner, name) if self.wants("MESSAGENEW", owner, name) else None
        if mailbox is not None:
            self.session.wire.send(self.status(mailbox, COUNTS))


def message_events(result: object) -> Iterator[tuple[str, str, str]]:
    """What happened to messages: owner and name of the mailbox, and the event."""
    if isinstance(result, Appended):
        yield result.owner, result.mailbox, "MESSAGENEW"
    elif isinstance(result, Expunged):
        if result.uids:
            yield result.owner, result.mailbox, "MESSAGEEXPUNGE"
    elif isinstance(result, Stored):
        if result.changed:
            yield result.owner, result.mailbox, "FLAGCHANGE"
    elif isinstance(result, Copied):
        yield from message_events(result.appended if result.source_uids else None)
        yield from message_events(result.expunged)
    elif isinstance(result, tuple):
        for part in result:
            yield from message_events(part)
