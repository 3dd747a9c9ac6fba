"""Accounts with their tokens and quotas, aliases, lists and the catch-all."""

from __future__ import annotations

from datetime import UTC, datetime

from ...world.changes import AddAccount, RemoveAccount, ReplaceAccount, SetAlias, SetList, SetQuota, SetRule
from ...world.errors import AccountExists, NotAFolder
from ...world.files import clean, split
from ...world.records import Account, Quota, Token
from ...world.world import World
from ..call import Call, Reply, created, in_range
from ..problems import Problem, unprocessable
from ..schemas import (
    AccountBody,
    Accounts,
    AccountView,
    AllLeads,
    CatchAll,
    Leads,
    NewAccount,
    QuotaBody,
    QuotaView,
    Targets,
    TokenBody,
    TokenView,
)


async def list_accounts(call: Call[None, None]) -> Accounts:
    return Accounts(tuple(view(call.world, account) for account in call.world.accounts.by_login.values()))


async def get_account(call: Call[None, None]) -> AccountView:
    return view(call.world, call.world.accounts.get(call.path["login"]))


async def add_account(call: Call[None, NewAccount]) -> Reply:
    world = call.world
    account = record(world, call.body.login, call.body)
    check_home(world, account.home)
    await world.commit(AddAccount(account, world.clock.now()))
    return created(view(world, account), "accounts", account.login)


async def replace_account(call: Call[None, AccountBody]) -> AccountView:
    world = call.world
    before = world.accounts.get(call.path["login"])
    account = record(world, before.login, call.body)
    holder = world.accounts.login_of.get(account.address.casefold())
    if holder not in (None, before.login.casefold()):
        raise AccountExists(f"the address {account.address} is {holder}'s")
    check_home(world, account.home)
    await world.commit(ReplaceAccount(account))
    return view(world, account)


async def remove_account(call: Call[None, None]) -> None:
    world = call.world
    account = world.accounts.get(call.path["login"])
    if world.accounts.catch_all == account.login:
        await world.commit(SetRule("catch_all", None))
    await world.commit(RemoveAccount(account.login))


def record(world: World, login: str, body: AccountBody) -> Account:
    """The account's record; Problem 422 where its home is no path."""
    return Account(
        login,
        body.address or f"{login}@{world.accounts.domain}",
        body.password,
        body.name,
        clean(body.home if body.home is not None else f"/home/{login}"),
        tuple(token_of(world, token) for token in body.tokens),
        Quota(body.quota.storage, body.quota.messages),
        body.disabled,
    )


def check_home(world: World, home: str) -> None:
    """NotAFolder where a file is in the way: an account is made whole or not at all."""
    path = home
    while path != "/":
        entry = world.files.find(path)
        if entry is not None and not entry.is_folder:
            raise NotAFolder(f"{path} is not a folder, and {home} is to be one")
        path = split(path)[0]


def view(world: World, account: Account) -> AccountView:
    """An account, and what it holds."""
    boxes = world.mail.mailboxes(account.login)
    return AccountView(
        account.login,
        account.address,
        account.password,
        account.name,
        account.home,
        account.disabled,
        tuple(map(token_view, account.tokens)),
        quota_view(world, account),
        len(boxes),
        sum(map(len, boxes)),
        sum(box.unseen for box in boxes),
    )


# -- tokens and quota


async def list_tokens(call: Call[None, None]) -> tuple[TokenView, ...]:
    return tuple(map(token_view, call.world.accounts.get(call.path["login"]).tokens))


async def add_token(call: Call[None, TokenBody]) -> Reply:
    world = call.world
    account = world.accounts.get(call.path["login"])
    token = token_of(world, call.body)
    if world.accounts.token(token.value) is not None:
        raise Problem(409, "somebody has that token already")
    await world.commit(ReplaceAccount(_with_tokens(account, (*account.tokens, token))))
    return created(token_view(token), "accounts", account.login, "tokens", token.value)


