"""Counts, for each standard-library module, how many of its public callables a run of the suite entered.

Python 3.12 and later tell of the first call of each function, and of calls of C functions made by the tests' own code, by
`sys.monitoring`, which costs next to nothing; 3.11 has `sys.setprofile`. The servers under test may run in a thread of
this process: what that thread enters does not count.
"""

from __future__ import annotations

import gc
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from stdlib.omitted import OMITTED
from stdlib.public_callables import MODULES, Offer, left_out, offer

HERE = Path(__file__).resolve().parent
LEAST = 95.0
"""The percentage of a module's callables, less the omitted ones, that a full run must enter."""
MOST_NAMES = 20
"""Names to tell of one module; more are missing only where a part of the tests ran."""
_bystanders: set[int] = set()
"""Threads of the servers under test."""


@contextmanager
def bystanders() -> Iterator[None]:
    """What begins a thread in here begins one that does not count."""
    threading.setprofile(None)
    before = {thread.ident for thread in threading.enumerate()}
    yield
    _bystanders.update(thread.ident for thread in threading.enumerate() if thread.ident and thread.ident not in before)


class Observer:
    """Watches for the calls of public callables; `seen` are the labels of those that were called, by module."""

    def __init__(self) -> None:
        offers = [offer(module) for module in MODULES if _importable(module)]
        self.seen: dict[str, set[str]] = {each.module: set() for each in offers}
        self._codes: dict[int, tuple[str, str]] = {}
        self._natives: dict[str, list[tuple[object, str, str]]] = {}
        self._kept = [code for each in offers for code in each.codes]
        for each in offers:
            self._enter(each)

    def _enter(self, found: Offer) -> None:
        for code, label in found.codes.items():
            self._codes[id(code)] = (found.module, label)
        for (owner, name), label in found.natives.items():
            self._natives.setdefault(name, []).append((owner, found.module, label))

    def _python(self, code: types.CodeType) -> None:
        found = self._codes.get(id(code))
        if found is not None:
            self.seen[found[0]].add(found[1])

    def _native(self, function: Any, receiver: object) -> None:
        name = getattr(function, "__name__", "")
        for owner, module, label in self._natives.get(name, ()):
            bound = getattr(function, "__self__", None)
            if owner is bound or (isinstance(owner, type) and isinstance(receiver if bound is None else bound, owner)):
                self.seen[module].add(label)


class Monitor(Observer):
    """By sys.monitoring."""

    TOOL = 4

    def start(self) -> None:
        """Begin to watch."""
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        monitoring.use_tool_id(self.TOOL, "minternet-stdlib")
        monitoring.register_callback(self.TOOL, monitoring.events.PY_START, self._started)
        monitoring.register_callback(self.TOOL, monitoring.events.CALL, self._called)
        for code in self._kept:
            monitoring.set_local_events(self.TOOL, code, monitoring.events.PY_START)
        for code in _codes_of_tests():
            monitoring.set_local_events(self.TOOL, code, monitoring.events.CALL)

    def stop(self) -> None:
        """Watch no longer."""
        sys.monitoring.free_tool_id(self.TOOL)  # type: ignore[attr-defined,unused-ignore]

    def _started(self, code: types.CodeType, offset: int) -> object:
        if threading.get_ident() in _bystanders:
            return None
        self._python(code)
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]

    def _called(self, code: types.CodeType, offset: int, function: object, receiver: object) -> None:
        self._native(function, receiver)


class Profiler(Observer):
    """By sys.setprofile."""

    def start(self) -> None:
        """Begin to watch in this thread and in those it begins."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def stop(self) -> None:
        """Watch no longer."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _profile(self, frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "call":
            if id(frame.f_code) in self._codes:
                self._python(frame.f_code)
        elif event == "c_call" and argument.__name__ in self._natives:
            self._native(argument, None)


def _importable(module: str) -> bool:
    try:
        offer(module)
    except ImportError:
        return False
    return True


def _codes_of_tests() -> Iterator[types.CodeType]:
    """The code of every function in this folder."""
    waiting = [
        thing.__code__
        for thing in gc.get_objects()
        if type(thing) is types.FunctionType and thing.__code__.co_filename.startswith(str(HERE))
    ]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


