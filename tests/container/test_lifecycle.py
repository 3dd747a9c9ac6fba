"""Started, stopped, killed, and started again."""

from __future__ import annotations

import imaplib
import socket
import ssl
import time
from typing import Any

import pytest
from container.about import IMAGE, wait_until

from minternet.container import ContainerError, InternetContainer

STOP_SECONDS = 2.0
SERVICES = ["echo", "smtp", "imap", "imaps"]


def status(net: InternetContainer) -> int:
    net.container.reload()
    return int(net.container.attrs["State"]["ExitCode"])


def test_it_stops_within_two_seconds_and_tells_its_clients(image: Any) -> None:
    with InternetContainer(IMAGE, services=SERVICES) as net:
        with socket.create_connection(net.imap.address, timeout=10) as idle, idle.makefile("rb") as lines:
            assert lines.readline().startswith(b"* OK")
            net.container.kill("SIGTERM")
            began = time.monotonic()
            assert lines.readline().startswith(b"* BYE")
            net.container.wait(timeout=10)
            assert time.monotonic() - began < STOP_SECONDS
        assert status(net) == 0


def test_it_can_be_stopped_while_it_starts(engine: Any, image: Any) -> None:
    container = engine.containers.run(IMAGE, detach=True)
    try:
        assert wait_until(lambda: "python" in str(container.top()["Processes"]), 10)
        began = time.monotonic()
        container.stop(timeout=8)
        assert time.monotonic() - began < 2 * STOP_SECONDS
        assert container.wait(timeout=5)["StatusCode"] == 0
    finally:
        container.remove(v=True, force=True)


def test_a_restart_is_the_same_world_again(image: Any) -> None:
    with InternetContainer(IMAGE, services=SERVICES) as net:
        authority = net.ssl_context().get_ca_certs()
        with imaplib.IMAP4(*net.imap.address) as client:
            client.login("alice", "wonderland")
            client.create("Fleeting")
        net.restart()
        assert net.ssl_context().get_ca_certs() == authority
        with imaplib.IMAP4_SSL(*net.imaps.address, ssl_context=net.ssl_context()) as secure:
            secure.login("alice", "wonderland")
            assert secure.select("Fleeting")[0] == "NO"


def test_what_was_killed_starts_again_on_the_same_volume(image: Any, data: str) -> None:
    """The ready file that the killed one left is no obstacle, and clients go on trusting the authority."""
    volumes = {data: {"bind": "/data", "mode": "rw"}}
    with InternetContainer(IMAGE, services=SERVICES, volumes=volumes) as net:
        authority = net.ssl_context().get_ca_certs()
        net.container.kill()
        net.container.wait(timeout=10)
        assert status(net) == 137
    with InternetContainer(IMAGE, services=SERVICES, volumes=volumes) as again:
        assert again.ssl_context().get_ca_certs() == authority
        address = again.imaps.address
        with (
            socket.create_connection(address, 10) as plain,
            again.ssl_context().wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert isinstance(secure, ssl.SSLSocket)
            assert secure.recv(4) == b"* OK"
        assert again.container.exec_run(["minternet", "health"]).exit_code == 0


def test_it_turns_unhealthy_when_a_service_is_gone(image: Any) -> None:
    with InternetContainer(IMAGE, services=SERVICES) as net:
        net.container.exec_run(["sed", "-i", "s/2143/2144/", "/data/ready.json"])
        done = net.container.exec_run(["minternet", "health"])
        assert done.exit_code == 1
        assert done.output == b"minternet: imap does not answer on port 2144: [Errno 111] Connection refused\n"


def test_a_helper_is_used_once_at_a_time(image: Any) -> None:
    net = InternetContainer(IMAGE, services=["echo"])
    with pytest.raises(ContainerError, match="does not run"):
        _ = net.ready
    with net:
        with pytest.raises(ContainerError, match="runs already"):
            net.start()
        identity = net.container.id
        engine = net.container.client
        first = net.echo.port
    net.stop()
    assert not engine.containers.list(all=True, filters={"id": identity})
    assert wait_until(lambda: not _answers(first), 5)
    with net:
        assert _answers(net.echo.port)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True
