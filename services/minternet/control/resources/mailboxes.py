"""Mailboxes of an account."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from ...world.changes import CreateMailbox, DeleteMailbox, RenameMailbox, SetSpecialUse, Subscribe
from ...world.mail import Mailbox
from ...world.world import World
from ..call import Call, Reply, created
from ..problems import unprocessable
from ..schemas import Mailboxes, MailboxPatch, MailboxView, NewMailbox


async def list_mailboxes(call: Call[None, None]) -> Mailboxes:
    login = login_of(call)
    return Mailboxes(tuple(view(call.world, box) for box in call.world.mail.mailboxes(login)))


async def get_mailbox(call: Call[None, None]) -> MailboxView:
    return view(call.world, mailbox_of(call))


async def create_mailbox(call: Call[None, NewMailbox]) -> Reply:
    login, world = login_of(call), call.world
    check_name(call, call.body.name)
    box = await world.commit(CreateMailbox(login, call.body.name, call.body.special_use))
    await world.commit(Subscribe(login, box.name))
    return created(view(world, box), "accounts", login, "mailboxes", box.name)


async def change_mailbox(call: Call[None, MailboxPatch]) -> MailboxView:
    world, body = call.world, call.body
    box = mailbox_of(call)
    owner, name = box.owner, box.name
    if body.name is not UNSET and body.name != name:
        check_name(call, body.name)
        await world.commit(RenameMailbox(owner, name, body.name))
        name = body.name
    if body.special_use is not UNSET:
        await world.commit(SetSpecialUse(owner, name, body.special_use))
    if body.subscribed is not UNSET:
        await world.commit(Subscribe(owner, name, body.subscribed))
    return view(world, world.mail.get(owner, name))


async def delete_mailbox(call: Call[None, None]) -> None:
    box = mailbox_of(call)
    await call.world.commit(DeleteMailbox(box.owner, box.name))


def login_of(call: Call[Any, Any]) -> str:
    """The login in the path; AccountMissing."""
    return call.world.accounts.get(call.path["login"]).login


def mailbox_of(call: Call[Any, Any]) -> Mailbox:
    """The mailbox in the path; AccountMissing, MailboxMissing."""
    return call.world.mail.get(login_of(call), call.path["mailbox"])


def check_name(call: Call[Any, Any], name: str) -> None:
    """Problem 422 on what no mailbox may be called."""
    from ...protocols.imap.names import InvalidName, check_new_name

    try:
        check_new_name(name, call.hub.settings.limits.mailbox_name)
    except InvalidName as error:
        raise unprocessable("/name", str(error)) from None


def view(world: World, box: Mailbox) -> MailboxView:
    return MailboxView(
        box.owner,
        box.name,
        len(box),
        box.unseen,
        box.octets,
        box.uidvalidity,
        box.uidnext,
        box.highest_modseq,
        box.special_use,
        box.name in world.mail.store(box.owner).subscriptions,
        box.keywords,
    )