class EnteredPlugin:
    """Watches while tests of this folder run, gathers what xdist's workers saw, and tells it at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.observer: Monitor | Profiler | None = None
        self.seen: dict[str, set[str]] = {}
        self.files: set[str] = set()
        self.deselected = False

    @property
    def is_worker(self) -> bool:
        return hasattr(self.config, "workerinput")

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected = self.deselected or any(HERE in item.path.parents for item in items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.files = {item.path.name for item in session.items if HERE in item.path.parents}
        if self.files and not self.config.option.collectonly:
            self.observer = (Monitor if sys.version_info >= (3, 12) else Profiler)()
            if isinstance(self.observer, Monitor):
                self.observer.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        with self._watching(item):
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        with self._watching(item):
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        with self._watching(item):
            yield

    @contextmanager
    def _watching(self, item: pytest.Item) -> Iterator[None]:
        """The profiler runs for tests only: it is dear. The monitor runs all the time."""
        profiler = self.observer if isinstance(self.observer, Profiler) and HERE in item.path.parents else None
        if profiler is None:
            yield
            return
        profiler.start()
        try:
            yield
        finally:
            profiler.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.observer is not None:
            if isinstance(self.observer, Monitor):
                self.observer.stop()
            self._merge(self.observer.seen, self.files, self.deselected)
        if self.is_worker:
            told = {module: sorted(labels) for module, labels in self.seen.items()}
            session.config.workeroutput["entered"] = (told, sorted(self.files), self.deselected)  # type: ignore[attr-defined]
        elif self._is_whole() and session.exitstatus == 0 and any(low for _, low in self._rows()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker of xdist has ended."""
        told = getattr(node, "workeroutput", {}).get("entered")
        if told:
            self._merge({module: set(labels) for module, labels in told[0].items()}, set(told[1]), told[2])

    def _merge(self, seen: dict[str, set[str]], files: set[str], deselected: bool) -> None:
        for module, labels in seen.items():
            self.seen.setdefault(module, set()).update(labels)
        self.files |= files
        self.deselected |= deselected

    def _is_whole(self) -> bool:
        """Whether all tests ran, against an instance of the suite's own."""
        chosen = any("::" in argument for argument in self.config.args)
        every = {path.name for path in HERE.glob("test_*.py")} <= self.files
        return every and not (self.deselected or chosen or self.config.getoption("--target"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.is_worker or not self.seen:
            return
        terminalreporter.section("public callables of the standard library that were entered")
        terminalreporter.line(f"{'module':<24}{'entered/public':>15}{'percent':>9}  left out")
        whole = self._is_whole()
        for line, low in self._rows():
            terminalreporter.line(line, red=low and whole)
        if whole and any(low for _, low in self._rows()):
            terminalreporter.line(f"a module is under {LEAST:g} percent: the run fails", red=True)

    def _rows(self) -> list[tuple[str, bool]]:
        """Of the modules whose tests ran."""
        return [
            row(offer(module), self.seen[module])
            for module in MODULES
            if module in self.seen and f"test_{module.replace('.', '_').lower()}.py" in self.files
        ]


def row(found: Offer, seen: set[str]) -> tuple[str, bool]:
    """A module's line of the summary, and whether too little of it was entered."""
    omitted = left_out(found.labels - seen, OMITTED.get(found.module, {}))
    public = found.labels - set(omitted)
    entered = seen & public
    percent = 100.0 * len(entered) / len(public) if public else 100.0
    reasons: dict[str, int] = {}
    for reason in omitted.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    missing = sorted(public - entered)
    if len(missing) > MOST_NAMES:
        missing[MOST_NAMES:] = [f"{len(missing) - MOST_NAMES} more"]
    told = [*missing, *(f"{count} {reason}" for reason, count in sorted(reasons.items()))]
    line = f"{found.module:<24}{f'{len(entered)}/{len(public)}':>15}{percent:>8.1f}%  {', '.join(told) or '-'}"
    return line, percent < LEAST
