"""A running service for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ftp_place import Place, place

from minternet.wire.tls import Authority


@pytest.fixture
def ftp(authority: Authority) -> Iterator[Place]:
    """FTP over the small world."""
    with place(authority) as here:
        yield here
