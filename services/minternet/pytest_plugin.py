"""pytest fixtures: an internet started once, and as the fixtures say before each test.

    def test_welcome_mail(minternet):
        send_welcome(to="alice@example.test", smtp=minternet.smtp.address)
        mail = minternet.account("alice").inbox.wait_for(subject="Welcome")

This module is imported by every pytest that has minternet installed, so it imports nothing of it until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .internet import Internet
    from .settings import Settings

SHOWN_OCTETS = 20_000
"""How much of the conversations a failing test's report carries."""
_conversations = pytest.StashKey["tuple[Internet, int]"]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line(
        "markers",
        "minternet(fixtures=FOLDER, **settings): an internet of its own for this test, with these fixtures and settings",
    )


@pytest.fixture(scope="session")
def minternet_settings() -> Settings:
    """The settings of the session's internet; override this fixture to change them."""
    from .settings import Settings

    return Settings(ephemeral=True)


@pytest.fixture(scope="session")
def minternet_server(minternet_settings: Settings) -> Iterator[Internet]:
    """The internet of the session (of each xdist worker): started once, on free ports, never reset by itself."""
    from .internet import Internet

    with Internet(settings=minternet_settings) as net:
        yield net


@pytest.fixture
def minternet(request: pytest.FixtureRequest) -> Internet:
    """An internet that is as its fixtures say when the test begins.

    It is the session's, reset; or one of the test's own where the `minternet` marker asks for fixtures or settings.
    """
    marker = request.node.get_closest_marker("minternet")
    if marker is not None and (marker.kwargs or marker.args):
        factory: Callable[..., Internet] = request.getfixturevalue("minternet_factory")
        net: Internet = factory(*marker.args, **marker.kwargs)
    else:
        net = request.getfixturevalue("minternet_server")
        net.clock.resume()
        net.reset()
    request.node.stash[_conversations] = (net, net.transcripts.opened)
    return net


@pytest.fixture
def minternet_factory() -> Iterator[Callable[..., Internet]]:
    """Makes internets for one test: `minternet_factory(fixtures=None, **settings)`; all are stopped after it."""
    import contextlib

    from .internet import Internet
    from .settings import make

    with contextlib.ExitStack() as stack:

        def start(fixtures: Any = None, **settings: Any) -> Internet:
            chosen = make({"ephemeral": True, **settings})
            return stack.enter_context(Internet(fixtures, settings=chosen))

        yield start


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failing test's report carries every conversation it had."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed and _conversations in item.stash:
        net, before = item.stash[_conversations]
        texts = [each.text(times=True) for each in net.transcripts.conversations() if each.number > before]
        if texts:
            report.sections.append(("minternet conversations", _shortened("\n".join(texts))))


def _shortened(text: str) -> str:
    if len(text) <= SHOWN_OCTETS:
        return text
    return f"{text[: SHOWN_OCTETS // 2]}\n... {len(text) - SHOWN_OCTETS} characters left out ...\n{text[-SHOWN_OCTETS // 2 :]}"
