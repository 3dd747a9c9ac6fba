"""Waits by HTTP: what is wanted, in the words of the bench's `wait_for`, and what came instead."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ..bench.letterbox import appended_in
from ..bench.letters import Letter, text_of
from ..bench.mail import ANYWHERE, all_mailboxes, by_arrival
from ..bench.news import Posting
from ..bench.waiting import NothingMatched, Wait, described, missed
from ..bench.waiting import Pattern as Matcher
from ..world.changes import StoreFile, group_topic, mailbox_topic, tree_topic
from ..world.journal import Event
from ..world.news import Posted
from ..world.records import Entry, Kind
from ..world.world import World
from .letters import letter_of, view
from .problems import Problem, unprocessable
from .resources.news import view as article_view
from .resources.trees import view as entry_view
from .resources.web import request_view
from .schemas import Found, Like, Pattern, Wanted

NOTHING_CAME = "urn:minternet:nothing-matched"
FIELDS: dict[str, frozenset[str]] = {
    "message": frozenset({"account", "mailbox", "subject", "from", "to", "text", "html"}),
    "article": frozenset({"group", "subject", "from", "text"}),
    "request": frozenset({"method", "path", "body"}),
    "file": frozenset({"tree", "path"}),
}
"""What can be asked of each, beside header fields (which files have none of)."""


class Thing(NamedTuple):
    """Something that came: how to read its texts, its name for people, and how to answer with it."""

    text: Callable[[str], str]
    told: str
    found: Callable[[], dict[str, Any]]


async def find(world: World, wanted: Wanted) -> Found:
    """The first thing as wanted; Problem 408."""
    check(wanted)
    texts = patterns(wanted)
    topics, present, coming = SOURCES[wanted.what](world, wanted)
    _, _, anywhere = SOURCES[wanted.what](
        world, msgspec.structs.replace(wanted, account=None, mailbox=None, group=None)
    )
    wait: Wait[Thing] = Wait(
        world,
        described(wanted.what, texts) + place_of(wanted),
        topics,
        present,
        coming,
        lambda thing: missed(texts, thing.text),
        lambda thing: thing.told,
        anywhere,
    )
    try:
        thing = await wait.first(wanted.since, wanted.timeout)
    except NothingMatched as error:
        lines = str(error).splitlines()
        raise Problem(408, lines[0], type=NOTHING_CAME, came=tuple(line.strip() for line in lines[1:])) from None
    return Found(wanted.what, world.journal.last, **thing.found())


def check(wanted: Wanted) -> None:
    """Problem 422 on words that such a thing has not."""
    for name in ("account", "mailbox", "group", "path", "subject", "from", "to", "text", "html", "method", "body"):
        given = getattr(wanted, "sender" if name == "from" else name)
        if given is not None and name not in FIELDS[wanted.what]:
            raise unprocessable(
                f"/{name}", f"a {wanted.what} has none; it has {', '.join(sorted(FIELDS[wanted.what]))}"
            )
    if wanted.what == "file" and wanted.headers:
        raise unprocessable("/headers", "a file has none")
    if wanted.mailbox is not None and wanted.account is None:
        raise unprocessable("/account", "whose mailbox?")


def patterns(wanted: Wanted) -> dict[str, Matcher]:
    """The wanted texts by name, as the bench matches them."""
    named: dict[str, Pattern | None] = {
        "subject": wanted.subject,
        "from": wanted.sender,
        "to": wanted.to,
        "text": wanted.text,
        "html": wanted.html,
        "method": wanted.method,
        "path": wanted.path,
        "body": wanted.body,
        **wanted.headers,
    }
    return {name: matcher(pattern) for name, pattern in named.items() if pattern is not None}


def matcher(pattern: Pattern) -> Matcher:
    """Regular expressions are not taken from outside: one can take for ever. A glob compiles to one that cannot."""
    if not isinstance(pattern, Like):
        return pattern
    if pattern.equals is not None:
        return re.compile(rf"\A{re.escape(pattern.equals)}\Z")
    glob = pattern.glob if pattern.glob is not None else "*"
    return re.compile(fnmatch.translate(glob).replace("(?s:", r"(?s:\A", 1))


def place_of(wanted: Wanted) -> str:
    """Where it is looked for, in words."""
    if wanted.what == "message" and wanted.account is None:
        return f" in {ANYWHERE}"
    if wanted.what == "message":
        return f" in {wanted.account}/{wanted.mailbox}" if wanted.mailbox is not None else f" of {wanted.account}"
    return f" in {wanted.group}" if wanted.group is not None else ""


# -- where things come from

Source = tuple[tuple[Hashable, ...], Callable[[], Iterable[Thing]], Callable[[Event], Iterable[Thing]]]


def messages(world: World, wanted: Wanted) -> Source:
    """Messages of a mailbox, an account, or all; AccountMissing, MailboxMissing."""
    owner = None if wanted.account is None else world.accounts.get(wanted.account)
    name = None if owner is None or wanted.mailbox is None else world.mail.get(owner.login, wanted.mailbox).name

    def present() -> Iterator[Thing]:
        if owner is not None and name is not None:
            box = world.mail.get(owner.login, name)
            return (_message(letter_of(owner.login, name, each)) for each in tuple(box.messages.values()))
        boxes = all_mailboxes(world) if owner is None else world.mail.mailboxes(owner.login)
        return (_message(letter_of(box.owner, box.name, each)) for box, each in by_arrival(world, boxes))

    def coming(event: Event) -> Iterator[Thing]:
        for appended in appended_in(event.result):
            if (owner is None or owner.login == appended.owner) and name in (None, appended.mailbox):
                yield from (_message(letter_of(appended.owner, appended.mailbox, each)) for each in appended.messages)

    topics = (mailbox_topic(owner.login, name),) if owner is not None and name is not None else ()
    return topics, present, coming


def _message(letter: Letter) -> Thing:
    return Thing(lambda name: text_of(letter, name), repr(letter), lambda: {"message": view(letter)})


def articles(world: World, wanted: Wanted) -> Source:
    """Articles of a newsgroup, or all; GroupMissing."""
    name = None if wanted.group is None else world.news.group(wanted.group).name

    def present() -> Iterator[Thing]:
        held = world.news.articles if name is None else world.news.group(name).articles
        yield from (_article(Posting(each)) for each in tuple(held.values()))

    def coming(event: Event) -> Iterator[Thing]:
        if isinstance(event.result, Posted) and (name is None or name in event.result.article.groups):
            yield _article(Posting(event.result.article))

    return (("news",) if name is None else (group_topic(name),)), present, coming


def _article(posting: Posting) -> Thing:
    def text(name: str) -> str:
        return posting.text if name == "text" else posting.header(name)

    return Thing(text, repr(posting), lambda: {"article": article_view(posting.article)})


def requests(world: World, wanted: Wanted) -> Source:
    """Requests that HTTP received."""

    def present() -> Iterator[Thing]:
        return (thing for event in world.journal.since(0) for thing in coming(event))

    def coming(event: Event) -> Iterator[Thing]:
        from ..bench.web import Received
        from ..world.changes import ReceiveRequest

        if isinstance(event.change, ReceiveRequest):
            yield _request(event, Received(event.change.request))

    return ("requests",), present, coming


def _request(event: Event, received: Any) -> Thing:
    def text(name: str) -> str:
        match name:
            case "method":
                return str(received.method)
            case "path":
                return str(received.path)
            case "body":
                return str(received.body.decode("utf-8", "replace"))
        return str(received.header(name))

    return Thing(text, repr(received), lambda: {"request": request_view(event, received.request)})


def files(world: World, wanted: Wanted) -> Source:
    """Files of a tree, as they are stored."""
    kind: Kind = wanted.tree
    tree = world.files if kind == "files" else world.site.tree

    def present() -> Iterator[Thing]:
        return (_file(path, entry) for path, entry in tree.walk() if not entry.is_folder)

    def coming(event: Event) -> Iterator[Thing]:
        change = event.change
        if isinstance(event.result, Entry) and not event.result.is_folder and getattr(change, "tree", "") == kind:
            path = change.path if isinstance(change, StoreFile) else str(getattr(change, "to", ""))
            if path and tree.find(path) is not None:
                yield _file(path, event.result)

    def _file(path: str, entry: Entry) -> Thing:
        return Thing(lambda name: path, path, lambda: {"file": entry_view(tree, kind, path, tree.get(path))})

    return (tree_topic(kind),), present, coming


SOURCES: dict[str, Callable[[World, Wanted], Source]] = {
    "message": messages,
    "article": articles,
    "request": requests,
    "file": files,
}
