"""The pytest plugin, as another project's suite meets it."""

from __future__ import annotations

import re
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

@pytest.mark.minternet(faults=["smtp DATA: reply 421 4.3.2 Try again later, first=1"])
def test_faults_of_its_own(minternet, minternet_server):
    assert minternet is minternet_server
    with pytest.raises(smtplib.SMTPDataError, match="Try again later"):
        send(minternet, "too early")
    send(minternet, "in time")
    assert not minternet.account("alice").inbox.find(subject="too early")

def test_the_faults_are_gone(minternet):
    assert minternet.faults.reports == []

@pytest.mark.minternet(services=["pop3", "smtp"])
class TestMarkers:
    @pytest.mark.minternet(faults="pop3 STAT: close")
    def test_of_class_and_method_count_together(self, minternet):
        assert list(minternet.supervisor.supervised) == ["smtp", "pop3"]
        assert [report.fault.command for report in minternet.faults.reports] == ["STAT"]

@pytest.fixture(scope="module")
def kept(minternet_module_factory):
    return minternet_module_factory(services=["smtp"])

def test_one_for_the_module(kept, minternet_server):
    send(kept, "for the module")
    assert not minternet_server.account("alice").inbox.find(subject="for the module")
    assert kept.account("alice").inbox.find(subject="for the module")

@pytest.mark.anyio
async def test_on_the_tests_own_loop(minternet_async):
    import asyncio
    async with minternet_async(services=["smtp"]) as net:
        inbox, before = net.account("alice").inbox, net.cursor()
        sending = asyncio.create_task(asyncio.to_thread(send, net, "on the loop"))
        assert (await inbox.wait_for_async(subject="on the loop", since=before)).subject == "on the loop"
        await sending

@pytest.fixture
def anyio_backend():
    return "asyncio"

def test_that_fails(minternet):
    send(minternet, "seen in the report")
    assert False

@pytest.mark.anyio
async def test_that_fails_on_the_loop(minternet_async):
    import asyncio
    async with minternet_async(services=["smtp"]) as net:
        await asyncio.to_thread(send, net, "seen from the loop")
        assert False

@pytest.fixture
def broken(minternet):
    send(minternet, "seen from a fixture")
    raise LookupError

def test_whose_fixture_fails(broken):
    pass
"""
OUTCOME = "2 failed, 10 passed, 1 error"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)


def test_fixtures_marker_and_report(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    result = run(tmp_path, "-n", "0", "-p", "no:randomly")
    assert OUTCOME in result.stdout, result.stdout
    section = re.compile(r"^-+ minternet conversations -+\n(.*?)^[-_=]{5}", re.MULTILINE | re.DOTALL)
    reports = section.findall(result.stdout)
    subjects = ["seen from a fixture", "seen in the report", "seen from the loop"]
    assert [re.findall("Subject: (seen .*)", report) for report in reports] == [[subject] for subject in subjects]


MISTAKES = """
import pytest

@pytest.mark.minternet(lint="errors")
def test_a_level_that_there_is_not(minternet):
    pass

@pytest.mark.minternet(lint="errors")
def test_nor_with_another_fixture(minternet_server):
    pass

@pytest.mark.minternet("imap FETCH: reset")
def test_a_fault_without_its_name(minternet):
    pass

@pytest.mark.minternet(fixture={})
def test_a_setting_that_there_is_not(minternet):
    pass

@pytest.mark.minternet(faults="imap FETCH: reset, n=2")
def test_whose_fault_never_strikes(minternet):
    assert minternet.faults.struck

@pytest.mark.minternet(faults="imap FETCH: reset")
def test_whose_marker_nothing_reads(minternet_settings):
    pass

@pytest.mark.minternet(lint="off")
def test_the_others_run(minternet_settings):
    pass
"""


def test_mistakes_fail_the_test_that_makes_them(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MISTAKES)
    result = run(tmp_path, "-n", "0", "-p", "no:randomly")
    assert re.search(r"1 failed, 2 passed, 1 warning, 4 errors", result.stdout), result.stdout
    assert result.stdout.count("the lint's level is note, warning, error or off, not 'errors'") >= 2
    assert "minternet('imap FETCH: reset'): the one argument without a name is a fixtures folder" in result.stdout
    assert "unknown field `fixture`" in result.stdout
    assert "the minternet marker does nothing here: the test takes no `minternet` fixture" in result.stdout
    assert "did you mean 'fixtures'?" in result.stdout
    assert re.search(r"- minternet faults -+\nimap FETCH: reset, .*n=2: struck 0 of the 0 times", result.stdout)


def test_workers_have_internets_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    result = run(tmp_path, "-n", "2")
    assert OUTCOME in result.stdout, result.stdout


def test_the_plugin_costs_nothing_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    assert not [name for name in sys.modules if name.startswith('minternet.')"
        " and name != 'minternet.pytest_plugin']\n"
    )
    result = run(tmp_path, "-n", "0")
    assert "1 passed" in result.stdout, result.stdout


def test_every_fixture_has_the_name_before_its_own(tmp_path: Path) -> None:
    """So none is pytest-httpserver's, pytest-localserver's, pytest-httpbin's or pytest-localftpserver's."""
    result = run(tmp_path, "--fixtures", "-n", "0")
    place = r"^(\w+)(?: \[\w+ scope\])? -- \S*minternet/pytest_plugin\.py:\d+$"
    names = set(re.findall(place, result.stdout, re.MULTILINE))
    assert {"minternet", "minternet_server", "minternet_async"} <= names
    assert all(name.startswith("minternet") for name in names)
