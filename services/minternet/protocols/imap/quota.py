"""QUOTA (RFC 9208): one root, "", for all an account stores.  Storage is told in units of 1024 octets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...world.changes import SetQuota
from ...world.records import Quota
from . import access
from .format import astring
from .reader import Malformed, Reader
from .replies import no
from .table import AFTER_LOGIN, command

if TYPE_CHECKING:
    from .session import ImapSession

UNIT = 1024


def quota_line(session: ImapSession, owner: str) -> bytes:
    """`* QUOTA "" (STORAGE 10 512)`: the resources that are limited."""
    quota = session.world.accounts.get(owner).quota
    octets, messages = session.world.mail.usage(owner)
    resources = []
    if quota.storage is not None:
        resources.append(b"STORAGE %d %d" % (-(-octets // UNIT), quota.storage // UNIT))
    if quota.messages is not None:
        resources.append(b"MESSAGE %d %d" % (messages, quota.messages))
    return b'* QUOTA "" (%b)\r\n' % b" ".join(resources)


def check_root(root: bytes) -> None:
    """There is one root."""
    if root:
        raise no("No such quota root", "NONEXISTENT")


@command("GETQUOTA", AFTER_LOGIN, "root", rfc="RFC 9208", capability="QUOTA")
async def get_quota(session: ImapSession, reader: Reader) -> None:
    """Tell a root's limits and what is used."""
    reader.space()
    root = reader.astring()
    reader.end()
    check_root(root)
    session.wire.send(quota_line(session, session.login))


@command("GETQUOTAROOT", AFTER_LOGIN, "mailbox", rfc="RFC 9208", capability="QUOTA")
async def get_quota_root(session: ImapSession, reader: Reader) -> None:
    """Tell a mailbox's quota roots."""
    reader.space()
    name = session.read_mailbox(reader)
    reader.end()
    mailbox = access.get(session, name, "r")
    written = astring(session.written_name(name), utf8=session.utf8)
    session.wire.send(b'* QUOTAROOT %b ""\r\n' % written + quota_line(session, mailbox.owner))


@command("SETQUOTA", AFTER_LOGIN, "root (resource limit ...)", rfc="RFC 9208", capability="QUOTA")
async def set_quota(session: ImapSession, reader: Reader) -> None:
    """Set a root's limits: of one's own, for this is a server to test with."""
    reader.space()
    root = reader.astring()
    reader.space()
    limits: dict[str, int] = {}

    def resource() -> None:
        name = reader.keyword()
        if name not in {"STORAGE", "MESSAGE"}:
            raise Malformed(f"unknown resource {name}")
        reader.space()
        limits[name] = reader.number(0x7FFFFFFFFFFFFFFF // UNIT)

    reader.list_of(resource)
    reader.end()
    check_root(root)
    storage = limits["STORAGE"] * UNIT if "STORAGE" in limits else None
    await session.commit(SetQuota(session.login, Quota(storage, limits.get("MESSAGE"))))
    session.wire.send(quota_line(session, session.login))
