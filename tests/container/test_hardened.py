"""A container with as little as can be: a read-only root, no capabilities, little memory, few descriptors, a small disk."""

from __future__ import annotations

import contextlib
import ftplib
import http.client
import io
import smtplib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from container.about import IMAGE
from docker.types import Ulimit

from minternet.container import InternetContainer

MEBIBYTE = 1 << 20
DISK = 8 * MEBIBYTE
MEMORY = 128 * MEBIBYTE
DESCRIPTORS = 128


@pytest.fixture(scope="module")
def small(image: Any) -> Iterator[InternetContainer]:
    """It has all limits at once."""
    with InternetContainer(
        IMAGE,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        tmpfs={"/data": f"size={DISK},uid=10001,mode=0700"},
        mem_limit=MEMORY,
        memswap_limit=MEMORY,
        pids_limit=32,
        ulimits=[Ulimit(name="nofile", soft=DESCRIPTORS, hard=DESCRIPTORS)],
    ) as net:
        yield net


def still_well(net: InternetContainer) -> bool:
    """Whether everything answers, and mail is still delivered."""
    with smtplib.SMTP(*net.smtp.address, timeout=10) as server:
        refused = server.sendmail("a@example.test", ["alice@example.test"], "Subject: still there\r\n\r\nYes.\r\n")
    return not refused and net.container.exec_run(["minternet", "health"]).exit_code == 0


def test_it_runs_with_nothing_to_write_on_but_data(small: InternetContainer) -> None:
    assert still_well(small)
    assert small.container.exec_run(["touch", "/opt/minternet/x", "/tmp/x"]).exit_code != 0
    status = small.container.exec_run(["cat", "/proc/1/status"]).output.decode()
    assert "NoNewPrivs:\t1\n" in status
    assert "CapEff:\t0000000000000000\n" in status


def test_a_full_disk_is_an_error_of_the_one_who_fills_it(small: InternetContainer) -> None:
    with ftplib.FTP() as ftp:
        ftp.connect(*small.ftp.address, timeout=20)
        ftp.login("alice", "wonderland")
        with ftp.transfercmd("STOR too-large") as data, contextlib.suppress(ConnectionError):
            data.sendall(bytes(3 * DISK))
        with pytest.raises(ftplib.error_temp, match=r"^452 Cannot store: No space left on device"):
            ftp.voidresp()
        assert ftp.voidcmd("NOOP")
        assert "too-large" not in ftp.nlst()
        ftp.storbinary("STOR small", io.BytesIO(b"there is room again"))
        ftp.delete("small")
    assert still_well(small)


def test_a_body_larger_than_the_memory_does_not_end_it(small: InternetContainer) -> None:
    size = 2 * MEMORY
    piece = bytes(MEBIBYTE)
    connection = http.client.HTTPConnection(*small.http.address, timeout=30)
    with contextlib.closing(connection), contextlib.suppress(ConnectionError):
        connection.request(
            "POST", "/status/200", (piece for _ in range(size // MEBIBYTE)), {"Content-Length": str(size)}
        )
        assert connection.getresponse().status in (200, 413)
    small.container.reload()
    assert small.container.attrs["State"]["OOMKilled"] is False
    assert small.container.attrs["RestartCount"] == 0
    assert still_well(small)


def test_more_connections_than_descriptors_are_turned_away_until_there_are_some(small: InternetContainer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2 * DESCRIPTORS):
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_connection(small.echo.address, timeout=5))
    assert still_well(small)
