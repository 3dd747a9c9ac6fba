"""Accounts and mailboxes in a test's hands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from ..world.changes import Append, CreateMailbox, DeleteMailbox, Expunge, SetQuota, StoreFlags, mailbox_topic
from ..world.journal import Event
from ..world.mail import INBOX, Appended, Copied, Mailbox
from ..world.records import Account, NewMessage, Quota
from .letters import Letter, text_of
from .link import Link
from .waiting import DEFAULT_TIMEOUT, Pattern, Wait, check_words, described, missed

if TYPE_CHECKING:
    from email.message import Message as EmailBase

WORDS = ("subject", "sender", "from", "to", "text", "html")
"""What can be looked for, beside header fields."""
OTHER_WORDS = {"from_": "sender", "body": "text", "content": "text", "recipient": "to", "recipients": "to"}


class MailboxHandle:
    """One mailbox: its messages, and waits for them."""

    def __init__(self, link: Link, owner: str, name: str) -> None:
        self._link, self.owner, self.name = link, owner, name

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

    def __bool__(self) -> bool:
        return True  # an empty mailbox is a mailbox

    def __iter__(self) -> Iterator[Letter]:
        return iter(self.messages)

    def __getitem__(self, index: int) -> Letter:
        """By place, -1 for the newest."""
        return self.messages[index]

    def get(self, uid: int) -> Letter:
        """The message of that UID; MessageMissing."""
        return Letter(self.owner, self.name, self.state.get(uid), self._link)

    def find(self, **wanted: Pattern) -> list[Letter]:
        """The messages whose subject, sender, to, text, html or other header is as wanted."""
        check_words("message", wanted, WORDS, OTHER_WORDS)
        return [letter for letter in self.messages if not _misses(letter, wanted)]

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

    # -- waiting

    def wait_for(self, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT, **wanted: Pattern) -> Letter:
        """The first message as wanted: of those there and those that come, or with a cursor of those that came after it.

        `subject`, `sender`, `to`, `text`, `html` and any header field (`x_priority` for X-Priority) may be a text that is
        contained, a compiled regular expression, or a function. NothingMatched tells what came instead.
        """
        return self._link.call(self.wait_for_async(since=since, timeout=timeout, **wanted))

    async def wait_for_async(
        self, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT, **wanted: Pattern
    ) -> Letter:
        """The same, on the loop."""
        return await self._wait(wanted).first(since, timeout)

    def assert_none(self, *, since: int | None = None, within: float = 0.2, **wanted: Pattern) -> None:
        """SomethingMatched where a message as wanted is there, came after the cursor, or comes within so many seconds."""
        self._link.call(self.assert_none_async(since=since, within=within, **wanted))

    async def assert_none_async(self, *, since: int | None = None, within: float = 0.2, **wanted: Pattern) -> None:
        """The same, on the loop."""
        await self._wait(wanted).none(since, within)

    def _wait(self, wanted: dict[str, Pattern]) -> Wait[Letter]:
        check_words("message", wanted, WORDS, OTHER_WORDS)
        return Wait(
            self._link.world,
            f"{described('message', wanted)} in {self.owner}/{self.name}",
            (mailbox_topic(self.owner, self.name),),
            lambda: self.messages,
            self._coming,
            lambda letter: _misses(letter, wanted),
            repr,
            lambda event: self._arrived(event, here=False),
        )

    def _coming(self, event: Event) -> Iterator[Letter]:
        return self._arrived(event, here=True)

    def _arrived(self, event: Event, here: bool) -> Iterator[Letter]:
        """The messages that came into this mailbox, or into all others."""
        for appended in appended_in(event.result):
            owner, name = appended.owner, appended.mailbox
            if ((owner, name) == (self.owner, self.name)) == here:
                yield from (Letter(owner, name, message, self._link) for message in appended.messages)


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


def appended_in(result: object) -> Iterator[Appended]:
    """The messages that came into mailboxes by a change, whatever its kind."""
    if isinstance(result, Appended):
        yield result
    elif isinstance(result, Copied):
        yield result.appended
    elif isinstance(result, tuple):
        yield from (part for part in result if isinstance(part, Appended))


def _misses(letter: Letter, wanted: dict[str, Pattern]) -> str:
    return missed(wanted, lambda name: text_of(letter, "from" if name == "sender" else name.replace("_", "-")))


def _octets(message: bytes | str | EmailBase) -> bytes:
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        return message.encode() if "\r\n" in message else message.replace("\n", "\r\n").encode()
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
