"""Faults in FTP's data connections, in both directions, in the clear and under TLS; and half-closes that are some."""

from __future__ import annotations

import contextlib
import ftplib
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from faults.clients import PATIENT, close_what_is_left

from minternet import Internet, Settings
from minternet.settings import Limits

LONG = bytes(range(256)) * 8192
"""2 MiB: more than the sockets' buffers take before the server has read a part."""
SHORT = LONG[:4096]
PATH = "/home/alice/fault.bin"


@contextlib.contextmanager
def client(net: Internet, tls: bool, timeout: float = PATIENT) -> Iterator[ftplib.FTP]:
    made = ftplib.FTP_TLS(context=net.ssl_context()) if tls else ftplib.FTP()
    try:
        made.connect("localhost", net.ftp.port, timeout=timeout)
        made.login("alice", "wonderland")
        if isinstance(made, ftplib.FTP_TLS):
            made.prot_p()
        yield made
    finally:
        made.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(autouse=True)
def _as_before(net: Internet) -> None:
    net.reset()


def stored(net: Internet) -> bytes | None:
    """What is in the file, if it is there."""
    entry = net.world.files.find(PATH)
    return entry.content.bytes() if entry is not None and entry.content is not None else None


def store(ftp: ftplib.FTP, content: bytes, command: str = "STOR fault.bin") -> str:
    return ftp.storbinary(command, io.BytesIO(content))


def fetched(ftp: ftplib.FTP) -> bytes:
    received: list[bytes] = []
    try:
        ftp.retrbinary("RETR /pub/bytes.bin", received.append)
    except (OSError, ftplib.Error):
        received.append(b"|")
    return b"".join(received)


def cut_off(ftp: ftplib.FTP, transfer: Callable[[], object]) -> bool:
    """Whether a transfer ends with 426: ftplib's exception, or its next reply where the data connection's comes first."""
    try:
        transfer()
    except ftplib.error_temp as error:
        return "426" in str(error)
    except OSError as error:  # ssl.SSLError is one
        close_what_is_left(error, but=ftp.sock)
        return ftp.getline().startswith("426")
    return False


# -- uploads

CUTS = [
    "STOR: limit_data 1000",
    "STOR: limit_data 1000, stream=upstream",
    "STOR: truncate 1000",
    "STOR: truncate 1000, then=reset",
    "STOR: truncate 1000, then=half_close",
    "STOR: reset_peer",
    "STOR: timeout 20",
    "STO*: limit_data 0",
]


@pytest.mark.parametrize("line", CUTS)
def test_an_upload_is_cut_and_nothing_of_it_is_stored(net: Internet, tls: bool, line: str) -> None:
    """The control connection says 426 and lives on; what was there before stays."""
    with client(net, tls) as ftp:
        store(ftp, b"before")
        fault = net.faults.add(f"ftp {line}")
        assert cut_off(ftp, lambda: store(ftp, SHORT))
        assert (stored(net), net.faults.strokes(fault)) == (b"before", 1)
        net.faults.clear()
        assert store(ftp, SHORT).startswith("226")
    assert stored(net) == SHORT


@pytest.mark.parametrize("line", ["limit_data 100000", "truncate 100000, then=reset"])
def test_a_long_upload_meets_a_reset_in_its_middle(net: Internet, tls: bool, line: str) -> None:
    net.faults.add(f"ftp STOR: {line}")
    with client(net, tls) as ftp:
        ftp.voidcmd("TYPE I")
        data = ftp.transfercmd("STOR fault.bin")
        with pytest.raises(OSError), data:  # a reset, or a pipe that is broken by one  # noqa: PT012
            for _ in range(100):
                data.sendall(LONG)
        assert ftp.getline().startswith("426")
        assert ftp.sendcmd("NOOP").startswith("200")
    assert stored(net) is None


