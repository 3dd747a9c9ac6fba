"""Where letters come: what is there is found, and what comes is waited for, in one mailbox or in all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ..world.journal import Event
from ..world.mail import Appended, Copied
from .letters import Letter, text_of
from .link import Link
from .waiting import DEFAULT_TIMEOUT, Pattern, Wait, check_words, described, missed

WORDS = ("subject", "sender", "from", "to", "text", "html")
"""What can be looked for, beside header fields."""
OTHER_WORDS = {"from_": "sender", "body": "text", "content": "text", "recipient": "to", "recipients": "to"}


class Letterbox:
    """What a mailbox and all mail have in common. `place` names it for people; no topics are all topics."""

    def __init__(self, link: Link, place: str, *topics: Hashable) -> None:
        self._link, self._place, self._topics = link, place, topics

    @property
    def messages(self) -> list[Letter]:
        """The messages, those that came first before those that came later."""
        raise NotImplementedError

    def _has(self, owner: str, name: str) -> bool:
        """Whether what comes into that mailbox comes here."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.messages)

    def __bool__(self) -> bool:
        return True  # an empty mailbox is a mailbox

    def __iter__(self) -> Iterator[Letter]:
        return iter(self.messages)

    def __getitem__(self, index: int) -> Letter:
        """By place, -1 for the newest."""
        return self.messages[index]

    def find(self, **wanted: Pattern) -> list[Letter]:
        """The messages whose subject, sender, to, text, html or other header is as wanted."""
        check_words("message", wanted, WORDS, OTHER_WORDS)
        return [letter for letter in self.messages if not _misses(letter, wanted)]

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
            f"{described('message', wanted)} in {self._place}",
            self._topics,
            lambda: self.messages,
            lambda event: self._arrived(event, here=True),
            lambda letter: _misses(letter, wanted),
            repr,
            lambda event: self._arrived(event, here=False),
        )

    def _arrived(self, event: Event, here: bool) -> Iterator[Letter]:
        """The messages that came here, or anywhere else."""
        for appended in appended_in(event.result):
            owner, name = appended.owner, appended.mailbox
            if self._has(owner, name) == here:
                yield from (Letter(owner, name, message, self._link) for message in appended.messages)


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
