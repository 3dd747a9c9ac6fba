"""The fixtures of pytest-httpbin, served by minternet. Off until asked for, in a conftest.py or by `-p`:

    pytest_plugins = ["minternet.pytest_httpbin"]

`httpbin`, `httpbin_secure` and `httpbin_both` are servers with `url`, `host`, `port`, `join` and `+`; `httpbin_ca_bundle`
lets requests trust the secure one. Where pytest-httpbin is installed too, `-p no:httpbin` keeps it from loading.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

if TYPE_CHECKING:
    from .internet import Internet
    from .settings import Settings

PORT_VARIABLES = {"http": "HTTPBIN_HTTP_PORT", "https": "HTTPBIN_HTTPS_PORT"}
"""Where pytest-httpbin looks for ports that must be certain ones."""

use_class_based_httpbin = pytest.mark.usefixtures("class_based_httpbin")
use_class_based_httpbin_secure = pytest.mark.usefixtures("class_based_httpbin_secure")


class Server:
    """Where httpbin is: `server + "/get"` and `server.join("/get")` are URLs."""

    def __init__(self, protocol: str, host: str, port: int) -> None:
        self.protocol, self.host, self.port = protocol, host, port

    @property
    def url(self) -> str:
        """Scheme, host and port, with no slash at the end."""
        return f"{self.protocol}://{self.host}:{self.port}"

    def __add__(self, path: str) -> str:
        return self.url + path

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"<Server {self.url}>"

    def join(self, url: str, allow_fragments: bool = True) -> str:
        """The URL, relative to the server's."""
        return urljoin(self.url, url, allow_fragments=allow_fragments)


def where() -> str:
    """The certificate to trust, as PEM: pytest-httpbin's `certs.where()`."""
    from .internet import Internet

    return Internet(settings=_settings()).ca_file


def _settings() -> Settings:
    from .settings import Settings

    ports = {name: int(os.environ[variable]) for name, variable in PORT_VARIABLES.items() if variable in os.environ}
    return Settings(host="127.0.0.1", ephemeral=True, services=("http", "https"), ports=ports, http_record=False)


@pytest.fixture(scope="session")
def httpbin_internet() -> Iterator[Internet]:
    """The internet behind the servers: HTTP and HTTPS, and a world with nothing in it."""
    from .internet import Internet
    from .world.world import World

    world = World()
    with Internet(settings=_settings(), world=world) as net:
        yield net
    world.close()


@pytest.fixture(scope="session")
def httpbin(httpbin_internet: Internet) -> Server:
    """httpbin by HTTP."""
    return Server("http", *httpbin_internet.http.address)


@pytest.fixture(scope="session")
def httpbin_secure(httpbin_internet: Internet) -> Server:
    """httpbin by HTTPS."""
    return Server("https", *httpbin_internet.https.address)


@pytest.fixture(scope="session", params=["http", "https"])
def httpbin_both(request: pytest.FixtureRequest, httpbin: Server, httpbin_secure: Server) -> Server:
    """Both in turn."""
    return httpbin if request.param == "http" else httpbin_secure


@pytest.fixture(scope="class")
def class_based_httpbin(request: pytest.FixtureRequest, httpbin: Server) -> None:
    """`self.httpbin` in a test class."""
    request.cls.httpbin = httpbin


@pytest.fixture(scope="class")
def class_based_httpbin_secure(request: pytest.FixtureRequest, httpbin_secure: Server) -> None:
    """`self.httpbin_secure` in a test class."""
    request.cls.httpbin_secure = httpbin_secure


@pytest.fixture
def httpbin_ca_bundle(httpbin_internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests trusts `httpbin_secure`."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", httpbin_internet.ca_file)
