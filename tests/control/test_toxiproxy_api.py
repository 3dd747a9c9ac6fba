"""Toxiproxy's API at the root of the control port: the requests its clients send, and what a client of the service sees."""

from __future__ import annotations

import http.client
import imaplib
import json
import smtplib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from control_client import Answer, Client

from minternet import Internet, Settings
from minternet.control import schemas
from minternet.faults.toxics import TOXICS

PROXIES = ("echo", "http", "smtp", "imap", "nntp")
STREAMS = ("upstream", "downstream")


class Toxiproxy:
    """Asks as Toxiproxy's clients do."""

    def __init__(self, api: Client) -> None:
        self.api = api

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """JSON of an answer; None where there is none."""
        answer = self.api.ask(method, "/" + path, body)
        assert answer.status == status, answer
        if status == 204:
            assert answer.body == b""
            return None
        assert answer.headers["content-type"] == "application/json"
        return answer.json

    def error(self, method: str, path: str, status: int, body: Any = None) -> str:
        """The error of an answer, which has nothing beside it and its status."""
        told: dict[str, Any] = self.ask(method, path, body, status)
        assert told == {"error": told["error"], "status": status}
        return str(told["error"])

    def add(self, kind: str, stream: str = "downstream", proxy: str = "echo", **attributes: float) -> Any:
        """A toxic, with all that a client says of one."""
        toxic = {"name": "t", "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes}
        return self.ask("POST", f"/proxies/{proxy}/toxics", toxic)


@pytest.fixture
def toxiproxy(api: Client) -> Toxiproxy:
    return Toxiproxy(api)


@pytest.fixture
def echo(net: Internet) -> Iterator[socket.socket]:
    """A connection that was there before all toxics."""
    with connected(net) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"
        yield connection


def connected(net: Internet) -> socket.socket:
    return socket.create_connection(net.echo.address, timeout=10)


def rest(connection: socket.socket) -> bytes:
    """All that comes until the end, however it comes."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = connection.recv(65_536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def exactly(connection: socket.socket, size: int) -> list[bytes]:
    """So many octets, in the pieces they came in."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < size:
        pieces.append(connection.recv(65_536))
        assert pieces[-1]
    return pieces


def address(net: Internet, name: str) -> str:
    return "{}:{}".format(*getattr(net, name).address)


def told(net: Internet, name: str, *, enabled: bool = True, toxics: list[Any] | None = None) -> dict[str, Any]:
    """A proxy as Toxiproxy tells of one."""
    where = address(net, name)
    return {"name": name, "listen": where, "upstream": where, "enabled": enabled, "toxics": toxics or []}


# -- proxies


def test_the_version(toxiproxy: Toxiproxy) -> None:
    version = toxiproxy.ask("GET", "/version")["version"]
    assert version.startswith("2.")
    assert "+minternet." in version


def test_services_are_proxies(toxiproxy: Toxiproxy, net: Internet) -> None:
    assert toxiproxy.ask("GET", "/proxies") == {name: told(net, name) for name in PROXIES}
    assert toxiproxy.ask("GET", "/proxies/imap") == told(net, "imap")
    for name in ("redis", "control", "echo-udp"):
        error = toxiproxy.error("GET", f"/proxies/{name}", 404)
        assert error.startswith("proxy not found: ")
        assert ", ".join(PROXIES) in error


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_one_that_is_not_enabled(toxiproxy: Toxiproxy, net: Internet, echo: socket.socket, method: str) -> None:
    given = {"listen": address(net, "echo"), "upstream": address(net, "echo"), "enabled": False}
    for _ in range(2):
        assert toxiproxy.ask(method, "/proxies/echo", given) == told(net, "echo", enabled=False)
    assert [report.line for report in net.faults.reports] == ['=echo: down, name="=echo: down"']
    assert rest(echo) == b""
    with connected(net) as connection:
        assert rest(connection) == b""
    assert toxiproxy.ask(method, "/proxies/echo", {}) == told(net, "echo", enabled=False)
    assert toxiproxy.ask("GET", "/proxies/smtp")["enabled"]
    assert toxiproxy.ask(method, "/proxies/echo", {"enabled": True}) == told(net, "echo")
    assert net.faults.reports == []
    with connected(net) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"


def test_who_is_down_by_a_fault_is_not_enabled(toxiproxy: Toxiproxy, net: Internet) -> None:
    net.faults.add("imap: down", name="mine")
    assert not toxiproxy.ask("GET", "/proxies/imap")["enabled"]
    assert toxiproxy.ask("PATCH", "/proxies/imap", {"enabled": True})["enabled"]
    net.faults.add("imap: down, probability=0.5")
    assert toxiproxy.ask("GET", "/proxies/imap")["enabled"], "it is not down for everybody"
    net.faults.add("*: down", name="all")
    assert "'all'" in toxiproxy.error("PATCH", "/proxies/imap", 409, {"enabled": True})
    assert "'all'" in toxiproxy.error("POST", "/proxies", 409, {"name": "smtp", "enabled": True})
    toxiproxy.ask("POST", "/reset", status=204)
    assert [report.fault.probability for report in net.faults.reports] == [0.5]


def test_they_are_made_as_often_as_one_likes(toxiproxy: Toxiproxy, net: Internet) -> None:
    port = net.imap.port
    for listen in (
        f"127.0.0.1:{port}",
        f"localhost:{port}",
        f"0.0.0.0:{port}",
        f"[::]:{port}",
        "127.0.0.1:0",
        "",
        None,
    ):
        given = {"name": "imap", "listen": listen, "upstream": f"localhost:{port}", "enabled": True, "toxics": None}
        assert toxiproxy.ask("POST", "/proxies", given, 201) == told(net, "imap")
    given = {"name": "smtp", "listen": address(net, "smtp"), "upstream": address(net, "smtp")}
    for _ in range(2):
        populated = toxiproxy.ask("POST", "/populate", [{"name": "imap", "enabled": False}, given], 201)
        assert populated == {"proxies": [told(net, "imap", enabled=False), told(net, "smtp")]}
    assert (
        toxiproxy.ask("POST", "/populate", [{"name": "imap", "enabled": None}], 201)["proxies"][0]["enabled"] is False
    )
    assert toxiproxy.ask("POST", "/proxies", {"name": "imap", "enabled": True}, 201) == told(net, "imap")
    assert toxiproxy.ask("POST", "/populate", [], 201) == {"proxies": []}


def test_what_cannot_be_made(toxiproxy: Toxiproxy, net: Internet) -> None:
    elsewhere = {"listen": "127.0.0.1:1", "upstream": "mail.example.test:143"}
    for field, place in elsewhere.items():
        for method, path in (("POST", "/proxies"), ("POST", "/proxies/imap"), ("PATCH", "/proxies/imap")):
            error = toxiproxy.error(method, path, 409, {"name": "imap", field: place})
            assert error.startswith("proxy already exists: services are the proxies here")
            assert address(net, "imap") in error
            assert place in error
    both = [{"name": "smtp", "enabled": False}, {"name": "imap", **elsewhere}]
    toxiproxy.error("POST", "/populate", 409, both)
    assert "there are echo, http" in toxiproxy.error("POST", "/populate", 404, [both[0], {"name": "redis"}])
    assert toxiproxy.ask("GET", "/proxies/smtp")["enabled"], "all, or none"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/proxies", {"listen": "127.0.0.1:0"}),
        ("/proxies", {"name": ""}),
        ("/proxies", {"name": "imap", "enabled": "no"}),
        ("/proxies", b"{"),
        ("/proxies", b""),
        ("/proxies", []),
        ("/proxies/imap", b"enabled=false"),
        ("/populate", {"name": "imap"}),
        ("/populate", [7]),
        ("/populate", [{"name": "imap"}, {"name": "imap"}]),
        ("/populate", [{"name": f"imap{number}"} for number in range(101)]),
        ("/proxies/imap/toxics", b"\xff"),
        ("/proxies/imap/toxics", {"type": "explode"}),
        ("/proxies/imap/toxics", {"type": "down"}),
        ("/proxies/imap/toxics", {}),
        ("/proxies/imap/toxics", {"type": "latency", "stream": "sideways"}),
        ("/proxies/imap/toxics", {"type": "latency", "toxicity": 2}),
        ("/proxies/imap/toxics", {"type": "latency", "attributes": {"latency": "long"}}),
        ("/proxies/imap/toxics", {"type": "latency", "attributes": {"tempo": 1}}),
        ("/proxies/imap/toxics", {"type": "latency", "name": "n" * 201}),
    ],
)
def test_bodies_that_cannot_be(toxiproxy: Toxiproxy, net: Internet, path: str, body: Any) -> None:
    assert toxiproxy.error("POST", path, 400, body)
    assert net.faults.reports == []


