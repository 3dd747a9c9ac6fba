"""ACL (RFC 4314): who else may do what in a mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...world.changes import SetAcl
from ...world.mail import Mailbox
from . import access
from .format import astring
from .reader import Reader
from .replies import bad
from .table import AFTER_LOGIN, command

if TYPE_CHECKING:
    from .session import ImapSession

IDENTIFIER_LIMIT = 255


def in_order(rights: frozenset[str]) -> bytes:
    """Rights in the RFC's order."""
    return "".join(right for right in access.RIGHTS if right in rights).encode("ascii")


def old_names(rights: frozenset[str]) -> bytes:
    """`c` and `d`, which clients of RFC 2086 look for (RFC 4314 section 2.1.1)."""
    return (b"c" if "k" in rights else b"") + (b"d" if rights & set("xte") else b"")


def read_rights(text: bytes) -> tuple[str, frozenset[str]]:
    """`+`, `-` or nothing, and the rights."""
    sign = text[:1].decode("latin-1") if text[:1] in (b"+", b"-") else ""
    letters = text.decode("latin-1")[len(sign) :]
    rights = frozenset("".join(access.OBSOLETE.get(letter, letter) for letter in letters))
    if not rights <= access.ALL_RIGHTS:
        raise bad("Unknown right")
    return sign, rights


def read_administered(session: ImapSession, reader: Reader) -> Mailbox:
    """A mailbox whose list the client may change."""
    reader.space()
    return access.get(session, session.read_mailbox(reader), "a")


def read_identifier(session: ImapSession, reader: Reader) -> str:
    """Who: a login as it is kept, `anyone`, or one of them with `-` before it."""
    reader.space()
    name = reader.astring().decode("utf-8", "replace")
    negative, name = ("-", name[1:]) if name.startswith("-") else ("", name)
    account = session.world.accounts.find(name)
    if not name or len(name) > IDENTIFIER_LIMIT:
        raise bad("Invalid identifier")
    return negative + (account.login if account is not None else name)


def written(session: ImapSession, mailbox: Mailbox) -> bytes:
    """The mailbox's name."""
    return astring(session.written_name(access.shown_name(session, mailbox)), utf8=session.utf8)


@command("SETACL", AFTER_LOGIN, "mailbox identifier [+-]rights", rfc="RFC 4314", capability="ACL")
async def set_acl(session: ImapSession, reader: Reader) -> None:
    """Give or take rights."""
    mailbox = read_administered(session, reader)
    identifier = read_identifier(session, reader)
    reader.space()
    sign, rights = read_rights(reader.astring())
    reader.end()
    before = access.granted_to(mailbox, identifier)
    after = before | rights if sign == "+" else before - rights if sign == "-" else rights
    await session.commit(SetAcl(mailbox.owner, mailbox.name, identifier, in_order(after).decode("ascii") or None))


@command("DELETEACL", AFTER_LOGIN, "mailbox identifier", rfc="RFC 4314", capability="ACL")
async def delete_acl(session: ImapSession, reader: Reader) -> None:
    """Take somebody off the list."""
    mailbox = read_administered(session, reader)
    identifier = read_identifier(session, reader)
    reader.end()
    await session.commit(SetAcl(mailbox.owner, mailbox.name, identifier, None))


@command("GETACL", AFTER_LOGIN, "mailbox", rfc="RFC 4314", capability="ACL")
async def get_acl(session: ImapSession, reader: Reader) -> None:
    """Tell the list."""
    mailbox = read_administered(session, reader)
    reader.end()
    listed = {mailbox.owner: access.ALL_RIGHTS}
    listed |= {who: frozenset(rights) for who, rights in mailbox.acl.items() if who != mailbox.owner}
    told = [
        astring(who.encode("utf-8"), utf8=True) + b" " + in_order(rights) + old_names(rights)
        for who, rights in listed.items()
    ]
    session.wire.send(b"* ACL %b %b\r\n" % (written(session, mailbox), b" ".join(told)))


@command("LISTRIGHTS", AFTER_LOGIN, "mailbox identifier", rfc="RFC 4314", capability="ACL")
async def list_rights(session: ImapSession, reader: Reader) -> None:
    """Tell which rights somebody can be given: the owner always has all."""
    mailbox = read_administered(session, reader)
    identifier = read_identifier(session, reader)
    reader.end()
    if identifier == mailbox.owner:
        told = access.RIGHTS.encode("ascii")
    else:
        told = b'"" ' + b" ".join(right.encode("ascii") for right in access.RIGHTS)
    who = astring(identifier.encode("utf-8"), utf8=True)
    session.wire.send(b"* LISTRIGHTS %b %b %b\r\n" % (written(session, mailbox), who, told))


@command("MYRIGHTS", AFTER_LOGIN, "mailbox", rfc="RFC 4314", capability="ACL")
async def my_rights(session: ImapSession, reader: Reader) -> None:
    """Tell what the client may do."""
    reader.space()
    mailbox = access.get(session, session.read_mailbox(reader))
    reader.end()
    rights = access.rights_in(session, mailbox)
    session.wire.send(b"* MYRIGHTS %b %b%b\r\n" % (written(session, mailbox), in_order(rights), old_names(rights)))
