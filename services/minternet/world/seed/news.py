"""news/<group>/group.toml and *.eml -> newsgroups and articles."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from .. import mime
from ..changes import CreateGroup, Post
from ..errors import WorldError
from ..news import overview_fields
from ..world import World
from .mail import with_crlf
from .problems import Problems, line_of
from .schema import GroupFile, NewsTable

GROUP_FILE = "group.toml"
REQUIRED = (b"From", b"Newsgroups", b"Subject", b"Date", b"Message-ID", b"Path")
"""The mandatory header fields of an article (RFC 5536 section 3.1)."""
FIELDS = mime.field_pattern(*REQUIRED)
STATUSES = "ynm"
XREF = re.compile(rb"(?im)^xref:[^\n]*\n(?:[ \t][^\n]*\n)*")


def seed_news(world: World, folder: Path, table: NewsTable, problems: Problems, start: datetime) -> None:
    """Make every group that has a folder, then post every article in the order of its date."""
    world.news.path_host = table.path_host or f"news.{world.accounts.domain}"
    world.news.motd, world.news.subscriptions = table.motd, table.subscriptions
    world.news.distributions.writable().update(table.distributions)
    if not folder.is_dir():
        return
    groups = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in groups:
        if path.is_dir():
            _group(world, path, problems, start)
        else:
            problems.add(path, 1, "is in no group", "move it into a folder named after its newsgroup")
    found = [(path, with_crlf(path.read_bytes())) for group in groups for path in sorted(group.glob("*.eml"))]
    dated = [(mime.sent_date(content) or start, path, content) for path, content in found]
    for date, path, content in sorted(dated, key=lambda item: (item[0], item[1])):
        _article(world, path, content, date, problems)


def _group(world: World, folder: Path, problems: Problems, start: datetime) -> None:
    path = folder / GROUP_FILE
    table, text = problems.read_toml(path, GroupFile, GroupFile())
    if table.status not in STATUSES or len(table.status) != 1:
        line = line_of(text, "$.status")
        problems.add(
            path, line, f"status {table.status!r} is none", 'write "y" (posting), "n" (none) or "m" (moderated)'
        )
    created = table.created or start
    created = created if created.tzinfo else created.replace(tzinfo=UTC)
    CreateGroup(
        folder.name, created.timestamp(), table.description, table.status, table.moderator, table.creator
    ).apply(world)


def _article(world: World, path: Path, content: bytes, date: datetime, problems: Problems) -> None:
    end = mime.header_end(content)
    fields = mime.first_headers(content[:end], FIELDS)
    missing = [name.decode() for name in REQUIRED if name.lower() not in fields]
    if missing:
        problems.add(path, 1, f"the article has no {', '.join(missing)}", f"write {missing[0]}: ... in its header")
        return
    named = fields[b"newsgroups"].decode("utf-8", "replace")
    groups = tuple(name for name in (part.strip() for part in named.split(",")) if name in world.news.groups)
    if path.parent.name not in groups:
        line = content[: content.lower().find(b"newsgroups:")].count(b"\n") + 1
        problems.add(path, line, f"Newsgroups does not name {path.parent.name}", "add it, or move the file")
        return
    head = XREF.sub(b"", content[:end]).removesuffix(b"\r\n\r\n").removesuffix(b"\r\n") + b"\r\n"
    message_id = fields[b"message-id"].decode("utf-8", "replace").strip()
    body = world.blobs.of(content[end:])
    try:
        Post(message_id, groups, head, body, overview_fields(head), date.timestamp()).apply(world)
    except WorldError as error:
        problems.add(path, 1, str(error), "give the article a Message-ID of its own, or take one of the two out")