def test_bodies_of_any_type(api: Client, net: Internet) -> None:
    """As curl sends them."""
    for kind in ("application/x-www-form-urlencoded", "text/plain"):
        answer = api.ask("POST", "//proxies/imap", b'{"enabled": false}', kind)
        assert (answer.status, answer.json["enabled"]) == (200, False)


def test_one_that_is_deleted(toxiproxy: Toxiproxy, net: Internet, echo: socket.socket) -> None:
    toxiproxy.add("latency", latency=1)
    toxiproxy.ask("PATCH", "/proxies/echo", {"enabled": False})
    toxiproxy.ask("DELETE", "/proxies/echo", status=204)
    assert rest(echo) == b""
    assert [report.fault.name for report in net.faults.reports] == ["=echo: deleted"]
    assert "echo" not in toxiproxy.ask("GET", "/proxies")
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("GET", "/toxics"), ("GET", "/toxics/t")):
        body: Any = {} if method == "PATCH" else None
        assert "was deleted" in toxiproxy.error(method, f"/proxies/echo{path}", 404, body)
    toxiproxy.ask("POST", "/reset", status=204)
    toxiproxy.error("GET", "/proxies/echo", 404)
    assert toxiproxy.ask("POST", "/proxies", {"name": "echo", "enabled": False}, 201) == told(
        net, "echo", enabled=False
    )
    toxiproxy.ask("DELETE", "/proxies/echo", status=204)
    assert toxiproxy.ask("POST", "/proxies", {"name": "echo"}, 201) == told(net, "echo")
    toxiproxy.ask("DELETE", "/proxies/echo", status=204)
    net.reset()
    assert toxiproxy.ask("GET", "/proxies/echo") == told(net, "echo")


