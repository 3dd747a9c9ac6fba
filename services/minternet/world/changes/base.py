"""What a change is, and the topics that say whom one concerns."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from ..records import Kind

if TYPE_CHECKING:
    from ..world import World

Result = TypeVar("Result")
Value = TypeVar("Value")
Topics = tuple[Hashable, ...]

ACCOUNTS: Topics = ("accounts",)
NEWS: Topics = ("news",)
ROUTES: Topics = ("routes",)
REQUESTS: Topics = ("requests",)
RESET: Topics = ("reset",)


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

    @property
    def octets(self) -> int:
        """Octets of content that the change holds on to."""
        return 0


def put_or_pop(target: dict[str, Value], key: str, value: Value | None, keep_empty: bool = False) -> None:
    """Put a value under its key; None, or an empty one unless that is a value too, takes the key out."""
    if value is None or (not value and not keep_empty):
        target.pop(key, None)
    else:
        target[key] = value
