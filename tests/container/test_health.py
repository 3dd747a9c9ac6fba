"""`minternet health`, which needs no container: every service answers, or one line says which does not."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from minternet import Internet, Settings, ready
from minternet.cli import main
from minternet.ready import Endpoint
from minternet.supervisor import looking

WITHOUT_CONTROL = ("echo", "http", "https", "smtp", "smtps", "imap", "imaps", "pop3", "ftp", "ftps", "nntp")


@pytest.fixture(scope="module")
def net() -> Iterator[Internet]:
    with Internet(settings=Settings(ephemeral=True, public_host="192.0.2.7")) as net:
        yield net


@pytest.fixture(scope="module")
def uncontrolled() -> Iterator[Internet]:
    """Whose services are asked one after the other."""
    with Internet(settings=Settings(ephemeral=True, services=WITHOUT_CONTROL, public_host="192.0.2.7")) as net:
        yield net


@pytest.fixture(autouse=True)
def always_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a look found is old at once."""
    monkeypatch.setattr(looking, "FRESH_SECONDS", 0.0)


def health(net: Internet, folder: Path, **instead: Endpoint) -> int:
    """What it says of a ready file in which some services are elsewhere."""
    told = net.ready()
    file = folder / "ready.json"
    ready.write(msgspec.structs.replace(told, services=told.services | instead), file)
    return main(["health", "--target", str(file)])


def all_answer(net: Internet) -> str:
    return f"{len([name for name in net.ready().services if name != 'echo-udp'])} services answer\n"


# -- by the control service


def test_all_are_asked_by_the_internet_itself(
    net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health(net, tmp_path) == 0
    assert capsys.readouterr().out == all_answer(net)


def traces(net: Internet) -> dict[str, Any]:
    """What a health check might leave behind."""
    kept = [(each.number, each.kept_pieces) for each in net.transcripts.conversations()]
    counted = {name: accepted(net, name) for name in net.supervisor.supervised if name != "control"}
    return {
        "events": net.cursor(),
        "conversations": (net.transcripts.opened, net.transcripts.octets, kept),
        "requests": net.web.requests,
        "connections": counted,
    }


def accepted(net: Internet, name: str) -> int:
    running: Any = net.supervisor.supervised[name].running
    return int(getattr(getattr(running, "listener", running), "accepted", 0))


@pytest.mark.parametrize("uvloop", [True, False])
def test_it_leaves_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str], uvloop: bool) -> None:
    with Internet(settings=Settings(ephemeral=True, uvloop=uvloop)) as net:
        seen: set[int] = set()
        before = traces(net)
        net.transcripts.watch(lambda: seen.update(each.number for each in net.transcripts.conversations()))
        assert health(net, tmp_path) == 0
        assert capsys.readouterr().out == all_answer(net)
        assert traces(net) == before
        assert not net.transcripts.left_out
        kept = {each.number for each in net.transcripts.conversations()}
        assert seen <= kept, "nobody who follows the conversations sees one come and go"
        assert net.conversations("control") == net.lint() == []


