"""The fixtures of pytest-httpbin, as a suite that was written for them meets them."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from minternet.pytest_httpbin import Server, where

CONFTEST = 'pytest_plugins = ["minternet.pytest_httpbin"]\n'
SUITE = """
import json
import os
import ssl
import unittest
import urllib.request

from minternet.pytest_httpbin import use_class_based_httpbin, use_class_based_httpbin_secure

def get(url, cafile=None):
    context = ssl.create_default_context(cafile=cafile) if cafile else None
    with urllib.request.urlopen(url, timeout=10, context=context) as reply:
        return json.load(reply)

def test_httpbin(httpbin):
    assert get(httpbin + "/get?a=1")["args"] == {"a": "1"}
    assert get(httpbin.join("/get"))["url"] == httpbin.url + "/get" == f"http://{httpbin.host}:{httpbin.port}/get"

def test_an_empty_world(httpbin):
    with urllib.request.urlopen(httpbin.url, timeout=10) as page:
        assert b"HTTP endpoints" in page.read()

def test_httpbin_secure(httpbin_secure, httpbin_ca_bundle):
    assert get(httpbin_secure + "/get", os.environ["REQUESTS_CA_BUNDLE"])["url"].startswith("https://127.0.0.1:")

def test_httpbin_both(httpbin_both, httpbin_ca_bundle):
    assert get(httpbin_both.url + "/ip", os.environ["REQUESTS_CA_BUNDLE"]) == {"origin": "127.0.0.1"}

@use_class_based_httpbin
@use_class_based_httpbin_secure
class TestClass(unittest.TestCase):
    def test_attributes(self):
        assert get(self.httpbin + "/ip") == {"origin": "127.0.0.1"}
        assert self.httpbin_secure.protocol == "https"
"""


def test_a_suite_for_pytest_httpbin_runs(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:httpbin", "-q", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert "6 passed" in done.stdout, done.stdout + done.stderr


def test_ports_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(
        "import os\ndef test_port(httpbin, httpbin_secure):\n"
        "    assert str(httpbin.port) == os.environ['HTTPBIN_HTTP_PORT'] != str(httpbin_secure.port)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "minternet.pytest_httpbin", "-q"]
    environment = {**os.environ, "HTTPBIN_HTTP_PORT": str(port)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False, env=environment
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_where_the_certificate_is() -> None:
    assert ssl.create_default_context(cafile=where()).get_ca_certs()


@pytest.mark.parametrize(("path", "url"), [("/a", "http://h:1/a"), ("a", "http://h:1/a"), ("//x/a", "http://x/a")])
def test_joining(path: str, url: str) -> None:
    server = Server("http", "h", 1)
    assert server.join(path) == url
    assert (str(server), server + "/a", repr(server)) == ("http://h:1", "http://h:1/a", "<Server http://h:1>")
