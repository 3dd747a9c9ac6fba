"""The lint in a project's own suite: by marker, option and setting."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SUITE = """
import smtplib
import pytest

@pytest.fixture(scope="session")
def minternet_settings():
    from minternet import Settings
    return Settings(ephemeral=True, services=("smtp",))

def send(net, body=b"hi", more=b""):
    with smtplib.SMTP(*net.smtp.address) as client:
        client.sendmail("a@example.net", ["alice@example.test"], b"Subject: x\\r\\n" + more + b"\\r\\n" + body + b"\\r\\n")

@pytest.mark.minternet(lint="error")
def test_that_breaks_a_rule_badly(minternet):
    send(minternet, b"y" * 1200)

@pytest.mark.minternet(lint="error")
def test_that_breaks_one_a_little(minternet):
    send(minternet)

def test_that_asks_for_nothing(minternet):
    send(minternet, b"z" * 1200)

@pytest.mark.minternet(lint="off")
def test_that_asks_for_none(minternet):
    send(minternet, b"z" * 1200)

def test_that_fails_by_itself(minternet):
    send(minternet)
    assert False

@pytest.mark.minternet(lint="error")
def test_that_uses_no_internet():
    pass
"""


def run(folder: Path, *options: str) -> tuple[set[str], str]:
    """The names of the tests that failed, and all that was printed."""
    (folder / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-q", *options, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)
    return set(re.findall(r"^FAILED test_it.py::(\w+)", result.stdout, re.MULTILINE)), result.stdout + result.stderr


BADLY, LITTLE = "test_that_breaks_a_rule_badly", "test_that_breaks_one_a_little"
ASKS_NOT, ITSELF = "test_that_asks_for_nothing", "test_that_fails_by_itself"


def test_the_marker(tmp_path: Path) -> None:
    failed, printed = run(tmp_path)
    assert failed == {BADLY, ITSELF}
    assert "error: line-too-long in smtp #" in printed
    assert "RFC 5321 section 4.5.3.1.6" in printed
    report = printed[printed.index(f"_ {ITSELF} _") :]
    assert "message-no-date" in report[report.index("minternet lint") :]


def test_the_option(tmp_path: Path) -> None:
    assert run(tmp_path, "--minternet-lint=error")[0] == {BADLY, ASKS_NOT, ITSELF}


def test_the_setting(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nminternet_lint = error\n")
    assert run(tmp_path)[0] == {BADLY, ASKS_NOT, ITSELF}
    (tmp_path / "pytest.ini").write_text("[pytest]\nminternet_lint = all\n")
    assert "the lint's level is note, warning, error or off, not 'all'" in run(tmp_path)[1]
