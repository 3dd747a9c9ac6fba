"""The command line, as a person types it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minternet import __version__
from minternet.cli import main
from minternet.settings import SettingsError, make

COMMAND = [sys.executable, "-m", "minternet"]
SMALL = ["--ephemeral", "--services", "echo,echo-udp,pop3,pop3s,imap"]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of one's own: no running internet is found, and no setting of the machine's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("MINTERNET_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def up(environment: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A running `minternet up` and its ready file."""
    ready = environment / "here" / "ready.json"
    with start(*SMALL, "--ready-file", str(ready), "--json") as process:
        line = process.stdout.readline()  # type: ignore[union-attr]
        assert json.loads(line) == json.loads(ready.read_text())
        yield process, ready
        if process.poll() is None:
            process.terminate()


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, "up", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_the_ready_file_says_what_runs_where(up: tuple[subprocess.Popen[str], Path]) -> None:
    process, path = up
    ready = json.loads(path.read_text())
    assert ready["pid"] == process.pid
    assert set(ready["services"]) == {"echo", "echo-udp", "pop3", "pop3s", "imap"}
    imap = ready["services"]["imap"]
    assert imap == {
        "host": "127.0.0.1",
        "port": imap["port"],
        "tls": "starttls",
        "url": f"imap://127.0.0.1:{imap['port']}",
    }
    assert ready["services"]["pop3s"]["tls"] == "implicit"
    assert ready["accounts"][0] == {"login": "alice", "address": "alice@example.test", "password": "wonderland"}
    assert (ready["news_group"], ready["ftp_writable_dir"]) == ("local.test", "/home/alice")
    assert Path(ready["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert path.stat().st_mode & 0o077 == 0


def told(process: subprocess.Popen[str]) -> str:
    """The table that `up` prints, to its last line."""
    text = ""
    for line in iter(process.stdout.readline, ""):  # type: ignore[union-attr]
        text += line
        if "Ctrl-C" in line:
            break
    return text


def test_a_second_one_does_not_take_the_place_of_the_first(up: tuple[subprocess.Popen[str], Path]) -> None:
    first, path = up
    named = path.with_name("second.json")
    with start(*SMALL, "--ready-file", str(named)) as second:
        assert f"minternet check --target {named}" in told(second)
        assert json.loads(named.read_text())["pid"] == second.pid
        second.terminate()
    with start(*SMALL) as third:
        told(third)
        third.terminate()
        assert f"go on to mean the internet of process {first.pid}" in third.communicate(timeout=30)[1]
    port = json.loads(path.read_text())["services"]["imap"]["port"]
    assert f"IMAP_PORT={port}\n" in run("env").stdout


def test_a_ready_file_that_was_left_behind_is_replaced(environment: Path) -> None:
    left = environment / f"minternet-{os.getuid()}" / "ready.json"
    with start(*SMALL) as first:
        told(first)
        content = json.loads(left.read_text())
        first.kill()
    left.write_text(json.dumps({**content, "pid": os.getpid()}))
    with start(*SMALL) as second:
        told(second)
        assert json.loads(left.read_text())["pid"] == second.pid
        second.terminate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_leaves_no_file(up: tuple[subprocess.Popen[str], Path], number: signal.Signals) -> None:
    process, path = up
    address = json.loads(path.read_text())["services"]["pop3"]
    with socket.create_connection((address["host"], address["port"]), 5) as client:
        client.recv(1000)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert client.makefile("rb").readline().startswith(b"-ERR")
    assert (process.returncode, output, errors) == (0, "", "")
    assert not path.exists()


def test_check_and_env_find_the_running_internet(up: tuple[subprocess.Popen[str], Path]) -> None:
    _, path = up
    checked = run("check", "--target", str(path), "--only", "socket,poplib,asyncio,smtplib")
    lines = checked.stdout.splitlines()
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert [line.split()[:2] for line in lines[:4]] == [
        ["ok", "socket"],
        ["ok", "poplib"],
        ["ok", "asyncio"],
        ["skipped", "smtplib"],
    ]
    assert "this instance does not run submission" in lines[3]
    assert lines[4].startswith("3 ok, 0 failed, 1 skipped in")
    shell = f'eval "$({" ".join(COMMAND)} env)" && echo "$IMAP_PORT $POP3S_HOST $MAIL_USER $SSL_CERT_FILE"'
    shown = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=True)
    ready = json.loads(path.read_text())
    assert shown.stdout.split() == [str(ready["services"]["imap"]["port"]), "127.0.0.1", "alice", ready["ca_file"]]


def test_check_fails_when_a_service_does_not_answer(up: tuple[subprocess.Popen[str], Path], tmp_path: Path) -> None:
    _, path = up
    ready = json.loads(path.read_text())
    with socket.create_server(("127.0.0.1", 0)) as free:
        ready["services"]["echo"]["port"] = free.getsockname()[1]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(ready))
    checked = run("check", "--target", str(other), "--only", "socket")
    assert (checked.returncode, checked.stdout.split()[:2]) == (1, ["failed", "socket"])


