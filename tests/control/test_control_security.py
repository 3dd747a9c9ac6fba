"""Who may drive the control API, and what a page of another site cannot do."""

from __future__ import annotations

import http.client
import json
import socket

import pytest
from control_client import Client

from minternet import Internet, Settings
from minternet.control.security import Gate, host_name
from minternet.supervisor import is_loopback, token_for


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", "10.0.0.1", "0"]
)
def test_another_host_is_refused(api: Client, host: str) -> None:
    """A foreign name that was pointed at 127.0.0.1 (DNS rebinding)."""
    for path in ("//", "//healthz", "/accounts", "//static/main.js"):
        answer = api.ask("GET", path, headers={"Host": f"{host}:{api.port}"})
        assert answer.status == 421
        assert answer.json["type"] == "urn:minternet:unknown-host"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "localhost."])
def test_own_hosts_are_known(api: Client, host: str) -> None:
    assert api.ask("GET", "/accounts", headers={"Host": f"{host}:{api.port}"}).status == 200
    assert api.ask("GET", "/accounts", headers={"Host": host}).status == 200


def test_a_request_without_a_host_is_refused(api: Client) -> None:
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(b"GET /api/v1/accounts HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1:{port}", "http://127.0.0.1"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_origin_is_refused(api: Client, net: Internet, origin: str, method: str) -> None:
    headers = {"Origin": origin.format(port=api.port)}
    before = net.cursor()
    answer = api.ask(method, "/reset" if method == "POST" else "/accounts", headers=headers)
    assert (answer.status, answer.json["type"]) == (403, "urn:minternet:foreign-page")
    assert net.cursor() == before
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_own_page_may_change_things(api: Client) -> None:
    headers = {"Origin": f"http://127.0.0.1:{api.port}", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    assert api.ask("POST", "/reset", headers=headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Mode": "navigate"},
        {"Referer": "http://evil.example/page"},
        {"Referer": "http://["},
    ],
)
def test_a_browser_without_origin_changes_nothing(api: Client, headers: dict[str, str]) -> None:
    assert api.ask("POST", "/reset", headers=headers).status == 403


def test_other_sites_may_link_but_not_embed(api: Client) -> None:
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert api.ask("GET", "/accounts", headers=embedded).status == 403
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert api.ask("GET", "//", headers=followed).status == 200


def test_preflights_are_given_nothing(api: Client) -> None:
    answer = api.ask(
        "OPTIONS", "/reset", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status == 403
    own = api.ask("OPTIONS", "/reset")
    assert (own.status, own.headers["allow"]) == (204, "OPTIONS, POST")


def test_every_reply_is_guarded(api: Client) -> None:
    for path in ("//", "/accounts", "/none"):
        headers = api.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_it_is_no_proxy_and_no_websocket(api: Client) -> None:
    for request, status in (
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", b"501"),
        (b"GET http://evil.example/api/v1/accounts HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
            b"501",
        ),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    ):
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as client:
            client.sendall(request)
            assert client.recv(200).startswith(b"HTTP/1.1 " + status)


def test_errors_are_problems(api: Client) -> None:
    api.problem("GET", "/nothing", 404)
    api.problem("GET", "//nothing", 404)
    wrong = api.ask("PUT", "/accounts")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert wrong.headers["content-type"] == "application/problem+json"
    assert api.ask("HEAD", "/accounts").body == b""
    api.problem("GET", "/accounts/alice/mailboxes/INBOX/messages/x", 404)
    api.problem("GET", "//static/..%2Fpages.py", 404)
    api.problem("GET", "//static/__init__.py", 404)


# -- tokens


def asked(port: int, headers: dict[str, str], path: str = "/api/v1/accounts") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_beyond_loopback_a_token_is_made_up_and_told() -> None:
    said: list[str] = []
    settings = Settings(ephemeral=True, services=("echo", "control"), host="0.0.0.0")
    with Internet(settings=settings, say=said.append) as net:
        control = net.ready().control
        assert control is not None
        assert control.token is not None
        assert control.token in said[0]
        port = net.control.port
        refused = asked(port, {})
        assert refused.status == 401
        assert refused.getheader("www-authenticate", "").startswith("Bearer")
        assert asked(port, {"Authorization": "Bearer wrong"}).status == 401
        assert asked(port, {"Authorization": f"Basic {control.token}"}).status == 401
        assert asked(port, {}, "/api/v1/nothing").status == 401
        assert asked(port, {"Authorization": f"bearer {control.token}"}).status == 200
        for public in ("/", "/healthz", "/readyz", "/static/main.js"):
            assert asked(port, {}, public).status == 200
        assert asked(port, {}, "/metrics").status == 401
        assert asked(port, {"Host": "evil.example", "Authorization": f"Bearer {control.token}"}).status == 421


def test_a_token_that_is_set_is_asked_for_on_loopback_too() -> None:
    settings = Settings(ephemeral=True, services=("control",), control_token="let me in")
    with Internet(settings=settings) as net:
        assert asked(net.control.port, {}).status == 401
        headers = {"Authorization": "Bearer let me in"}
        assert asked(net.control.port, headers).status == 200
        connection = http.client.HTTPConnection(*net.control.address)
        connection.request("GET", "/api/v1/settings", headers=headers)
        assert json.loads(connection.getresponse().read())["control_token"] == "(set)"
        connection.close()


def test_which_addresses_are_loopback() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.0.0.5", "::1", "0.0.0.0", "::", "10.1.2.3", "name")] == [
        True, True, True, False, False, False, False,
    ]  # fmt: skip
    assert token_for(Settings()) is None
    assert token_for(Settings(host="0.0.0.0")) != token_for(Settings(host="0.0.0.0"))
    assert token_for(Settings(control_token="")) is None


def test_public_and_listening_addresses_are_known() -> None:
    gate = Gate(Settings(host="0.0.0.0", public_host="tests.example"), None)
    scope = {"method": "GET", "scheme": "http", "server": ("172.17.0.2", 800)}
    for host in (b"tests.example:2800", b"172.17.0.2:800", b"localhost"):
        gate.check(scope, {b"host": host})
    assert [host_name(each) for each in ("a:1", "[::1]:1", "[::1]", "A.", "a:b")] == ["a", "::1", "::1", "a", "a:b"]
