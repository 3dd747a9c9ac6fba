"""`minternet health`, which needs no container: every service answers, or one line says which does not."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from minternet import Internet, Settings, ready
from minternet.cli import main
from minternet.ready import Endpoint


@pytest.fixture(scope="module")
def net() -> Iterator[Internet]:
    with Internet(settings=Settings(ephemeral=True, public_host="192.0.2.7")) as net:
        yield net


def health(net: Internet, folder: Path, **instead: Endpoint) -> int:
    """What it says of a ready file in which some services are elsewhere."""
    told = net.ready()
    file = folder / "ready.json"
    ready.write(msgspec.structs.replace(told, services=told.services | instead), file)
    return main(["health", "--target", str(file)])


def test_all_are_asked_at_the_address_of_this_machine(
    net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health(net, tmp_path) == 0
    tcp = [name for name in net.ready().services if name != "echo-udp"]
    assert capsys.readouterr().out == f"{len(tcp)} services answer\n"


def test_it_leaves_no_trace_in_the_journal(net: Internet, tmp_path: Path) -> None:
    before = net.cursor()
    assert health(net, tmp_path) == 0
    assert net.cursor() == before


def test_no_lint_blames_it(net: Internet, tmp_path: Path) -> None:
    before = net.transcripts.opened
    assert health(net, tmp_path) == 0
    assert net.transcripts.opened > before
    assert net.lint(since=before) == []


def test_one_that_is_gone_is_named(net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert health(net, tmp_path, nntp=Endpoint("127.0.0.1", port, None, "")) == 1
    assert capsys.readouterr().err.startswith(f"minternet: nntp does not answer on port {port}: ")


@pytest.mark.parametrize("name", ["imap", "imaps"])
def test_one_that_answers_something_else_is_named(
    net: Internet, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = net.ready().services["smtp" if name == "imap" else "smtps"]
    assert health(net, tmp_path, **{name: other}) == 1
    assert capsys.readouterr().err == f"minternet: {name} answers b'220 ' on port {other.port}, not b'* OK'\n"


def test_faults_make_nobody_unwell_and_are_not_used_up(
    net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with net.faults.during("imap: refuse, first=1", "=https: tls_handshake_failure", "ftp: silence") as faults:
        assert health(net, tmp_path) == 0
        assert [net.faults.uses(fault) for fault in faults] == [0, 0, 0]
    tcp = [name for name in net.ready().services if name != "echo-udp"]
    assert capsys.readouterr().out == f"{len(tcp)} services answer\n"


def test_one_with_faults_that_does_not_run_is_named(
    net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = net.supervisor.supervised["imap"]
    with net.faults.during("imap: refuse"):
        running.status = "restarting"
        try:
            assert health(net, tmp_path) == 1
        finally:
            running.status = "running"
    assert capsys.readouterr().err == "minternet: imap is restarting\n"


def test_one_that_says_nothing_is_not_waited_for(
    net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health(net, tmp_path) == 0  # the API is loaded now
    monkeypatch.setattr("minternet.commands.health.SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert health(net, tmp_path, pop3=Endpoint("127.0.0.1", port, None, "")) == 1
    assert capsys.readouterr().err.startswith("minternet: pop3 does not answer")


def test_no_internet_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINTERNET_READY_FILE", str(tmp_path / "ready.json"))
    assert main(["health"]) == 1
    assert "no internet is running" in capsys.readouterr().err


def test_it_loads_no_server() -> None:
    """What makes it quick: neither the world nor a protocol is imported."""
    source = "import sys, minternet.commands.health; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=30)
    loaded = set(done.stdout.split())
    assert {name.split(".")[1] for name in loaded if name.startswith("minternet.")} == {
        "cli",
        "commands",
        "protocols",
        "ready",
        "registry",
    }
    assert "asyncio" not in loaded
