"""Articles: ARTICLE, HEAD, BODY and STAT (RFC 3977 section 6.2)."""

from __future__ import annotations

from collections.abc import Callable

from ...wire.dots import dot_stuffed, stuffed_pieces
from ...world.records import Article
from ..commands import Refusal
from .arguments import message_id_of, number_of
from .session import NntpSession
from .table import command

WHICH = "[number|message-id]"
Span = Callable[[Article], tuple[int, int]]
"""Which octets of an article a command sends: the first, and the one behind the last."""


def located(session: NntpSession, arguments: list[bytes]) -> tuple[int, Article]:
    """The article that is meant, and its number, 0 where a message-id named it; Refusal 412, 420, 423 or 430.

    Only a number makes the article the current one (RFC 3977 section 6.2.1.2).
    """
    if not arguments:
        articles, current = session.selected().articles, session.number
        article = articles.get(current) if current is not None else None
        if article is None or current is None:
            raise Refusal("420", "No current article")
        return current, article
    argument = arguments[0]
    if argument.startswith(b"<"):
        article = session.world.news.articles.get(message_id_of(argument))
        if article is None:
            raise Refusal("430", "No article with that message-id")
        return 0, article
    number = number_of(argument)
    article = session.selected().articles.get(number)
    if article is None:
        raise Refusal("423", "No article with that number")
    session.number = number
    return number, article


@command("STAT", WHICH, rfc="RFC 3977 section 6.2.4")
async def stat(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Says whether an article is there, and makes it the current one."""
    number, article = located(session, arguments)
    return b"223 %d %b\r\n" % (number, article.message_id.encode())


@command("ARTICLE", WHICH, rfc="RFC 3977 section 6.2.1")
async def article_(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends an article."""
    return await sent(session, b"220", arguments, lambda article: (0, article.content.size))


@command("HEAD", WHICH, rfc="RFC 3977 section 6.2.2")
async def head(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends an article's header."""
    return await sent(session, b"221", arguments, lambda article: (0, article.header_octets - 2))


@command("BODY", WHICH, rfc="RFC 3977 section 6.2.3")
async def body(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends an article's body."""
    return await sent(session, b"222", arguments, lambda article: (article.header_octets, article.content.size))


async def sent(session: NntpSession, code: bytes, arguments: list[bytes], span: Span) -> bytes:
    """An article, or a part of it, as a dot-stuffed block; of large ones, all but the last piece is sent here."""
    number, article = located(session, arguments)
    heading = b"%b %d %b\r\n" % (code, number, article.message_id.encode())
    start, stop = span(article)
    content = article.content
    if content.path is None:
        return heading + dot_stuffed(content.slice(start, stop))
    session.wire.send(heading)
    for piece in stuffed_pieces(content.pieces(start, stop)):
        session.wire.send(piece)
        await session.wire.drain()
    return b""
