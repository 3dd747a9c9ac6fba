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
