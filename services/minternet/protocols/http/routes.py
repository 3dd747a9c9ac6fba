"""Programmed routes: which of them a request matches, and what kept the others from it. Pure functions.

A path pattern is a glob ("*" within a name, "**" or a last "/*" over the rest), a template with {parameters}, or a regular
expression after "~". Values of headers, query and host are globs too; a JSON body matches when it holds the pattern.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from ...world.records import Route

NEAR_MISSES = 3
"""How many routes that nearly matched an explanation names."""


class Asked(msgspec.Struct, frozen=True):
    """What of a request routes look at."""

    method: str
    host: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


def needs_body(routes: Iterable[Route]) -> bool:
    """Whether any route looks at the body, so that it must be read before one is chosen."""
    return any(route.body is not None or route.json is not None for route in routes)


def choose(routes: Iterable[Route], asked: Asked) -> Route | None:
    """The matching route of highest priority, the one set last among equals; used-up routes are passed over."""
    best: Route | None = None
    for route in routes:
        if route.times is not None and route.used >= route.times:
            continue
        if (best is None or route.priority >= best.priority) and not misses(route, asked):
            best = route
    return best


def misses(route: Route, asked: Asked) -> list[str]:
    """What keeps the route from matching, in words; [] where it matches."""
    found = []
    if route.method not in ("*", asked.method):
        found.append(f"method is {asked.method}, not {route.method}")
    if route.host != "*" and not pattern(route.host.lower()).fullmatch(asked.host.partition(":")[0].lower()):
        found.append(f"host is {asked.host}, not {route.host}")
    if not path_pattern(route.path).fullmatch(asked.path):
        found.append(f"path is {asked.path}, not {route.path}")
    for name, value in route.query:
        given = [other for key, other in asked.query if key == name]
        if not any(pattern(value).fullmatch(other) for other in given):
            found.append(f"query {name} is {_told(given)}, not {value}")
    for name, value in route.headers:
        other = asked.headers.get(name.lower())
        if other is None or not pattern(value).fullmatch(other):
            found.append(f"header {name} is {_told([] if other is None else [other])}, not {value}")
    return found + _body_misses(route, asked.body)


def _body_misses(route: Route, body: bytes) -> list[str]:
    if route.body is not None and route.body != body:
        return [f"body is {_told([body[:60].decode('utf-8', 'replace')])}, not {route.body[:60]!r}"]
    if route.json is None:
        return []
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return ["body is not JSON"]
    where = json_miss(json.loads(bytes(route.json)), given)
    return [f"body's JSON differs at {where}"] if where else []


def json_miss(wanted: Any, given: Any, at: str = "$") -> str:
    """Where a JSON value does not hold the wanted one; "" where it does. Objects may hold more, lists may not."""
    if isinstance(wanted, dict):
        if not isinstance(given, dict):
            return at
        for name, value in wanted.items():
            if name not in given:
                return f"{at}.{name}"
            if miss := json_miss(value, given[name], f"{at}.{name}"):
                return miss
        return ""
    if isinstance(wanted, list):
        if not isinstance(given, list) or len(given) != len(wanted):
            return at
        return next((miss for n, value in enumerate(wanted) if (miss := json_miss(value, given[n], f"{at}[{n}]"))), "")
    return "" if wanted == given and isinstance(wanted, bool) == isinstance(given, bool) else at


def _told(values: Sequence[str]) -> str:
    return ", ".join(repr(value) for value in values) if values else "missing"


@lru_cache(maxsize=1024)
def pattern(glob: str) -> re.Pattern[str]:
    """A value's glob ("*", "?") or, after "~", regular expression."""
    if glob.startswith("~"):
        return _regular(glob[1:])
    return re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob), re.DOTALL)


def _regular(expression: str) -> re.Pattern[str]:
    """A regular expression; one that is none matches nothing, so that a bad route harms only itself."""
    try:
        return re.compile(expression, re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")


_PATH_PIECES = re.compile(r"(/\*\*?\Z)|(\*\*)|(\*)|\{(\w+)\}")


@lru_cache(maxsize=1024)
def path_pattern(path: str) -> re.Pattern[str]:
    """A path's pattern as a regular expression."""
    if path.startswith("~"):
        return _regular(path[1:])
    parts, at = [], 0
    for match in _PATH_PIECES.finditer(path):
        parts.append(re.escape(path[at : match.start()]))
        if match[1]:
            parts.append("(?:/.*)?")
        elif match[2]:
            parts.append(".*")
        else:
            parts.append(f"(?P<{match[4]}>[^/]+)" if match[4] else "[^/]*")
        at = match.end()
    return re.compile("".join(parts) + re.escape(path[at:]), re.DOTALL)


def explain(routes: Iterable[Route], asked: Asked) -> list[str]:
    """The routes that came nearest, and what each missed."""
    ranked = sorted(((misses(route, asked), route) for route in routes), key=lambda pair: (len(pair[0]), pair[1].name))
    told = []
    for found, route in ranked[:NEAR_MISSES]:
        reason = "; ".join(found) or f"it was used {route.used} times, its limit"
        told.append(f"route {route.name!r}: {reason}")
    return told
