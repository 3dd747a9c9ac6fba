"""One HTTP and HTTPS service for the tests that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_site import site_world
from stage import Served, serving

from minternet.settings import Settings
from minternet.wire.tls import Authority


@pytest.fixture(scope="session")
def web(authority: Authority) -> Iterator[Served]:
    """HTTP and HTTPS over the site's world."""
    with serving("http", "https", authority=authority, world=site_world()) as served:
        yield served


@pytest.fixture(scope="session")
def port(web: Served) -> int:
    """The port of HTTP."""
    return web.ports["http"]


@pytest.fixture(scope="session")
def go_port(authority: Authority) -> Iterator[int]:
    """The port of an HTTP service in go-httpbin's shape."""
    with serving("http", authority=authority, settings=Settings(http_shape="go-httpbin")) as served:
        yield served.ports["http"]
