"""Where a mailbox name leads, and what the client may do there (RFC 4314).

One's own mailboxes stand under their own names and one may do everything there; those of others stand under
`Users/LOGIN/` and show as far as an access list says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ...world.errors import MailboxMissing
from ...world.mail import Mailbox
from .replies import no

if TYPE_CHECKING:
    from .session import ImapSession

OTHERS = "Users/"
"""Before other people's mailboxes, which stand below their logins (RFC 2342)."""
RIGHTS = "lrswipkxtea"
"""All rights, in the order of RFC 4314 section 2.1."""
OBSOLETE = {"c": "k", "d": "xte"}
"""Rights of RFC 2086 and what they are made of today."""
ALL_RIGHTS = frozenset(RIGHTS)
ANYONE = "anyone"
CHANGING = frozenset("swtei")
"""Rights without which a mailbox is read-only."""


class Place(msgspec.Struct, frozen=True):
    """An account's login and the name of a mailbox there, which may not exist."""

    owner: str
    name: str


def locate(session: ImapSession, name: str) -> Place:
    """Where a name leads for this client."""
    if name.startswith(OTHERS) and session.has("ACL"):
        login, _, rest = name.removeprefix(OTHERS).partition("/")
        if login and login != session.login:
            return Place(login, rest)
    return Place(session.login, name)


def shown_name(session: ImapSession, mailbox: Mailbox) -> str:
    """The name under which this client knows the mailbox."""
    return mailbox.name if mailbox.owner == session.login else f"{OTHERS}{mailbox.owner}/{mailbox.name}"


def rights_in(session: ImapSession, mailbox: Mailbox) -> frozenset[str]:
    """What this client may do in the mailbox."""
    if mailbox.owner == session.login:
        return ALL_RIGHTS
    granted = granted_to(mailbox, session.login) | granted_to(mailbox, ANYONE)
    return granted - granted_to(mailbox, "-" + session.login)


def granted_to(mailbox: Mailbox, identifier: str) -> frozenset[str]:
    """What the access list says of one identifier."""
    return frozenset(mailbox.acl.get(identifier, ""))


def find(session: ImapSession, name: str) -> Mailbox | None:
    """The mailbox of that name, if the client may know of it."""
    place = locate(session, name)
    mailbox = session.world.mail.find(place.owner, place.name)
    if mailbox is None or (place.owner != session.login and not rights_in(session, mailbox) & {"l", "r"}):
        return None
    return mailbox


def get(session: ImapSession, name: str, needs: str = "") -> Mailbox:
    """The mailbox of that name, where the client has these rights: NONEXISTENT or NOPERM otherwise."""
    mailbox = find(session, name)
    if mailbox is None:
        raise MailboxMissing(f"no mailbox {name!r}")
    if needs and not set(needs) <= rights_in(session, mailbox):
        raise no("Permission denied", "NOPERM")
    return mailbox


def destination(session: ImapSession, name: str) -> Mailbox:
    """The mailbox that messages are to be put into: TRYCREATE where there is none (RFC 3501 section 6.3.11)."""
    try:
        return get(session, name, "i")
    except MailboxMissing:
        raise no("No such mailbox", "TRYCREATE") from None