# -- toxics


def test_a_toxics_life(toxiproxy: Toxiproxy, net: Internet) -> None:
    toxics = "/proxies/imap/toxics"
    given = {"type": "latency", "attributes": {"latency": 5}}
    added = {
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1.0,
        "attributes": {"latency": 5, "jitter": 0},
    }
    assert toxiproxy.ask("POST", toxics, given) == added
    assert toxiproxy.error("POST", toxics, 409, given).startswith("toxic already exists")
    other = {"name": "thin", "type": "bandwidth", "stream": "upstream", "toxicity": 0.5, "attributes": {"rate": 9}}
    assert toxiproxy.ask("POST", toxics, other) == other
    assert toxiproxy.ask("GET", toxics) == [other, added], "upstream comes first"
    assert toxiproxy.ask("GET", "/proxies/imap") == told(net, "imap", toxics=[other, added])
    assert toxiproxy.api.get("/services/imap/toxics") == [added, other]
    changed = {**added, "attributes": {"latency": 5, "jitter": 1}}
    assert toxiproxy.ask("PATCH", f"{toxics}/latency_downstream", {"attributes": {"jitter": 1}}) == changed
    assert toxiproxy.ask("GET", f"{toxics}/latency_downstream") == changed
    assert toxiproxy.ask("POST", f"{toxics}/thin", {**other, "toxicity": 0.25}) == {**other, "toxicity": 0.25}
    toxiproxy.ask("DELETE", f"{toxics}/thin", status=204)
    assert toxiproxy.ask("GET", toxics) == [changed]
    for method in ("GET", "DELETE", "PATCH", "POST"):
        body: Any = {} if method in ("PATCH", "POST") else None
        assert toxiproxy.error(method, f"{toxics}/thin", 404, body).startswith("toxic not found")
        assert toxiproxy.error(method, "/proxies/redis/toxics/thin", 404, body).startswith("proxy not found")


def test_what_a_toxic_stays(toxiproxy: Toxiproxy) -> None:
    toxiproxy.ask("POST", "/proxies/imap/toxics", {"type": "latency", "name": None, "stream": None, "attributes": None})
    path = "/proxies/imap/toxics/latency_downstream"
    for field, value in (("type", "slicer"), ("name", "other"), ("stream", "upstream")):
        assert "stays so" in toxiproxy.error("PATCH", path, 400, {field: value})
    for body in ({"attributes": {"latency": -1}}, {"toxicity": "much"}, b"", b"[]"):
        toxiproxy.error("PATCH", path, 400, body)
    assert toxiproxy.ask("PATCH", path, {"toxicity": None, "attributes": None})["toxicity"] == 1.0


