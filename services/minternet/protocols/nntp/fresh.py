"""What is new, and what time it is: NEWGROUPS, NEWNEWS, DATE (RFC 3977 section 7)."""

from __future__ import annotations

import time

from .arguments import moment_of, wildmat_of
from .lists import active_line
from .session import NntpSession, in_pieces
from .table import ANYTIME, command


@command("DATE", rfc="RFC 3977 section 7.1", states=ANYTIME)
async def date(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Says what time it is, in UTC."""
    now = time.gmtime(session.world.clock.now())
    return b"111 %04d%02d%02d%02d%02d%02d\r\n" % now[:6]


@command("NEWGROUPS", "date time [GMT]", rfc="RFC 3977 section 7.3")
async def newgroups(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists the groups that were created since a time."""
    since = moment_of(arguments, session.world.clock.datetime())
    groups = list(session.world.news.groups.values())
    lines = (active_line(group) if group.created >= since else b"" for group in groups)
    return await session.long_reply(b"231 New groups follow\r\n", in_pieces(lines))


@command("NEWNEWS", "wildmat date time [GMT]", rfc="RFC 3977 section 7.4", capability="NEWNEWS")
async def newnews(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists the message-ids of articles that came since a time, in groups that match."""
    matches = wildmat_of(arguments[0]).matches
    since = moment_of(arguments[1:], session.world.clock.datetime())
    news = session.world.news
    wanted = {name for name in news.groups if matches(name)}
    lines = (
        b"%b\r\n" % article.message_id.encode()
        if article.arrived >= since and not wanted.isdisjoint(article.groups)
        else b""
        for article in list(news.articles.values())
    )
    return await session.long_reply(b"230 New articles follow\r\n", in_pieces(lines))
