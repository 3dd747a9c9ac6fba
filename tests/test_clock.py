"""The clock in a test's hands, over real sockets: whoever idles for too long by the world's time is told so, in every protocol.

The machine's own passing of time is the tests', too: it stands unless a test lets hours go by.
"""

from __future__ import annotations

import asyncio
import contextlib
import ftplib
import http.client
import imaplib
import poplib
import smtplib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_world import small_world

from minternet import Internet, Settings
from minternet.world.clock import Clock

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import nntplib

PATIENCE = 10.0
"""Seconds until a test has failed."""
SERVICES = (
    *("echo", "discard", "http", "https", "smtp", "submission", "smtps", "lmtp"),
    *("imap", "imaps", "pop3", "pop3s", "ftp", "ftps", "nntp", "nntps", "control"),
)
SECURE = frozenset({"https", "smtps", "imaps", "pop3s", "ftps", "nntps"})
WEB = b"GET /ip HTTP/1.1\r\nHost: x\r\n\r\n"
SMTP = "smtp_idle", b"NOOP\r\n", b"250 ", b"421 4.4.2 "
IMAP = "imap_idle", b"a NOOP\r\n", b"a OK ", b"* BYE idle for too long\r\n"
POP3 = "pop3_idle", b"CAPA\r\n", b"+OK", b"-ERR [SYS/TEMP] idle for too long\r\n"
NNTP = "nntp_idle", b"DATE\r\n", b"111 ", b"400 "
FTP = "ftp_idle", b"NOOP\r\n", b"200 ", b"421 Nothing was said for too long"
HTTP = "http_keep_alive", WEB, b"HTTP/1.1 200 ", b""
HABITS = {
    "echo": ("echo_idle", b"hello\r\n", b"hello", b""),
    "discard": ("echo_idle", b"", b"", b""),
    **dict.fromkeys(("smtp", "submission", "smtps", "lmtp"), SMTP),
    **dict.fromkeys(("imap", "imaps"), IMAP),
    **dict.fromkeys(("pop3", "pop3s"), POP3),
    **dict.fromkeys(("nntp", "nntps"), NNTP),
    **dict.fromkeys(("ftp", "ftps"), FTP),
    **dict.fromkeys(("http", "https"), HTTP),
}
"""By service: its limit's name, something to say, how the answer begins, and how the farewell does."""


class Machine:
    """How much time has passed on the machine."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine()


@pytest.fixture(scope="module")
def running(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    world = small_world()
    world.clock = Clock(passing=machine)
    settings = Settings(ephemeral=True, services=SERVICES, authority=str(tmp_path_factory.mktemp("authority")))
    with pytest.MonkeyPatch.context() as patch:  # what is done at once is not left to the next regular look
        patch.setattr("minternet.protocols.ftp.server.SWEEP_EVERY", 1000.0)
        patch.setattr("minternet.protocols.http.service.SWEEP_EVERY", 1000.0)
        with Internet(settings=settings, world=world) as net:
            yield net


@pytest.fixture
def net(running: Internet) -> Iterator[Internet]:
    yield running
    running.clock.resume()


def until(reached: Callable[[], Any]) -> Any:
    """Wait for what the server's thread does soon."""
    deadline = time.monotonic() + PATIENCE
    while not (found := reached()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)
    return found


class Client:
    """Says a service's own small talk over a socket."""

    def __init__(self, net: Internet, service: str) -> None:
        self.net, self.service = net, service
        self.limit: float = getattr(net.settings.limits, HABITS[service][0])
        self.sock: socket.socket = socket.create_connection(net.supervisor.endpoint(service).address, PATIENCE)
        if service in SECURE:
            self.sock = net.ssl_context().wrap_socket(self.sock, server_hostname="localhost")
        self._file = self.sock.makefile("rb")
        if service in ("echo", "discard", "http", "https"):
            self.talk()
        else:
            self._file.readline()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self.sock.close()

    def talk(self) -> None:
        """Say something and hear the answer; where none comes, see that the server waits again."""
        _, line, answer, _ = HABITS[self.service]
        if self.service == "discard":
            running: Any = self.net.supervisor.supervised["discard"].running
            until(lambda: any(link._waiting_since is not None for link in running.links))
            return
        self.sock.sendall(line)
        assert self._file.readline().startswith(answer)
        if self.service.startswith("http"):
            length = 0
            while (field := self._file.readline().lower()) != b"\r\n":
                length = int(field.partition(b":")[2]) if field.startswith(b"content-length") else length
            self._file.read(length)
        elif self.service.startswith("pop3"):
            while self._file.readline() != b".\r\n":
                pass

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        with contextlib.suppress(ssl.SSLError):
            return self._file.read()
        return b""


