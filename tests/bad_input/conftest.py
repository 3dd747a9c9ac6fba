"""One internet for all bad clients of a run; after each test it must be as sound as before."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from bad_clients import NAMES, forgets, serves

from minternet import Internet, Settings, registry
from minternet.settings import Limits

LIMITS = Limits(login_delay=0.02, login_failures=3)


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """An internet with every service there is."""
    authority = str(tmp_path_factory.mktemp("authority"))
    settings = Settings(ephemeral=True, authority=authority, services=registry.names(), limits=LIMITS)
    with Internet(settings=settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _sound(net: Internet, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """Afterwards nothing was logged as an error, nobody is counted who is gone, and a client is served."""
    caplog.set_level(logging.ERROR)
    name = request.node.callspec.params.get("service") if hasattr(request.node, "callspec") else None
    yield
    if name in NAMES:
        forgets(net, name)
        serves(net, name)
        forgets(net, name)
    assert not [record.getMessage() for record in caplog.get_records("call")]
