"""Accounts and mailboxes in a test's hands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ..world.changes import Append, CreateMailbox, DeleteMailbox, Expunge, SetQuota, StoreFlags, mailbox_topic
from ..world.mail import INBOX, Mailbox
from ..world.records import Account, NewMessage, Quota
from .letterbox import Letterbox
from .letters import Letter
from .link import Link

if TYPE_CHECKING:
    from email.message import Message as EmailBase


class MailboxHandle(Letterbox):
    """One mailbox: its messages, and waits for them."""

    def __init__(self, link: Link, owner: str, name: str) -> None:
        super().__init__(link, f"{owner}/{name}", mailbox_topic(owner, name))
        self.owner, self.name = owner, name

    def __repr__(self) -> str:
        return f"<mailbox {self.owner}/{self.name}>"

    @property
    def state(self) -> Mailbox:
        """The mailbox as the world keeps it: UIDVALIDITY, counters; MailboxMissing."""
        return self._link.world.mail.get(self.owner, self.name)

    @property
    def messages(self) -> list[Letter]:
        """The messages in UID order."""
        return [Letter(self.owner, self.name, message, self._link) for message in tuple(self.state.messages.values())]

    def __len__(self) -> int:
        return len(self.state)

    def get(self, uid: int) -> Letter:
        """The message of that UID; MessageMissing."""
        return Letter(self.owner, self.name, self.state.get(uid), self._link)

    def _has(self, owner: str, name: str) -> bool:
        return (owner, name) == (self.owner, self.name)

    # -- changing it

    def add(self, message: bytes | str | EmailBase, flags: Iterable[str] = (), date: datetime | None = None) -> Letter:
        """Put a message in, as APPEND would; sessions that idle are told.

        Octets are taken as they are; a text gets CRLF at its line ends, as in fixtures. One flag may stand without a list.
        """
        world = self._link.world
        content = world.blobs.of(_octets(message))
        now = world.clock.datetime()
        new = NewMessage(content, date or now, frozenset([flags] if isinstance(flags, str) else flags))
        appended = self._link.commit(Append(self.owner, self.name, (new,), now))
        return Letter(self.owner, self.name, appended.messages[0], self._link)

    def flag(self, letter: Letter | int, *flags: str) -> Letter:
        """Add flags to a message."""
        uid = letter if isinstance(letter, int) else letter.uid
        self._link.commit(StoreFlags(self.owner, self.name, (uid,), "add", frozenset(flags)))
        return self.get(uid)

    def unflag(self, letter: Letter | int, *flags: str) -> Letter:
        """Take flags from a message."""
        uid = letter if isinstance(letter, int) else letter.uid
        self._link.commit(StoreFlags(self.owner, self.name, (uid,), "remove", frozenset(flags)))
        return self.get(uid)

    def clear(self) -> int:
        """Expunge all messages; how many there were."""
        return len(self._link.commit(Expunge(self.owner, self.name, tuple(self.state.messages))).uids)

    def remove(self, letter: Letter | int) -> None:
        """Expunge a message."""
        uid = letter if isinstance(letter, int) else letter.uid
        self._link.commit(Expunge(self.owner, self.name, (uid,)))


class AccountHandle:
    """One account: who it is, and its mailboxes."""

    def __init__(self, link: Link, login: str) -> None:
        self._link, self.login = link, link.world.accounts.get(login).login

    def __repr__(self) -> str:
        return f"<account {self.login}>"

    @property
    def record(self) -> Account:
        """The account as the world keeps it."""
        return self._link.world.accounts.get(self.login)

    @property
    def address(self) -> str:
        return self.record.address

    @property
    def password(self) -> str:
        return self.record.password

    @property
    def home(self) -> str:
        """Where it logs in by FTP."""
        return self.record.home

    @property
    def inbox(self) -> MailboxHandle:
        return self.mailbox(INBOX)

    def mailbox(self, name: str) -> MailboxHandle:
        """The mailbox of that name; MailboxMissing."""
        return MailboxHandle(self._link, self.login, self._link.world.mail.get(self.login, name).name)

    @property
    def mailboxes(self) -> dict[str, MailboxHandle]:
        """All mailboxes by name."""
        return {
            box.name: MailboxHandle(self._link, self.login, box.name)
            for box in self._link.world.mail.mailboxes(self.login)
        }

    def create_mailbox(self, name: str, special_use: str | None = None) -> MailboxHandle:
        """A new mailbox; MailboxExists."""
        self._link.commit(CreateMailbox(self.login, name, special_use))
        return self.mailbox(name)

    def delete_mailbox(self, name: str) -> None:
        """A mailbox and its messages go; MailboxMissing, MailboxForbidden."""
        self._link.commit(DeleteMailbox(self.login, name))

    def set_quota(self, storage: int | None = None, messages: int | None = None) -> None:
        """What it may store, in octets and in messages; None for no limit."""
        self._link.commit(SetQuota(self.login, Quota(storage, messages)))


def _octets(message: bytes | str | EmailBase) -> bytes:
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        return message.encode() if "\r\n" in message else message.replace("\n", "\r\n").encode()
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
