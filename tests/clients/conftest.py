"""One internet for all the clients of a run; each test has an account and a home of its own."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_machine import Machine

from minternet import Internet, Settings
from minternet.bench import AccountHandle

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """An internet with an authority of its own."""
    authority = tmp_path_factory.mktemp("authority")
    with Internet(settings=Settings(ephemeral=True, authority=str(authority))) as running:
        yield running


@pytest.fixture
def me(net: Internet) -> AccountHandle:
    """An account that nobody else uses."""
    return net.add_account(f"client{next(NUMBERS)}", "opensesame", name="A client")


@pytest.fixture
def machine(net: Internet, tmp_path: Path) -> Machine:
    """A machine whose clients are at home in a folder of the test's."""
    return Machine(net, tmp_path)


@pytest.fixture(autouse=True)
def _no_errors_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.ERROR, "minternet")
    yield
    logged = [record.getMessage() for record in caplog.get_records("call") if record.name.startswith("minternet")]
    assert not logged