def sweep(net: Internet, service: str) -> None:
    """What the service does every second."""

    async def swept() -> None:
        running: Any = net.supervisor.supervised[service].running
        getattr(running, "listener", running).sweep()

    net.call(swept())


@pytest.mark.parametrize("service", HABITS)
def test_who_idles_for_too_long_is_told_so_at_once(net: Internet, service: str) -> None:
    with Client(net, service) as idle:
        net.clock.advance(idle.limit - 1)
        with Client(net, service) as late:
            net.clock.advance(2)
            assert idle.rest().startswith(HABITS[service][3])
            net.clock.advance(late.limit - 3)
            late.talk()


@pytest.mark.parametrize("service", HABITS)
def test_while_it_is_frozen_nobody_times_out(net: Internet, machine: Machine, service: str) -> None:
    with Client(net, service) as client:
        net.clock.freeze()
        machine.seconds += 1e6
        sweep(net, service)
        client.talk()
        net.clock.freeze(datetime(2040, 1, 1, tzinfo=UTC))  # the way to a date is no time that passes
        client.talk()
        net.clock.resume()
        machine.seconds += client.limit - 1
        sweep(net, service)
        client.talk()
        machine.seconds += client.limit + 1
        sweep(net, service)
        assert client.rest().startswith(HABITS[service][3])


@pytest.mark.parametrize("service", ["smtp", "imap", "ftp", "http"])
def test_a_service_that_starts_again_goes_by_the_clock_and_leaves_nothing_behind(net: Internet, service: str) -> None:
    watchers = len(net.world.clock._watchers)
    with Client(net, service) as before:
        net.call(net.supervisor.restart(service))
        before.rest()
    assert len(net.world.clock._watchers) == watchers
    with Client(net, service) as after:
        net.clock.advance(after.limit + 1)
        assert after.rest().startswith(HABITS[service][3])


def test_an_internet_that_stops_leaves_nothing_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = small_world()
    folder = str(tmp_path_factory.mktemp("authority"))
    settings = Settings(ephemeral=True, services=("imap", "ftp", "http", "control"), authority=folder)
    with Internet(settings=settings, world=world):
        assert len(world.clock._watchers) == 3
    assert len(world.clock._watchers) == 0
    world.clock.advance(1)


# -- what the standard library's clients see


def test_smtplib(net: Internet) -> None:
    with smtplib.SMTP(*net.smtp.address, timeout=PATIENCE) as client:
        client.ehlo()
        net.clock.advance(timedelta(minutes=5, seconds=1))
        assert client.noop()[0] == 421


def test_imaplib_in_idle(net: Internet) -> None:
    """What the server tells of is nothing that the client said."""
    client = imaplib.IMAP4(*net.imap.address, timeout=PATIENCE)
    client.login("alice", "wonderland")
    client.select("INBOX")
    client.send(b"x IDLE\r\n")
    assert client.readline() == b"+ idling\r\n"
    net.clock.advance(1700)
    net.account("alice").inbox.add(b"Subject: Hello\r\n\r\n")
    while not client.readline().endswith(b"EXISTS\r\n"):
        pass
    net.clock.advance(101)
    while (line := client.readline()).endswith(b"RECENT\r\n"):
        pass
    assert line == b"* BYE idle for too long\r\n"
    assert client.readline() == b""
    client.shutdown()


def test_poplib_and_its_maildrop(net: Internet) -> None:
    """Nothing is deleted, and the maildrop is free again (RFC 1939 section 3)."""
    client = poplib.POP3(*net.pop3.address, timeout=PATIENCE)
    client.user("bob")
    client.pass_("builder")
    net.clock.advance(601)
    with pytest.raises(poplib.error_proto, match="idle for too long"):
        client.noop()
    client.close()
    again = poplib.POP3(*net.pop3.address, timeout=PATIENCE)
    again.user("bob")
    again.pass_("builder")
    again.quit()


