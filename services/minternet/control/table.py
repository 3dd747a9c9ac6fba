"""The shape of the one table of routes: rows of method, path, handler, help and schemas. Nothing else dispatches.

A path is found by its segments, still percent-encoded, so a mailbox `Projects/2024` is the one segment `Projects%2F2024`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Handler = Callable[[Any], Awaitable[Any]]
INTEGER_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Octets:
    """A body that is not JSON: the media types it may have, the usual one first; `limit` names the setting that bounds it."""

    types: tuple[str, ...]
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Errors:
    """How errors are told that are no problem details."""

    record: type
    """Of their JSON."""
    of_problem: Callable[[Any], Any]
    """Makes the record, which has a `status`, of a Problem."""
    statuses: Mapping[int, int]
    """What becomes of a problem's status, where it is another then."""


@dataclass(frozen=True, slots=True)
class Row:
    """A route. `path` may hold {name}, {name:int} and, at its end, {name:path} that takes slashes too.

    `query` is the record of its query parameters; `body` and `answer` are the types of their JSON, or `Octets`. A handler
    returns what is sent as JSON with `status`, None for nothing, or a `Reply`.
    """

    method: str
    path: str
    handler: Handler
    help: str
    query: type | None = None
    body: Any = None
    body_optional: bool = False
    body_types: tuple[str, ...] = ("application/json",)
    """What JSON may be called where it comes in."""
    answer: Any = None
    status: int = 200
    problems: tuple[int, ...] = ()
    """The problems it answers with, beside those that every row may."""
    errors: Errors | None = None
    """How it tells of them; None: by problem details."""
    group: str = ""
    public: bool = False
    """Whether it needs no token."""

    @property
    def segments(self) -> list[str]:
        return self.path.removeprefix("/").split("/")

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The names in the path and their kinds: "", "int" or "path"."""
        return [parameter_of(segment) for segment in self.segments if segment.startswith("{")]


def parameter_of(segment: str) -> tuple[str, str]:
    """Name and kind of {name:kind}."""
    name, _, kind = segment[1:-1].partition(":")
    return name, kind


Found = tuple[dict[str, Row], dict[str, str]]
"""The rows for a path by method, and its parameters."""


class Node:
    """What may follow a part of a path."""

    __slots__ = ("literals", "parameter", "rest", "rows")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.parameter: tuple[str, str, Node] | None = None
        self.rest: tuple[str, Node] | None = None
        self.rows: dict[str, Row] = {}


class Table:
    """The rows, found by path and method."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self._root = Node()
        for row in self.rows:
            node = self._place(row.segments)
            if row.method in node.rows:
                raise ValueError(f"two rows for {row.method} {row.path}")
            node.rows[row.method] = row

    def _place(self, segments: list[str]) -> Node:
        node = self._root
        for segment in segments:
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, Node())
                continue
            name, kind = parameter_of(segment)
            if kind == "path":
                node.rest = node.rest or (name, Node())
                return node.rest[1]
            node.parameter = node.parameter or (name, kind, Node())
            if node.parameter[:2] != (name, kind):
                raise ValueError(f"{{{name}}} is called {{{node.parameter[0]}}} elsewhere")
            node = node.parameter[2]
        return node

    def find(self, raw_path: str) -> Found | None:
        """The rows for a path by method, and its parameters decoded; None where no row has that path."""
        segments = raw_path.removeprefix("/").split("/")
        for node, parameters in _match(self._root, segments, 0):
            if node.rows:
                return node.rows, parameters
        return None


def _match(node: Node, segments: list[str], at: int) -> Iterator[tuple[Node, dict[str, str]]]:
    """Where the segments lead, names before parameters."""
    if at == len(segments):
        yield node, {}
        return
    segment = segments[at]
    if segment in node.literals:
        yield from _match(node.literals[segment], segments, at + 1)
    if node.parameter is not None and _fits(segment, node.parameter[1]):
        name, _, below = node.parameter
        for found, parameters in _match(below, segments, at + 1):
            yield found, {name: unquote(segment), **parameters}
    if node.rest is not None:
        yield node.rest[1], {node.rest[0]: unquote("/".join(segments[at:]))}


def _fits(segment: str, kind: str) -> bool:
    if kind == "int":
        return segment.isascii() and segment.isdigit() and len(segment) <= INTEGER_DIGITS
    return bool(segment)


def allowed(rows: dict[str, Row]) -> str:
    """What Allow says of a path."""
    return ", ".join(sorted({*rows, "OPTIONS", *(("HEAD",) if "GET" in rows else ())}))
