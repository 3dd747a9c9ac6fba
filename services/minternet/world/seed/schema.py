"""The keys of world.toml, mailbox.toml and group.toml."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec


class TokenTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bearer token; `expires` makes one that has expired when that is past."""

    value: str
    expires: datetime | None = None
    scopes: tuple[str, ...] = ()


class QuotaTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Octets and messages an account may store."""

    storage: int | None = None
    messages: int | None = None


class AccountTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[accounts]]"""

    login: str
    password: str
    address: str = ""
    name: str = ""
    home: str = ""
    tokens: tuple[str | TokenTable, ...] = ()
    quota: QuotaTable = QuotaTable()
    disabled: bool = False


class WorldTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[world]"""

    name: str = ""
    domain: str = "example.test"
    hostname: str = ""
    seed: int = 0
    start: datetime | None = None


class MailTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[mail]"""

    catch_all: str | None = None


class NewsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[news]"""

    path_host: str = ""
    motd: str = ""
    subscriptions: tuple[str, ...] = ()
    distributions: dict[str, str] = {}


class FilesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[files]"""

    modified: dict[str, datetime] = {}


class ReplyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a route answers: one of `body`, `json` and `file`."""

    status: Annotated[int, msgspec.Meta(ge=100, le=999)] = 200
    headers: dict[str, str] = {}
    body: str = ""
    json: Any = msgspec.UNSET
    file: str | None = None
    delay: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class RouteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[routes]]"""

    name: str
    method: str = "*"
    path: str = "/*"
    host: str = "*"
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: str | None = None
    json: Any = msgspec.UNSET
    replies: tuple[ReplyTable, ...] = (ReplyTable(),)
    cycles: bool = False
    times: int | None = None
    priority: int = 0


class WorldFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """world.toml"""

    world: WorldTable = WorldTable()
    accounts: tuple[AccountTable, ...] = ()
    aliases: dict[str, tuple[str, ...]] = {}
    lists: dict[str, tuple[str, ...]] = {}
    mail: MailTable = MailTable()
    news: NewsTable = NewsTable()
    files: FilesTable = FilesTable()
    routes: tuple[RouteTable, ...] = ()
    faults: tuple[str | dict[str, Any], ...] = ()


class MessageTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[messages."name.eml"] of mailbox.toml"""

    flags: tuple[str, ...] = ()
    date: datetime | None = None
    labels: tuple[str, ...] = ()


class MailboxFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """mailbox.toml"""

    special_use: str | None = None
    subscribed: bool = True
    uidvalidity: int | None = None
    messages: dict[str, MessageTable] = {}


class GroupFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """group.toml"""

    description: str = ""
    status: str = "y"
    moderator: str = ""
    created: datetime | None = None
    creator: str = ""
