"""Every change there is. A change says all that is needed to make it again: times and content are settled before it is
made; UIDs, article numbers and the like follow from the order of changes.

`apply` makes it and returns what came of it; `topics` says who may want to know.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from .blobs import Blob
from .errors import AccountMissing
from .mail import DEFAULT_MAILBOXES, Appended, Copied, Expunged, How, Mailbox, Stored
from .news import Group, Posted
from .records import Account, Article, Delivery, Entry, Kind, NewMessage, Quota, Reply, Request, Route

if TYPE_CHECKING:
    from .files import Files
    from .world import World

Result = TypeVar("Result")
Topics = tuple[Hashable, ...]

ACCOUNTS: Topics = ("accounts",)
NEWS: Topics = ("news",)


def mailbox_topic(owner: str, name: str) -> Hashable:
    """The topic of one mailbox's messages."""
    return ("mailbox", owner, name)


def mailboxes_topic(owner: str) -> Hashable:
    """The topic of an account's list of mailboxes: made, deleted, renamed, subscribed."""
    return ("mailboxes", owner)


def group_topic(name: str) -> Hashable:
    """The topic of one newsgroup."""
    return ("group", name)


def tree_topic(tree: Kind) -> Hashable:
    """The topic of one tree of files."""
    return ("tree", tree)


class Change(msgspec.Struct, Generic[Result], frozen=True, gc=False):
    """One change of the world; not made until committed."""

    def apply(self, world: World) -> Result:
        """Make the change; raises a WorldError, and then nothing is changed."""
        raise NotImplementedError

    def topics(self, result: Result) -> Topics:
        """Whom the change concerns."""
        return ()


# -- accounts


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
        world.files.make_parents(account.home, self.at, account.login)
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
        _put_or_pop(world.accounts.aliases.writable(), self.address.casefold(), self.targets)

    def topics(self, result: None) -> Topics:
        return ACCOUNTS


class SetList(Change[None], frozen=True, gc=False):
    """The members of a list; none removes it."""

    address: str
    members: tuple[str, ...]

    def apply(self, world: World) -> None:
        _put_or_pop(world.accounts.lists.writable(), self.address.casefold(), self.members)

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


# -- mail


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


class Append(Change[Appended], frozen=True, gc=False):
    """Messages put into a mailbox, all or none (APPEND, MULTIAPPEND)."""

    owner: str
    mailbox: str
    messages: tuple[NewMessage, ...]
    at: datetime

    def apply(self, world: World) -> Appended:
        _check_quota(world, self.owner, self.messages)
        box = world.mail.writable(self.owner, self.mailbox)
        return Appended(box.owner, box.name, box.uidvalidity, box.append(self.messages, self.at))

    def topics(self, result: Appended) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),)


class Deliver(Change[tuple[Appended, ...]], frozen=True, gc=False):
    """Mail that came by SMTP or LMTP, into the mailboxes of its recipients: all or none."""

    deliveries: tuple[Delivery, ...]
    at: datetime

    def apply(self, world: World) -> tuple[Appended, ...]:
        coming: dict[str, list[NewMessage]] = {}
        for delivery in self.deliveries:
            world.mail.get(delivery.owner, delivery.mailbox)
            coming.setdefault(delivery.owner, []).append(delivery.message)
        for owner, messages in coming.items():
            _check_quota(world, owner, tuple(messages))
        results = []
        for delivery in self.deliveries:
            box = world.mail.writable(delivery.owner, delivery.mailbox)
            results.append(Appended(box.owner, box.name, box.uidvalidity, box.append((delivery.message,), self.at)))
        return tuple(results)

    def topics(self, result: tuple[Appended, ...]) -> Topics:
        return tuple(dict.fromkeys(mailbox_topic(appended.owner, appended.mailbox) for appended in result))


