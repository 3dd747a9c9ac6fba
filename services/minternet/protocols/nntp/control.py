"""Control messages and Supersedes (RFC 5537 section 5), and who may take an article back: its author.

The author is who logged in with the same account, or has the key to the article's Cancel-Lock (RFC 8315), or, where it has
no lock, writes the same From. Newgroup and rmgroup are for who reads the mail of `newsmaster`, `usenet` or `postmaster`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ...world.changes import ChangeGroup, CreateGroup, RemoveGroup
from ...world.mime import addresses, first_header
from ...world.records import Account, Article
from ...world.world import World
from .arguments import shown
from .articles import GROUP_NAME, Draft, Rejected, check_message_id

CODE: Final = re.compile(rb"([A-Za-z0-9-]+):([A-Za-z0-9+/=]+)")
ACCOUNT: Final = re.compile(rb";\s*posting-account=\"?([^\";\s]+)")
SCHEMES: Final[Mapping[bytes, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        b"sha256": lambda key: hashlib.sha256(key).digest(),
        b"sha512": lambda key: hashlib.sha512(key).digest(),
    }
)
"""RFC 8315 section 5; sha1 is there for history only."""
NEWSMASTERS: Final = ("newsmaster", "usenet", "postmaster")
STRONG_KINDS: Final = frozenset({"account", "alias", "list"})
"""Ways of an address to its account that say something about the account."""
FILED: Final = frozenset({"checkgroups", "ihave", "sendme"})
"""Control messages that are filed and change nothing here (RFC 5537 sections 5.2.3 and 5.5)."""


class Order(NamedTuple):
    """What a Control field says."""

    verb: str
    words: tuple[str, ...]


def order_of(draft: Draft) -> Order | None:
    """The control message's order; Rejected where it is none."""
    value = draft.get(b"control")
    if value is None:
        return None
    verb, *words = value.decode("utf-8", "replace").split()
    order = Order(verb.lower(), tuple(words))
    if order.verb == "cancel" and len(words) == 1:
        check_message_id(words[0].encode())
    elif order.verb in ("newgroup", "rmgroup") and words:
        if GROUP_NAME.fullmatch(words[0]) is None:
            raise Rejected(f"{shown(words[0])} is no name for a newsgroup")
    elif order.verb not in FILED:
        raise Rejected(f"Control holds no order: {shown(value)}")
    return order


# -- taking articles back


def taken_back(draft: Draft, order: Order | None) -> tuple[str, ...]:
    """The message-ids that the article wants gone."""
    if order is not None and order.verb == "cancel":
        return order.words
    superseded = draft.get(b"supersedes")
    return () if superseded is None else (superseded.decode(),)


def is_own(article: Article, draft: Draft, account: Account | None, path_host: str) -> bool:
    """Whether the author of `draft` is the author of an article that is here."""
    octets = article.header_octets
    head = article.content.slice(0, octets)
    if account is not None and poster_of(head, octets, path_host) == account.login.encode():
        return True
    lock = first_header(head, b"Cancel-Lock", 0, octets)
    if lock is not None:
        return opens(draft.values.get(b"cancel-key", b""), lock)
    return author(first_header(head, b"From", 0, octets) or b"") == author(draft.values[b"from"])


def poster_of(head: bytes, octets: int, path_host: str) -> bytes | None:
    """The account that posted an article here, as Injection-Info tells it."""
    info = first_header(head, b"Injection-Info", 0, octets)
    if info is None or info.partition(b";")[0].strip() != path_host.encode():
        return None
    found = ACCOUNT.search(info)
    return found[1] if found else None


def author(value: bytes) -> tuple[bytes, ...]:
    """The addresses of a From, to be compared."""
    return tuple(address.spec.lower() for address in addresses(value))


def opens(keys: bytes, locks: bytes) -> bool:
    """Whether a Cancel-Key fits a Cancel-Lock (RFC 8315 section 3)."""
    wanted = {(scheme.lower(), lock) for scheme, lock in CODE.findall(locks)}
    return any((scheme.lower(), lock_for(scheme, key)) in wanted for scheme, key in CODE.findall(keys))


def lock_for(scheme: bytes, key: bytes) -> bytes | None:
    """The lock that a key opens, in base64; None for a scheme that is not known."""
    digest = SCHEMES.get(scheme.lower())
    return None if digest is None else base64.b64encode(digest(key))


def key_of(world: World, account: Account, message_id: str) -> bytes:
    """The server's own key for an account's article: made anew when wanted, never kept (RFC 8315 section 4)."""
    secret = hashlib.sha256(f"cancel-lock {world.chance.seed} {world.news.path_host}".encode()).digest()
    return base64.b64encode(hmac.digest(secret, f"{account.login} {message_id}".encode(), "sha256"))


# -- groups


def governs(world: World, account: Account | None) -> bool:
    """Whether an account may make and remove newsgroups."""
    if account is None:
        return False
    for name in NEWSMASTERS:
        resolution = world.accounts.resolve(f"{name}@{world.accounts.domain}")
        if resolution is not None and resolution.kind in STRONG_KINDS and account.login in resolution.logins:
            return True
    return False


def check_may_govern(world: World, account: Account | None, draft: Draft, order: Order) -> None:
    """Refuse a newgroup or rmgroup of somebody who may not, or without Approved (RFC 5536 section 3.2.1)."""
    if not governs(world, account):
        raise Rejected(f"{order.verb} is not for you to order")
    if draft.get(b"approved") is None:
        raise Rejected(f"{order.verb} wants an Approved field")
    if order.verb == "rmgroup" and order.words[0] not in world.news.groups:
        raise Rejected(f"no such newsgroup here: {shown(order.words[0])}")


async def govern(world: World, order: Order, draft: Draft, origin: object) -> None:
    """Do what a newgroup or rmgroup orders."""
    name = order.words[0]
    if order.verb == "rmgroup":
        if name in world.news.groups:
            await world.commit(RemoveGroup(name), origin)
        return
    status = "m" if "moderated" in order.words[1:] else "y"
    description = description_in(draft.body, name)
    if name in world.news.groups:
        await world.commit(ChangeGroup(name, description, status), origin)
        return
    creator = author(draft.values[b"from"])[0].decode("utf-8", "replace")
    await world.commit(CreateGroup(name, world.clock.now(), description or "", status, "", creator), origin)


def description_in(body: bytes, name: str) -> str | None:
    """The group's line in a newgroup's body, `name<TAB>description` (RFC 5537 section 5.2.1)."""
    for line in body.decode("utf-8", "replace").splitlines():
        words = line.split(None, 1)
        if len(words) == 2 and words[0] == name:
            return words[1].strip()
    return None
