"""Changes of newsgroups and articles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..blobs import Blob
from ..news import Group, Posted
from ..records import Article
from .base import NEWS, Change, Topics, group_topic

if TYPE_CHECKING:
    from ..world import World


class CreateGroup(Change[Group], frozen=True, gc=False):
    """A new newsgroup."""

    name: str
    at: float
    description: str = ""
    status: str = "y"
    moderator: str = ""
    creator: str = ""

    def apply(self, world: World) -> Group:
        group = world.news.create_group(self.name, self.at)
        group.description, group.status = self.description, self.status
        group.moderator, group.creator = self.moderator, self.creator
        return group

    def topics(self, result: Group) -> Topics:
        return (*NEWS, group_topic(self.name))


class ChangeGroup(Change[Group], frozen=True, gc=False):
    """A newsgroup's description, status or moderator; None leaves it."""

    name: str
    description: str | None = None
    status: str | None = None
    moderator: str | None = None

    def apply(self, world: World) -> Group:
        group = world.news.writable_group(self.name)
        group.description = group.description if self.description is None else self.description
        group.status = group.status if self.status is None else self.status
        group.moderator = group.moderator if self.moderator is None else self.moderator
        return group

    def topics(self, result: Group) -> Topics:
        return (*NEWS, group_topic(self.name))


class RemoveGroup(Change[Group], frozen=True, gc=False):
    """A newsgroup goes; its articles stay where they are cross-posted."""

    name: str

    def apply(self, world: World) -> Group:
        world.news.expire(self.name, tuple(world.news.group(self.name).articles))
        return world.news.remove_group(self.name)

    def topics(self, result: Group) -> Topics:
        return (*NEWS, group_topic(self.name))


class Post(Change[Posted], frozen=True, gc=False):
    """An article, checked and complete but for its numbers and Xref; what it cancels or supersedes goes in the same step.

    `head` is the header without Xref and without the empty line, each field with its CRLF; `overview` the values of
    `news.OVERVIEW_FIELDS`, tabs and line ends made spaces. What it cancels before it came will not be taken.
    """

    message_id: str
    groups: tuple[str, ...]
    head: bytes
    body: Blob
    overview: tuple[bytes, ...]
    at: float
    cancels: tuple[str, ...] = ()

    @property
    def octets(self) -> int:
        return self.body.size

    def apply(self, world: World) -> Posted:
        body = self.body if self.body.path else self.body.bytes()
        article = world.news.post(self.message_id, self.groups, self.head, body, self.overview, self.at)
        cancelled = tuple(known for known in self.cancels if known in world.news.articles and known != self.message_id)
        for known in cancelled:
            world.news.cancel(known)
        for unknown in self.cancels:
            world.news.refuse(unknown, self.at)
        return Posted(article, cancelled)

    def topics(self, result: Posted) -> Topics:
        return (*NEWS, *(group_topic(name) for name in result.article.groups))


class Cancel(Change[Article], frozen=True, gc=False):
    """An article goes from all its groups."""

    message_id: str

    def apply(self, world: World) -> Article:
        return world.news.cancel(self.message_id)

    def topics(self, result: Article) -> Topics:
        return (*NEWS, *(group_topic(name) for name in result.groups))


class Expire(Change[tuple[Article, ...]], frozen=True, gc=False):
    """Articles go from one group, which leaves gaps in its numbers."""

    group: str
    numbers: tuple[int, ...]

    def apply(self, world: World) -> tuple[Article, ...]:
        return world.news.expire(self.group, self.numbers)

    def topics(self, result: tuple[Article, ...]) -> Topics:
        return (*NEWS, group_topic(self.group))
