"""Changes of mailboxes themselves: made, deleted, renamed, subscribed, described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..mail import Mailbox
from .base import Change, Topics, mailbox_topic, mailboxes_topic, put_or_pop

if TYPE_CHECKING:
    from ..world import World


class CreateMailbox(Change[Mailbox], frozen=True, gc=False):
    """A new mailbox."""

    owner: str
    name: str
    special_use: str | None = None
    uidvalidity: int | None = None

    def apply(self, world: World) -> Mailbox:
        return world.mail.create(self.owner, self.name, self.special_use, self.uidvalidity)

    def topics(self, result: Mailbox) -> Topics:
        return (mailboxes_topic(self.owner),)


class DeleteMailbox(Change[Mailbox], frozen=True, gc=False):
    """A mailbox and its messages go."""

    owner: str
    name: str

    def apply(self, world: World) -> Mailbox:
        return world.mail.delete(self.owner, self.name)

    def topics(self, result: Mailbox) -> Topics:
        return (mailboxes_topic(self.owner), mailbox_topic(self.owner, result.name))


class RenameMailbox(Change[tuple[tuple[str, str], ...]], frozen=True, gc=False):
    """A mailbox and those below it get new names: pairs of old and new."""

    owner: str
    name: str
    to: str

    def apply(self, world: World) -> tuple[tuple[str, str], ...]:
        return world.mail.rename(self.owner, self.name, self.to)

    def topics(self, result: tuple[tuple[str, str], ...]) -> Topics:
        return (mailboxes_topic(self.owner), *(mailbox_topic(self.owner, old) for old, _ in result))


class Subscribe(Change[bool], frozen=True, gc=False):
    """Subscribe to a mailbox name, or no longer."""

    owner: str
    name: str
    on: bool = True

    def apply(self, world: World) -> bool:
        return world.mail.subscribe(self.owner, self.name, self.on)

    def topics(self, result: bool) -> Topics:
        return (mailboxes_topic(self.owner),)


class SetAcl(Change[None], frozen=True, gc=False):
    """Somebody's rights in a mailbox; None takes the identifier off the list (RFC 4314)."""

    owner: str
    mailbox: str
    identifier: str
    rights: str | None

    def apply(self, world: World) -> None:
        put_or_pop(world.mail.writable(self.owner, self.mailbox).acl, self.identifier, self.rights)

    def topics(self, result: None) -> Topics:
        return (mailboxes_topic(self.owner),)


class SetMetadata(Change[None], frozen=True, gc=False):
    """An annotation of a mailbox, or of the server where `mailbox` is empty; None removes it (RFC 5464)."""

    owner: str
    mailbox: str
    entry: str
    value: bytes | None

    def apply(self, world: World) -> None:
        if self.mailbox:
            annotations = world.mail.writable(self.owner, self.mailbox).annotations
        else:
            annotations = world.mail.writable_store(self.owner).annotations
        put_or_pop(annotations, self.entry.lower(), self.value, keep_empty=True)

    def topics(self, result: None) -> Topics:
        return (mailboxes_topic(self.owner),)


class SetSpecialUse(Change[None], frozen=True, gc=False):
    """What a mailbox is for (RFC 6154)."""

    owner: str
    mailbox: str
    special_use: str | None

    def apply(self, world: World) -> None:
        world.mail.writable(self.owner, self.mailbox).special_use = self.special_use

    def topics(self, result: None) -> Topics:
        return (mailboxes_topic(self.owner),)
