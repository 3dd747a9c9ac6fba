"""Accounts, tokens, quotas, aliases, lists."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .base import END, Address, Count, In, Login, Moment, Name, Out, Words


class TokenBody(In, frozen=True, forbid_unknown_fields=True):
    """A bearer token; a value is made up where none is given."""

    value: Annotated[str, Meta(min_length=1, max_length=2000, pattern=rf"^[!-~]+{END}")] | None = None
    expires: Moment | None = None
    scopes: tuple[Words, ...] = ()


class TokenView(Out, frozen=True):
    """A bearer token."""

    value: str
    expires: Moment | None
    scopes: tuple[str, ...]


class QuotaBody(In, frozen=True, forbid_unknown_fields=True):
    """What an account may store, in octets and messages; null for no limit."""

    storage: Count | None = None
    messages: Count | None = None


class QuotaView(Out, frozen=True):
    """What an account may store, and what it does."""

    storage: int | None
    messages: int | None
    used_storage: int
    used_messages: int


class AccountBody(In, frozen=True, forbid_unknown_fields=True):
    """An account; the address is login@domain and the home /home/login where they are left out."""

    password: Words = "secret"
    address: Address | None = None
    name: Words = ""
    home: Words | None = None
    tokens: tuple[TokenBody, ...] = ()
    quota: QuotaBody = QuotaBody()
    disabled: bool = False


class NewAccount(AccountBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new account."""

    login: Login


class AccountView(Out, frozen=True):
    """An account, and what it holds."""

    login: str
    address: str
    password: str
    name: str
    home: str
    disabled: bool
    tokens: tuple[TokenView, ...]
    quota: QuotaView
    mailboxes: int
    messages: int
    unseen: int


class Accounts(Out, frozen=True):
    """All accounts."""

    accounts: tuple[AccountView, ...]


class Targets(In, frozen=True, forbid_unknown_fields=True):
    """Where an alias leads, or who is on a list: addresses."""

    targets: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=1000)]


class Leads(Out, frozen=True):
    """An alias or a list: its address and where it leads."""

    address: str
    targets: tuple[str, ...]


class AllLeads(Out, frozen=True):
    """All aliases, or all lists."""

    addresses: tuple[Leads, ...]


class CatchAll(Struct, frozen=True, forbid_unknown_fields=True):
    """The login that gets mail for unknown recipients; null for nobody."""

    login: Name | None
