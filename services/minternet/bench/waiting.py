"""Waits instead of polls: for something that matches, from a cursor on, with an account of what did not.

What is waited for is let go only after the server has told its client: a change is made and answered in one step of the
loop, so the release waits for the step after.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeAlias, TypeVar

from ..world.journal import Event
from ..world.world import World

Item = TypeVar("Item")
Pattern: TypeAlias = "str | re.Pattern[str] | Callable[[str], object]"
"""A text that is contained, a regular expression that is found, or a function that says yes."""
SHOWN = 8
"""How many things that did not match a message lists."""
DEFAULT_TIMEOUT = 5.0
"""Seconds."""


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
    ) -> None:
        self.world, self.what, self.topics = world, what, topics
        self.present, self.coming, self.misses, self.tell = present, coming, misses, tell
        self.others: list[str] = []
        """What came and did not match, in words."""

    async def first(self, since: int | None, timeout: float) -> Item:
        """The first match: of what is there and what comes, or with a cursor of what came after it. NothingMatched."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Item] = loop.create_future()

        def consider(items: Iterable[Item]) -> None:
            for item in items:
                missed = self.misses(item)
                if missed:
                    self.others.append(f"{self.tell(item)}: {missed}")
                elif not found.done():
                    found.set_result(item)

        unwatch = self.world.watch(lambda event: consider(self.coming(event)), *self.topics)
        try:
            consider(self._so_far(since))
            item = await asyncio.wait_for(found, timeout)
            await asyncio.sleep(0)  # the step in which the client is told
            await asyncio.sleep(0)
            return item
        except TimeoutError:
            raise NothingMatched(self._account(since, timeout)) from None
        finally:
            unwatch()

    async def none(self, since: int | None, within: float) -> None:
        """Return after so many seconds in which nothing matched; SomethingMatched as soon as something does."""
        try:
            item = await self.first(since, within)
        except NothingMatched:
            return
        raise SomethingMatched(f"{self.what} came, and should not have: {self.tell(item)}")

    def _so_far(self, since: int | None) -> Iterable[Item]:
        if since is None:
            return self.present()
        return [item for event in self.world.journal.since(since) for item in self.coming(event)]

    def _account(self, since: int | None, timeout: float) -> str:
        came = f"{len(self.others)} others were there or came" if self.others else "nothing came"
        lines = [f"no {self.what} within {timeout:g} s; {came}"]
        lines += [f"  {other}" for other in self.others[-SHOWN:]]
        if len(self.others) > SHOWN:
            lines.insert(1, f"  ({len(self.others) - SHOWN} earlier ones left out)")
        if since is not None and since < self.world.journal.dropped:
            lines.append(f"  the journal no longer holds events {since + 1} to {self.world.journal.dropped}")
        return "\n".join(lines)


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


def described(kind: str, wanted: dict[str, Pattern]) -> str:
    """What is waited for, in words."""
    terms = ", ".join(f"{name} {told(pattern)}" for name, pattern in wanted.items())
    return f"{kind} with {terms}" if terms else kind
