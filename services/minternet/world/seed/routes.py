"""[[routes]] of world.toml -> programmed routes of the site."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..changes import SetRoute
from ..records import Reply, Route
from ..world import World
from .problems import Problems, line_of
from .schema import ReplyTable, RouteTable


def seed_routes(world: World, routes: tuple[RouteTable, ...], path: Path, text: str, problems: Problems) -> None:
    """Set the routes; one whose reply is not clear, or names a file that is not there, is a problem."""
    for number, table in enumerate(routes):
        if not table.replies:
            line = line_of(text, f"$.routes[{number}]", "replies")
            problems.add(path, line, "a route has no replies", "leave `replies` out for an empty 200")
        for reply in table.replies:
            if (wrong := _wrong_with(world, reply)) is not None:
                problems.add(path, line_of(text, f"$.routes[{number}]", "replies"), *wrong)
        SetRoute(_route(table)).apply(world)


def _wrong_with(world: World, reply: ReplyTable) -> tuple[str, str] | None:
    """What is wrong with a reply, and what to do; None where it is well."""
    if sum((bool(reply.body), reply.json is not msgspec.UNSET, reply.file is not None)) > 1:
        return "a reply has more than one of body, json and file", "keep one of them"
    if reply.file is not None:
        entry = world.site.tree.find(reply.file) or world.files.find(reply.file)
        if entry is None or entry.content is None:
            return (
                f"{reply.file!r} is no file of site/ or files/",
                "name one by its path there, such as /pub/readme.txt",
            )
    return None


def _route(table: RouteTable) -> Route:
    return Route(
        name=table.name,
        method=table.method,
        path=table.path,
        host=table.host,
        query=tuple(table.query.items()),
        headers=tuple(table.headers.items()),
        body=None if table.body is None else table.body.encode(),
        json=None if table.json is msgspec.UNSET else msgspec.Raw(msgspec.json.encode(table.json)),
        replies=tuple(_reply(reply) for reply in table.replies),
        cycles=table.cycles,
        times=table.times,
        priority=table.priority,
    )


def _reply(table: ReplyTable) -> Reply:
    """The reply, with the content type of what it says where it names none itself."""
    body, kind = table.body.encode(), "text/plain; charset=utf-8" if table.body else ""
    if table.json is not msgspec.UNSET:
        body, kind = msgspec.json.encode(table.json), "application/json"
    headers = tuple(table.headers.items())
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("content-type", kind), *headers)
    return Reply(table.status, headers, body, table.file, table.delay)
