"""One internet for the tests of the control service, as its fixtures say before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from control_client import Client

from minternet import Internet, Settings


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    settings = Settings(
        ephemeral=True,
        services=("echo", "http", "smtp", "imap", "nntp", "control"),
        authority=str(tmp_path_factory.mktemp("authority")),
    )
    with Internet(settings=settings) as net:
        yield net


@pytest.fixture
def net(running: Internet) -> Iterator[Internet]:
    running.reset()
    yield running
    running.clock.resume()


@pytest.fixture
def api(net: Internet) -> Client:
    return Client(net.control.port)
