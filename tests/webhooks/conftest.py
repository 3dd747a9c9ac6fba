"""One internet for the tests of webhooks, without a control service; each test takes its own webhooks out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minternet import Internet, Settings


@pytest.fixture(scope="session")
def shared_hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    settings = Settings(
        ephemeral=True,
        services=("echo", "http", "https", "smtp"),
        authority=str(tmp_path_factory.mktemp("authority")),
        journal_events=2000,
    )
    with Internet(settings=settings) as net:
        yield net


@pytest.fixture
def net(shared_hooked: Internet) -> Iterator[Internet]:
    shared_hooked.reset()
    yield shared_hooked
    shared_hooked.webhooks.clear()
    shared_hooked.faults.clear()
