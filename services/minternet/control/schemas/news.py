"""Newsgroups and articles."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from .base import In, Limit, Moment, Out, Words


class NewGroup(In, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new newsgroup; `status` is y (posting), n (none) or m (moderated)."""

    name: Annotated[str, Meta(max_length=460)]
    description: Words = ""
    status: Literal["y", "n", "m"] = "y"
    moderator: Words = ""


class GroupPatch(In, frozen=True, forbid_unknown_fields=True):
    """What to change; null stays."""

    description: Words | None = None
    status: Literal["y", "n", "m"] | None = None
    moderator: Words | None = None


class GroupView(Out, frozen=True):
    """A newsgroup."""

    name: str
    description: str
    status: str
    moderator: str
    articles: int
    low: int
    high: int
    created: Moment


class Groups(Out, frozen=True):
    """All newsgroups."""

    groups: tuple[GroupView, ...]


class ArticleQuery(In, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which articles; texts are contained, in upper or lower case."""

    subject: Words = ""
    sender: Annotated[str, Meta(max_length=1000, description="in the From field")] = field(name="from", default="")
    text: Words = ""
    order: Literal["newest", "oldest"] = "oldest"
    limit: Limit = 100
    cursor: Annotated[int, Meta(ge=0, le=1 << 53, description="the `next` of the page before")] | None = None


class ArticleSummary(Out, frozen=True):
    """An article in a list."""

    number: int
    message_id: str
    subject: str
    sender: str = field(name="from")
    date: Moment | None
    references: tuple[str, ...]
    groups: tuple[str, ...]
    size: int
    lines: int


class Articles(Out, frozen=True):
    """A page of articles."""

    articles: tuple[ArticleSummary, ...]
    next: int | None
    total: int


class ArticleView(Out, frozen=True):
    """An article, read."""

    message_id: str
    subject: str
    sender: str = field(name="from")
    date: Moment | None
    arrived: Moment
    references: tuple[str, ...]
    places: tuple[tuple[str, int], ...]
    headers: tuple[tuple[str, str], ...]
    text: str
    size: int
    lines: int
    raw: str


class Posted(Out, frozen=True):
    """An article that is in its groups; `event` is a cursor."""

    message_id: str
    places: tuple[tuple[str, int], ...]
    event: int
    url: str
