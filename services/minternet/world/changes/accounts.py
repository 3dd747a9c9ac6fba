"""Changes of accounts, aliases, lists and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..errors import AccountMissing
from ..mail import DEFAULT_MAILBOXES
from ..records import Account, Quota
from .base import ACCOUNTS, Change, Topics, mailboxes_topic, put_or_pop

if TYPE_CHECKING:
    from ..world import World


class AddAccount(Change[Account], frozen=True, gc=False):
    """A new account, with the usual mailboxes and a home folder."""

    account: Account
    at: float

    def apply(self, world: World) -> Account:
        account = world.accounts.add(self.account)
        for name, use in DEFAULT_MAILBOXES:
            if world.mail.find(account.login, name) is None:
                world.mail.create(account.login, name, use)
                world.mail.subscribe(account.login, name, True)
        world.files.make_home(account.home, self.at, account.login)
        return account

    def topics(self, result: Account) -> Topics:
        return ACCOUNTS


class ReplaceAccount(Change[Account], frozen=True, gc=False):
    """An account's new password, tokens, quota or address."""

    account: Account

    def apply(self, world: World) -> Account:
        return world.accounts.replace(self.account)

    def topics(self, result: Account) -> Topics:
        return ACCOUNTS


class RemoveAccount(Change[Account], frozen=True, gc=False):
    """An account goes, its mail with it."""

    login: str

    def apply(self, world: World) -> Account:
        account = world.accounts.remove(self.login)
        world.mail.stores.writable().pop(account.login, None)
        return account

    def topics(self, result: Account) -> Topics:
        return (*ACCOUNTS, mailboxes_topic(result.login))


class SetQuota(Change[Account], frozen=True, gc=False):
    """What an account may store."""

    login: str
    quota: Quota

    def apply(self, world: World) -> Account:
        return world.accounts.replace(msgspec.structs.replace(world.accounts.get(self.login), quota=self.quota))

    def topics(self, result: Account) -> Topics:
        return ACCOUNTS


class SetAlias(Change[None], frozen=True, gc=False):
    """Where an alias leads; nowhere removes it."""

    address: str
    targets: tuple[str, ...]

    def apply(self, world: World) -> None:
        put_or_pop(world.accounts.aliases.writable(), self.address.casefold(), self.targets)

    def topics(self, result: None) -> Topics:
        return ACCOUNTS


class SetList(Change[None], frozen=True, gc=False):
    """The members of a list; none removes it."""

    address: str
    members: tuple[str, ...]

    def apply(self, world: World) -> None:
        put_or_pop(world.accounts.lists.writable(), self.address.casefold(), self.members)

    def topics(self, result: None) -> Topics:
        return ACCOUNTS


class SetRule(Change[None], frozen=True, gc=False):
    """A rule of the mail system: `catch_all` (a login, or none) or `domain`."""

    rule: str
    value: str | None

    def apply(self, world: World) -> None:
        if self.rule == "catch_all" and self.value is not None and world.accounts.find(self.value) is None:
            raise AccountMissing(f"no account {self.value!r} to catch mail for unknown recipients")
        rules = world.accounts.rules.writable()
        if self.value is None:
            rules.pop(self.rule, None)
        else:
            rules[self.rule] = self.value

    def topics(self, result: None) -> Topics:
        return ACCOUNTS