async def remove_token(call: Call[None, None]) -> None:
    world, value = call.world, call.path["token"]
    account = world.accounts.get(call.path["login"])
    left = tuple(token for token in account.tokens if token.value != value)
    if len(left) == len(account.tokens):
        raise Problem(404, f"{account.login} has no such token")
    await world.commit(ReplaceAccount(_with_tokens(account, left)))


async def get_quota(call: Call[None, None]) -> QuotaView:
    return quota_view(call.world, call.world.accounts.get(call.path["login"]))


async def set_quota(call: Call[None, QuotaBody]) -> QuotaView:
    world = call.world
    login = world.accounts.get(call.path["login"]).login
    account = await world.commit(SetQuota(login, Quota(call.body.storage, call.body.messages)))
    return quota_view(world, account)


def token_of(world: World, body: TokenBody) -> Token:
    """The token's record."""
    value = body.value if body.value is not None else world.chance.token(16)
    expires = None
    if body.expires is not None:
        expires = in_range(body.expires, "/expires").timestamp()
    return Token(value, expires, body.scopes)


def token_view(token: Token) -> TokenView:
    expires = None if token.expires is None else datetime.fromtimestamp(token.expires, UTC)
    return TokenView(token.value, expires, token.scopes)


def quota_view(world: World, account: Account) -> QuotaView:
    return QuotaView(account.quota.storage, account.quota.messages, *world.mail.usage(account.login))


def _with_tokens(account: Account, tokens: tuple[Token, ...]) -> Account:
    import msgspec

    return msgspec.structs.replace(account, tokens=tokens)


# -- aliases, lists, catch-all


async def list_aliases(call: Call[None, None]) -> AllLeads:
    return AllLeads(tuple(Leads(*each) for each in sorted(call.world.accounts.aliases.items())))


async def get_alias(call: Call[None, None]) -> Leads:
    return _leads(call.world.accounts.aliases.items_now, call.path["address"], "alias")


async def set_alias(call: Call[None, Targets]) -> Leads:
    address = free_address(call.world, call.path["address"])
    await call.world.commit(SetAlias(address, call.body.targets))
    return Leads(address, call.body.targets)


async def remove_alias(call: Call[None, None]) -> None:
    gone = _leads(call.world.accounts.aliases.items_now, call.path["address"], "alias")
    await call.world.commit(SetAlias(gone.address, ()))


async def list_lists(call: Call[None, None]) -> AllLeads:
    return AllLeads(tuple(Leads(*each) for each in sorted(call.world.accounts.lists.items())))


async def get_list(call: Call[None, None]) -> Leads:
    return _leads(call.world.accounts.lists.items_now, call.path["address"], "list")


async def set_list(call: Call[None, Targets]) -> Leads:
    address = free_address(call.world, call.path["address"])
    await call.world.commit(SetList(address, call.body.targets))
    return Leads(address, call.body.targets)


async def remove_list(call: Call[None, None]) -> None:
    gone = _leads(call.world.accounts.lists.items_now, call.path["address"], "list")
    await call.world.commit(SetList(gone.address, ()))


async def get_catch_all(call: Call[None, None]) -> CatchAll:
    return CatchAll(call.world.accounts.catch_all)


async def set_catch_all(call: Call[None, CatchAll]) -> CatchAll:
    login = call.body.login
    if login is not None:
        account = call.world.accounts.find(login)
        if account is None:
            raise unprocessable("/login", f"no account {login!r}")
        login = account.login
    await call.world.commit(SetRule("catch_all", login))
    return CatchAll(login)


def free_address(world: World, address: str) -> str:
    """An address that may be an alias or a list: it has an @, and is no account's."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or any(character.isspace() for character in address):
        raise unprocessable("#path/address", f"{address!r} is no address")
    if address.casefold() in world.accounts.login_of:
        raise AccountExists(f"{address} is an account's")
    return address.casefold()


def _leads(known: dict[str, tuple[str, ...]], address: str, what: str) -> Leads:
    targets = known.get(address.casefold())
    if targets is None:
        raise Problem(404, f"no {what} {address!r}")
    return Leads(address.casefold(), targets)
