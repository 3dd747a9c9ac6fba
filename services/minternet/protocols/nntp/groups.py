"""Selecting a group and walking through it: GROUP, LISTGROUP, NEXT, LAST (RFC 3977 section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence

from ...world.news import Group
from ...world.records import Article
from ..commands import Refusal
from .arguments import LAST_NUMBER, group_of, range_of, shown
from .session import NntpSession, in_pieces
from .table import command

PROBES = 256
"""Numbers looked up one by one before a gap is taken for a large one."""
SPARSE = 4
"""A range with more than so many numbers an article is read by its articles."""


def select(session: NntpSession, name: str) -> Group:
    """Select a group, and its first article where it has one; Refusal 411, and then nothing changes."""
    group = session.world.news.groups.get(name)
    if group is None:
        raise Refusal("411", f"No newsgroup {shown(name)}")
    session.group = name
    session.number = next(iter(group.articles), None)
    return group


def summary(group: Group) -> bytes:
    """Number of articles, low and high water mark, name (RFC 3977 section 6.1.1.2)."""
    return b"211 %d %d %d %b" % (len(group.articles), group.low, group.high, group.name.encode())


def numbers_in(group: Group, first: int, last: int) -> Sequence[int]:
    """Numbers in a range, in order, those of all its articles among them."""
    first, last = max(first, group.low), min(last, group.high)
    if last - first < SPARSE * len(group.articles):
        return range(first, last + 1)
    return [number for number in group.articles if first <= number <= last]


def neighbour(group: Group, number: int, step: int) -> int | None:
    """The number of the next article (`step` 1) or of the one before (-1)."""
    articles = group.articles
    end = group.high + 1 if step > 0 else group.low - 1
    for candidate in range(number + step, end, step)[:PROBES]:
        if candidate in articles:
            return candidate
    if step > 0:
        return min((other for other in articles if other > number), default=None)
    return max((other for other in articles if other < number), default=None)


@command("GROUP", "group", rfc="RFC 3977 section 6.1.1")
async def group_(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Selects a newsgroup, and its first article."""
    return summary(select(session, group_of(arguments[0]))) + b"\r\n"


@command("LISTGROUP", "[group [range]]", rfc="RFC 3977 section 6.1.2")
async def listgroup(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Selects a newsgroup, and lists the numbers of its articles, or of those in a range."""
    first, last = range_of(arguments[1]) if len(arguments) > 1 else (0, LAST_NUMBER)
    group = select(session, group_of(arguments[0]) if arguments else session.selected().name)
    articles = group.articles
    lines = (b"%d\r\n" % number for number in numbers_in(group, first, last) if number in articles)
    return await session.long_reply(summary(group) + b" list follows\r\n", in_pieces(lines))


@command("NEXT", rfc="RFC 3977 section 6.1.4")
async def next_(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Goes to the next article of the group."""
    return step_to(session, 1, Refusal("421", "No next article in this group"))


@command("LAST", rfc="RFC 3977 section 6.1.3")
async def last_(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Goes to the article before."""
    return step_to(session, -1, Refusal("422", "No previous article in this group"))


def step_to(session: NntpSession, step: int, none: Refusal) -> bytes:
    """Make a neighbour of the current article the current one."""
    group = session.selected()
    if session.number is None:
        raise Refusal("420", "No current article")
    number = neighbour(group, session.number, step)
    if number is None:
        raise none
    session.number = number
    article: Article = group.articles[number]
    return b"223 %d %b\r\n" % (number, article.message_id.encode())
