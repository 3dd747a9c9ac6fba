"""The pytest plugin, as another project's suite meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUITE = """
import smtplib
import pytest

def send(net, subject):
    with smtplib.SMTP(*net.smtp.address) as server:
        server.sendmail("a@example.net", ["alice@example.test"], f"Subject: {subject}\\r\\n\\r\\nhi\\r\\n")

@pytest.fixture(scope="session")
def minternet_settings():
    from minternet import Settings
    return Settings(ephemeral=True, services=("smtp", "pop3"))

@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_as_the_fixtures_say(minternet, turn):
    inbox = minternet.account("alice").inbox
    assert not inbox.find(subject="left behind")
    send(minternet, "left behind")
    assert inbox.wait_for(subject="left behind")

def test_the_server_is_the_sessions(minternet, minternet_server):
    assert minternet is minternet_server

@pytest.mark.minternet(services=["pop3"], hide={"pop3": ["UIDL"]})
def test_one_of_its_own(minternet, minternet_server):
    assert minternet is not minternet_server
    assert list(minternet.supervisor.supervised) == ["pop3"]

def test_several(minternet_factory):
    first, second = minternet_factory(services=["smtp"]), minternet_factory(services=["smtp"])
    send(first, "only here")
    assert first.account("alice").inbox.find(subject="only here")
    assert not second.account("alice").inbox.find(subject="only here")

def test_that_fails(minternet):
    send(minternet, "seen in the report")
    assert False
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)


def test_fixtures_marker_and_report(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    result = run(tmp_path, "-n", "0", "-p", "no:randomly")
    assert "1 failed, 5 passed" in result.stdout, result.stdout
    assert "minternet conversations" in result.stdout
    assert "Subject: seen in the report" in result.stdout
    assert "left behind" not in result.stdout[result.stdout.index("minternet conversations") :]


def test_workers_have_internets_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    result = run(tmp_path, "-n", "2")
    assert "1 failed, 5 passed" in result.stdout, result.stdout


def test_the_plugin_costs_nothing_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    assert not [name for name in sys.modules if name.startswith('minternet.')"
        " and name != 'minternet.pytest_plugin']\n"
    )
    result = run(tmp_path, "-n", "0")
    assert "1 passed" in result.stdout, result.stdout
