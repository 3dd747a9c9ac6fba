"""[[routes]] of a fixture, from world.toml to the client."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_clients import fetch

from minternet import Internet, Settings
from minternet.world.seed import check

WORLD = """
[world]
domain = "example.test"

[[accounts]]
login = "alice"
password = "wonderland"
"""
ROUTES = """
[[routes]]
name = "bell"
method = "GET"
path = "/bell"
replies = [{ status = 503, delay = 0.05 }, { status = 200, body = "ding" }]

[[routes]]
name = "orders"
method = "POST"
path = "/orders/{id}"
host = "*.example.test"
query = { dry = "1" }
headers = { X-Key = "k*" }
json = { kind = "order", tags = ["new"] }
replies = [{ status = 201, headers = { Location = "/orders/7" }, json = { id = 7, paid = false } }]

[[routes]]
name = "page"
path = "/page"
replies = [{ file = "/page.html" }]

[[routes]]
name = "readme"
path = "/readme"
times = 1
replies = [{ status = 404, file = "/pub/readme.txt" }]
"""


def folder(path: Path, routes: str) -> Path:
    files = {"world.toml": WORLD + routes, "site/page.html": "<title>Page</title>", "files/pub/readme.txt": "Read me."}
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content, "utf-8")
    return path


def test_routes_of_a_fixture_answer(tmp_path: Path) -> None:
    with Internet(folder(tmp_path, ROUTES), settings=Settings(ephemeral=True, services=("http",))) as net:
        port = net.http.port
        bells = [fetch(port, "/bell") for _ in range(3)]
        assert [(bell.status, bell.body) for bell in bells] == [(503, b""), (200, b"ding"), (200, b"ding")]
        assert bells[1].headers["content-type"] == "text/plain; charset=utf-8"
        headers = {"Host": "shop.example.test", "X-Key": "key"}
        body = b'{"tags": ["new"], "kind": "order", "more": 1}'
        order = fetch(port, "/orders/x?dry=1", "POST", headers, body)
        assert (order.status, order.json(), order.headers["location"]) == (201, {"id": 7, "paid": False}, "/orders/7")
        assert order.headers["content-type"] == "application/json"
        near = fetch(port, "/orders/x?dry=1", "POST", headers, b"{}")
        assert near.status == 404
        assert b"route 'orders': body's JSON differs at $.kind" in near.body
        page, readme = fetch(port, "/page"), fetch(port, "/readme")
        assert (page.body, page.headers["content-type"]) == (b"<title>Page</title>", "text/html; charset=utf-8")
        assert (readme.status, readme.body) == (404, b"Read me.")
        assert b"/httpbin" not in fetch(port, "/readme").body
        net.reset()
        assert fetch(port, "/bell").status == 503


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{ body = "a", json = 1 }', "more than one of body, json and file"),
        ('{ file = "/nowhere" }', "'/nowhere' is no file of site/ or files/"),
        ('{ file = "/pub" }', "'/pub' is no file of site/ or files/"),
        ("{ status = 20 }", "`int` >= 100"),
        ("", "a route has no replies"),
        ("{ delay = -1.0 }", "`float` >= 0"),
        ('{ code = "x" }', "'code' is no key here; write one of status, headers, body, json, file, delay"),
    ],
)
def test_what_is_wrong_with_a_route_is_told(tmp_path: Path, reply: str, expected: str) -> None:
    found = check(folder(tmp_path, f'\n[[routes]]\nname = "one"\nreplies = [{reply}]\n'))
    assert [problem.line for problem in found] == [11]
    assert expected in str(found[0])
