"""The unittest mixin, as another project's cases meet it."""

# ruff: noqa: PT009, PT027 - these are unittest's own cases

from __future__ import annotations

import asyncio
import smtplib
import socket
import unittest
from collections.abc import Mapping
from typing import Any, ClassVar

from minternet import Internet
from minternet.unittest import MinternetMixin, MinternetTestCase


class MailTest(MinternetTestCase):
    minternet_settings: ClassVar[Mapping[str, Any]] = {"services": ["smtp"]}
    seen: ClassVar[list[Internet]] = []

    def send(self) -> None:
        with smtplib.SMTP(*self.net.smtp.address) as server:
            server.sendmail("a@example.net", ["alice@example.test"], "Subject: left behind\r\n\r\nhi\r\n")

    def test_one(self) -> None:
        self.seen.append(self.net)
        self.assertEqual([], self.net.account("alice").inbox.find(subject="left behind"))
        self.send()
        self.assertTrue(self.net.account("alice").inbox.wait_for(subject="left behind"))

    test_two = test_one


class AsyncMailTest(MinternetMixin, unittest.IsolatedAsyncioTestCase):
    minternet_settings: ClassVar[Mapping[str, Any]] = {"services": ["echo"]}

    async def test_beside_other_cases(self) -> None:
        reader, writer = await asyncio.open_connection(*self.net.echo.address)
        writer.write(b"hello")
        self.assertEqual(b"hello", await reader.readexactly(5))
        writer.close()
        await writer.wait_closed()


class ReportTest(unittest.TestCase):
    def outcome(self, case: type[unittest.TestCase]) -> unittest.TestResult:
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case)(result)
        return result

    def test_a_failure_shows_what_was_said_in_the_test(self) -> None:
        class Failing(MailTest):
            def test_one(self) -> None:
                self.send()
                self.fail("no such luck")

            @unittest.expectedFailure
            def test_expected(self) -> None:
                self.send()
                self.fail("this is expected")

            def test_skipped(self) -> None:
                self.send()
                self.skipTest("not now")

        result = self.outcome(Failing)
        ((_, told),) = result.failures
        self.assertIn("no such luck", told)
        self.assertIn("C: Subject: left behind", told)
        self.assertEqual(told.upper().count("MAIL FROM:"), 1)
        self.assertEqual([reason for _, reason in result.skipped], ["not now"])
        self.assertEqual(len(result.expectedFailures), 1)

    def test_so_does_an_error_in_an_async_test(self) -> None:
        class Failing(AsyncMailTest):
            async def test_beside_other_cases(self) -> None:
                await super().test_beside_other_cases()
                raise LookupError("nothing")

        ((_, told),) = self.outcome(Failing).errors
        self.assertIn("LookupError: nothing", told)
        self.assertIn("C: hello", told)

    def test_one_that_said_nothing_fails_as_ever(self) -> None:
        class Failing(MinternetTestCase):
            minternet_settings: ClassVar[Mapping[str, Any]] = {"services": ["echo"]}

            def test_it(self) -> None:
                self.fail("quiet")

        ((_, told),) = self.outcome(Failing).failures
        self.assertNotIn("conversations", told)


class SetUpTest(unittest.TestCase):
    def test_one_that_fails_leaves_nothing_running(self) -> None:
        started: list[tuple[str, int]] = []

        class Broken(MinternetTestCase):
            minternet_settings: ClassVar[Mapping[str, Any]] = {"services": ["echo"]}

            @classmethod
            def setUpClass(cls) -> None:
                super().setUpClass()
                started.append(cls.net.echo.address)
                raise LookupError

            def test_it(self) -> None:
                raise AssertionError

        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(Broken)(result)
        self.assertEqual((0, 1), (result.testsRun, len(result.errors)))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(started[0])