class StoreFlags(Change[Stored], frozen=True, gc=False):
    """Flags added to, removed from or put in the place of those of messages; not of those changed since."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    how: How
    flags: frozenset[str]
    unchanged_since: int | None = None

    def apply(self, world: World) -> Stored:
        box = world.mail.writable(self.owner, self.mailbox)
        return box.store(self.uids, self.how, self.flags, self.unchanged_since)

    def topics(self, result: Stored) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),) if result.changed else ()


class StoreLabels(Change[Stored], frozen=True, gc=False):
    """Labels of messages (Gmail's X-GM-LABELS)."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    how: How
    labels: frozenset[str]

    def apply(self, world: World) -> Stored:
        return world.mail.writable(self.owner, self.mailbox).label(self.uids, self.how, self.labels)

    def topics(self, result: Stored) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),) if result.changed else ()


class Expunge(Change[Expunged], frozen=True, gc=False):
    """Messages go for good."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]

    def apply(self, world: World) -> Expunged:
        return world.mail.writable(self.owner, self.mailbox).expunge(self.uids)

    def topics(self, result: Expunged) -> Topics:
        return (mailbox_topic(result.owner, result.mailbox),) if result.uids else ()


class Copy(Change[Copied], frozen=True, gc=False):
    """Messages copied into another mailbox, all or none; those that are gone meanwhile are left out."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    to_owner: str
    to: str
    at: datetime

    def apply(self, world: World) -> Copied:
        _check_copy_quota(world, self.owner, self.mailbox, self.uids, self.to_owner)
        return world.mail.copy(self.owner, self.mailbox, self.uids, (self.to_owner, self.to), self.at)

    def topics(self, result: Copied) -> Topics:
        return (mailbox_topic(self.to_owner, result.appended.mailbox),) if result.source_uids else ()


class Move(Change[Copied], frozen=True, gc=False):
    """Messages copied into another mailbox and gone from this one, in one step (RFC 6851)."""

    owner: str
    mailbox: str
    uids: tuple[int, ...]
    to_owner: str
    to: str
    at: datetime

    def apply(self, world: World) -> Copied:
        if self.owner != self.to_owner:
            _check_copy_quota(world, self.owner, self.mailbox, self.uids, self.to_owner)
        copied = world.mail.copy(self.owner, self.mailbox, self.uids, (self.to_owner, self.to), self.at)
        expunged = world.mail.writable(self.owner, self.mailbox).expunge(copied.source_uids)
        return msgspec.structs.replace(copied, expunged=expunged)

    def topics(self, result: Copied) -> Topics:
        if not result.source_uids or result.expunged is None:
            return ()
        target = mailbox_topic(self.to_owner, result.appended.mailbox)
        return tuple(dict.fromkeys((mailbox_topic(self.owner, result.expunged.mailbox), target)))


class ReplaceMessage(Change[tuple[Appended, Expunged]], frozen=True, gc=False):
    """A message stored and an older one expunged, in one step (REPLACE, RFC 8508)."""

    owner: str
    mailbox: str
    uid: int
    to_owner: str
    to: str
    message: NewMessage
    at: datetime

    def apply(self, world: World) -> tuple[Appended, Expunged]:
        world.mail.get(self.owner, self.mailbox).get(self.uid)
        _check_quota(world, self.to_owner, (self.message,))
        target = world.mail.writable(self.to_owner, self.to)
        added = target.append((self.message,), self.at)
        expunged = world.mail.writable(self.owner, self.mailbox).expunge((self.uid,))
        return Appended(target.owner, target.name, target.uidvalidity, added), expunged

    def topics(self, result: tuple[Appended, Expunged]) -> Topics:
        source = mailbox_topic(result[1].owner, result[1].mailbox)
        return tuple(dict.fromkeys((source, mailbox_topic(result[0].owner, result[0].mailbox))))


class ClaimRecent(Change[tuple[int, int]], frozen=True, gc=False):
    r"""A session is the first to be told of the newest messages (\Recent): from which UID, to before which."""

    owner: str
    mailbox: str

    def apply(self, world: World) -> tuple[int, int]:
        box = world.mail.writable(self.owner, self.mailbox)
        claimed = (box.recent_from, box.uidnext)
        box.recent_from = box.uidnext
        return claimed


