"""For unittest: a test case with an internet of its own.

class MailTest(MinternetTestCase):
    def test_welcome(self) -> None:
        send_welcome(to="alice@example.test", smtp=self.net.smtp.address)
        self.net.account("alice").inbox.wait_for(subject="Welcome")
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import unittest
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .bench.transcripts import report
from .internet import Internet
from .settings import make

if TYPE_CHECKING:
    _Case = unittest.TestCase
else:
    _Case = object


class MinternetMixin(_Case):
    """Beside any test case: `net` is started once for the class, and as the fixtures say when a test begins."""

    minternet_fixtures: ClassVar[str | Mapping[str, Any] | None] = None
    """A folder, file or dict to seed the world from; none: the default fixtures."""
    minternet_settings: ClassVar[Mapping[str, Any]] = {}
    """Settings by name, such as `{"services": ["smtp", "imap"]}`. Ports are free ones."""
    net: ClassVar[Internet]

    @classmethod
    def setUpClass(cls) -> None:
        """Start it; it stops when the class is through, also where something after this fails."""
        settings = make({"ephemeral": True}, cls.minternet_settings)
        cls.net = cls.enterClassContext(Internet(cls.minternet_fixtures, settings=settings))
        super().setUpClass()

    def setUp(self) -> None:
        """Reset it."""
        self.net.start_over()
        super().setUp()

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run it; what a test fails with carries the conversations it had."""
        name, test = self._testMethodName, getattr(self, self._testMethodName)
        own = self.__dict__.get(name)  # a runner may have put one here
        setattr(self, name, self._telling_later(test) if inspect.iscoroutinefunction(test) else self._telling(test))
        try:
            return super().run(result)
        finally:
            if own is None:
                delattr(self, name)
            else:
                setattr(self, name, own)

    def _telling(self, test: Callable[[], object]) -> Callable[[], object]:
        @functools.wraps(test)
        def told() -> object:
            with self._noting():
                return test()

        return told

    def _telling_later(self, test: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        @functools.wraps(test)
        async def told() -> object:
            with self._noting():
                return await test()

        return told

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Give an exception a note of what is said meanwhile."""
        before = self.net.transcripts.opened
        try:
            yield
        except unittest.SkipTest:
            raise
        except Exception as error:
            if said := report(self.net.conversations(since=before)):
                error.add_note(f"\nminternet conversations:\n{said}")
            raise


class MinternetTestCase(MinternetMixin, unittest.TestCase):
    """The same, as a test case."""
