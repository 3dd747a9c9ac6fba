"""Articles from peers: IHAVE (RFC 3977 section 6.3.2) and streaming, CHECK and TAKETHIS (RFC 4644)."""

from __future__ import annotations

from ...wire.wire import TooLong
from ..commands import Refusal
from .arguments import message_id_of
from .articles import Draft, Rejected, check_relayed, header_of, known_groups, names_of, parse, unapproved
from .control import is_own, order_of, taken_back
from .posting import filed, keep
from .session import NntpSession
from .table import ANYTIME, OPEN, command

OFFERED = "nntp article on its way"
"""First half of the key under which sessions tell each other which article they are receiving."""


@command("MODE STREAM", rfc="RFC 4644 section 2.3", capability="STREAMING")
async def mode_stream(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Says that the client streams; this server is always ready for that."""
    return b"203 Streaming permitted\r\n"


@command("IHAVE", "message-id", rfc="RFC 3977 section 6.3.2", capability="IHAVE")
async def ihave(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Takes an article from a peer, if it is wanted."""
    message_id = message_id_of(arguments[0])
    if session.world.news.knows(message_id):
        raise Refusal("435", "Article not wanted: it is here already")
    way = (OFFERED, message_id)
    if way in session.context.locks:
        raise Refusal("436", "Another peer is sending it; try again later")
    session.context.locks[way] = session
    try:
        session.wire.send(b"335 Send it\r\n")
        await accept(session, message_id, await session.wire.block(session.limits.article))
    except TooLong as overlong:
        raise Refusal("437", f"Article rejected: longer than {overlong.limit} octets") from None
    except Rejected as rejected:
        raise Refusal("437", f"Article rejected: {rejected}") from None
    finally:
        session.context.locks.pop(way, None)
    return b"235 Article transferred\r\n"


@command("CHECK", "message-id", rfc="RFC 4644 section 2.4", capability="STREAMING")
async def check(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Says whether an article is wanted; TAKETHIS follows."""
    message_id = message_id_of(arguments[0])
    if session.world.news.knows(message_id):
        return b"438 %b\r\n" % arguments[0]
    if (OFFERED, message_id) in session.context.locks:
        return b"431 %b\r\n" % arguments[0]
    return b"238 %b\r\n" % arguments[0]


@command("TAKETHIS", "[message-id...]", rfc="RFC 4644 section 2.5", states=ANYTIME, capability="STREAMING")
async def takethis(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Takes an article that follows at once; whatever is wrong, it is read to its end first."""
    try:
        content = await session.wire.block(session.limits.article)
        if session.state != OPEN:
            raise Refusal("480", "Log in first")
        if len(arguments) != 1:
            raise Refusal("501", "Usage: TAKETHIS message-id")
        await accept(session, message_id_of(arguments[0]), content)
    except TooLong as overlong:
        raise Refusal("439", f"{_words(arguments)} longer than {overlong.limit} octets") from None
    except Rejected as rejected:
        raise Refusal("439", f"{_words(arguments)} {rejected}") from None
    return b"239 %b\r\n" % arguments[0]


def _words(arguments: list[bytes]) -> str:
    return b" ".join(arguments).decode("utf-8", "replace")


async def accept(session: NntpSession, message_id: str, content: bytes) -> None:
    """Check an article from a peer and put it into its groups, or Rejected (RFC 5537 sections 3.6 and 3.7)."""
    news = session.world.news
    if news.knows(message_id):
        raise Rejected("it is here already")
    draft = parse(content)
    check_relayed(draft, session.world.clock.now())
    if draft.values[b"message-id"].decode() != message_id:
        raise Rejected("its message-id is another one")
    order = order_of(draft)
    groups = known_groups(names_of(draft.values[b"newsgroups"]), news.groups.items_now)
    moderated = unapproved(draft, groups)
    if moderated is not None and order is None:
        raise Rejected(f"{moderated.name} is moderated, and the article is not approved")
    places = filed(session, order) if order else tuple(group.name for group in groups)
    head = header_of(draft, b"%b!%b" % (news.path_host.encode(), draft.values[b"path"]))
    await keep(session, message_id, places, head, draft, rightly_taken_back(session, draft, taken_back(draft, order)))


def rightly_taken_back(session: NntpSession, draft: Draft, message_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Those message-ids that the author may take back, or that are not here yet (RFC 5537 section 5.3)."""
    news = session.world.news
    found = ((message_id, news.articles.get(message_id)) for message_id in message_ids)
    return tuple(
        message_id for message_id, article in found if article is None or is_own(article, draft, None, news.path_host)
    )