def test_a_name_that_a_fault_has(toxiproxy: Toxiproxy, net: Internet) -> None:
    net.faults.add("http GET: delay 1", name="imap: mine")
    assert "take another name" in toxiproxy.error(
        "POST", "/proxies/imap/toxics", 409, {"type": "latency", "name": "mine"}
    )


def test_a_reset_is_of_proxies(toxiproxy: Toxiproxy, net: Internet) -> None:
    net.account("alice").inbox.add(b"Subject: stays\r\n\r\n")
    net.faults.add("http GET: delay 1", name="stays")
    net.faults.add("*: latency 1", name="of all")
    toxiproxy.add("latency", latency=1)
    toxiproxy.add("slicer", proxy="imap", average_size=10)
    toxiproxy.ask("PATCH", "/proxies/http", {"enabled": False})
    toxiproxy.ask("POST", "/reset", status=204)
    assert toxiproxy.ask("GET", "/proxies") == {name: told(net, name) for name in PROXIES}
    assert [report.fault.name for report in net.faults.reports] == ["stays", "of all"]
    assert net.account("alice").inbox[-1].subject == "stays"


# -- what a client sees


@pytest.mark.parametrize("stream", STREAMS)
def test_latency(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("latency", stream, latency=150)
    began = time.monotonic()
    echo.sendall(b"x")
    assert echo.recv(1) == b"x"
    assert 0.14 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", STREAMS)
def test_bandwidth(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("bandwidth", stream, rate=20)
    began = time.monotonic()
    echo.sendall(bytes(4_000))
    exactly(echo, 4_000)
    assert 0.18 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", STREAMS)
def test_slow_close(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("slow_close", stream, delay=150)
    began = time.monotonic()
    echo.sendall(b"x")
    echo.shutdown(socket.SHUT_WR)
    assert rest(echo) == b"x"
    assert 0.14 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", STREAMS)
def test_timeout(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("timeout", stream, timeout=150)
    began = time.monotonic()
    echo.sendall(b"x")
    assert rest(echo) == b""
    assert 0.14 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", STREAMS)
def test_data_is_dropped_until_a_timeout_is_removed(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("timeout", stream, timeout=0)
    echo.sendall(b"lost")
    echo.settimeout(0.1)
    with pytest.raises(TimeoutError):
        echo.recv(1)
    echo.settimeout(10)
    toxiproxy.ask("DELETE", "/proxies/echo/toxics/t", status=204)
    echo.sendall(b"found")
    assert echo.recv(100) == b"found"


@pytest.mark.parametrize("timeout", [0, 100])
@pytest.mark.parametrize("stream", STREAMS)
def test_reset_peer(toxiproxy: Toxiproxy, echo: socket.socket, stream: str, timeout: int) -> None:
    began = time.monotonic()
    toxiproxy.add("reset_peer", stream, timeout=timeout)
    with pytest.raises(ConnectionResetError):
        echo.recv(1)
    assert timeout / 1000 - 0.01 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", STREAMS)
def test_slicer(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("slicer", stream, average_size=10, size_variation=2, delay=10_000)
    text = bytes(range(100))
    began = time.monotonic()
    echo.sendall(text)
    pieces = exactly(echo, 100)
    assert time.monotonic() - began >= 0.07, "nine pieces or more"
    assert b"".join(pieces) == text
    assert len(pieces) >= 2


@pytest.mark.parametrize("stream", STREAMS)
def test_limit_data(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("limit_data", stream, bytes=7)
    echo.sendall(b"hello")
    assert echo.recv(100) == b"hello"
    echo.sendall(b"hello")
    left = (b"he",) if stream == "downstream" else (b"he", b"")  # the server may hear of the end before it answers
    assert rest(echo) in left


def test_every_toxic_is_tried_here() -> None:
    assert {f"test_{kind}" for kind in TOXICS} <= globals().keys()
    document = msgspec.json.schema(schemas.ProxyToxicBody)
    assert document["$defs"]["ProxyToxicBody"]["properties"]["type"]["enum"] == sorted(TOXICS)


def test_protocols_clients_see_them(toxiproxy: Toxiproxy, net: Internet) -> None:
    toxiproxy.add("limit_data", proxy="smtp", bytes=0)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtplib.SMTP(*net.smtp.address, timeout=10)
    toxiproxy.add("reset_peer", proxy="imap")
    with pytest.raises((ConnectionResetError, imaplib.IMAP4.abort)):
        imaplib.IMAP4(*net.imap.address, timeout=10)
    toxiproxy.add("timeout", "upstream", proxy="http", timeout=100)
    client = http.client.HTTPConnection(*net.http.address, timeout=10)
    client.request("GET", "/")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.getresponse()
    client.close()


def test_toxicity(toxiproxy: Toxiproxy, net: Internet) -> None:
    toxiproxy.add("limit_data")
    path = "/proxies/echo/toxics/t"

    def struck() -> int:
        number = 0
        for _ in range(20):
            with connected(net) as connection:
                connection.sendall(b"x")
                number += connection.recv(1) == b""
        return number

    assert struck() == 20
    toxiproxy.ask("PATCH", path, {"toxicity": 0})
    assert struck() == 0
    toxiproxy.ask("PATCH", path, {"toxicity": 0.5})
    assert 0 < struck() < 20


@pytest.mark.parametrize("stream", STREAMS)
def test_an_update_is_for_open_connections(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("latency", stream, latency=60_000)
    echo.sendall(b"x")
    toxiproxy.ask("PATCH", "/proxies/echo/toxics/t", {"attributes": {"latency": 50}})
    began = time.monotonic()
    assert echo.recv(1) == b"x", "what is held goes on at once"
    echo.sendall(b"y")
    assert echo.recv(1) == b"y"
    assert 0.04 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", STREAMS)
def test_a_toxic_outlives_another(toxiproxy: Toxiproxy, echo: socket.socket, stream: str) -> None:
    toxiproxy.add("timeout", stream, timeout=300)
    other = {"type": "latency", "stream": stream, "name": "other"}
    toxiproxy.ask("POST", "/proxies/echo/toxics", other)
    toxiproxy.ask("DELETE", "/proxies/echo/toxics/other", status=204)
    echo.sendall(b"x")
    assert rest(echo) == b""


# -- who may


def test_the_same_gate(api: Client) -> None:
    for fields, status in (({"Origin": "http://example.test"}, 403), ({"Host": "example.test"}, 421)):
        for method, path in (("GET", "//proxies"), ("POST", "//reset")):
            check_error(api.ask(method, path, headers=fields), status)
    answer = api.ask("PUT", "//proxies")
    check_error(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_token(tmp_path: Path) -> None:
    settings = Settings(
        ephemeral=True, services=("echo", "control"), control_token="let-me-in", authority=str(tmp_path)
    )
    with Internet(settings=settings) as net:
        api = Client(net.control.port)
        check_error(api.ask("GET", "//proxies"), 401)
        assert api.ask("GET", "//proxies", headers={"Authorization": "Bearer let-me-in"}).status == 200


def check_error(answer: Answer, status: int) -> None:
    assert answer.status == status
    error = json.loads(answer.body)
    assert error == {"error": error["error"], "status": status}


# -- a client of its own


def test_toxiproxy_python(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = pytest.importorskip("toxiproxy", exc_type=ImportError)
    api: Any = pytest.importorskip("toxiproxy.api")
    monkeypatch.setattr(api.APIConsumer, "port", net.control.port)
    server = library.Toxiproxy()
    assert server.running()
    assert json.loads(server.version())["version"].startswith("2.")
    assert sorted(server.proxies()) == sorted(PROXIES)
    proxy = server.get_proxy("echo")
    with connected(net) as connection, proxy.down():
        assert rest(connection) == b""
    proxy.add_toxic(type="latency", stream="upstream", attributes={"latency": 100})
    assert proxy.get_toxic("latency_upstream").attributes == {"latency": 100, "jitter": 0}
    with connected(net) as connection:
        began = time.monotonic()
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        assert time.monotonic() - began >= 0.09
    with pytest.raises(api.ProxyExists, match="toxic already exists"):
        proxy.add_toxic(type="latency", stream="upstream")
    with pytest.raises(api.InvalidToxic, match="invalid toxic type"):
        proxy.add_toxic(type="explode")
    assert proxy.destroy_toxic("latency_upstream")
    with pytest.raises(api.NotFound, match="toxic not found"):
        proxy.destroy_toxic("latency_upstream")
    assert server.reset()
    assert server.populate([{"name": "echo", "listen": proxy.listen, "upstream": proxy.upstream}]) == []
    server.destroy_all()
    assert server.proxies() == {}
    made = server.create(upstream=proxy.upstream, name="echo")
    assert (made.listen, made.enabled) == (proxy.listen, True)
    with pytest.raises(api.ProxyExists, match="services are the proxies here"):
        server.create(upstream="mail.example.test:25", name="smtp")
