"""Waits instead of polls: for something that matches, from a cursor on, with an account of what did not.

What is waited for is let go only after the server has told its client. As a rule a change is made and answered in one step
of the loop, so the release waits for the step after; where the reply is held back by then, by a fault or because the client
is slow, the release waits for that as well. Nothing of this is done where a change is made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any, Generic, TypeAlias, TypeVar

from ..hints import nearest
from ..wire.answering import OPEN_LINKS, is_answering, is_asked
from ..world.changes import Reset
from ..world.journal import Event
from ..world.world import World

Item = TypeVar("Item")
Pattern: TypeAlias = "str | re.Pattern[str] | Callable[[str], object]"
"""A text that is contained, a regular expression that is found, or a function that says yes."""
SHOWN = 8
"""How many things that did not match a message lists."""
DEFAULT_TIMEOUT = 5.0
"""Seconds."""
SILENT_AT_MOST = 1.0
"""Seconds that a server may say nothing to its client, as after a fault that silences it, before what it did is let go."""
LOOK_EVERY = 0.001
"""Seconds between two looks at a reply that is held back."""
LOOKED_BACK = 100
"""Events among which is found what came before the wait began."""
MISSPELT = 0.8
"""difflib's ratio from which on a keyword is taken for another one, and not for the name of a header field."""


class NothingMatched(AssertionError):
    """Nothing that matches came in time; says what did come, and why each did not match."""


class SomethingMatched(AssertionError):
    """Something came that should not have."""


