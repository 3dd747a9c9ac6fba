"""The instance that the suite talks to: one of its own for each worker, or the one that --target names.

Tests use what the ready file says and nothing else, so that any instance will do. They may share it with others: what
they make has names of its own, and they take it away again.
"""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from stdlib.entered import bystanders
from stdlib.parts import Imap, Maildrops, Sites, imap_login

from minternet.internet import Internet, default_fixtures
from minternet.ready import Credentials, Ready, read
from minternet.settings import Settings

DEFAULT_WORLD = "Mallow-on-Wire"


@pytest.fixture(scope="session")
def ready(request: pytest.FixtureRequest) -> Iterator[Ready]:
    """Where everything is."""
    target = request.config.getoption("--target")
    if target:
        yield read(Path(target))
        return
    net = Internet(settings=Settings(ephemeral=True))
    with bystanders():
        net.start()
    try:
        yield net.ready()
    finally:
        net.stop()


@pytest.fixture(scope="session")
def tls(ready: Ready) -> ssl.SSLContext:
    """A context that trusts the instance's authority."""
    return ssl.create_default_context(cafile=ready.ca_file)


@pytest.fixture(scope="session")
def default_world(ready: Ready) -> None:
    """Skips what is about the default fixtures where the instance has others."""
    if ready.name != DEFAULT_WORLD:
        pytest.skip("the instance has other fixtures than the default ones")


@pytest.fixture(scope="session")
def fixtures(default_world: None) -> Path:
    """The folder of the default fixtures."""
    return default_fixtures()


@pytest.fixture(scope="session")
def account(ready: Ready) -> Credentials:
    """The first account, to whom the writable folder belongs."""
    return ready.accounts[0]


@pytest.fixture(scope="session")
def other(ready: Ready) -> Credentials:
    """The second account."""
    return ready.accounts[1]


@pytest.fixture
def token() -> str:
    """A name that nobody else uses."""
    return f"t{uuid.uuid4().hex[:16]}"


@pytest.fixture(scope="session")
def web(ready: Ready) -> Sites:
    """The instance's pages."""
    return Sites(ready)


@pytest.fixture
def imap(ready: Ready, account: Credentials, tls: ssl.SSLContext) -> Iterator[Imap]:
    """A client that is logged in as the first account."""
    with imap_login(ready, account, tls) as client:
        yield client


@pytest.fixture
def box(imap: Imap, token: str) -> Iterator[str]:
    """A new, empty mailbox of the first account."""
    imap.create(token)
    yield token
    if imap.state == "SELECTED":
        imap.unselect()
    imap.delete(token)


@pytest.fixture(scope="session")
def maildrops(ready: Ready, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Maildrops:
    """POP3 maildrops, which one client at a time may open."""
    folder = tmp_path_factory.getbasetemp()
    return Maildrops(ready, folder if worker_id == "master" else folder.parent)
