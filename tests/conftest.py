"""What all tests share. Being here, it also makes this folder importable for them."""

from __future__ import annotations

import pytest

from minternet.wire.tls import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A test authority, made once."""
    return Authority(tmp_path_factory.mktemp("authority"))
