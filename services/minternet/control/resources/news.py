"""Newsgroups and articles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...world import mime
from ...world.changes import Cancel, ChangeGroup, CreateGroup, Post, RemoveGroup
from ...world.news import Group, overview_fields
from ...world.records import Article
from ..call import Call, Reply, content, created, off_loop, path_to
from ..letters import LONGEST_TEXT, headers, with_line_ends
from ..problems import Problem, unprocessable
from ..schemas import (
    ArticleQuery,
    Articles,
    ArticleSummary,
    ArticleView,
    GroupPatch,
    Groups,
    GroupView,
    NewGroup,
    Posted,
)

RAW = "message/rfc822"


async def list_groups(call: Call[None, None]) -> Groups:
    groups = call.world.news.groups
    return Groups(tuple(group_view(groups[name]) for name in sorted(groups)))


async def get_group(call: Call[None, None]) -> GroupView:
    return group_view(call.world.news.group(call.path["group"]))


async def create_group(call: Call[None, NewGroup]) -> Reply:
    from ...protocols.nntp.articles import GROUP_NAME

    world, body = call.world, call.body
    if GROUP_NAME.fullmatch(body.name) is None:
        raise unprocessable("/name", f"{body.name!r} is no newsgroup name such as local.test")
    await world.commit(CreateGroup(body.name, world.clock.now(), body.description, body.status, body.moderator))
    return created(group_view(world.news.group(body.name)), "groups", body.name)


async def change_group(call: Call[None, GroupPatch]) -> GroupView:
    name, body = call.path["group"], call.body
    return group_view(await call.world.commit(ChangeGroup(name, body.description, body.status, body.moderator)))


async def remove_group(call: Call[None, None]) -> None:
    await call.world.commit(RemoveGroup(call.path["group"]))


def group_view(group: Group) -> GroupView:
    return GroupView(
        group.name,
        group.description,
        group.status,
        group.moderator,
        len(group),
        group.low,
        group.high,
        datetime.fromtimestamp(group.created, UTC),
    )


# -- articles


async def list_articles(call: Call[ArticleQuery, None]) -> Articles:
    group = call.world.news.group(call.path["group"])
    work = 500 * len(group) if not call.query.text else 5_000 * len(group)
    return await off_loop(work, _page, group, call.query)


def _page(group: Group, query: ArticleQuery) -> Articles:
    newest, cursor = query.order == "newest", query.cursor
    found: list[ArticleSummary] = []
    numbered = tuple(group.articles.items())
    for number, article in reversed(numbered) if newest else numbered:
        if cursor is not None and (number >= cursor if newest else number <= cursor):
            continue
        if _matches(article, query):
            found.append(summary(number, article))
            if len(found) > query.limit:
                break
    page = tuple(found[: query.limit])
    return Articles(page, page[-1].number if len(found) > query.limit else None, len(numbered))


def _matches(article: Article, query: ArticleQuery) -> bool:
    if not (query.subject or query.sender or query.text):
        return True
    raw = article.content.bytes()
    return (
        _contains(header(raw, b"Subject"), query.subject)
        and _contains(header(raw, b"From"), query.sender)
        and (not query.text or _contains(mime.text(raw, mime.parse(raw)), query.text))
    )


def _contains(text: str, wanted: str) -> bool:
    return wanted.casefold() in text.casefold()


async def get_article(call: Call[None, None]) -> ArticleView:
    article = article_in(call)
    return await off_loop(article.content.size, view, article)


async def get_article_by_number(call: Call[None, None]) -> ArticleView:
    group, number = call.world.news.group(call.path["group"]), int(call.path["number"])
    article = group.articles.get(number)
    if article is None:
        raise Problem(404, f"no article {number} in {group.name}")
    return await off_loop(article.content.size, view, article)


async def get_raw(call: Call[None, None]) -> Reply:
    article = article_in(call)
    return content(article.content, RAW, f"{article.message_id.strip('<>')}.eml")


async def cancel(call: Call[None, None]) -> None:
    await call.world.commit(Cancel(article_in(call).message_id))


async def post(call: Call[None, None]) -> Reply:
    """Into its groups, whatever their status is; what an injecting agent adds is added where it is missing."""
    from ...protocols.nntp.articles import Rejected

    octets = await call.octets(call.hub.settings.limits.article)
    try:
        change = _prepared(call, with_line_ends(octets))
    except Rejected as rejected:
        raise Problem(422, str(rejected)) from None
    posted = await call.world.commit(change, origin="control")
    article = posted.article
    place = path_to("articles", article.message_id.strip("<>"))
    answer = Posted(article.message_id, article.places, call.world.journal.last, place)
    return created(answer, "articles", article.message_id.strip("<>"))


def _prepared(call: Call[Any, Any], octets: bytes) -> Post:
    """The article, checked and completed (RFC 5537 section 3.5)."""
    from email.utils import formatdate

    from ...protocols.nntp.articles import Rejected, check_posted, header_of, known_groups, names_of, parse

    world = call.world
    draft = parse(octets)
    check_posted(draft, world.clock.now())
    if draft.get(b"control") is not None:
        raise Rejected("control messages are for NNTP to carry out; here are routes for groups and articles")
    groups = known_groups(names_of(draft.values[b"newsgroups"]), world.news.groups.items_now)
    added = []
    if draft.get(b"date") is None:
        added.append(b"Date: " + formatdate(world.clock.now()).replace("-0000", "+0000").encode())
    message_id = draft.get(b"message-id")
    if message_id is None:
        message_id = f"<{world.chance.token(10)}@{world.news.path_host}>".encode()
        added.append(b"Message-ID: " + message_id)
    path = b"%b!.POSTED.control!%b" % (world.news.path_host.encode(), draft.get(b"path") or b"not-for-mail")
    head = header_of(draft, path, tuple(added))
    supersedes = draft.get(b"supersedes")
    return Post(
        message_id.decode(),
        tuple(group.name for group in groups),
        head,
        world.blobs.of(draft.body),
        overview_fields(head),
        world.clock.now(),
        (supersedes.decode(),) if supersedes else (),
    )


def article_in(call: Call[Any, Any]) -> Article:
    """The article in the path, with or without its angle brackets; ArticleMissing."""
    return call.world.news.article(f"<{call.path['message_id'].strip('<>')}>")


def summary(number: int, article: Article) -> ArticleSummary:
    raw = article.content.slice(0, article.header_octets)
    return ArticleSummary(
        number,
        article.message_id,
        header(raw, b"Subject"),
        header(raw, b"From"),
        mime.sent_date(raw),
        references(raw),
        article.groups,
        article.content.size,
        article.lines,
    )


def view(article: Article) -> ArticleView:
    """An article, read."""
    raw = article.content.bytes()
    root = mime.parse(raw)
    text = next((mime.text(raw, part) for part in mime.leaves(root) if part.is_text), "")
    return ArticleView(
        article.message_id,
        header(raw, b"Subject"),
        header(raw, b"From"),
        mime.sent_date(raw),
        datetime.fromtimestamp(article.arrived, UTC),
        references(raw),
        article.places,
        headers(raw),
        text[:LONGEST_TEXT],
        article.content.size,
        article.lines,
        path_to("articles", article.message_id.strip("<>"), "raw"),
    )


def header(raw: bytes, name: bytes) -> str:
    value = mime.first_header(raw, name)
    return "" if value is None else mime.decode_header(value)


def references(raw: bytes) -> tuple[str, ...]:
    value = mime.first_header(raw, b"References")
    return () if value is None else tuple(each.decode("utf-8", "replace") for each in mime.message_ids(value))