@pytest.mark.parametrize("command", ["APPE fault.bin", "STOU fault.bin"])
def test_other_uploads_are_cut_as_well(net: Internet, command: str) -> None:
    with client(net, tls=False) as ftp:
        store(ftp, b"before")
        names = ftp.nlst()
        net.faults.add(f"ftp {command.split()[0]}: limit_data 10")
        with pytest.raises(ftplib.error_temp, match="426"):
            store(ftp, SHORT, command)
        assert (stored(net), ftp.nlst()) == (b"before", names)


def test_what_is_changed_in_an_upload_is_stored_so(net: Internet, tls: bool) -> None:
    net.faults.add("ftp STOR: corrupt offset=1, xor=255")
    with client(net, tls) as ftp:
        store(ftp, b"octets")
    assert stored(net) == b"o\x9ctets"


SLOW = ["slow_close 120", "latency 120", "bandwidth 20", "slicer average_size=512, delay=15000"]


@pytest.mark.parametrize("line", SLOW)
def test_a_slow_upload_is_whole(net: Internet, tls: bool, line: str) -> None:
    fault = net.faults.add(f"ftp STOR: {line}")
    with client(net, tls) as ftp:
        began = time.monotonic()
        assert store(ftp, SHORT).startswith("226")
        assert time.monotonic() - began > 0.1
    assert (stored(net), net.faults.strokes(fault)) == (SHORT, 1)


def test_a_long_upload_under_a_limit_is_whole(net: Internet, tls: bool) -> None:
    """More than a pipe holds: the client is made to wait."""
    net.faults.add("ftp STOR: bandwidth 20000")
    with client(net, tls) as ftp:
        store(ftp, LONG)
    assert stored(net) == LONG


@pytest.mark.parametrize("line", ["STOR: timeout 0", "STOR: silence, stream=upstream", "STOR: truncate 9, then=wait"])
def test_a_silent_data_connection(net: Internet, line: str) -> None:
    net.faults.add(f"ftp {line}")
    with client(net, tls=False, timeout=0.3) as ftp, pytest.raises(TimeoutError):
        store(ftp, SHORT)
    assert stored(net) is None


def test_two_faults_of_one_transfer(net: Internet, tls: bool) -> None:
    net.faults.add("ftp STOR: corrupt offset=0, xor=1")
    net.faults.add("ftp *: slicer average_size=3")
    with client(net, tls) as ftp:
        store(ftp, b"octets")
        assert ftp.nlst()
    assert stored(net) == b"nctets"


def test_an_upload_is_stopped_whatever_is_held_back(net: Internet) -> None:
    net.faults.add("ftp STOR: latency 60000")
    with client(net, tls=False) as ftp:
        data = ftp.transfercmd("STOR fault.bin")
        data.sendall(b"octets")
        data.close()
        assert ftp.abort().startswith(("426", "226"))
    assert stored(net) is None


def test_a_fault_of_a_transfer_that_never_began_is_not_the_next_ones(net: Internet) -> None:
    net.faults.add("ftp RETR: truncate 10, first=1")
    with client(net, tls=False) as ftp:
        with pytest.raises(ftplib.error_perm):
            ftp.retrbinary("RETR /pub/nothing", bytes)
        assert len(fetched(ftp)) == 4096


# -- downloads

ENDS = {
    "limit_data 100": 100,
    "truncate 100": 100,
    "truncate 100, then=half_close": 100,
    "truncate 100, then=close": 100,
    "reset_peer": 0,
    "timeout 20": 0,
}


@pytest.mark.parametrize("line", ENDS)
def test_a_download_is_cut(net: Internet, tls: bool, line: str) -> None:
    fault = net.faults.add(f"ftp RETR: {line}")
    with client(net, tls) as ftp:
        seen = fetched(ftp)
        assert (len(seen), seen[-1:]) == (ENDS[line] + 1, b"|")
        assert net.faults.strokes(fault) == 1