def test_the_table_names_all_a_newcomer_needs(environment: Path) -> None:
    with start(*SMALL) as process:
        text = told(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    for expected in (
        "ready in",
        "imap://127.0.0.1:",
        "starttls",
        "alice",
        "wonderland",
        "certificate authority",
        "local.test",
    ):
        assert expected in text


def test_check_starts_an_internet_where_none_runs(environment: Path) -> None:
    checked = run("check", "--only", "socket")
    assert checked.returncode == 0, checked.stderr
    assert "no internet is running: starting one for this check" in checked.stderr


def test_validate_says_what_there_is_and_what_is_wrong(environment: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fixtures"
    folder.mkdir()
    (folder / "world.toml").write_text('[[accounts]]\nlogin = "a"\npassword = "b"\n')
    well = run("validate", str(folder))
    assert (well.returncode, well.stdout.strip()) == (
        0,
        f"{folder} is well: 1 accounts, 0 messages in 6 mailboxes, 0 articles in 0 newsgroups, 0 files, 0 site files",
    )
    (folder / "world.toml").write_text('[[accounts]]\nlogin = "a"\n')
    wrong = run("validate", str(folder))
    assert wrong.returncode == 1
    assert wrong.stdout.strip() == f"{folder}/world.toml:1: 'password' is missing; write password = ..."
    assert wrong.stderr.strip() == f"minternet: 1 to mend in {folder}"


WRONG = [
    (["up", "--services", "gopher"], 1, "no service is called 'gopher'; there are echo"),
    (["up", "--port", "imap"], 2, "--port imap: write it as NAME=VALUE"),
    (["up", "--port", "imap=x"], 2, "--port imap=x: a port is a number from 0 to 65535"),
    (["up", "--set", "colour=red"], 2, "--set colour: there is no such setting; there are host"),
    (["up", "--set", "limits.line=many"], 2, "Expected `int`, got `str`"),
    (["up", "--ephemeral", "--fixtures", "/nowhere"], 1, "world.toml:1: is not there; write a world.toml"),
    (
        ["up", "--ephemeral", "--services", "echo", "--host", "203.0.113.7"],
        1,
        "cannot listen on 203.0.113.7 port 0 for echo",
    ),
    (["up", "--ephemeral", "--services", "echo", "--host", "somewhere"], 1, "somewhere"),
    (["check", "--target", "/nowhere.json"], 1, "no internet is running by /nowhere.json: start one with"),
    (["env"], 1, "no internet is running: start one with `minternet up`"),
    (["validate", "/nowhere"], 1, "/nowhere is not there"),
]


@pytest.mark.parametrize(("arguments", "status", "text"), WRONG, ids=[" ".join(each[0]) for each in WRONG])
def test_every_error_is_one_line_that_says_what_to_do(
    environment: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, text: str
) -> None:
    assert main(arguments) == status
    errors = capsys.readouterr().err
    assert text in errors
    assert "Traceback" not in errors


def test_a_busy_port_is_one_line(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["up", *SMALL, "--port", f"imap={port}"]) == 1
    assert capsys.readouterr().err == (
        f"minternet: port {port} for imap is in use on 127.0.0.1: stop what listens there,"
        " or say --port imap=PORT, --offset N or --ephemeral\n"
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [({"srvices": ["smtp"]}, "services"), ({"limits": {"mesage": 3}}, "message"), ({"drian": 1}, "drain")],
    ids=str,
)
def test_an_unknown_setting_is_told_with_those_there_are(given: dict[str, object], meant: str) -> None:
    with pytest.raises(SettingsError, match=f"; there are .*{meant}.*; did you mean '{meant}'"):
        make(given)


def test_a_text_in_the_place_of_a_list_is_told() -> None:
    with pytest.raises(SettingsError, match=r"Expected `array`, got `str` - at `\$\.services`; write a list"):
        make({"services": "smtp"})


def test_an_unknown_variable_is_refused(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINTERNET_COLOUR", "red")
    assert main(["up"]) == 2
    assert "MINTERNET_COLOUR is no setting; there are MINTERNET_HOST" in capsys.readouterr().err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"minternet {__version__}\n"
    assert main([]) == 2
    text = capsys.readouterr().out
    assert all(name in text for name in ("up", "check", "env", "validate", "services", "examples:"))
    assert main(["services"]) == 0
    assert "submission" in capsys.readouterr().out


def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).parent / "minternet"
    assert shutil.which(str(script)) is not None
