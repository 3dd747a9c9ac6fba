"""pytest fixtures: an internet started once, and as the fixtures say before each test.

    def test_welcome_mail(minternet):
        send_welcome(to="alice@example.test", smtp=minternet.smtp.address)
        mail = minternet.account("alice").inbox.wait_for(subject="Welcome")

This module is imported by every pytest that has minternet installed, so it imports nothing of it until a fixture is used.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from .bench import Conversation
    from .internet import Internet
    from .lint import Severity
    from .settings import Settings

_watched = pytest.StashKey["Watched"]()


class Watched:
    """The internets that fixtures have started, each with the number of its last conversation before this test."""

    def __init__(self) -> None:
        self.before: dict[Internet, int] = {}
        self._over: list[Internet] = []

    @contextlib.contextmanager
    def during(self, net: Internet) -> Iterator[None]:
        """Watch it from now on. When it has stopped, its conversations are kept for the report until the next test."""
        self.before[net] = net.transcripts.opened
        try:
            yield
        finally:
            self._over.append(net)

    def begin(self) -> None:
        """A test begins."""
        for net in self._over:
            self.before.pop(net, None)
        self._over.clear()
        for net in self.before:
            self.before[net] = net.transcripts.opened

    @property
    def conversations(self) -> list[Conversation]:
        """What was said since the test began, the control service's too."""
        from .bench import Conversation

        return [
            Conversation(transcript)
            for net, before in self.before.items()
            for transcript in net.transcripts.conversations()
            if transcript.number > before
        ]

    @property
    def faults(self) -> list[str]:
        """The faults of the internets that run, each with what became of it."""
        return [told for net in self.before for told in _faults_of(net)]

    def findings(self, level: Severity) -> list[str]:
        """What clients did wrong since the test began, so bad or worse, as text."""
        from .lint import at_least

        found = [finding for net, before in self.before.items() for finding in net.lint(since=before)]
        return [str(finding) for finding in at_least(found, level)]


def _faults_of(net: Internet) -> list[str]:
    from . import StartError

    try:
        return net.faults.told
    except StartError:
        return []  # it has stopped


def pytest_addoption(parser: pytest.Parser) -> None:
    """--minternet-lint, and the setting of the same name."""
    levels = "note, warning or error"
    parser.getgroup("minternet").addoption(
        "--minternet-lint",
        choices=("off", "note", "warning", "error"),
        help=f"fail tests whose clients break the rules of their protocols so badly or worse: {levels}",
    )
    parser.addini("minternet_lint", f"what --minternet-lint is where it is not given: {levels}", default="off")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line(
        "markers",
        "minternet(fixtures=FOLDER_OR_DICT, faults=LINES, lint=LEVEL, **settings): the internet of this test has these faults; "
        "clients that break their protocols' rules fail it from this level on (note, warning, error, or off); "
        "with fixtures or settings it is one of the test's own",
    )
    config.stash[_watched] = Watched()
    _checked_level(config.getini("minternet_lint"))


# -- the internet of a test


@pytest.fixture(scope="session")
def minternet_settings() -> Settings:
    """The settings of the session's internet; override this fixture to change them."""
    from .settings import Settings

    return Settings(ephemeral=True)


@pytest.fixture(scope="session")
def minternet_server(minternet_settings: Settings, pytestconfig: pytest.Config) -> Iterator[Internet]:
    """The internet of the session (of each xdist worker): started once, on free ports, never reset by itself."""
    from .internet import Internet

    with Internet(settings=minternet_settings) as net, pytestconfig.stash[_watched].during(net):
        yield net


@pytest.fixture
def minternet(request: pytest.FixtureRequest) -> Internet:
    """An internet that is as its fixtures say when the test begins.

    It is the session's, reset; or one of the test's own where the `minternet` marker asks for fixtures or settings.
    """
    asked = _asked(request.node)
    faults = asked.pop("faults", ())
    _checked_level(asked.pop("lint", "off"))
    if asked:
        net: Internet = request.getfixturevalue("minternet_factory")(**asked)
    else:
        net = request.getfixturevalue("minternet_server")
        net.start_over()
    for fault in [faults] if isinstance(faults, str) else faults:
        net.faults.add(fault)
    return net


def _asked(item: pytest.Item) -> dict[str, Any]:
    """What the markers ask for, the nearer ones before those of class and module."""
    asked: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("minternet"))):
        asked.update(marker.kwargs)
        if marker.args:
            asked["fixtures"] = _only_fixtures(*marker.args)
    return asked


def _only_fixtures(fixtures: Any, *more: Any) -> Any:
    """What a marker's argument without a name is."""
    if more or (isinstance(fixtures, str) and not Path(fixtures).exists()):
        wrong = ", ".join(map(repr, (fixtures, *more)))
        raise pytest.UsageError(
            f"minternet({wrong}): the one argument without a name is a fixtures folder or dict; write faults=[...] for faults"
        )
    return fixtures


