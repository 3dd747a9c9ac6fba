"""HTTP in a test's hands: programmed routes, and the requests that came."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ..world.changes import ReceiveRequest, RemoveRoute, Reset, SetRoute
from ..world.journal import Event
from ..world.records import Reply, Request, Route
from .link import Link
from .waiting import DEFAULT_TIMEOUT, Pattern, Wait, check_words, described, missed

if TYPE_CHECKING:
    from .transcripts import Conversation

WORDS = ("method", "path", "query", "body", "status")
OTHER_WORDS = {"url": "path", "target": "path", "json": "body", "data": "body", "text": "body"}


class Received:
    """One request, and how it was answered."""

    def __init__(self, request: Request, link: Link | None = None, number: int = 0) -> None:
        self.request, self._link, self._number = request, link, number

    def __repr__(self) -> str:
        return f"<{self.request.method} {self.request.target} -> {self.request.status}>"

    @property
    def conversation(self) -> Conversation | None:
        """The one that it came in; None where it is no longer kept."""
        from .transcripts import conversation_of

        return None if self._link is None else conversation_of(self._link, self._number)

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        """The target up to its query."""
        return self.request.target.partition("?")[0]

    @property
    def status(self) -> int:
        return self.request.status

    @property
    def body(self) -> bytes:
        return self.request.body.bytes()

    @property
    def json(self) -> Any:
        """The body as JSON; ValueError."""
        return json_module.loads(self.body)

    def header(self, name: str) -> str:
        """A header field; "" where there is none."""
        return next((value for known, value in self.request.headers if known.lower() == name.lower()), "")


class WebHandle:
    """Routes of one's own, and the requests of everybody."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def route(
        self,
        path: str,
        *replies: Reply | Mapping[str, Any] | bytes | str | int,
        method: str = "*",
        name: str | None = None,
        **more: Any,
    ) -> Route:
        """Answer requests for a path: with the replies in turn, the last one for ever.

        A reply is a status, a text or octets, a mapping (sent as JSON) or a `Reply`. More fields are those of `Route`;
        `query` and `headers` may be mappings, `json` any value, which the body must hold.
        """
        if not path.startswith(("/", "*", "~")):
            raise ValueError(
                f"a route's path begins with / (or *, or ~ and a regular expression), and {path!r} does not"
            )
        for field in more.keys() & {"query", "headers"}:
            more[field] = tuple(more[field].items() if isinstance(more[field], Mapping) else more[field])
        if "json" in more:
            more["json"] = msgspec.Raw(msgspec.json.encode(more["json"]))
        answers = tuple(_reply(each) for each in replies) or (Reply(),)
        route = Route(name=name or f"{method} {path}", method=method, path=path, replies=answers, **more)
        return self._link.commit(SetRoute(route))

    def remove(self, name: str) -> None:
        """A route goes; RouteMissing."""
        self._link.commit(RemoveRoute(name))

    @property
    def routes(self) -> dict[str, Route]:
        """All routes by name, with how often each was used."""
        return dict(self._link.world.site.routes.items())

    @property
    def requests(self) -> list[Received]:
        """The requests since the last reset, oldest first, as far as the journal still holds them."""
        found: list[Received] = []
        for event in self._link.world.journal.since(0):
            if isinstance(event.change, Reset):
                found.clear()
            found += self._coming(event)
        return found

    def wait_for(self, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT, **wanted: Pattern) -> Received:
        """The first request whose method, path, query, body, status or header fields are as wanted; as a mailbox's `wait_for`."""
        return self._link.call(self.wait_for_async(since=since, timeout=timeout, **wanted))

    async def wait_for_async(
        self, *, since: int | None = None, timeout: float = DEFAULT_TIMEOUT, **wanted: Pattern
    ) -> Received:
        """The same, on the loop."""
        return await self._wait(wanted).first(since, timeout)

    def assert_none(self, *, since: int | None = None, within: float = 0.2, **wanted: Pattern) -> None:
        """SomethingMatched where a request as wanted came or comes."""
        self._link.call(self._wait(wanted).none(since, within))

    def _coming(self, event: Event) -> Iterator[Received]:
        if isinstance(event.change, ReceiveRequest):
            yield Received(event.change.request, self._link, event.conversation)

    def _wait(self, wanted: dict[str, Pattern]) -> Wait[Received]:
        check_words("request", wanted, WORDS, OTHER_WORDS)
        return Wait(
            self._link.world,
            described("request", wanted),
            ("requests",),
            lambda: self.requests,
            self._coming,
            lambda received: missed(wanted, lambda name: _text_of(received, name)),
            repr,
        )


def _text_of(received: Received, name: str) -> str:
    match name:
        case "method":
            return received.method
        case "path":
            return received.path
        case "query":
            return received.request.target.partition("?")[2]
        case "body":
            return received.body.decode("utf-8", "replace")
        case "status":
            return str(received.status)
    return received.header(name.replace("_", "-"))


def _reply(given: Reply | Mapping[str, Any] | bytes | str | int) -> Reply:
    if isinstance(given, Reply):
        return given
    if isinstance(given, int):
        return Reply(given)
    if isinstance(given, bytes):
        return Reply(headers=(("content-type", "application/octet-stream"),), body=given)
    if isinstance(given, str):
        return Reply(headers=(("content-type", "text/plain; charset=utf-8"),), body=given.encode())
    return Reply(headers=(("content-type", "application/json"),), body=msgspec.json.encode(given))
