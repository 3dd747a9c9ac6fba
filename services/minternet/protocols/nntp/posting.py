"""POST: the injecting agent (RFC 3977 section 6.3.1, RFC 5537 section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator

from ...wire.wire import TooLong
from ...world.changes import Deliver, Post
from ...world.errors import ArticleExists
from ...world.news import Group, overview_fields
from ...world.records import Delivery, NewMessage, Recipient, SmtpEnvelope
from ..commands import Refusal
from .arguments import shown
from .articles import Draft, Rejected, check_open, check_posted, header_of, known_groups, names_of, parse, unapproved
from .control import Order, check_may_govern, govern, is_own, key_of, lock_for, order_of, taken_back
from .session import NntpSession
from .table import command

NOT_FOR_MAIL = b"not-for-mail"
CONTROL_GROUPS = ("control.{verb}", "control")
"""Where control messages are filed, if one of these groups is there; else they are found by message-id only."""


@command("POST", rfc="RFC 3977 section 6.3.1")
async def post(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Takes an article from its author."""
    if not session.may_post:
        raise Refusal("440", "Posting is not permitted")
    recommended = f"<{session.world.chance.token(10)}@{session.world.news.path_host}>"
    session.wire.send(b"340 Send the article, recommended message-id %b\r\n" % recommended.encode())
    try:
        content = await session.wire.block(session.limits.article)
        return await inject(session, parse(content), content, recommended)
    except TooLong as overlong:
        raise Refusal("441", f"Posting failed: the article is longer than {overlong.limit} octets") from None
    except Rejected as rejected:
        raise Refusal("441", f"Posting failed: {rejected}") from None


async def inject(session: NntpSession, draft: Draft, content: bytes, recommended: str) -> bytes:
    """Check an article, complete it, and put it into its groups; the reply, or Rejected."""
    world, account = session.world, session.account
    check_posted(draft, world.clock.now())
    order = order_of(draft)
    message_id = draft.values.get(b"message-id", recommended.encode()).decode()
    if world.news.knows(message_id):
        raise Rejected(f"the message-id {shown(message_id)} is taken")
    groups = destinations(session, draft, order)
    moderated = unapproved(draft, groups)
    if moderated is not None and order is None:
        return await mail_to_moderator(session, draft, content, moderated, message_id)
    cancels = taken_back(draft, order)
    check_own(session, draft, cancels)
    if order is not None and order.verb in ("newgroup", "rmgroup"):
        check_may_govern(world, account, draft, order)
        await govern(world, order, draft, session)
    places = filed(session, order) if order else tuple(group.name for group in groups)
    head = header_of(draft, path_of(session, draft), tuple(additions(session, draft, message_id, cancels)))
    await keep(session, message_id, places, head, draft, cancels)
    return b"240 Article received %b\r\n" % message_id.encode()


async def keep(
    session: NntpSession, message_id: str, places: tuple[str, ...], head: bytes, draft: Draft, cancels: tuple[str, ...]
) -> None:
    """Store a complete article; Rejected where its message-id has come by another way meanwhile."""
    world = session.world
    body, overview = world.blobs.of(draft.body), overview_fields(head)
    try:
        await world.commit(Post(message_id, places, head, body, overview, world.clock.now(), cancels), session)
    except ArticleExists:
        raise Rejected(f"the message-id {shown(message_id)} is taken") from None


def destinations(session: NntpSession, draft: Draft, order: Order | None) -> tuple[Group, ...]:
    """The groups here that the article is for; a newgroup may name one that is not here yet."""
    names = names_of(draft.values[b"newsgroups"])
    groups = session.world.news.groups.items_now
    if order is not None and order.verb == "newgroup":
        return ()
    known = known_groups(names, groups)
    if order is None:
        check_open(known)
    return known


def check_own(session: NntpSession, draft: Draft, message_ids: tuple[str, ...]) -> None:
    """Nobody takes back what somebody else has posted."""
    for message_id in message_ids:
        article = session.world.news.articles.get(message_id)
        path_host = session.world.news.path_host
        if article is not None and not is_own(article, draft, session.account, path_host):
            raise Rejected(f"{shown(message_id)} is not yours to take back")