def test_nntplib(net: Internet) -> None:
    client = nntplib.NNTP(*net.nntp.address, timeout=PATIENCE)
    net.clock.advance(601)
    with pytest.raises(nntplib.NNTPTemporaryError, match="400"):
        client.date()
    with contextlib.suppress(nntplib.NNTPError, OSError, EOFError):
        client.quit()


def test_http_client(net: Internet) -> None:
    client = http.client.HTTPConnection(*net.http.address, timeout=PATIENCE)
    client.request("GET", "/ip")
    assert client.getresponse().read()
    net.clock.advance(76)
    assert client.sock.recv(1) == b""
    client.close()
    client.request("GET", "/ip")
    assert client.getresponse().status == 200
    client.close()


# -- HTTP


def heard(net: Internet, service: str, data: bytes) -> None:
    """Return when the service has heard this of its newest client."""
    until(lambda: data in net.conversations(service)[-1].said(masked=False))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: drip", b"the head did not come in time"),
        (b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ndrip", b"the body did not come in time"),
    ],
)
def test_a_request_that_does_not_come_in_time(net: Internet, machine: Machine, request_: bytes, reason: bytes) -> None:
    with Client(net, "http") as client:
        client.sock.sendall(request_)
        heard(net, "http", b"drip")
        with net.clock.frozen():
            machine.seconds += 1e6
            sweep(net, "http")
            net.clock.advance(29)
            client.sock.sendall(b"drip again")
            heard(net, "http", b"drip again")
        net.clock.advance(61)
        said = client.rest()
        assert said.startswith(b"HTTP/1.1 408 ")
        assert said.endswith(reason + b"\n")


@pytest.mark.parametrize("secure", [False, True])
def test_in_a_tunnel_too(net: Internet, secure: bool) -> None:
    kind: Any = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    options = {"context": net.ssl_context()} if secure else {}
    client = kind(*net.http.address, timeout=PATIENCE, **options)
    client.set_tunnel("shop.example", 443 if secure else 80)
    client.request("GET", "/ip")
    assert client.getresponse().read()
    net.clock.advance(74)
    client.request("GET", "/ip")
    assert client.getresponse().read()
    net.clock.advance(76)
    assert client.sock.recv(1) == b""
    client.close()


def test_a_websocket_has_no_limit(net: Internet) -> None:
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{net.http.port}/websocket/echo") as client:
        client.send("one")
        assert client.recv(timeout=PATIENCE) == "one"
        net.clock.advance(1e6)
        client.send("two")
        assert client.recv(timeout=PATIENCE) == "two"


def test_who_moves_the_clock_by_the_api_is_not_cut_off(net: Internet) -> None:
    client = http.client.HTTPConnection(*net.control.address, timeout=PATIENCE)
    for seconds in (10, 1e6, 10):
        body = f'{{"seconds": {seconds}}}'
        client.request("POST", "/api/v1/clock/advance", body, {"Content-Type": "application/json"})
        used, answer = client.sock, client.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        assert client.sock is used is not None
    client.close()


# -- FTP


@pytest.fixture(params=["plain", "TLS"])
def ftp(net: Internet, request: pytest.FixtureRequest) -> Iterator[ftplib.FTP]:
    """ftplib's client, logged in."""
    secure = request.param == "TLS"
    client = ftplib.FTP_TLS(context=net.ssl_context()) if secure else ftplib.FTP()
    client.connect("localhost", net.ftp.port, PATIENCE)
    client.login("alice", "wonderland")
    if isinstance(client, ftplib.FTP_TLS):
        client.prot_p()
    yield client
    client.close()


def test_ftplib(net: Internet, ftp: ftplib.FTP) -> None:
    net.clock.advance(299)
    assert ftp.pwd() == "/home/alice"
    net.clock.advance(301)
    with pytest.raises(ftplib.error_temp, match="421 Nothing was said"):
        ftp.pwd()


