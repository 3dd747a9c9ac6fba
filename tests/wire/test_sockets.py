"""Sockets are bound and listening before anybody is told of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from minternet.wire.sockets import PortInUse, bind, bind_udp, bind_unix, port_of


def close(sockets: list[socket.socket]) -> None:
    for bound in sockets:
        bound.close()


@pytest.mark.parametrize("make", [bind, bind_udp])
def test_localhost_is_one_port_on_both_families(make: type) -> None:
    bound = make("localhost", 0)
    addresses = [one.getsockname()[:2] for one in bound]
    assert {port for _, port in addresses} == {port_of(bound)}
    assert [host for host, _ in addresses] in (["127.0.0.1", "::1"], ["127.0.0.1"])
    close(bound)


def test_what_is_bound_accepts_at_once() -> None:
    bound = bind("localhost", 0)
    for one in bound:
        with socket.create_connection(one.getsockname()[:2], timeout=5):
            pass
        assert one.proto == socket.IPPROTO_TCP
        assert not one.getblocking()
    close(bound)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_port_in_use_is_told_clearly(host: str) -> None:
    bound = bind("127.0.0.1", 0)
    with pytest.raises(PortInUse, match=rf"port {port_of(bound)} on 127\.0\.0\.1 is in use") as caught:
        bind(host, port_of(bound))
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", port_of(bound))
    close(bound)


def test_a_port_taken_on_one_family_leaves_nothing_bound() -> None:
    both = bind("localhost", 0)
    if len(both) < 2:
        close(both)
        pytest.skip("no IPv6 here")
    port = port_of(both)
    both[0].close()
    with pytest.raises(PortInUse):
        bind("localhost", port)
    close(bind("127.0.0.1", port))
    both[1].close()


def test_a_host_name_is_never_looked_up() -> None:
    with pytest.raises(ValueError, match=r"mail\.example\.test"):
        bind("mail.example.test", 0)


def test_a_stale_unix_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    bind_unix(path).close()
    assert path.exists()
    bound = bind_unix(path)
    with pytest.raises(PortInUse):
        bind_unix(path)
    bound.close()
    other = tmp_path / "file"
    other.write_text("precious")
    with pytest.raises(OSError):
        bind_unix(other)
    assert other.read_text() == "precious"
