"""What all tests share. Being here, it also makes this folder importable for them."""

from __future__ import annotations

import pytest
from stdlib.entered import EnteredPlugin

from minternet.wire.tls import Authority


def pytest_addoption(parser: pytest.Parser) -> None:
    """--target, which points the client suite at an instance that runs already."""
    parser.addoption(
        "--target", metavar="READY_FILE", help="run tests/stdlib against the instance that this ready file tells of"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Count what the client suite enters. It is here because xdist's controller does not read tests/stdlib/conftest.py."""
    config.pluginmanager.register(EnteredPlugin(config), "minternet-entered")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A test authority, made once."""
    return Authority(tmp_path_factory.mktemp("authority"))
