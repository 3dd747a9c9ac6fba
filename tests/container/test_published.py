"""An internet in a container, used from outside through its published ports."""

from __future__ import annotations

import ftplib
import http.client
import io
import os
import re
import smtplib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from container.about import IMAGE, ROOT, wait_until

from minternet.container import ContainerError, InternetContainer

HEALTHY_SECONDS = 15.0


NOT_THROUGH_A_MAPPING = {
    "test_ftplib.py::test_breaking_off": "the engine's proxy drops urgent octets, with which ftplib sends ABOR",
    "test_socket.py::test_datagrams[0]": "the engine's proxy drops empty datagrams",
    "test_poplib.py::test_rpop": "the server does not take its client, who comes through the bridge, for one on its machine",
    "test_ftplib.py::test_between_two_servers": "the address of the one server is not the address of the other",
}
"""Tests of the client suite that a published port cannot pass, and why; they do over a network of containers."""


def pytest_in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)


def test_the_client_suite_passes(net: InternetContainer, tmp_path: Path) -> None:
    target = net.write_ready_file(tmp_path / "ready.json")
    left_out = [f"--deselect=tests/stdlib/{test}" for test in NOT_THROUGH_A_MAPPING]
    done = pytest_in_a_process("--target", str(target), "-n", "2", "--maxfail", "10", *left_out, "tests/stdlib")
    assert done.returncode == 0, done.stdout[-5000:]
    assert re.search(r"\b\d{2,} passed", done.stdout)


def test_every_probe_passes(net: InternetContainer, tmp_path: Path) -> None:
    target = net.write_ready_file(tmp_path / "ready.json")
    command = [sys.executable, "-m", "minternet", "check", "--target", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert " 0 failed" in done.stdout.splitlines()[-1]


def test_it_turns_healthy(net: InternetContainer) -> None:
    assert wait_until(lambda: net.healthy, HEALTHY_SECONDS)
    last = net.container.attrs["State"]["Health"]["Log"][-1]
    assert re.fullmatch(r"\d+ services answer\n", last["Output"])


def test_it_logs_to_the_engine(net: InternetContainer) -> None:
    assert '"services"' in net.logs()
    assert "Traceback" not in net.logs()


def test_passive_ftp_tells_the_public_address_and_a_published_port(net: InternetContainer) -> None:
    with ftplib.FTP() as ftp:
        ftp.connect(*net.ftp.address)
        ftp.login("alice", "wonderland")
        ftp.trust_server_pasv_ipv4_address = True  # type: ignore[attr-defined]
        ftp.af = socket.AF_INET
        address, port = ftplib.parse227(ftp.sendcmd("PASV"))
        assert address == "127.0.0.1"
        assert f"{port}/tcp" in net.container.attrs["NetworkSettings"]["Ports"]
        ftp.storbinary("STOR passive.txt", io.BytesIO(b"in and out"))
        heard: list[bytes] = []
        ftp.retrbinary("RETR passive.txt", heard.append)
        assert b"".join(heard) == b"in and out"
        ftp.delete("passive.txt")


def test_active_ftp_comes_back_through_the_mapping(net: InternetContainer) -> None:
    with ftplib.FTP() as ftp:
        ftp.connect(*net.ftp.address, timeout=10)
        ftp.login("alice", "wonderland")
        ftp.set_pasv(False)
        ftp.storbinary("STOR active.txt", io.BytesIO(b"x" * 200_000))
        heard: list[bytes] = []
        ftp.retrbinary("RETR active.txt", heard.append)
        assert b"".join(heard) == b"x" * 200_000
        ftp.delete("active.txt")


def test_the_control_api_wants_the_token_that_the_ready_record_tells(net: InternetContainer) -> None:
    control = net.ready.control
    assert control is not None
    assert control.token
    wanted = {"Authorization": f"Bearer {control.token}"}
    statuses = []
    for fields in ({}, wanted):
        connection = http.client.HTTPConnection(*net.control.address, timeout=10)
        connection.request("GET", "/api/v1/status", headers=fields)
        statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses[0] == 401
    assert statuses[1] != 401


def test_it_is_nobody_in_particular_inside(net: InternetContainer) -> None:
    assert net.container.exec_run(["id", "-u"]).output == b"10001\n"


def test_tls_is_trusted_by_the_fetched_certificate(net: InternetContainer) -> None:
    with smtplib.SMTP(*net.smtp.address) as server:
        server.starttls(context=net.ssl_context())
        assert server.noop()[0] == 250


def test_a_mounted_world_is_used(image: Any, tmp_path: Path) -> None:
    folder = tmp_path / "fixtures"
    folder.mkdir()
    (folder / "world.toml").write_text(
        '[world]\nname = "Small"\ndomain = "small.test"\nseed = 1\n'
        '[[accounts]]\nlogin = "zoe"\naddress = "zoe@small.test"\npassword = "zoe"\n'
    )
    tmp_path.chmod(0o755)
    with InternetContainer(IMAGE, fixtures=folder, services=["smtp", "imap"]) as net:
        assert net.ready.name == "Small"
        assert [account.login for account in net.ready.accounts] == ["zoe"]
        assert set(net.ready.services) == {"smtp", "imap"}
        with pytest.raises(AttributeError, match="no service 'ftp' runs; there are smtp, imap"):
            _ = net.ftp


def test_the_real_ports_need_no_privilege(image: Any) -> None:
    with InternetContainer(IMAGE, environment={"MINTERNET_OFFSET": "0"}, cap_drop=["ALL"]) as net:
        assert net.container.exec_run(["minternet", "health"]).exit_code == 0
        assert "25/tcp" in net.container.attrs["NetworkSettings"]["Ports"]
        assert smtplib.SMTP(*net.smtp.address, timeout=10).quit()[0] == 221


def test_a_missing_image_is_said(engine: Any) -> None:
    with pytest.raises(ContainerError, match="there is no image minternet-test-none"):
        InternetContainer("minternet-test-none").start()


def test_no_engine_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(ContainerError, match="no container engine answers"):
        InternetContainer().start()


def test_a_container_that_ends_is_said_with_its_own_words(image: Any) -> None:
    with pytest.raises(ContainerError, match="MINTERNET_COLOUR is no setting"):
        InternetContainer(IMAGE, environment={"MINTERNET_COLOUR": "red"}).start()