class SetAcl(Change[None], frozen=True, gc=False):
    """Somebody's rights in a mailbox; None takes the identifier off the list (RFC 4314)."""

    owner: str
    mailbox: str
    identifier: str
    rights: str | None

    def apply(self, world: World) -> None:
        _put_or_pop(world.mail.writable(self.owner, self.mailbox).acl, self.identifier, self.rights)

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
        _put_or_pop(annotations, self.entry.lower(), self.value, keep_empty=True)

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


# -- news


class CreateGroup(Change[Group], frozen=True, gc=False):
    """A new newsgroup."""

    name: str
    at: float
    description: str = ""
    status: str = "y"
    moderator: str = ""
    creator: str = ""

    def apply(self, world: World) -> Group:
        group = world.news.create_group(self.name, self.at)
        group.description, group.status = self.description, self.status
        group.moderator, group.creator = self.moderator, self.creator
        return group

    def topics(self, result: Group) -> Topics:
        return (*NEWS, group_topic(self.name))


class ChangeGroup(Change[Group], frozen=True, gc=False):
    """A newsgroup's description, status or moderator; None leaves it."""

    name: str
    description: str | None = None
    status: str | None = None
    moderator: str | None = None

    def apply(self, world: World) -> Group:
        group = world.news.writable_group(self.name)
        group.description = group.description if self.description is None else self.description
        group.status = group.status if self.status is None else self.status
        group.moderator = group.moderator if self.moderator is None else self.moderator
        return group

    def topics(self, result: Group) -> Topics:
        return (*NEWS, group_topic(self.name))


class RemoveGroup(Change[Group], frozen=True, gc=False):
    """A newsgroup goes; its articles stay where they are cross-posted."""

    name: str

    def apply(self, world: World) -> Group:
        world.news.expire(self.name, tuple(world.news.group(self.name).articles))
        return world.news.remove_group(self.name)

    def topics(self, result: Group) -> Topics:
        return (*NEWS, group_topic(self.name))


class Post(Change[Posted], frozen=True, gc=False):
    """An article, checked and complete but for its numbers and Xref; what it cancels or supersedes goes in the same step.

    `head` is the header without Xref and without the empty line, each field with its CRLF; `overview` the values of
    `news.OVERVIEW_FIELDS`, tabs and line ends made spaces.
    """

    message_id: str
    groups: tuple[str, ...]
    head: bytes
    body: Blob
    overview: tuple[bytes, ...]
    at: float
    cancels: tuple[str, ...] = ()

    def apply(self, world: World) -> Posted:
        body = self.body if self.body.path else self.body.bytes()
        article = world.news.post(self.message_id, self.groups, self.head, body, self.overview, self.at)
        cancelled = tuple(known for known in self.cancels if known in world.news.articles and known != self.message_id)
        for known in cancelled:
            world.news.cancel(known)
        return Posted(article, cancelled)

    def topics(self, result: Posted) -> Topics:
        return (*NEWS, *(group_topic(name) for name in result.article.groups))


class Cancel(Change[Article], frozen=True, gc=False):
    """An article goes from all its groups."""

    message_id: str

    def apply(self, world: World) -> Article:
        return world.news.cancel(self.message_id)

    def topics(self, result: Article) -> Topics:
        return (*NEWS, *(group_topic(name) for name in result.groups))


class Expire(Change[tuple[Article, ...]], frozen=True, gc=False):
    """Articles go from one group, which leaves gaps in its numbers."""

    group: str
    numbers: tuple[int, ...]

    def apply(self, world: World) -> tuple[Article, ...]:
        return world.news.expire(self.group, self.numbers)

    def topics(self, result: tuple[Article, ...]) -> Topics:
        return (*NEWS, group_topic(self.group))


