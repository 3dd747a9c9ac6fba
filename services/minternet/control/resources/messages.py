"""Messages: searched, read, put in, flagged and taken out."""

from __future__ import annotations

from typing import Any

from ...bench.letters import Letter
from ...world import mime
from ...world.blobs import Blob
from ...world.changes import Append, Deliver, Expunge, StoreFlags
from ...world.mail import INBOX, Appended, Mailbox
from ...world.records import SYSTEM_FLAGS, Delivery, NewMessage, Recipient, SmtpEnvelope
from ..call import Call, Reply, content, created, in_range, off_loop, path_to
from ..letters import letter_of, view, with_line_ends
from ..problems import Problem, unprocessable
from ..schemas import (
    AllMessagesQuery,
    Cleared,
    Delivered,
    DeliverMessage,
    Flags,
    FlagsPatch,
    MessageQuery,
    Messages,
    MessageView,
    PutMessage,
    Stored,
)
from ..search import search
from .mailboxes import mailbox_of

RAW = "message/rfc822"
_SPELLINGS = {flag.lower(): flag for flag in SYSTEM_FLAGS}


async def list_messages(call: Call[MessageQuery, None]) -> Messages:
    return await _search([mailbox_of(call)], call.query)


async def search_messages(call: Call[AllMessagesQuery, None]) -> Messages:
    world, query = call.world, call.query
    logins = [world.accounts.get(name).login for name in query.account] or list(world.mail.stores)
    boxes = [box for login in dict.fromkeys(logins) for box in world.mail.mailboxes(login)]
    return await _search([box for box in boxes if not query.mailbox or box.name in query.mailbox], query)


async def _search(boxes: list[Mailbox], query: MessageQuery) -> Messages:
    looks_inside = bool(query.q or query.text or query.subject or query.sender or query.to or query.header)
    work = sum(box.octets for box in boxes) if looks_inside else 100 * sum(map(len, boxes))
    return await off_loop(work, search, boxes, query)


async def get_message(call: Call[None, None]) -> MessageView:
    letter = letter_in(call)
    return await off_loop(letter.message.size, view, letter)


async def get_raw(call: Call[None, None]) -> Reply:
    letter = letter_in(call)
    return content(letter.message.content, RAW, f"{letter.mailbox}-{letter.uid}.eml")


async def get_part(call: Call[None, None]) -> Reply:
    letter, section = letter_in(call), call.path["section"]
    path = tuple(int(number) for number in section.split(".") if number.isdigit() and len(number) < 6)
    if ".".join(map(str, path)) != section:
        raise Problem(404, f"{section!r} is no section number such as 1.2")
    return await off_loop(letter.message.size, _part, letter, path)


def _part(letter: Letter, path: tuple[int, ...]) -> Reply:
    raw = letter.raw
    part = mime.find_part(mime.parse(raw), path)
    if part is None:
        raise Problem(404, f"the message has no part {'.'.join(map(str, path))}")
    decoded = mime.decoded(raw, part)
    octets = raw[part.body_start : part.end] if decoded is None else decoded
    kind = f"{part.type}/{part.subtype}" if _is_token(part.type) and _is_token(part.subtype) else "text/plain"
    charset = mime.parameter(part, "charset")
    if charset and _is_token(charset):
        kind += f"; charset={charset}"
    return content(octets, kind, mime.filename(part) or f"part-{'.'.join(map(str, path))}")


def _is_token(text: str) -> bool:
    return text.isascii() and bool(text) and all(letter.isalnum() or letter in "!#$&^_.+-" for letter in text)


# -- changing them


async def put_message(call: Call[PutMessage, None]) -> Reply:
    """Into a mailbox, as APPEND would: sessions that idle are told."""
    box, world = mailbox_of(call), call.world
    blob = await mail_in(call)
    now = world.clock.datetime()
    date = in_range(call.query.date, "#query/date") if call.query.date is not None else now
    new = NewMessage(blob, date, known(call.query.flag))
    appended = await world.commit(Append(box.owner, box.name, (new,), now))
    stored = stored_in(appended, world.journal.last)
    return created(stored[0], "accounts", box.owner, "mailboxes", box.name, "messages", stored[0].uid)


async def deliver(call: Call[DeliverMessage, None]) -> Delivered:
    """To the people the recipients lead to, as mail that came by SMTP, but with nothing put before it."""
    world, query = call.world, call.query
    blob = await mail_in(call)
    now = world.clock.datetime()
    recipients = tuple(map(Recipient, query.recipient))
    envelope = SmtpEnvelope(query.sender, recipients, peer="control", protocol="HTTP", size=blob.size)
    message = NewMessage(blob, now, envelope=envelope)
    deliveries: dict[str, Delivery] = {}
    for number, address in enumerate(query.recipient):
        resolution = world.accounts.resolve(address)
        if resolution is None or not resolution.logins:
            raise unprocessable(f"#query/recipient/{number}", f"nobody would get mail for {address}")
        for login in resolution.logins:
            deliveries.setdefault(login, Delivery(login, INBOX, message, address))
    appended = await world.commit(Deliver(tuple(deliveries.values()), now), origin="control")
    return Delivered(tuple(each for one in appended for each in stored_in(one, world.journal.last)))


async def change_flags(call: Call[None, FlagsPatch]) -> Flags:
    letter, world, body = letter_in(call), call.world, call.body
    if body.replace is not None and (body.add or body.remove):
        raise unprocessable("/replace", "all flags are replaced, or some added and removed; not both")
    flags = known(body.replace) if body.replace is not None else letter.flags - known(body.remove) | known(body.add)
    await world.commit(StoreFlags(letter.owner, letter.mailbox, (letter.uid,), "replace", frozenset(flags)))
    after = world.mail.get(letter.owner, letter.mailbox).get(letter.uid)
    return Flags(after.uid, tuple(sorted(after.flags)), after.modseq)


async def remove_message(call: Call[None, None]) -> None:
    letter = letter_in(call)
    await call.world.commit(Expunge(letter.owner, letter.mailbox, (letter.uid,)))


async def clear(call: Call[None, None]) -> Cleared:
    box = mailbox_of(call)
    return Cleared(len((await call.world.commit(Expunge(box.owner, box.name, tuple(box.messages)))).uids))


def letter_in(call: Call[Any, Any]) -> Letter:
    """The message in the path; AccountMissing, MailboxMissing, MessageMissing."""
    box = mailbox_of(call)
    return letter_of(box.owner, box.name, box.get(int(call.path["uid"])))


async def mail_in(call: Call[Any, Any]) -> Blob:
    """The message in the body."""
    blob = await call.blob(call.hub.settings.limits.message)
    return call.world.blobs.of(with_line_ends(blob.bytes()))


def known(flags: tuple[str, ...]) -> frozenset[str]:
    r"""Flags as they are kept: system flags in their one spelling; \Recent and unknown ones are refused."""
    for flag in flags:
        if flag.startswith("\\") and flag.lower() not in _SPELLINGS:
            raise unprocessable("/flags", f"{flag} is no flag to set; there are {', '.join(SYSTEM_FLAGS)} and keywords")
    return frozenset(_SPELLINGS.get(flag.lower(), flag) for flag in flags)


def stored_in(appended: Appended, event: int) -> tuple[Stored, ...]:
    """Where messages are now."""
    owner, mailbox = appended.owner, appended.mailbox
    return tuple(
        Stored(
            owner,
            mailbox,
            uid,
            appended.uidvalidity,
            event,
            path_to("accounts", owner, "mailboxes", mailbox, "messages", uid),
        )
        for uid in appended.uids
    )
