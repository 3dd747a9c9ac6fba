"""One internet for all tests of faults; each takes its own back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minternet import Internet, Settings


@pytest.fixture(scope="session")
def shared_net() -> Iterator[Internet]:
    with Internet(settings=Settings(ephemeral=True)) as net:
        yield net


@pytest.fixture
def net(shared_net: Internet) -> Iterator[Internet]:
    """The internet, well when the test begins and when it ends."""
    shared_net.faults.clear()
    yield shared_net
    shared_net.faults.clear()