# -- files


class StoreFile(Change[Entry], frozen=True, gc=False):
    """A file's whole new content: it appears at once and never half."""

    path: str
    content: Blob
    at: float
    owner: str = ""
    exclusive: bool = False
    parents: bool = False
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).store(self.path, self.content, self.at, self.owner, self.exclusive, self.parents)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class MakeFolder(Change[Entry], frozen=True, gc=False):
    """A new, empty folder."""

    path: str
    at: float
    owner: str = ""
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).make_folder(self.path, self.at, self.owner)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class RemoveFile(Change[Entry], frozen=True, gc=False):
    """A file goes."""

    path: str
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).remove_file(self.path)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class RemoveFolder(Change[Entry], frozen=True, gc=False):
    """An empty folder goes."""

    path: str
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).remove_folder(self.path)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class RenameEntry(Change[Entry], frozen=True, gc=False):
    """A file or folder moves, with all it holds."""

    path: str
    to: str
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).rename(self.path, self.to)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


class ModifyEntry(Change[Entry], frozen=True, gc=False):
    """What is told of a file or folder: its time, mode or owner; None leaves it."""

    path: str
    modified: float | None = None
    mode: int | None = None
    owner: str | None = None
    tree: Kind = "files"

    def apply(self, world: World) -> Entry:
        return _tree(world, self.tree).modify(self.path, self.modified, self.mode, self.owner)

    def topics(self, result: Entry) -> Topics:
        return (tree_topic(self.tree),)


# -- web


class SetRoute(Change[Route], frozen=True, gc=False):
    """A programmed route, new or in the place of one of the same name."""

    route: Route

    def apply(self, world: World) -> Route:
        return world.site.set_route(self.route)

    def topics(self, result: Route) -> Topics:
        return ("routes",)


class RemoveRoute(Change[Route], frozen=True, gc=False):
    """A programmed route goes."""

    name: str

    def apply(self, world: World) -> Route:
        return world.site.remove_route(self.name)

    def topics(self, result: Route) -> Topics:
        return ("routes",)


class UseRoute(Change[Reply | None], frozen=True, gc=False):
    """A route answers once: whose turn it is is settled here, so no two requests get the same turn."""

    name: str

    def apply(self, world: World) -> Reply | None:
        return world.site.use_route(self.name)


class ReceiveRequest(Change[Request], frozen=True, gc=False):
    """An HTTP request came and was answered; it changes nothing and is told to who watches."""

    request: Request

    def apply(self, world: World) -> Request:
        return self.request

    def topics(self, result: Request) -> Topics:
        return ("requests",)


# -- the world itself


class Reset(Change[None], frozen=True, gc=False):
    """The world is as it was at a snapshot; `name` says which, for people."""

    name: str = "seed"

    def apply(self, world: World) -> None:
        world.put_back(self.name)

    def topics(self, result: None) -> Topics:
        return ("reset",)


def _put_or_pop(target: dict[str, Result], key: str, value: Result | None, keep_empty: bool = False) -> None:
    if value is None or (not value and not keep_empty):
        target.pop(key, None)
    else:
        target[key] = value


def _tree(world: World, kind: Kind) -> Files:
    return world.files if kind == "files" else world.site.tree


def _check_quota(world: World, owner: str, messages: tuple[NewMessage, ...]) -> None:
    account = world.accounts.find(owner)
    if account is not None:
        octets = sum(message.content.size for message in messages)
        world.mail.check_quota(owner, account.quota, octets, len(messages))


def _check_copy_quota(world: World, owner: str, mailbox: str, uids: tuple[int, ...], to_owner: str) -> None:
    account = world.accounts.find(to_owner)
    if account is not None and account.quota != Quota():
        source = world.mail.get(owner, mailbox)
        sizes = [source.messages[uid].size for uid in uids if uid in source.messages]
        world.mail.check_quota(to_owner, account.quota, sum(sizes), len(sizes))
