"""For unittest: a test case with an internet of its own.

class MailTest(MinternetTestCase):
    def test_welcome(self) -> None:
        send_welcome(to="alice@example.test", smtp=self.net.smtp.address)
        self.net.account("alice").inbox.wait_for(subject="Welcome")
"""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .internet import Internet
from .settings import make

if TYPE_CHECKING:
    _Case = unittest.TestCase
else:
    _Case = object


class MinternetMixin(_Case):
    """Beside any test case: `net` is started once for the class, and as the fixtures say when a test begins."""

    minternet_fixtures: ClassVar[str | None] = None
    """A folder to seed the world from; none: the default one."""
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
        self.net.clock.resume()
        self.net.reset()
        super().setUp()


class MinternetTestCase(MinternetMixin, unittest.TestCase):
    """The same, as a test case."""
