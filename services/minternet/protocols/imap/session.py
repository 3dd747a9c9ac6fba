"""One IMAP client's session, read top to bottom: greeting, commands, what it must be told, end.

A command is gathered whole (lines and literals), then looked up, parsed and done; each thing that can go wrong is a
`Refusal` and is written in one place.  What other sessions do is heard from the world at once, noted in the view, and
told when the protocol allows: at a command's end, or while the client idles.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ...wire.wire import TooLong, Wire
from ...world.changes import ClaimRecent, DeleteMailbox, RenameMailbox, Reset, mailbox_topic
from ...world.journal import Event
from ...world.mail import Mailbox
from ...world.records import Account
from ..commands import Command, Refusal
from ..context import ServiceContext
from .capabilities import Offer
from .gathering import discard, drop_rest, gather
from .names import decode_name, encode_name
from .reader import TAG, Malformed, Reader, literal_mark
from .replies import Offence, bad, no, refusal_of, tagged
from .table import AUTHENTICATED, LOGOUT, NOT_AUTHENTICATED, SELECTED, TABLE, Action
from .telling import tell
from .view import View

if TYPE_CHECKING:
    from .mailboxes import KnownStatus
    from .notify import Notifying

HEAD = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]+) ((?:UID )?[A-Za-z0-9._-]+)(?=[ {]|\Z)", re.IGNORECASE)
BRACE = ord("}")
"""How a line ends that announces a literal."""


class ImapSession:
    """A conversation with one client."""

    def __init__(self, wire: Wire, context: ServiceContext) -> None:
        self.wire, self.context, self.world = wire, context, context.world
        self.limits = context.settings.limits
        wire.max_line, wire.idle_limit = self.limits.line, self.limits.imap_idle
        self.offer = Offer(context)
        self.state = NOT_AUTHENTICATED
        self.account: Account | None = None
        self.logged_in_as = ""
        """The login that proved itself, whatever account it acts as since."""
        self.view: View | None = None
        self.enabled: set[str] = set()
        self.idling = False
        self.at_rest = False
        """Whether it waits for the next command."""
        self.notifying: Notifying | None = None
        """What NOTIFY asked for."""
        self.afterwards: Callable[[], Awaitable[None]] | None = None
        """What to do once the tagged reply is sent: TLS, compression."""
        self.flag_texts: dict[frozenset[str], bytes] = {}
        """Flags as they are written, without \\Recent."""
        self.statuses: dict[tuple[bytes, bool], KnownStatus] = {}
        """Replies to STATUS by its words, and by whether names are UTF-8."""
        self.listings: dict[tuple[bytes, bool, bool], tuple[int, bytes]] = {}
        """Replies to LIST by its words and what is enabled, and the number of the last change they hold for."""
        self.bad_commands = self.login_failures = 0
        self.tag = b""
        """The tag of the command at work, which ESEARCH repeats."""
        self._unwatch: list[Callable[[], None]] = []

    # --- the conversation

    async def serve(self) -> None:
        """Converse until the end."""
        self.wire.send(b"* OK [CAPABILITY " + self.capabilities() + b"] IMAP ready\r\n")
        try:
            while self.state is not LOGOUT:
                try:
                    line = self.wire.next_line()
                    line = await self.next_command() if line is None else line
                    faults = self.context.faults
                    await (self.handle(line) if faults is None else faults.over(self, line, self.handle))
                except TooLong as too_long:
                    if too_long.fatal:
                        raise
                    self.wire.send(b"* BAD [TOOBIG] Command line too long\r\n")
                    self.count_bad_command()
        except Offence as offence:
            self.wire.send(self.farewell(str(offence)))
        finally:
            self.leave()
            self.notify_none()
            await self.wire.drain()

    async def next_command(self) -> bytes:
        """Wait for the client's next line; what NOTIFY wants told is told meanwhile."""
        self.at_rest = True
        try:
            line = await self.wire.line()
        finally:
            self.at_rest = False
        if self.notifying is not None and self.view is not None and not self.view.lost:
            self.claim_recent()
        return line

    @property
    def conversation(self) -> int:
        """The number of its transcript: what its changes are traced by."""
        return self.wire.conversation

    def farewell(self, reason: str) -> bytes:
        """What to say when the server ends the conversation."""
        return f"* BYE {reason}\r\n".encode("utf-8", "replace")

    async def handle(self, line: bytes) -> None:
        """One command: gather it, do it, reply."""
        head = HEAD.match(line)
        if head is None:
            await self.misfit(line)
            return
        tag, name = head.groups()
        self.tag = tag
        row = TABLE.find(name)
        try:
            reader = await gather(self, line, head.end(), row) if line[-1] == BRACE else Reader((line,), (), head.end())
            text = await self.perform(row, reader)
            if self.view is not None and self.view.pending:
                tell(self, expunges=row is None or row.handler.expunges)
            if self.notifying is not None and self.notifying.pending:
                self.notifying.tell()
            self.wire.send(b"%b OK %b\r\n" % (tag, text or name.upper() + b" completed"))
            self.bad_commands = 0
        except Offence:
            raise
        except TooLong as too_long:
            if too_long.fatal:
                raise
            self.refuse(tag, bad("Line too long", "TOOBIG"), row)
        except Exception as error:
            self.refuse(tag, error, row)
        if self.afterwards is not None:
            then, self.afterwards = self.afterwards, None
            await then()

    def perform(self, row: Command[Action] | None, reader: Reader) -> Awaitable[bytes | None]:
        """Do the command, where it may be done."""
        if row is None or self.state not in row.states or (row.capability and row.capability not in self.offer.names):
            raise self.out_of_place(row)
        return row.handler(self, reader)

    def out_of_place(self, row: Command[Action] | None) -> Refusal:
        """The reply to a command that is not there, or not here."""
        if row is None or (row.capability and not self.has(row.capability)):
            return bad("Unknown command")
        return bad(f"{row.name} is not allowed in the {self.state} state")

    def refuse(self, tag: bytes, error: Exception, row: Command[Action] | None) -> None:
        """Reply to a command that failed, after telling what is to be told."""
        refusal = refusal_of(error)
        if refusal is None:
            # Hangups and dismissals end the session; they are no replies.
            if not is_unexpected(error):
                raise error
            self.context.log.exception("internal error in IMAP %s", row.name if row else "command", exc_info=error)
            refusal = no("Internal error", "SERVERBUG")
        if self.view is not None and self.view.pending:
            tell(self, expunges=row is not None and row.handler.expunges and refusal.status == "NO")
        if self.notifying is not None and self.notifying.pending:
            self.notifying.tell()
        self.wire.send(tagged(refusal, tag))
        if refusal.status == "BAD":
            self.count_bad_command()

    async def misfit(self, line: bytes) -> None:
        """Reply to a line that has no tag or no command."""
        tag = TAG.match(line)
        mark = literal_mark(line)
        if tag is None or line[tag.end() : tag.end() + 1] != b" ":
            self.wire.send(b"* BAD Missing tag\r\n" if tag is None else b"%b BAD Missing command\r\n" % tag[0])
        else:
            self.wire.send(b"%b BAD Not a command\r\n" % tag[0])
        self.count_bad_command()
        if mark is not None and not mark.synchronizing:
            await discard(self, mark.size)
            await drop_rest(self)

    def count_bad_command(self) -> None:
        """Too many commands not understood end the session: the client speaks another protocol."""
        self.bad_commands += 1
        if self.bad_commands >= self.limits.bad_commands:
            raise Offence("Too many invalid commands")

    # --- who, what, where

    def act_as(self, account: Account | None) -> None:
        """Be that account from now on, or nobody; no mailbox is selected."""
        self.leave()
        self.notify_none()
        self.account, self.state = account, NOT_AUTHENTICATED if account is None else AUTHENTICATED
        self.statuses.clear()
        self.listings.clear()

    def has(self, capability: str) -> bool:
        """Whether the service offers it."""
        return capability in self.offer.names

    def capabilities(self) -> bytes:
        """The capabilities of this moment."""
        return self.offer.line(logged_in=self.state is not NOT_AUTHENTICATED, secure=self.wire.secure)

    @property
    def login(self) -> str:
        """Who is logged in."""
        assert self.account is not None
        return self.account.login

    @property
    def rev2(self) -> bool:
        """Whether the client speaks IMAP4rev2."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Whether mailbox names and strings may be UTF-8."""
        return bool(self.enabled & {"IMAP4REV2", "UTF8=ACCEPT"})

    @property
    def condstore(self) -> bool:
        """Whether FETCH responses carry MODSEQ."""
        return bool(self.enabled & {"CONDSTORE", "QRESYNC"}) or (self.view is not None and self.view.condstore)

    def read_mailbox(self, reader: Reader) -> str:
        """Take a mailbox name."""
        return decode_name(reader.astring(), utf8=self.utf8)

    def written_name(self, name: str) -> bytes:
        """A mailbox name as octets of this client's encoding."""
        return encode_name(name, utf8=self.utf8)

    @property
    def selected(self) -> View:
        """The view, where one is selected."""
        assert self.view is not None
        return self.view

    def mailbox(self) -> Mailbox:
        """The selected mailbox as it is now."""
        view = self.selected
        mailbox = self.world.mail.find(view.owner, view.name)
        if view.lost or mailbox is None or mailbox.uidvalidity != view.uidvalidity:
            raise Offence(view.lost or "The selected mailbox is gone")
        return mailbox

    def writable_view(self) -> View:
        """The view, unless it was opened by EXAMINE."""
        if self.selected.read_only:
            raise no("The mailbox is read-only", "NOPERM" if self.selected.rights == frozenset("lr") else "")
        return self.selected

    def commit(self, change: Any) -> Awaitable[Any]:
        """Make a change in the name of this session."""
        return self.world.commit(change, self)

    # --- selecting, and hearing of the world

    def enter(self, view: View) -> None:
        """Select a view: from now on what happens in its mailbox is heard."""
        self.view, self.state = view, SELECTED
        topic = mailbox_topic(view.owner, view.name)
        self._unwatch.append(self.world.watch(self.hear, topic, "reset"))

    def leave(self) -> None:
        """Select nothing."""
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch.clear()
        self.view = None
        if self.state is SELECTED:
            self.state = AUTHENTICATED

    def hear(self, event: Event) -> None:
        """The world changed: note it, and tell at once where the client waits for that."""
        view = self.view
        if view is None:
            return
        if isinstance(event.change, DeleteMailbox):
            view.lost, view.pending = "The selected mailbox was deleted", True
        elif isinstance(event.change, RenameMailbox):
            self.follow(view, dict(event.result))
        elif isinstance(event.change, Reset):
            self.start_over(view)
        else:
            view.hear(event.result, ours=event.origin is self)
        if view.pending and (
            self.idling or (self.at_rest and self.notifying is not None and self.notifying.pushes(view))
        ):
            self.push()

    @property
    def waiting(self) -> bool:
        """Whether the client may be told things unasked, as far as it wants them."""
        return self.idling or self.at_rest

    def notify_none(self) -> None:
        """Tell nothing unasked any more."""
        if self.notifying is not None:
            self.notifying.stop()
            self.notifying = None

    def push(self) -> None:
        """Tell an idling client now.  One whose mailbox is gone is told BYE, and ends when it next speaks."""
        view = self.selected
        if view.lost:
            self.wire.send(self.farewell(view.lost))
            self.wire.close()
            return
        try:
            tell(self, expunges=self.idling or (self.notifying is not None and self.notifying.expunges))
        except Offence as offence:
            view.lost = str(offence)
            self.wire.send(self.farewell(view.lost))
            self.wire.close()
            return
        self.wire.flush()

    def raise_if_lost(self) -> None:
        """End the session where its mailbox is gone."""
        if self.view is not None and self.view.lost:
            raise Offence(self.view.lost)

    def follow(self, view: View, names: dict[str, str]) -> None:
        """The selected mailbox has a new name, or is INBOX whose messages moved away."""
        if view.name == "INBOX":
            self.compare(view)
            return
        name = names.get(view.name)
        if name is None:
            return
        view.name = name
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch[:] = [self.world.watch(self.hear, mailbox_topic(view.owner, name), "reset")]

    def start_over(self, view: View) -> None:
        """The world is another: the mailbox may be gone, or hold other messages."""
        mailbox = self.world.mail.find(view.owner, view.name)
        if mailbox is None or mailbox.uidvalidity != view.uidvalidity or mailbox.uidnext <= max(view.uids, default=0):
            view.lost, view.pending = "The world was reset", True
        else:
            self.compare(view)

    def compare(self, view: View) -> None:
        """Note all that differs between the view and its mailbox."""
        mailbox = self.world.mail.get(view.owner, view.name)
        known = set(view.uids)
        view.version += 1
        view.gone.update(known - mailbox.messages.keys())
        view.fresh = [uid for uid in mailbox.messages if uid not in known]
        view.changed.update(dict.fromkeys(known & mailbox.messages.keys()))
        view.pending = True

    def claim_recent(self) -> None:
        """Be the one session that was told of the newest messages.  Never while the world tells us of a change: to change
        it then would turn the order of events round, so that an idling session claims when it is done."""
        view = self.selected
        mailbox = self.mailbox()
        if not view.read_only and mailbox.recent_from < mailbox.uidnext:
            self.world.commit_now(ClaimRecent(view.owner, view.name), self)


def is_unexpected(error: Exception) -> bool:
    """Whether it is a fault of ours, rather than the end of the conversation."""
    return type(error).__module__ != "minternet.wire.wire" and not isinstance(error, (ConnectionError, Malformed))
