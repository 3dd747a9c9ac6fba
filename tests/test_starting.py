"""What starting does not wait for: modules that nobody has asked for yet, and commands that would load them on the loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from minternet import Internet, Settings

AFTER = "; print(json.dumps(sorted(sys.modules)))"
SERVERS = {"asyncio", "ssl", "msgspec", "starlette", "pyftpdlib", "OpenSSL", "uvloop"}
PUT_OFF = {
    "brotli": "/brotli",
    "html.parser": "pages in mails",
    "importlib.metadata": "the version",
    "minternet.control.application": "the API",
    "minternet.faults.faults": "the first fault",
    "minternet.lint": "the bench and the API",
    "minternet.webhooks": "the first webhook",
    "multiprocessing": "pyftpdlib's other ways to serve",
    "prometheus_client": "the metrics",
    "trustme": "a certificate that is not there",
    "uvicorn": "WebSockets",
    "websockets": "WebSockets",
    "zstandard": "/zstd",
}
"""Modules that a start does not import, and who needs them."""


def modules_after(code: str) -> set[str]:
    """What a new process has imported when it has run this."""
    script = f"import json, sys; {code}{AFTER}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_package_alone_imports_nothing() -> None:
    assert modules_after("import minternet") - modules_after("pass") <= {"__future__", "minternet"}


def test_the_command_line_is_read_without_any_server() -> None:
    loaded = modules_after("from minternet.cli import main; main(['services'])")
    assert not loaded & SERVERS
    assert not {name for name in loaded if name.startswith(("minternet.world", "minternet.wire", "minternet.control."))}


def test_a_start_imports_nothing_that_can_wait() -> None:
    assert (
        not modules_after("from minternet import Internet; net = Internet(); net.start(); net.stop()") & PUT_OFF.keys()
    )


def test_services_that_do_not_run_are_not_imported() -> None:
    settings = "settings=Settings(ephemeral=True, services=('imap', 'pop3', 'nntp', 'smtp'))"
    loaded = modules_after(
        f"from minternet import Internet, Settings; net = Internet({settings}); net.start(); net.stop()"
    )
    assert not loaded & {"OpenSSL", "cryptography", "pyftpdlib", "starlette", "httptools", "minternet.control"}


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (
            "imap",
            b"1 CAPABILITY\r\n2 LOGIN alice wonderland\r\n3 SELECT INBOX\r\n4 FETCH 1:* (FLAGS ENVELOPE)\r\n5 LOGOUT\r\n",
        ),
        ("pop3", b"CAPA\r\nUSER alice\r\nPASS wonderland\r\nSTAT\r\nRETR 1\r\nQUIT\r\n"),
        ("smtp", b"EHLO client.test\r\nMAIL FROM:<a@example.net> SIZE=9\r\nRCPT TO:<bob@example.test>\r\nQUIT\r\n"),
        ("nntp", b"CAPABILITIES\r\nLIST\r\nGROUP local.test\r\nOVER 1-\r\nQUIT\r\n"),
        ("ftp", b"FEAT\r\nUSER alice\r\nPASS wonderland\r\nPWD\r\nQUIT\r\n"),
        ("http", b"GET /get HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ],
)
def test_first_commands_import_nothing(service: str, said: bytes) -> None:
    """An import holds the loop up, and with it the clients of all services."""
    script = f"import runpy; runpy.run_path({__file__!r})['converse']({service!r}, {said!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


def converse(service: str, said: bytes) -> None:
    """In a process of its own: print which modules a conversation has imported."""

    async def talk() -> None:
        async with Internet(settings=Settings(services=(service,), ephemeral=True)) as net:
            before = set(sys.modules)
            reader, writer = await asyncio.open_connection(*net.supervisor.endpoint(service).address)
            writer.write(said)
            answers = await reader.read()
            while more := await reader.read():
                answers += more
            writer.close()
            imported = {name for name in set(sys.modules) - before if not name.startswith(("encodings.", "_codecs_"))}
            assert answers
            print(json.dumps(sorted(imported)))

    asyncio.run(talk())


def test_what_is_put_off_can_be_imported_before_anybody_asks() -> None:
    code = "from minternet import Internet; net = Internet(); net.start(); net.supervisor.warm(); net.stop()"
    assert modules_after(code) >= {"minternet.control.application", "minternet.protocols.http.websocket"}
