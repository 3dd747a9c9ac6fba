"""A maildrop: what one POP3 session sees of an account's INBOX, from its log-in to its end (RFC 1939 section 4).

The messages and their numbers are taken once, so numbers never shift. Content stays in the world: a message that another
session expunges meanwhile keeps its number and its size here, and only asking for its content says that it is gone.
Numbers are 1 .. len(messages).
"""

from __future__ import annotations

from itertools import islice

from ...world.changes import Expunge, StoreFlags
from ...world.errors import MessageMissing
from ...world.mail import INBOX
from ...world.records import SEEN, Account, Message
from ...world.world import World

LINES_A_PIECE = 2048
"""Lines of a listing that are formatted at once, so that 100,000 messages do not keep the loop for long."""


class Maildrop:
    """The messages of an INBOX, which of them are marked as deleted, and how the session may ask about them."""

    def __init__(self, world: World, account: Account, origin: object = None) -> None:
        mailbox = world.mail.get(account.login, INBOX)
        self.world, self.owner, self.origin = world, account.login, origin
        self.uidvalidity = mailbox.uidvalidity
        self.messages = tuple(mailbox)
        self.deleted: set[int] = set()
        self.octets = mailbox.octets
        """Octets of what is not marked as deleted."""
        self._listings: dict[str, tuple[bytes, ...]] = {}

    def __len__(self) -> int:
        """How many messages are not marked as deleted."""
        return len(self.messages) - len(self.deleted)

    def delete(self, number: int) -> None:
        """Mark a message as deleted; it goes with `update`."""
        self.deleted.add(number)
        self.octets -= self.messages[number - 1].size
        self._listings.clear()

    def undelete(self) -> None:
        """Take all marks back."""
        self.octets += sum(self.messages[number - 1].size for number in self.deleted)
        self.deleted.clear()
        self._listings.clear()

    def unique_id(self, message: Message) -> str:
        """A name that no other message of this maildrop ever has (RFC 1939 section 7, UIDL).

        UIDVALIDITY and UID would do, but for a world that is reset: the next message then gets a UID that was used
        before. So eight digits of the content's hash stand behind them.
        """
        return f"{self.uidvalidity:08x}{message.uid:08x}{message.content.digest[:8]}"

    def listing(self, kind: str) -> tuple[bytes, ...]:
        """The lines of LIST ("sizes") or UIDL ("ids") for all messages that are not deleted, in pieces."""
        if kind not in self._listings:
            numbers = (number for number in range(1, len(self.messages) + 1) if number not in self.deleted)
            line = self.size_line if kind == "sizes" else self.id_line
            pieces = []
            while piece := b"".join(map(line, islice(numbers, LINES_A_PIECE))):
                pieces.append(piece)
            self._listings[kind] = tuple(pieces)
        return self._listings[kind]

    def size_line(self, number: int) -> bytes:
        """`number octets` (the scan listing of RFC 1939 section 5)."""
        return b"%d %d\r\n" % (number, self.messages[number - 1].content.size)

    def id_line(self, number: int) -> bytes:
        """`number unique-id`."""
        return f"{number} {self.unique_id(self.messages[number - 1])}\r\n".encode()

    def fetch(self, number: int) -> Message:
        """The message as it is now; MessageMissing where another session has expunged it."""
        message = self.messages[number - 1]
        now = self._now(message)
        if now is None:
            raise MessageMissing(f"message {number} has been expunged")
        return now

    async def mark_seen(self, message: Message) -> None:
        r"""Set \Seen, as Dovecot does at RETR."""
        if SEEN not in message.flags:
            change = StoreFlags(self.owner, INBOX, (message.uid,), "add", frozenset({SEEN}))
            await self.world.commit(change, self.origin)

    async def update(self) -> int:
        """Expunge what is marked as deleted (the UPDATE state, RFC 1939 section 6); how many messages went."""
        marked = (self.messages[number - 1] for number in sorted(self.deleted))
        uids = tuple(message.uid for message in marked if self._now(message) is not None)
        if not uids:
            return 0
        return len((await self.world.commit(Expunge(self.owner, INBOX, uids), self.origin)).uids)

    def _now(self, message: Message) -> Message | None:
        """The message of today under this UID, if it still is the one of the log-in (a reset may give UIDs anew)."""
        mailbox = self.world.mail.find(self.owner, INBOX)
        now = None if mailbox is None else mailbox.messages.get(message.uid)
        return now if now is not None and now.content.digest == message.content.digest else None
