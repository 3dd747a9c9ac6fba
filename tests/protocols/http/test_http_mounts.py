"""The user's own applications as hosts: how they are reached, started and ended, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
from http_clients import fetch
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from minternet import Internet, Settings, StartError
from minternet.protocols.http.mounts import MountFailed, Mounts

WEB = Settings(ephemeral=True, services=("http", "https"))


class Shop:
    """A Starlette application that notes when it starts and ends."""

    def __init__(self) -> None:
        self.life: list[str] = []
        routes = [Route("/", self.index), Route("/fail", self.fail), WebSocketRoute("/chat", self.chat)]
        self.app = Starlette(routes=routes, lifespan=self.lifespan)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, str]]:
        self.life.append("begins")
        yield {"stock": "ducks"}
        self.life.append("ends")

    async def index(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.url} has {request.state.stock}")

    async def fail(self, request: Request) -> PlainTextResponse:
        raise RuntimeError("out of ducks")

    async def chat(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{socket.state.stock}: {await socket.receive_text()}")
        await socket.close()


def get(net: Internet, url: str) -> str:
    """A URL by way of the proxy, as a client with HTTP_PROXY, HTTPS_PROXY and SSL_CERT_FILE gets it."""
    proxy = urllib.request.ProxyHandler({"http": net.http.url, "https": net.http.url})
    opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=net.ssl_context()))
    with opener.open(url, timeout=10) as reply:
        return str(reply.read().decode())


def test_a_mounted_application_is_reached_in_every_way() -> None:
    shop = Shop()
    with Internet(settings=WEB, mounts={"Shop.example.test": shop.app, "*.shop.example.test": shop.app}) as net:
        assert shop.life == ["begins"]
        host = {"Host": "shop.example.test"}
        assert fetch(net.http.port, "/", headers=host).body == b"http://shop.example.test/ has ducks"
        trusting = ssl.create_default_context(cafile=net.ca_file)
        assert fetch(net.https.port, "/", headers=host, tls=trusting).body == b"https://shop.example.test/ has ducks"
        for url in ("http://shop.example.test/", "https://shop.example.test/", "https://eu.shop.example.test:8443/"):
            assert get(net, url) == f"{url} has ducks"
        assert '"url": "https://elsewhere.example/get"' in get(net, "https://elsewhere.example/get")
    assert shop.life == ["begins", "ends"]


def test_websockets_of_a_mounted_application() -> None:
    shop = Shop()
    with (
        Internet(settings=WEB, mounts={"localhost": shop.app}) as net,
        connect(f"ws://localhost:{net.http.port}/chat", open_timeout=5) as chat,
    ):
        chat.send("hello")
        assert chat.recv(timeout=5) == "ducks: hello"


def test_errors_are_logged_and_told_as_500(caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop()
    with Internet(settings=WEB, mounts={"shop.example.test": shop.app}) as net, caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert fetch(net.http.port, "/fail", headers={"Host": "shop.example.test"}).status == 500
        assert fetch(net.http.port, "/", headers={"Host": "shop.example.test"}).status == 200
        assert [each.status for each in net.web.requests if each.path == "/fail"] == [500, 500]
    assert "out of ducks" in caplog.text


def test_mounting_while_it_runs() -> None:
    one, two = Shop(), Shop()
    with Internet(settings=WEB) as net:
        host = {"Host": "shop.example.test"}
        assert fetch(net.http.port, "/fail", headers=host).status == 404
        net.mount("shop.example.test", one.app)
        assert fetch(net.http.port, "/fail", headers=host).status == 500
        net.mount("shop.example.test", two.app)
        assert (one.life, two.life) == (["begins", "ends"], ["begins"])
        net.unmount("shop.example.test")
        assert two.life == ["begins", "ends"]
        assert fetch(net.http.port, "/fail", headers=host).status == 404


async def sick(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})


def test_one_that_cannot_start_is_told() -> None:
    shop = Shop()
    with pytest.raises(StartError, match="no database"):
        Internet(settings=WEB, mounts={"a.test": shop.app, "b.test": sick}).start()
    assert shop.life == ["begins", "ends"]
    with Internet(settings=WEB) as net:
        with pytest.raises(MountFailed, match="no database"):
            net.mount("b.test", sick)
        assert fetch(net.http.port, "/get", headers={"Host": "b.test"}).status == 200


def test_on_the_callers_own_loop() -> None:
    async def live() -> list[str]:
        shop = Shop()
        async with Internet(settings=WEB) as net:
            await net.mount_async("shop.example.test", shop.app)
            reply = await asyncio.to_thread(fetch, net.http.port, "/", headers={"Host": "shop.example.test"})
            assert reply.status == 200
        return shop.life

    assert asyncio.run(live()) == ["begins", "ends"]


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("a.test", "own"),
        ("A.TEST:8080", "own"),
        ("x.a.test", "nearest"),
        ("x.b.test", "wide"),
        ("test", None),
        ("[::1]:80", "address"),
        ("", None),
    ],
)
def test_which_application_answers(host: str, found: str | None) -> None:
    names: dict[str, Any] = {"a.test": "own", "*.a.test": "nearest", "*.test": "wide", "[::1]": "address"}
    answers: Any = Mounts(names).find(host)
    assert answers == found
