"""Programmed routes: matching (pure), sequences counted at once, near misses, mounted applications."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from http_clients import Served, fetch
from small_world import small_world
from stage import serving

from minternet.protocols.http.routes import Asked, choose, explain, json_miss, misses, path_pattern
from minternet.wire.tls import Authority
from minternet.world.changes import RemoveRoute, SetRoute
from minternet.world.records import Reply, Route


def asked(**changes: Any) -> Asked:
    usual = Asked(
        "GET", "example.org:80", "/a/b", [("x", "1")], {"accept": "text/html"}, b'{"a": {"b": [1, 2]}, "c": 3}'
    )
    return Asked(*(changes.get(name, getattr(usual, name)) for name in Asked.__struct_fields__))


MATCHES = [
    (Route("r"), True),
    (Route("r", method="GET"), True),
    (Route("r", method="POST"), False),
    (Route("r", host="example.org"), True),
    (Route("r", host="*.org"), True),
    (Route("r", host="other"), False),
    (Route("r", path="/a/b"), True),
    (Route("r", path="/a"), False),
    (Route("r", path="/a/*"), True),
    (Route("r", path="/*/b"), True),
    (Route("r", path="/**"), True),
    (Route("r", path="/{one}/{two}"), True),
    (Route("r", path="/{one}"), False),
    (Route("r", path="~/a/[a-c]"), True),
    (Route("r", path="~/a/("), False),
    (Route("r", query=(("x", "1"),)), True),
    (Route("r", query=(("x", "*"),)), True),
    (Route("r", query=(("y", "1"),)), False),
    (Route("r", headers=(("Accept", "text/*"),)), True),
    (Route("r", headers=(("Accept", "~.*json"),)), False),
    (Route("r", headers=(("X-None", "*"),)), False),
    (Route("r", body=b"no"), False),
    (Route("r", json=msgspec.Raw(b'{"a": {"b": [1, 2]}}')), True),
    (Route("r", json=msgspec.Raw(b'{"a": {"b": [1]}}')), False),
    (Route("r", times=2, used=2), False),
]


@pytest.mark.parametrize(("route", "matches"), MATCHES)
def test_matching(route: Route, matches: bool) -> None:
    assert (choose([route], asked()) is route) is matches
    assert route.times is not None or (misses(route, asked()) == []) is matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a/*", "/a", True),
        ("/a/*", "/a/", True),
        ("/a/*", "/a/b/c", True),
        ("/a/*", "/ab", False),
        ("/a*", "/abc", True),
        ("/a*", "/a/b", False),
        ("/**.png", "/a/b.png", True),
        ("/u/{id}/x", "/u/7/x", True),
        ("/u/{id}/x", "/u//x", False),
        ("/a.b", "/axb", False),
    ],
)
def test_path_patterns(pattern: str, path: str, matches: bool) -> None:
    assert (path_pattern(pattern).fullmatch(path) is not None) is matches


def test_the_last_of_the_highest_priority_wins() -> None:
    routes = [
        Route("a"),
        Route("b", priority=1),
        Route("c", priority=1),
        Route("d"),
        Route("e", priority=2, method="PUT"),
    ]
    chosen = choose(routes, asked())
    assert chosen is not None
    assert chosen.name == "c"


def test_where_json_differs() -> None:
    assert json_miss({"a": [1, {"b": True}]}, {"a": [1, {"b": True, "c": 2}], "d": 0}) == ""
    assert json_miss({"a": [1, {"b": True}]}, {"a": [1, {"b": 1}]}) == "$.a[1].b"
    assert json_miss({"a": {"b": 1}}, {"a": {}}) == "$.a.b"
    assert json_miss([1], [1, 2]) == "$"


def test_near_misses_name_the_nearest_first() -> None:
    told = explain(
        [Route("far", method="PUT", path="/x", host="h"), Route("near", method="POST"), Route("off", times=0)], asked()
    )
    assert told == [
        "route 'off': it was used 0 times, its limit",
        "route 'near': method is GET, not POST",
        "route 'far': method is GET, not PUT; host is example.org:80, not h; path is /a/b, not /x",
    ]


# -- over a socket


@pytest.fixture
def own(authority: Authority) -> Iterator[Served]:
    with serving("http", authority=authority, world=small_world()) as served:
        yield served


def program(served: Served, *routes: Route) -> int:
    """Set routes; returns the port."""
    for route in routes:
        served.run(served.world.commit(SetRoute(route)))
    return served.ports["http"]


def test_a_route_is_in_front_of_everything(own: Served) -> None:
    reply = Reply(418, (("Content-Type", "text/x"), ("X-Two", "1"), ("X-Two", "2")), b"mine")
    port = program(own, Route("get", path="/get", replies=(reply,)))
    answered = fetch(port, "/get")
    assert (answered.status, answered.body) == (418, b"mine")
    assert (answered.headers["content-type"], answered.headers["x-two"]) == ("text/x", "1, 2")
    own.run(own.world.commit(RemoveRoute("get")))
    assert fetch(port, "/get").status == 200


def test_replies_in_turn(own: Served) -> None:
    three = (Reply(500), Reply(503, delay=0.05), Reply(200, body=b"ok"))
    port = program(
        own,
        Route("once", path="/once", replies=three),
        Route("cycle", path="/cycle", replies=three, cycles=True),
        Route("twice", path="/twice", replies=three, times=2),
    )
    assert [fetch(port, "/once").status for _ in range(5)] == [500, 503, 200, 200, 200]
    assert [fetch(port, "/cycle").status for _ in range(5)] == [500, 503, 200, 500, 503]
    assert [fetch(port, "/twice").status for _ in range(4)] == [500, 503, 404, 404]


def test_turns_are_counted_at_once(own: Served) -> None:
    port = program(own, Route("turns", path="/turns", replies=tuple(Reply(200 + turn) for turn in range(20))))
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(fetch(port, "/turns").status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(seen) == [200 + turn for turn in range(20)]


def test_the_body_decides_and_stays_readable(own: Served) -> None:
    wanted = msgspec.Raw(b'{"kind": "order"}')
    port = program(own, Route("orders", "POST", "/*", json=wanted, replies=(Reply(202),)))
    assert fetch(port, "/post", "POST", body=b'{"kind": "order", "id": 1}').status == 202
    other = fetch(port, "/post", "POST", body=b'{"kind": "other"}')
    assert other.json()["json"] == {"kind": "other"}


def test_a_file_as_a_reply(own: Served) -> None:
    port = program(
        own,
        Route("file", path="/file", replies=(Reply(file="/pub/readme.txt"),)),
        Route("gone", path="/gone", replies=(Reply(file="/nowhere"),)),
    )
    answered = fetch(port, "/file")
    assert (answered.body, answered.headers["content-type"]) == (b"Welcome to /pub.\n", "text/plain; charset=utf-8")
    assert fetch(port, "/gone").status == 500


def test_what_nearly_matched_is_explained(own: Served) -> None:
    port = program(own, Route("wanted", "POST", "/wanted"))
    reply = fetch(port, "/wanted")
    assert reply.status == 404
    assert b"route 'wanted': method is GET, not POST" in reply.body


def test_the_record_says_which_route_answered(own: Served) -> None:
    port = program(own, Route("named", path="/named"))
    fetch(port, "/named")
    events = own.call(lambda: list(own.world.journal.since(0)))
    assert [event.change.request.route for event in events if hasattr(event.change, "request")] == ["named"]


def test_applications_mounted_by_host(own: Served) -> None:
    heard: list[str] = []

    async def mine(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["path"])
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"mine", "more_body": False})

    running, _ = own.run(own.stage.running("http"))
    own.call(running.app.mounts.add, "mine.example", mine)
    own.call(running.app.mounts.add, "*.mine.example", mine)
    port = own.ports["http"]
    assert [
        fetch(port, "/a", headers={"Host": host}).status for host in ("mine.example", "x.MINE.example:80", "example")
    ] == [
        299,
        299,
        404,
    ]
    assert heard == ["/a", "/a"]


def test_an_application_that_fails(own: Served) -> None:
    async def bad(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/half":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        if scope["path"] == "/split":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]})
        if scope["path"] == "/none":
            return
        raise RuntimeError("as meant")

    running, _ = own.run(own.stage.running("http"))
    own.call(running.app.mounts.add, "bad.example", bad)
    port = own.ports["http"]
    assert [fetch(port, path, headers={"Host": "bad.example"}).status for path in ("/", "/split", "/none")] == [
        500,
        500,
        500,
    ]
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        fetch(port, "/half", headers={"Host": "bad.example"})
    assert fetch(port, "/ip").status == 200
