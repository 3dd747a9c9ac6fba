"""What the world refuses, and why: each protocol maps these to its own replies in one table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

NAMED = 20
"""Names that an error lists, of those that are there."""


def there_are(names: Iterable[str]) -> str:
    """What there is instead of what is missing, for the end of a message."""
    shown = list(islice(names, NAMED + 1))
    return (
        f"; there are {', '.join(shown[:NAMED])}{' and more' * (len(shown) > NAMED)}" if shown else "; there are none"
    )


class WorldError(Exception):
    """A change that the world refuses; its text is fit for a person."""


class MailboxMissing(WorldError):
    """No mailbox of that name."""


class MailboxExists(WorldError):
    """A mailbox of that name is there already."""


class MailboxForbidden(WorldError):
    """The change is not allowed for that mailbox (INBOX cannot be deleted, and the like)."""


class MessageMissing(WorldError):
    """No message of that UID."""


class QuotaExceeded(WorldError):
    """The account's quota has no room for it."""


class AccountMissing(WorldError):
    """No account of that login."""


class AccountExists(WorldError):
    """An account of that login or address is there already."""


class GroupMissing(WorldError):
    """No newsgroup of that name."""


class GroupExists(WorldError):
    """A newsgroup of that name is there already."""


class ArticleMissing(WorldError):
    """No article of that message-id."""


class ArticleExists(WorldError):
    """An article of that message-id is, or was, there."""


class EntryMissing(WorldError):
    """No file or folder at that path."""


class EntryExists(WorldError):
    """A file or folder is at that path already."""


class NotAFolder(WorldError):
    """A folder was wanted at that path, and a file is there."""


class NotAFile(WorldError):
    """A file was wanted at that path, and a folder is there."""


class FolderNotEmpty(WorldError):
    """The folder still holds something."""


class PathForbidden(WorldError):
    """The path is not one of this tree's (it climbs out, or holds NUL or an empty name)."""


class RouteMissing(WorldError):
    """No route of that name."""