@pytest.mark.parametrize("name", ["echo", "http", "imaps", "ftp", "nntp"])
def test_one_that_accepts_nobody_is_named(
    net: Internet, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its clients wait; when it goes on, the probe that nobody waits for any more leaves no trace either."""
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.3)
    before = traces(net)
    with not_accepting(net, name):
        assert health(net, tmp_path) == 1
    port = net.supervisor.endpoint(name).port
    assert capsys.readouterr().err == f"minternet: {name} does not answer on port {port}: timed out\n"
    monkeypatch.setattr(looking, "LOOK_SECONDS", 3.0)
    assert health(net, tmp_path) == 0
    assert traces(net) == before
    assert not net.transcripts.left_out, "who has these ports next is heard of again"


@contextmanager
def not_accepting(net: Internet, name: str) -> Iterator[None]:
    """The service leaves its clients waiting."""
    net.call(accept(net, name, False))
    try:
        yield
    finally:
        net.call(accept(net, name, True))


async def accept(net: Internet, name: str, does: bool) -> None:
    running: Any = net.supervisor.supervised[name].running
    if name == "ftp":
        for door in running._doors:
            door.add_channel() if does else door.del_channel()
        return
    listener = getattr(running, "listener", running)
    for bound in listener._accepting:
        listener._accept_again(bound) if does else listener._loop.remove_reader(bound)


def test_one_whose_socket_is_gone_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Internet(settings=Settings(ephemeral=True, services=("echo", "imap", "control"))) as net:
        net.supervisor.supervised["imap"].sockets[0].close()
        assert health(net, tmp_path) == 1
        expected = f"minternet: imap does not answer on port {net.imap.port}: {said(errno.EBADF)}\n"
        assert capsys.readouterr().err == expected


def said(number: int) -> str:
    """What the system calls an error."""
    return str(OSError(number, os.strerror(number)))


def test_one_that_hangs_up_is_named(
    net: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its listener is at its limit, and has no words for it."""
    listener: Any = net.supervisor.supervised["echo"].running
    monkeypatch.setattr(listener, "max_connections", 0)
    assert health(net, tmp_path) == 1
    port = net.echo.port
    assert capsys.readouterr().err in (
        f"minternet: echo answers b'' on port {port}, not b'minternet?\\r\\n'\n",
        f"minternet: echo does not answer on port {port}: {said(errno.ECONNRESET)}\n",
    )


def test_one_that_answers_something_else_is_named(
    net: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imap, smtp = (net.supervisor.supervised[name] for name in ("imap", "smtp"))
    monkeypatch.setattr(imap, "sockets", smtp.sockets)
    assert health(net, tmp_path) == 1
    assert capsys.readouterr().err == f"minternet: imap answers b'220 ' on port {net.smtp.port}, not b'* OK'\n"


def test_one_that_does_not_run_is_named(
    net: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(net.supervisor.supervised["imap"], "status", "restarting")
    assert health(net, tmp_path) == 1
    assert capsys.readouterr().err == "minternet: imap is restarting\n"


def test_faults_make_nobody_unwell_and_are_not_used_up(
    net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (
        "imap: refuse, first=1",
        "=https: tls_handshake_failure",
        "ftp: silence",
        "nntp: latency 5000",
        "smtp: down",
    )
    with net.faults.during(*lines) as faults:
        cursor = net.cursor()
        assert health(net, tmp_path) == 0
        assert [net.faults.uses(fault) for fault in faults] == [0] * len(lines)
        assert net.cursor() == cursor
    assert capsys.readouterr().out == all_answer(net)


# -- what the control service is asked


def asked(net: Internet, path: str = "/readyz?ask=true") -> tuple[int, Any]:
    return asked_at(net.control.port, path)


def asked_at(port: int, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_the_question_and_its_answers(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    status, told = asked(net)
    assert (status, told["ready"], told["asked"]["unanswered"]) == (200, True, {})
    assert told["asked"]["answered"] == [name for name in net.ready().services if name != "echo-udp"]
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.3)
    with not_accepting(net, "imap"):
        status, told = asked(net)
        assert (status, told["ready"]) == (503, False)
        assert told["asked"]["unanswered"] == {"imap": f"imap does not answer on port {net.imap.port}: timed out"}
        assert len(told["asked"]["answered"]) == len(net.ready().services) - 2
        for path in ("/readyz", "/readyz?ask=false"):
            assert asked(net, path)[0] == 200, "the supervisor is believed"
            assert "asked" not in asked(net, path)[1]
    assert asked(net, "/readyz?ask=perhaps")[0] == 422


def test_a_flood_of_questions_is_one_look(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    ask = net.supervisor._probes.ask

    async def counted(service: Any, *rest: Any) -> None:
        looks.append(service.name)
        await ask(service, *rest)

    monkeypatch.setattr(looking, "FRESH_SECONDS", 600.0)
    monkeypatch.setattr(net.supervisor._probes, "ask", counted)
    monkeypatch.setattr(net.supervisor._looks, "_last", None)
    told: list[int] = []
    crowd = [threading.Thread(target=lambda: told.append(asked(net)[0])) for _ in range(12)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(20)
    assert told == [200] * 12
    assert sorted(looks) == sorted(set(looks))


def test_who_asks_is_told_when_the_internet_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, Any]] = []
    with Internet(settings=Settings(ephemeral=True, services=("imap", "control"), drain=5)) as net:
        begun, probes, ask = threading.Event(), net.supervisor._probes, net.supervisor._probes.ask

        async def noticed(*question: Any) -> None:
            begun.set()
            await ask(*question)

        monkeypatch.setattr(probes, "ask", noticed)
        net.call(accept(net, "imap", False))
        port = net.control.port
        asking = threading.Thread(target=lambda: told.append(asked_at(port, "/readyz?ask=true")))
        asking.start()
        assert begun.wait(20)
        net.stop()
        asking.join(20)
    assert [(status, problem["detail"]) for status, problem in told] == [(503, "the service is ending")]


# -- without it


def test_all_are_asked_at_the_address_of_this_machine(
    uncontrolled: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health(uncontrolled, tmp_path) == 0
    assert capsys.readouterr().out == all_answer(uncontrolled)


def test_then_neither_the_journal_nor_lint_tells_of_it(uncontrolled: Internet, tmp_path: Path) -> None:
    cursor, before = uncontrolled.cursor(), uncontrolled.transcripts.opened
    assert health(uncontrolled, tmp_path) == 0
    assert uncontrolled.cursor() == cursor
    assert uncontrolled.transcripts.opened > before
    assert uncontrolled.lint(since=before) == []


def test_one_that_is_gone_is_named(
    uncontrolled: Internet, net: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        gone = Endpoint("127.0.0.1", port, None, "")
        assert health(uncontrolled, tmp_path, nntp=gone) == 1
        assert health(net, tmp_path, control=gone) == 1
    words = f"does not answer on port {port}: {said(errno.ECONNREFUSED)}\n"
    assert capsys.readouterr().err == f"minternet: nntp {words}minternet: control {words}"


@pytest.mark.parametrize("name", ["imap", "imaps"])
def test_one_that_says_something_else_is_named(
    uncontrolled: Internet, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = uncontrolled.ready().services["smtp" if name == "imap" else "smtps"]
    assert health(uncontrolled, tmp_path, **{name: other}) == 1
    assert capsys.readouterr().err == f"minternet: {name} answers b'220 ' on port {other.port}, not b'* OK'\n"


@pytest.mark.parametrize("name", ["pop3", "control"])
def test_one_that_says_nothing_is_not_waited_for(
    uncontrolled: Internet,
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("minternet.commands.health.SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert health(uncontrolled, tmp_path, **{name: Endpoint("127.0.0.1", port, None, "")}) == 1
    assert capsys.readouterr().err == f"minternet: {name} does not answer on port {port}: timed out\n"


ANSWERS = {
    "of an older version": b'HTTP/1.1 200 OK\r\n\r\n{"ready": true, "services": []}',
    "which says no": b'HTTP/1.1 421 Misdirected Request\r\n\r\n{"title": "Misdirected Request", "status": 421}',
    "which is busy": b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
    "of something else": b"HTTP/1.1 200 OK\r\n\r\n[1]",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_control_service_that_cannot_tell(
    uncontrolled: Internet, tmp_path: Path, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """All are asked then, this one too."""
    before = uncontrolled.transcripts.opened
    with answering(answer) as port:
        assert health(uncontrolled, tmp_path, control=Endpoint("127.0.0.1", port, None, "")) == 0
    assert capsys.readouterr().out == f"{len(WITHOUT_CONTROL) + 1} services answer\n"
    assert uncontrolled.transcripts.opened == before + len(WITHOUT_CONTROL)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Says the same to two clients."""

    def serve() -> None:
        for _ in range(2):
            client = server.accept()[0]
            with client:
                client.recv(4096)
                client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        serving = threading.Thread(target=serve)
        serving.start()
        yield server.getsockname()[1]
        serving.join(20)


def test_no_internet_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINTERNET_READY_FILE", str(tmp_path / "ready.json"))
    assert main(["health"]) == 1
    assert "no internet is running" in capsys.readouterr().err


def test_it_loads_no_server() -> None:
    """What makes it quick: neither the world nor a protocol is imported, and nothing for TLS."""
    source = "import sys, minternet.commands.health; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=30)
    loaded = set(done.stdout.split())
    assert {name.split(".")[1] for name in loaded if name.startswith("minternet.")} == {"cli", "commands", "ready"}
    assert not loaded & {"asyncio", "ssl", "http.client"}