def test_a_passive_port_waits_by_the_worlds_time(net: Internet, machine: Machine, ftp: ftplib.FTP) -> None:
    ftp.sendcmd("PASV")
    assert ftp.sendcmd("NLST").startswith("150")
    with net.clock.frozen():
        machine.seconds += 1e6
        sweep(net, "ftp")
        net.clock.advance(29)
        assert "Waiting for the data connection" in ftp.sendcmd("STAT")
        net.clock.advance(2)
        with pytest.raises(ftplib.error_temp, match="425 Nobody connected"):
            ftp.getresp()
        net.clock.advance(299)  # the session has waited since then
        assert ftp.nlst()


def test_a_passive_port_nobody_wanted_is_closed_in_silence(net: Internet, ftp: ftplib.FTP) -> None:
    host, port = ftplib.parse227(ftp.sendcmd("PASV"))
    net.clock.advance(31)
    with pytest.raises(ftplib.error_temp, match="425 Use PASV"):
        ftp.sendcmd("NLST")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), PATIENCE)


def test_a_stalled_upload(net: Internet, machine: Machine, ftp: ftplib.FTP) -> None:
    with ftp.transfercmd("STOR stalled") as data:
        data.sendall(b"hello")
        until(lambda: "5 octets so far" in ftp.sendcmd("STAT"))
        net.clock.freeze()
        machine.seconds += 1e6
        sweep(net, "ftp")
        net.clock.advance(299)
        assert "5 octets so far" in ftp.sendcmd("STAT")
        net.clock.advance(2)
        with pytest.raises(ftplib.error_temp, match="426 Nothing moved"):
            ftp.getresp()
    assert "/home/alice/stalled" not in net.files
    net.clock.advance(299)
    assert ftp.pwd() == "/home/alice"


def test_after_abor_the_session_is_waited_for_again(net: Internet, ftp: ftplib.FTP) -> None:
    ftp.sendcmd("PASV")
    assert ftp.sendcmd("NLST").startswith("150")
    ftp.putline("ABOR")
    assert ftp.getmultiline()[:3] in ("225", "226", "426")
    net.clock.advance(301)
    assert "421 Nothing was said" in ftp.file.read()  # type: ignore[union-attr]


# -- the handle


def test_what_may_be_said_to_it(net: Internet) -> None:
    date = datetime(2030, 2, 28, 23, tzinfo=UTC)
    assert net.clock.freeze(date) == net.clock.now == date
    assert net.clock.is_frozen
    assert net.clock.advance(60) == date + timedelta(minutes=1)
    assert net.clock.advance(timedelta(hours=1)) == date + timedelta(minutes=61)
    assert net.clock.advance(datetime(2030, 3, 2, tzinfo=UTC)).day == 2
    for backwards in (-1, timedelta(seconds=-1), date):
        with pytest.raises(ValueError, match="only moves on"):
            net.clock.advance(backwards)
    with pytest.raises(ValueError, match="year 9999"):
        net.clock.advance(timedelta(days=365 * 8000))
    assert net.clock.now == datetime(2030, 3, 2, tzinfo=UTC)
    net.clock.resume()
    assert not net.clock.is_frozen


def test_frozen_for_a_block(net: Internet) -> None:
    outer, inner = datetime(2031, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
    with net.clock.frozen(outer) as clock:
        with clock.frozen(inner):
            clock.advance(5)
        assert clock.now == outer
        clock.advance(10)
        with clock.frozen():
            clock.advance(5)
        assert clock.now == outer + timedelta(seconds=10)
    assert not net.clock.is_frozen
    with pytest.raises(ValueError, match="only moves on"), net.clock.frozen(outer) as clock:
        clock.advance(-1)
    assert not net.clock.is_frozen


def test_a_reset_leaves_the_clock_as_it_is(net: Internet) -> None:
    date = datetime(2033, 1, 1, tzinfo=UTC)
    net.snapshot("moment")
    net.clock.freeze(date)
    net.restore("moment")
    assert net.clock.now == date


def test_on_the_callers_own_loop(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("authority"))

    async def test() -> bytes:
        settings = Settings(ephemeral=True, services=("imap",), authority=folder)
        async with Internet(settings=settings, world=small_world()) as net:
            reader, writer = await asyncio.open_connection(*net.imap.address)
            await reader.readline()
            with net.clock.frozen() as clock:
                clock.advance(1801)
                said = await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
            return said

    assert asyncio.run(test()) == b"* BYE idle for too long\r\n"
