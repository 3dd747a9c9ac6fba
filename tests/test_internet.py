"""An internet as a whole: it starts, says what is wrong, starts dead services again, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import poplib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minternet import Internet, Settings
from minternet.supervisor import StartError
from minternet.world import changes
from minternet.world.seed import FixtureError

SMALL = ("echo", "pop3", "imap")
OPEN = Path("/proc/self/fd")
LOOPS = pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])


def small(**more: object) -> Settings:
    return Settings(**{"ephemeral": True, "services": SMALL, **more})  # type: ignore[arg-type]


def echoes(net: Internet) -> bool:
    with socket.create_connection(net.echo.address, 5) as connection:
        connection.sendall(b"hello\r\n")
        return connection.recv(100) == b"hello\r\n"


def open_files() -> dict[str, str]:
    """What lies behind each descriptor of this process."""
    links = {path.name: path for path in OPEN.iterdir()}
    return {name: str(path.readlink()) for name, path in links.items() if os.path.lexists(path)}


@functools.cache
def warm_up() -> None:
    """Make what is made once for a process and kept (uvloop's own descriptors)."""
    with Internet(settings=small(services=("echo",))):
        pass


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Fails where threads or open files are more after than before."""
    warm_up()
    gc.collect()
    threads, files = set(threading.enumerate()), open_files()
    yield
    gc.collect()
    assert set(threading.enumerate()) - threads == set()
    assert open_files().items() - files.items() == set()


on_linux = pytest.mark.skipif(not OPEN.is_dir(), reason="counts open files in /proc")


@LOOPS
@on_linux
def test_stopping_leaves_no_thread_and_no_socket(uvloop: bool) -> None:
    with nothing_left(), Internet(settings=small(uvloop=uvloop)) as net:
        assert echoes(net)
        with contextlib.closing(poplib.POP3(*net.pop3.address)) as idle:
            assert idle.getwelcome().startswith(b"+OK")


@on_linux
def test_stopping_leaves_no_task() -> None:
    async def live() -> set[str]:
        async with Internet(settings=small()) as net:
            reader, writer = await asyncio.open_connection(*net.pop3.address)
            await reader.readline()
            writer.close()
        return {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}  # type: ignore[union-attr]

    with nothing_left():
        assert asyncio.run(live()) == set()


def test_a_port_in_use_is_one_clear_line_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, nothing_left():
        port = taken.getsockname()[1]
        with pytest.raises(StartError) as refused:
            Internet(settings=small(ports={"imap": port})).start()
    assert str(refused.value) == (
        f"port {port} for imap is in use on 127.0.0.1: stop what listens there, or say"
        " --port imap=PORT, --offset N or --ephemeral"
    )


def test_lmtp_takes_any_port_where_its_own_is_in_use_and_none_was_named() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Internet(settings=Settings(offset=port - 24, services=("lmtp",)), say=said.append) as net:
            assert net.lmtp.port != port
            assert said == [f"port {port} is in use; lmtp listens on port {net.lmtp.port} instead"]
        with pytest.raises(StartError, match=f"port {port} for lmtp is in use"):
            Internet(settings=small(services=("lmtp",), ports={"lmtp": port})).start()


def test_an_unknown_service_is_told_with_those_there_are() -> None:
    with pytest.raises(StartError, match=r"no service is called 'impa'; there are echo, echo-udp, .*imap"):
        Internet(settings=small(services=("impa",))).start()
    with pytest.raises(StartError, match="no service is called 'gopher'"):
        Internet(settings=small(ports={"gopher": 70})).start()


def test_broken_fixtures_start_nothing(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text("[[accounts]]\nlogin = 1\n")
    with nothing_left(), pytest.raises(FixtureError, match=r"world.toml:2: expected `str`, got `int`"):
        Internet(tmp_path).start()


def test_two_internets_know_nothing_of_each_other() -> None:
    with Internet(settings=small()) as one, Internet(settings=small()) as other:
        assert one.echo.port != other.echo.port
        one.commit(changes.CreateMailbox("alice", "Only here"))
        assert other.world.mail.find("alice", "Only here") is None
        one.reset()
        assert one.world.mail.find("alice", "Only here") is None
    assert one.settings is not other.settings


def test_an_internet_can_be_started_again() -> None:
    net = Internet(settings=small(services=("echo",)))
    for _ in range(2):
        with net:
            assert echoes(net)
    with pytest.raises(StartError, match="does not run"):
        _ = net.world


def test_a_service_that_dies_is_started_again_on_its_port_and_said_so() -> None:
    said: list[str] = []
    back = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if "runs again" in text:
            back.set()

    with Internet(settings=small(), say=say) as net:
        port = net.echo.port
        supervised = net.supervisor.supervised["echo"]

        async def kill() -> None:
            supervised.running.fail(RuntimeError("pulled the plug"))  # type: ignore[union-attr]

        net.call(kill())
        assert back.wait(10)
        assert supervised.restarts == 1
        assert net.echo.port == port
        assert echoes(net)
        assert said == [
            "echo ended (pulled the plug); starting it again in 0.1 s",
            f"echo runs again on port {port}",
        ]


def test_a_service_that_starts_again_has_no_events_of_its_probe() -> None:
    with Internet(settings=small(services=("http", "https", "smtp", "imap", "ftp", "nntp"))) as net:
        last, opened = net.world.journal.last, net.transcripts.opened
        for name in net.supervisor.supervised:
            assert net.call(net.supervisor.restart(name)), name
        assert net.world.journal.last == last
        assert net.conversations(since=opened) == []


def test_what_waits_while_a_service_is_down_is_served_when_it_is_back() -> None:
    with Internet(settings=small()) as net:
        supervised = net.supervisor.supervised["echo"]

        async def kill() -> None:
            supervised.running.fail(RuntimeError("gone"))  # type: ignore[union-attr]

        net.call(kill())
        with socket.create_connection(net.echo.address, 5) as waiting:
            waiting.settimeout(10)
            waiting.sendall(b"still there?")
            assert waiting.recv(100) == b"still there?"


def test_a_reset_ends_sessions_in_their_own_words_and_ports_stay() -> None:
    with Internet(settings=small()) as net:
        before = net.supervisor.endpoints()
        with (
            socket.create_connection(net.imap.address, 5) as imap,
            socket.create_connection(net.pop3.address, 5) as pop3,
        ):
            imap.recv(1000), pop3.recv(1000)
            net.reset()
            assert imap.makefile("rb").readline().startswith(b"* BYE")
            assert pop3.makefile("rb").readline().startswith(b"-ERR")
        assert net.supervisor.endpoints() == before


def test_kept_sessions_live_over_a_reset() -> None:
    with Internet(settings=small(on_reset="keep")) as net, contextlib.closing(poplib.POP3(*net.pop3.address)) as pop3:
        net.reset()
        assert pop3.capa()


def test_listening_on_both_loopback_addresses() -> None:
    with Internet(settings=small()) as net:
        families = {listening.family for listening in net.supervisor.supervised["echo"].sockets}
        assert families <= {socket.AF_INET, socket.AF_INET6}
        for listening in net.supervisor.supervised["echo"].sockets:
            with socket.create_connection(listening.getsockname()[:2], 5) as connection:
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"


def test_starting_leaves_no_conversation_and_no_event() -> None:
    with Internet(settings=small(services=("echo", "http", "https", "imaps"))) as net:
        assert net.transcripts.conversations() == []
        assert net.web.requests == []
        assert echoes(net)
        assert [each.service for each in net.transcripts.conversations()] == ["echo"]


def test_unix_sockets_for_those_who_ask(tmp_path: Path) -> None:
    with Internet(settings=small(unix_folder=str(tmp_path))) as net:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["echo.sock", "imap.sock", "pop3.sock"]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "echo.sock"))
            connection.sendall(b"hello")
            assert connection.recv(100) == b"hello"
        assert echoes(net)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StartError, match=r"cannot listen on .*none/echo.sock .*: name another unix_folder"):
        Internet(settings=small(unix_folder=str(tmp_path / "none"))).start()


def test_names_of_services_are_attributes() -> None:
    with Internet(settings=small()) as net:
        assert net.imap.url == f"imap://127.0.0.1:{net.imap.port}"
        with pytest.raises(AttributeError, match="no service 'smtp' runs; there are echo, imap, pop3"):
            _ = net.smtp
        assert net.account("alice@example.test").login == "alice"


def test_the_internet_says_when_it_does_not_run() -> None:
    net = Internet(settings=small())
    with pytest.raises(StartError, match="does not run"):
        _ = net.imap
    with pytest.raises(StartError, match="does not run"):
        net.reset()
    net.stop()
