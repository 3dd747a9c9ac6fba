"""Fixtures of the wire's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from wire_clients import LOOPS, WIRES

from minternet.wire.tls import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority of this run's own."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture(params=WIRES)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of wire: in memory, or over a socket on one of the loops."""
    return str(request.param)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """An event loop."""
    return str(request.param)
