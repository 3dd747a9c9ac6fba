"""Newsgroups in a test's hands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..world import mime
from ..world.changes import group_topic
from ..world.errors import GroupMissing, there_are
from ..world.journal import Event
from ..world.news import Group, Posted
from ..world.records import Article
from .link import Link
from .reading import Readable
from .waiting import DEFAULT_TIMEOUT, Pattern, Wait, check_words, described, missed

if TYPE_CHECKING:
    from .transcripts import Conversation

WORDS = ("subject", "sender", "text")
OTHER_WORDS = {"from_": "sender", "body": "text", "content": "text", "group": "newsgroups"}


class Posting(Readable):
    """One article, as it is served."""

    def __init__(self, article: Article, link: Link | None = None) -> None:
        super().__init__(article.content)
        self.article, self._link = article, link

    def __repr__(self) -> str:
        return f"<Posting {self.message_id}: {self.subject!r}>"

    @property
    def message_id(self) -> str:
        return self.article.message_id

    @property
    def groups(self) -> tuple[str, ...]:
        return self.article.groups

    @property
    def conversation(self) -> Conversation | None:
        """The one that it was posted in; None where none is kept."""
        from .transcripts import conversation_behind

        if self._link is None:
            return None
        return conversation_behind(
            self._link,
            lambda event: isinstance(event.result, Posted) and event.result.article.message_id == self.message_id,
        )

    @property
    def text(self) -> str:
        """The body as text."""
        return mime.text(self.raw, mime.parse(self.raw))


class GroupHandle:
    """One newsgroup: its articles, and waits for them."""

    def __init__(self, link: Link, name: str) -> None:
        groups = link.world.news.groups
        if name not in groups:
            raise GroupMissing(f"no such newsgroup: {name}{there_are(each.name for each in groups.values())}")
        self._link, self.name = link, name

    def __repr__(self) -> str:
        return f"<newsgroup {self.name}>"

    @property
    def state(self) -> Group:
        """The group as the world keeps it: numbers, status; GroupMissing."""
        return self._link.world.news.group(self.name)

    @property
    def articles(self) -> list[Posting]:
        """The articles in the order of their numbers."""
        return [Posting(article, self._link) for article in tuple(self.state.articles.values())]

    def __len__(self) -> int:
        return len(self.state)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Posting]:
        return iter(self.articles)

    def wait_for(self, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT, **wanted: Pattern) -> Posting:
        """The first article whose subject, sender, text or header fields are as wanted; as a mailbox's `wait_for`."""
        return self._link.call(self.wait_for_async(since=since, timeout=timeout, **wanted))

    async def wait_for_async(
        self, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT, **wanted: Pattern
    ) -> Posting:
        """The same, on the loop."""
        return await self._wait(wanted).first(since, timeout)

    def assert_none(self, *, since: int | None = None, within: float = 0.2, **wanted: Pattern) -> None:
        """SomethingMatched where an article as wanted is there or comes."""
        self._link.call(self._wait(wanted).none(since, within))

    def _wait(self, wanted: dict[str, Pattern]) -> Wait[Posting]:
        check_words("article", wanted, WORDS, OTHER_WORDS)

        def coming(event: Event) -> Iterator[Posting]:
            if isinstance(event.result, Posted) and self.name in event.result.article.groups:
                yield Posting(event.result.article, self._link)

        def elsewhere(event: Event) -> Iterator[Posting]:
            if isinstance(event.result, Posted) and self.name not in event.result.article.groups:
                yield Posting(event.result.article, self._link)

        return Wait(
            self._link.world,
            f"{described('article', wanted)} in {self.name}",
            (group_topic(self.name),),
            lambda: self.articles,
            coming,
            lambda posting: missed(wanted, lambda name: _text_of(posting, name)),
            repr,
            elsewhere,
        )


def _text_of(posting: Posting, name: str) -> str:
    if name == "text":
        return posting.text
    return posting.header("From" if name == "sender" else name.replace("_", "-"))
