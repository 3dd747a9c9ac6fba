"""The shape of the one table of endpoints: rows of path, methods, handler and help. Nothing else dispatches."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from urllib.parse import unquote

import msgspec
from starlette.responses import Response

from .visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]
ANY = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
"""All methods that endpoints take which do not mind."""
GET = ("GET",)
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_KINDS = {None: "[^/]+", "int": "[0-9]{1,18}", "path": ".*"}


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """A row. `path` may hold {name}, {name:int} and {name:path}; HEAD comes with GET, OPTIONS with everything."""

    path: str
    methods: tuple[str, ...]
    handler: Handler
    help: str
    group: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """What Allow says."""
        return tuple(sorted({*self.methods, "OPTIONS", *(("HEAD",) if "GET" in self.methods else ())}))


class Table:
    """The rows, found by the first name of their path."""

    def __init__(self, rows: Iterable[Endpoint]) -> None:
        self.rows = tuple(rows)
        self._by_first: dict[str, list[Endpoint]] = {}
        for row in self.rows:
            self._by_first.setdefault(row.path.split("/")[1], []).append(row)

    def find(self, raw_path: str) -> list[tuple[Endpoint, dict[str, str]]]:
        """The rows for a path that is still percent-encoded, with its parameters decoded; the best first."""
        found = []
        for row in self._by_first.get(raw_path[1:].partition("/")[0], ()):
            match = compile_path(row.path).fullmatch(raw_path)
            if match is not None:
                found.append((row, {name: unquote(value) for name, value in match.groupdict().items()}))
        return found


@cache
def compile_path(path: str) -> re.Pattern[str]:
    """A row's path as a regular expression, made when the row is first looked at: starting needs none of them."""
    parts, at = [], 0
    for match in _PARAMETER.finditer(path):
        parts += [re.escape(path[at : match.start()]), f"(?P<{match[1]}>{_KINDS[match[2]]})"]
        at = match.end()
    return re.compile("".join(parts) + re.escape(path[at:]), re.DOTALL)


def group(title: str, *rows: Endpoint) -> tuple[Endpoint, ...]:
    """Rows under one title."""
    return tuple(Endpoint(row.path, row.methods, row.handler, row.help, title) for row in rows)