@pytest.mark.parametrize("line", SLOW)
def test_a_slow_download_is_whole(net: Internet, tls: bool, line: str) -> None:
    net.faults.add(f"ftp RETR: {line}")
    with client(net, tls) as ftp:
        began = time.monotonic()
        assert len(fetched(ftp)) == 4096
        assert time.monotonic() - began > 0.1


def test_a_long_download_under_a_limit_is_whole(net: Internet, tls: bool) -> None:
    with client(net, tls) as ftp:
        store(ftp, LONG)
        net.faults.add("ftp RETR: bandwidth 20000")
        received: list[bytes] = []
        ftp.retrbinary("RETR fault.bin", received.append)
        assert b"".join(received) == LONG


def test_a_download_that_never_comes(net: Internet) -> None:
    net.faults.add("ftp RETR: timeout 0")
    with client(net, tls=False, timeout=0.3) as ftp, pytest.raises(TimeoutError):
        ftp.retrbinary("RETR /pub/bytes.bin", bytes)


def test_listings_have_data_connections_too(net: Internet, tls: bool) -> None:
    net.faults.add("ftp MLSD: limit_data 10")
    with client(net, tls) as ftp:
        assert cut_off(ftp, lambda: list(ftp.mlsd("/pub")))


# -- half-closes


def test_the_control_connection_half_closes(net: Internet, tls: bool) -> None:
    """The client sees the end; what it says is still read, and the connection is there until it closes."""
    net.faults.add("ftp PWD: half_close")
    with client(net, tls) as ftp:
        number = net.transcripts.opened
        with pytest.raises(EOFError):
            ftp.pwd()
        for _ in range(3):
            ftp.putcmd("NOOP")  # to a closed connection, the second would be a broken pipe
            time_to_arrive(net)
        assert open_now(net, number)
        ftp.close()
    net.call(until_closed(net, number))


def test_a_half_closed_data_connection_waits_for_its_client(net: Internet) -> None:
    net.faults.add("ftp RETR: truncate 5, then=half_close")
    with client(net, tls=False) as ftp:
        ftp.voidcmd("TYPE I")
        with ftp.transfercmd("RETR /pub/bytes.bin") as data:
            received = b""
            while piece := data.recv(100):
                received += piece
            assert len(received) == 5
            data.sendall(b"is read, and thrown away")
            time_to_arrive(net)
            data.sendall(b"to a closed one this would be a broken pipe")
            assert not said(net, "426")
        assert ftp.getline().startswith("426")


def time_to_arrive(net: Internet) -> None:
    """Let the loop look at its sockets a few times."""

    async def turns() -> None:
        import asyncio

        for _ in range(5):
            await asyncio.sleep(0)

    net.call(turns())


def said(net: Internet, code: str) -> bool:
    return f"S: {code}" in net.transcripts.conversations()[-1].text()


def open_now(net: Internet, number: int) -> bool:
    found: Any = net.transcripts.find(number)
    return found.closed is None


async def until_closed(net: Internet, number: int) -> None:
    import asyncio

    closed, transcript = asyncio.Event(), net.transcripts.find(number)
    assert transcript is not None
    end = net.transcripts.watch(lambda: closed.set() if transcript.closed else None)
    try:
        if transcript.closed is None:
            await asyncio.wait_for(closed.wait(), PATIENT)
    finally:
        end()


def test_an_upload_that_trickles_in_is_not_given_up(tmp_path: Path) -> None:
    """All of it has come long since; what the fault lets through bit by bit is movement as well."""
    limits = Limits(ftp_data_idle=0.5)
    settings = Settings(ephemeral=True, services=("ftp",), authority=str(tmp_path), limits=limits)
    with Internet(settings=settings) as net, client(net, tls=False) as ftp, ThreadPoolExecutor() as beside:
        net.faults.add("ftp STOR: bandwidth, rate=40, stream=upstream")
        storing = beside.submit(store, ftp, LONG[:40_000])
        while not storing.done():
            net.clock.advance(0)  # has the server look
            wait([storing], 0.02)
        assert storing.result().startswith("226")
        assert stored(net) == LONG[:40_000]