# -- more of them


def _make_factory(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Callable[..., Internet]]:
    with contextlib.ExitStack() as stack:

        def start(fixtures: Any = None, **more: Any) -> Internet:
            net = stack.enter_context(_internet(settings, fixtures, more))
            stack.enter_context(request.config.stash[_watched].during(net))
            return net

        yield start


@pytest.fixture
def minternet_factory(
    request: pytest.FixtureRequest, minternet_settings: Settings
) -> Iterator[Callable[..., Internet]]:
    """Makes internets for one test: `minternet_factory(fixtures=None, **settings)`; all are stopped after it.

    Their settings are those of `minternet_settings` with these in their place, and free ports.
    """
    yield from _make_factory(request, minternet_settings)


@pytest.fixture(scope="class")
def minternet_class_factory(
    request: pytest.FixtureRequest, minternet_settings: Settings
) -> Iterator[Callable[..., Internet]]:
    """The same, until the class's last test is over."""
    yield from _make_factory(request, minternet_settings)


@pytest.fixture(scope="module")
def minternet_module_factory(
    request: pytest.FixtureRequest, minternet_settings: Settings
) -> Iterator[Callable[..., Internet]]:
    """The same, until the module's last test is over."""
    yield from _make_factory(request, minternet_settings)


@pytest.fixture(scope="session")
def minternet_session_factory(
    request: pytest.FixtureRequest, minternet_settings: Settings
) -> Iterator[Callable[..., Internet]]:
    """The same, until the session is over."""
    yield from _make_factory(request, minternet_settings)


@pytest.fixture(scope="session")
def minternet_async(
    minternet_settings: Settings, pytestconfig: pytest.Config
) -> Callable[..., AbstractAsyncContextManager[Internet]]:
    """Makes internets on the loop of an async test or fixture, whichever plugin runs it, of any scope.

    `async with minternet_async(fixtures=None, **settings) as net:`, and then `await inbox.wait_for_async(...)`.
    """

    @contextlib.asynccontextmanager
    async def start(fixtures: Any = None, **more: Any) -> AsyncIterator[Internet]:
        async with _internet(minternet_settings, fixtures, more) as net:
            with pytestconfig.stash[_watched].during(net):
                yield net

    return start


def _internet(base: Settings, fixtures: Any, more: dict[str, Any]) -> Internet:
    """An internet, not started yet: the session's settings with others in their place, on free ports."""
    import msgspec

    from .internet import Internet
    from .settings import make

    settings = {**msgspec.to_builtins(base), "ports": {}, "ephemeral": True}
    return Internet(fixtures, settings=make(settings, more))


# -- what was said, for the report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What was said before a test is not told in its report; a marker that nothing reads is told of."""
    item.config.stash[_watched].begin()
    names: list[str] = getattr(item, "fixturenames", [])
    marked = any(marker.name == "minternet" and marker.kwargs.keys() - {"lint"} for marker in item.own_markers)
    if marked and "minternet" not in names:
        item.warn(pytest.PytestWarning("the minternet marker does nothing here: the test takes no `minternet` fixture"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failing test's report carries every conversation it had."""
    outcome: Any = yield
    report = outcome.get_result()
    watched = item.config.stash[_watched]
    if report.when == "teardown" or not watched.before:
        return
    try:
        level = _lint_level(item)
    except pytest.UsageError as error:
        report.outcome, report.longrepr = "failed", str(error)
        return
    broken = watched.findings(level) if report.when == "call" and report.passed and level is not None else []
    if broken:
        report.outcome = "failed"
        report.longrepr = "The client under test broke the rules (docs/lint.md):\n" + "\n".join(broken)
    if not report.failed:
        return
    from .bench.transcripts import report as told
    from .bench.transcripts import shortened

    if not broken and (found := watched.findings("warning")):
        report.sections.append(("minternet lint", shortened("\n".join(found))))
    if faults := watched.faults:
        report.sections.append(("minternet faults", "\n".join(faults)))
    if said := told(watched.conversations):
        report.sections.append(("minternet conversations", said))


def _lint_level(item: pytest.Item) -> Severity | None:
    """From which level on a breach of the rules fails the test: by its marker, the option or the setting; None for none."""
    asked = _asked(item).get("lint") or item.config.getoption("minternet_lint") or item.config.getini("minternet_lint")
    return _checked_level(asked)


def _checked_level(level: Any) -> Severity | None:
    if level not in ("off", "note", "warning", "error"):
        raise pytest.UsageError(f"the lint's level is note, warning, error or off, not {level!r}")
    return None if level == "off" else level