def filed(session: NntpSession, order: Order) -> tuple[str, ...]:
    """Where a control message goes."""
    names = (name.format(verb=order.verb) for name in CONTROL_GROUPS)
    return tuple(name for name in names if name in session.world.news.groups)[:1]


# -- what an injecting agent adds


def path_of(session: NntpSession, draft: Draft) -> bytes:
    """The Path, with this server and where the article came from in front (RFC 5537 section 3.2.2)."""
    host, peer = session.world.news.path_host, session.wire.peer[0]
    return b"%b!.POSTED.%b!%b" % (host.encode(), peer.encode(), draft.get(b"path") or NOT_FOR_MAIL)


def additions(session: NntpSession, draft: Draft, message_id: str, cancels: tuple[str, ...]) -> Iterator[bytes]:
    """The fields that the article lacks, and those that tell of its posting (RFC 5537 section 3.5, RFC 8315)."""
    now = date_field(session.world.clock.now())
    complete = draft.get(b"date") is not None and draft.get(b"message-id") is not None
    if draft.get(b"date") is None:
        yield b"Date: " + now
    if draft.get(b"message-id") is None:
        yield b"Message-ID: " + message_id.encode()
    if not complete and draft.get(b"injection-date") is None:
        yield b"Injection-Date: " + now
    yield b"Injection-Info: " + b"; ".join(injection_info(session))
    if session.account is not None:
        yield from locks(session, draft, message_id, cancels)


def injection_info(session: NntpSession) -> Iterator[bytes]:
    """RFC 5536 section 3.2.8."""
    world, account = session.world, session.account
    yield world.news.path_host.encode()
    yield f'posting-host="{session.wire.peer[0]}"'.encode()
    if account is not None:
        yield f'posting-account="{account.login}"'.encode()
    yield f'mail-complaints-to="abuse@{world.accounts.domain}"'.encode()


def locks(session: NntpSession, draft: Draft, message_id: str, cancels: tuple[str, ...]) -> Iterator[bytes]:
    """The lock of an account's article, and the keys to those it takes back."""
    world, account = session.world, session.account
    assert account is not None
    if draft.get(b"cancel-lock") is None:
        yield b"Cancel-Lock: sha256:%b" % (lock_for(b"sha256", key_of(world, account, message_id)) or b"")
    if cancels and draft.get(b"cancel-key") is None:
        yield b"Cancel-Key: " + b" ".join(b"sha256:" + key_of(world, account, each) for each in cancels)


def date_field(seconds: float) -> bytes:
    """A time as Date has it."""
    from email.utils import formatdate

    return formatdate(seconds).replace("-0000", "+0000").encode()


# -- moderation


async def mail_to_moderator(session: NntpSession, draft: Draft, content: bytes, group: Group, message_id: str) -> bytes:
    """Mail an unapproved article to the moderator of its first moderated group (RFC 5537 section 3.5.1)."""
    world = session.world
    address = group.moderator or f"{group.name.replace('.', '-')}@{world.accounts.domain}"
    resolution = world.accounts.resolve(address)
    if resolution is None or not resolution.logins:
        raise Rejected(f"the moderator of {shown(group.name)} cannot be reached")
    at = world.clock.datetime()
    fields = [b"To: %b\r\n" % address.encode()]
    if draft.get(b"date") is None:
        fields.append(b"Date: %b\r\n" % date_field(world.clock.now()))
    if draft.get(b"message-id") is None:
        fields.append(b"Message-ID: %b\r\n" % message_id.encode())
    envelope = SmtpEnvelope("", (Recipient(address),), peer=session.wire.peer[0], protocol="NNTP")
    message = NewMessage(world.blobs.of(b"".join((*fields, content))), at, envelope=envelope)
    deliveries = tuple(Delivery(login, "INBOX", message, address) for login in resolution.logins)
    await world.commit(Deliver(deliveries, at), session)
    return b"240 Article mailed to the moderator of %b\r\n" % group.name.encode()
