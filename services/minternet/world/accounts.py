"""Who there is: accounts, aliases, lists and the catch-all."""

from __future__ import annotations

import hmac

import msgspec

from .eras import Eras, Shelf
from .errors import AccountExists, AccountMissing, there_are
from .records import Account, Token

SUBADDRESS = "+"
"""What parts a mailbox name from its detail (RFC 5233)."""


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """Whose mailboxes an address leads to; `kind` says by which rule."""

    kind: str
    logins: tuple[str, ...]
    detail: str = ""


class Accounts:
    """Accounts by login, and where addresses lead."""

    def __init__(self, eras: Eras) -> None:
        self.by_login: Shelf[str, Account] = Shelf(eras)
        self.login_of: Shelf[str, str] = Shelf(eras)
        self.aliases: Shelf[str, tuple[str, ...]] = Shelf(eras)
        self.lists: Shelf[str, tuple[str, ...]] = Shelf(eras)
        self.rules: Shelf[str, str] = Shelf(eras)

    @property
    def shelves(self) -> tuple[Shelf[str, Account] | Shelf[str, str] | Shelf[str, tuple[str, ...]], ...]:
        return (self.by_login, self.login_of, self.aliases, self.lists, self.rules)

    @property
    def catch_all(self) -> str | None:
        """The login that gets mail for unknown recipients."""
        return self.rules.get("catch_all")

    @property
    def domain(self) -> str:
        """The domain that addresses without one are taken to be in."""
        return self.rules.get("domain") or "example.test"

    def find(self, name: str) -> Account | None:
        """The account of that login or address, upper or lower case."""
        folded = name.casefold()
        return self.by_login.get(folded) or self.by_login.get(self.login_of.get(folded) or "")

    def get(self, name: str) -> Account:
        """The account of that login or address; AccountMissing."""
        account = self.find(name)
        if account is None:
            raise AccountMissing(f"no account {name!r}{there_are(each.login for each in self.by_login.values())}")
        return account

    def check(self, name: str, password: str) -> Account | None:
        """The account, where the password is right and the account is not disabled; takes the same time either way."""
        account = self.find(name)
        expected = account.password if account else "\x00"
        right = hmac.compare_digest(expected.encode(), password.encode("utf-8", "surrogateescape"))
        return account if right and account is not None and not account.disabled else None

    def token(self, value: str) -> tuple[Account, Token] | None:
        """Whose bearer token that is."""
        for account in self.by_login.values():
            for token in account.tokens:
                if hmac.compare_digest(token.value.encode(), value.encode("utf-8", "surrogateescape")):
                    return account, token
        return None

    def resolve(self, address: str) -> Resolution | None:
        """Where mail for an address goes; None where nobody would have it."""
        local, _, domain = address.rpartition("@") if "@" in address else (address, "", self.domain)
        name, _, detail = local.partition(SUBADDRESS)
        for candidate in (f"{local}@{domain}", f"{name}@{domain}"):
            found = self._exact(candidate.casefold())
            if found is not None:
                return Resolution(found[0], found[1], detail if candidate != f"{local}@{domain}" else "")
        if local.casefold() == "postmaster" and self.catch_all:
            return Resolution("postmaster", (self.catch_all,))
        return Resolution("catch-all", (self.catch_all,)) if self.catch_all else None

    def _exact(self, address: str) -> tuple[str, tuple[str, ...]] | None:
        login = self.login_of.get(address)
        if login is not None:
            return "account", (login,)
        if address in self.aliases:
            return "alias", self._members(self.aliases[address])
        if address in self.lists:
            return "list", self._members(self.lists[address])
        return None

    def _members(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The logins behind addresses, each once; a list that holds itself ends."""
        logins: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(reversed(addresses))
        while waiting:
            address = waiting.pop().casefold()
            if address in seen:
                continue
            seen.add(address)
            login = self.login_of.get(address)
            if login is not None:
                logins[login] = None
            else:
                waiting += reversed(self.aliases.get(address) or self.lists.get(address) or ())
        if not logins and self.catch_all:
            logins[self.catch_all] = None
        return tuple(logins)

    # -- changes call these

    def add(self, account: Account) -> Account:
        login, address = account.login.casefold(), account.address.casefold()
        if login in self.by_login or address in self.login_of:
            raise AccountExists(f"there is an account {account.login!r} or {account.address!r} already")
        self.by_login.writable()[login] = account
        self.login_of.writable()[address] = login
        return account

    def replace(self, account: Account) -> Account:
        """Put a changed account in the place of the one of the same login."""
        before = self.get(account.login)
        self.login_of.writable().pop(before.address.casefold(), None)
        self.by_login.writable()[account.login.casefold()] = account
        self.login_of.writable()[account.address.casefold()] = account.login.casefold()
        return account

    def remove(self, login: str) -> Account:
        account = self.get(login)
        del self.by_login.writable()[account.login.casefold()]
        del self.login_of.writable()[account.address.casefold()]
        return account