class Wait(Generic[Item]):
    """One wait: where things come from, what is wanted, and how to tell of each."""

    def __init__(
        self,
        world: World,
        what: str,
        topics: tuple[Hashable, ...],
        present: Callable[[], Iterable[Item]],
        coming: Callable[[Event], Iterable[Item]],
        misses: Callable[[Item], str],
        tell: Callable[[Item], str],
        aside: Callable[[Event], Iterable[Item]] = lambda event: (),
    ) -> None:
        self.world, self.what, self.topics = world, what, topics
        self.present, self.coming, self.misses, self.tell, self.aside = present, coming, misses, tell, aside
        self.others: list[str] = []
        """What came and did not match, in words."""

    async def first(self, since: int | None, timeout: float) -> Item:
        """The first match: of what is there and what comes, or with a cursor of what came after it. NothingMatched."""
        try:
            return await self._found(since, timeout)
        except TimeoutError:
            raise NothingMatched(self._account(since, timeout)) from None

    async def none(self, since: int | None, within: float) -> None:
        """Return after so many seconds in which nothing matched; SomethingMatched as soon as something does."""
        try:
            item = await self._found(since, within)
        except TimeoutError:
            return
        raise SomethingMatched(f"{self.what} came, and should not have: {self.tell(item)}")

    async def _found(self, since: int | None, timeout: float) -> Item:
        """The first match; TimeoutError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        found: asyncio.Future[tuple[Item, int]] = loop.create_future()

        def consider(items: Iterable[Item], conversation: int = 0) -> None:
            for item in items:
                missed = self.misses(item)
                if missed:
                    self.others.append(f"{self.tell(item)}: {missed}")
                elif not found.done():
                    found.set_result((item, conversation))

        unwatch = self.world.watch(lambda event: consider(self.coming(event), event.conversation), *self.topics)
        try:
            if since is None:
                consider(self.present())
            else:
                for event in self.world.journal.since(since):
                    consider(self.coming(event), event.conversation)
            item, conversation = await asyncio.wait_for(found, timeout)
            await asyncio.sleep(0)  # the step in which the client is told
            await asyncio.sleep(0)
            await self._until_told(conversation, until)
            return item
        finally:
            unwatch()

    async def _until_told(self, conversation: int, until: float) -> None:
        """Wait while the reply to whoever did it is on its way."""
        links = self.world.scratch.get(OPEN_LINKS, tuple)()
        busy = {link.transcript.number: link for link in links if is_asked(link) or _answers(link)}
        link = busy.get(conversation or self._conversation_behind()) if busy else None
        loop = asyncio.get_running_loop()
        silent_until = loop.time() + SILENT_AT_MOST
        while link is not None and loop.time() < until:
            if not _answers(link) and (not is_asked(link) or loop.time() > silent_until):
                return
            await asyncio.sleep(LOOK_EVERY)

    def _conversation_behind(self) -> int:
        """Where the last thing as wanted came from, of those that came before the wait; 0 where nothing tells."""
        for event in reversed(self._looked_back()):
            if event.conversation and any(not self.misses(item) for item in self.coming(event)):
                return event.conversation
        return 0

    def _account(self, since: int | None, timeout: float) -> str:
        came = f"{len(self.others)} others were there or came" if self.others else "nothing came"
        lines = [f"no {self.what} within {timeout:g} s; {came}"]
        lines += [f"  {other}" for other in self.others[-SHOWN:]]
        if len(self.others) > SHOWN:
            lines.insert(1, f"  ({len(self.others) - SHOWN} earlier ones left out)")
        if since is not None and since < self.world.journal.dropped:
            lines.append(f"  the journal no longer holds events {since + 1} to {self.world.journal.dropped}")
        return "\n".join([*lines, *(f"  {hint}" for hint in self._hints(since))])

    def _hints(self, since: int | None) -> Iterator[str]:
        """What was as wanted, but too early or in another place."""
        recent = self._looked_back()
        if since is not None:
            early = [item for event in recent if event.number <= since for item in self.coming(event)]
            if fitting := [item for item in early if not self.misses(item)]:
                yield f"{self.tell(fitting[-1])} is as wanted, but came before the cursor: take it before the action"
        strays = [item for event in recent if event.number > (since or 0) for item in self.aside(event)]
        fitting = [item for item in strays if not self.misses(item)]
        if fitting:
            yield f"{self.tell(fitting[-1])} is as wanted, but came elsewhere"
        elif strays and since is not None and not self.others:
            yield f"elsewhere came {', '.join(map(self.tell, strays[-SHOWN:]))}"

    def _looked_back(self) -> list[Event]:
        """The newest events, of those since the last reset."""
        journal = self.world.journal
        events = reversed(list(journal.since(max(journal.dropped, journal.last - LOOKED_BACK))))
        return list(takewhile(lambda event: not isinstance(event.change, Reset), events))[::-1]


def _answers(link: Any) -> bool:
    """Whether words for a client who is still there are on their way."""
    transcript = getattr(link, "transcript", None)
    return transcript is not None and transcript.closed is None and is_answering(link)


def holds(pattern: Pattern, text: str) -> bool:
    """Whether a text is as wanted."""
    if isinstance(pattern, str):
        return pattern in text
    return bool(pattern.search(text) if isinstance(pattern, re.Pattern) else pattern(text))


def told(pattern: object) -> str:
    """A pattern for people."""
    if isinstance(pattern, re.Pattern):
        return f"/{pattern.pattern}/"
    return repr(pattern) if isinstance(pattern, str) else getattr(pattern, "__name__", repr(pattern))


def missed(wanted: dict[str, Pattern], texts: Callable[[str], str]) -> str:
    """Which wanted texts are not as wanted, in words; "" where all are."""
    wrong = [(name, pattern) for name, pattern in wanted.items() if not holds(pattern, texts(name))]
    return ", ".join(f"{name} is {texts(name)[:80]!r}, not {told(pattern)}" for name, pattern in wrong)


def check_words(kind: str, wanted: Iterable[str], known: Iterable[str], others: Mapping[str, str]) -> None:
    """TypeError on a keyword that would be looked up as a header field, and is meant for something else.

    `known` are the keywords that are no header fields; `others` are words for them that other tools have.
    """
    for name in wanted:
        one_word = name not in known and not {"_", "-"} & set(name)  # x_subject is a field of its own
        meant = others.get(name) or (nearest(name, known, MISSPELT) if one_word else "")
        if meant:
            raise TypeError(f"a {kind} has no {name!r} to wait for; did you mean {meant!r}?")


def described(kind: str, wanted: dict[str, Pattern]) -> str:
    """What is waited for, in words."""
    terms = ", ".join(f"{name} {told(pattern)}" for name, pattern in wanted.items())
    return f"{kind} with {terms}" if terms else kind
