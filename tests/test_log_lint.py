"""`minternet log --lint` and `--har`: findings and exchanges of a running internet, and exit statuses for builds."""

from __future__ import annotations

import http.client
import http.server
import json
import signal
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from endings import all_over

from minternet import Internet, Settings, ready
from minternet.cli import main

GOOD = (
    b"From: a@example.net\r\nDate: Mon, 6 May 2024 10:00:00 +0000\r\nMessage-ID: <1@x.test>\r\nSubject: x\r\n\r\nhi\r\n"
)
UNDATED = GOOD.replace(b"Date:", b"X-Date:")
LONG = GOOD + b"y" * 1200 + b"\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    settings = Settings(
        ephemeral=True, services=("smtp", "http", "control"), authority=str(tmp_path_factory.mktemp("authority"))
    )
    with Internet(settings=settings) as net:
        yield net


@pytest.fixture
def net(running: Internet) -> Internet:
    running.reset()
    running.call(forget(running))
    return running


@pytest.fixture
def target(net: Internet, tmp_path: Path) -> str:
    path = tmp_path / "ready.json"
    ready.write(net.ready(), path)
    return str(path)


async def forget(net: Internet) -> None:
    net.transcripts.clear()


def send(net: Internet, letter: bytes) -> None:
    with smtplib.SMTP(*net.smtp.address) as client:
        client.sendmail("a@example.net", ["alice@example.test"], letter)
    net.call(all_over(net))


def fetch(net: Internet, path: str) -> None:
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
    net.call(all_over(net))


def test_nothing_to_mend(net: Internet, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, GOOD)
    assert main(["log", "--lint", "--target", target]) == 0
    assert capsys.readouterr() == ("", "minternet: nothing to mend; conversations looked through: 1\n")


def test_findings_fail_a_build(net: Internet, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, LONG)
    send(net, UNDATED)
    assert main(["log", "--lint", "--target", target]) == 1
    output, errors = capsys.readouterr()
    first, second = (each.number for each in net.conversations("smtp"))
    heads = [line for line in output.splitlines() if not line.startswith("    ")]
    assert heads[0].startswith(f"error: line-too-long in smtp #{first} from 127.0.0.1:")
    assert heads[1].startswith(f"warning: message-no-date in smtp #{second} from ")
    assert output.count("\n    C: yyy") == 1
    assert "\n    RFC 5321 section 4.5.3.1.6, RFC 5536 section 2.2. Encode the part" in output
    assert errors == ""


@pytest.mark.parametrize(("level", "status"), [("note", 1), ("warning", 1), ("error", 0)])
def test_a_level(net: Internet, target: str, level: str, status: int) -> None:
    send(net, UNDATED)
    assert main(["log", "--lint", "--level", level, "--target", target]) == status


def test_one_service(net: Internet, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, LONG)
    assert main(["log", "--lint", "--service", "http", "--target", target]) == 0
    assert main(["log", "--lint", "--service", "smtp", "--target", target]) == 1
    capsys.readouterr()
    assert main(["log", "--lint", "--service", "smpt", "--target", target]) == 1
    assert "there are no rules for 'smpt'; there are for http, https, smtp" in capsys.readouterr().err


def test_findings_as_json(net: Internet, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, LONG)
    assert main(["log", "--lint", "--json", "--target", target]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    finding = json.loads(line)
    assert (finding["rule"], finding["service"], finding["count"]) == ("line-too-long", "smtp", 1)


def test_what_is_not_judged_is_said(net: Internet, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, LONG)
    net.call(drop(net))
    assert main(["log", "--lint", "--target", target]) == 0
    errors = capsys.readouterr().err
    assert "not judged, for their beginning is no longer kept: 1 of the conversations;" in errors
    assert "--set transcript_octets=" in errors


async def drop(net: Internet) -> None:
    net.conversations("smtp")[0].transcript.drop_oldest()


def test_findings_as_conversations_end(net: Internet, target: str) -> None:
    command = [sys.executable, "-m", "minternet", "log", "--follow", "--lint", "--level", "error", "--target", target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == f"minternet: following {net.control.url}\n"
            send(net, UNDATED)
            send(net, LONG)
            number = net.conversations("smtp")[-1].number
            assert process.stdout.readline().startswith(f"error: line-too-long in smtp #{number} ")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 1
        finally:
            process.kill()


def test_following_without_findings_ends_well(net: Internet, target: str) -> None:
    command = [sys.executable, "-m", "minternet", "log", "--follow", "--lint", "--target", target]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            process.stderr.readline()
            send(net, GOOD)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


# -- HAR


def test_har_to_a_file_and_to_standard_output(
    net: Internet, target: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    fetch(net, "/get?a=1")
    fetch(net, "/bytes/10")
    path = tmp_path / "all.har"
    assert main(["log", "--har", str(path), "--target", target]) == 0
    entries = json.loads(path.read_bytes())["log"]["entries"]
    assert [entry["request"]["url"].partition("/get")[2] for entry in entries] == ["?a=1", ""]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["all.har", "ready.json"]
    capfdbinary.readouterr()
    assert main(["log", "--har", "-", "--service", "http", "--target", target]) == 0
    assert capfdbinary.readouterr().out == path.read_bytes()


WRONG = [
    (["--har", "x.har", "--service", "smtp"], 1, "HAR is for HTTP: http, https, control, not 'smtp'"),
    (["--har", "no-such-folder/x.har"], 1, "cannot write no-such-folder/x.har: No such file or directory; name a file"),
    (["--har", "x.har", "--follow"], 2, "leave --follow and --json out"),
    (["--har", "x.har", "--json"], 2, "leave --follow and --json out"),
    (["--level", "error"], 2, "--level says which findings: it goes with --lint"),
]


@pytest.mark.parametrize(("options", "status", "words"), WRONG, ids=[" ".join(each[0]) for each in WRONG])
def test_what_cannot_be_done_is_one_line(
    target: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    status: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["log", *options, "--target", target]) == status
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["ready.json"]


def test_lint_and_har_are_two_commands(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["log", "--lint", "--har", "-", "--target", target])
    assert "not allowed with argument" in capsys.readouterr().err


class Older(http.server.BaseHTTPRequestHandler):
    """A control service that knows of neither."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.mark.parametrize("options", [["--lint"], ["--lint", "--follow"], ["--har", "-"]], ids=" ".join)
def test_an_internet_of_an_older_version(target: str, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Older) as server:
        told = json.loads(Path(target).read_text())
        told["control"]["url"] = f"http://127.0.0.1:{server.server_port}/"
        Path(target).write_text(json.dumps(told))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            assert main(["log", *options, "--target", target]) == 1
        finally:
            server.shutdown()
            thread.join()
    assert "it is of another version; start it with this one's `minternet up`" in capsys.readouterr().err
