"""Echo and its neighbours, over sockets: TCP with its half-close and backpressure, UDP with its edges."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from small_world import small_world
from stage import Served, serving

from minternet import Internet
from minternet.protocols.echo import PATTERN, daytime, time_1900
from minternet.settings import Limits, Settings
from minternet.wire import datagrams
from minternet.wire.tls import Authority

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
UDP = ("echo-udp", "discard-udp", "chargen-udp", "daytime-udp", "time-udp")
LARGEST = 65507
"""Octets that a datagram over IPv4 can carry: 65,535 less the headers of IP and UDP."""


@pytest.fixture(scope="module")
def served(authority: Authority) -> Iterator[Served]:
    with serving(
        "echo", "discard", "chargen", "daytime", "time", *UDP, authority=authority, host="localhost"
    ) as served:
        yield served


def datagram_socket(family: int = socket.AF_INET) -> socket.socket:
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.settimeout(10)
    udp.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    return udp


# -- TCP


def test_everything_comes_back_before_the_end(served: Served) -> None:
    sent = bytes(range(256)) * 8192
    with socket.create_connection(("127.0.0.1", served.ports["echo"]), 10) as client:

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=send)
        writer.start()
        received = bytearray()
        while data := client.recv(65536):
            received += data
        writer.join(10)
    assert received == sent


def test_a_client_that_does_not_read_is_not_read_from(served: Served) -> None:
    """What the server holds is bounded: a client that only sends is stopped by its own full buffers."""
    with socket.create_connection(("127.0.0.1", served.ports["echo"]), 10) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 << 20:
                sent += client.send(b"x" * 65536)
        assert sent < 64 << 20
        client.settimeout(10)
        client.shutdown(socket.SHUT_WR)
        received = 0
        while data := client.recv(1 << 20):
            received += len(data)
    assert received == sent


def test_echo_over_ipv6(served: Served) -> None:
    with socket.create_connection(("::1", served.ports["echo"]), 10) as client:
        client.sendall(b"six")
        assert client.recv(10) == b"six"


def test_chargen_stops_for_a_client_that_does_not_read(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.ports["chargen"]), 10) as client:
        received = b""
        while len(received) < 1 << 20:
            received += client.recv(1 << 16)
    expected = PATTERN * (len(received) // len(PATTERN) + 1)
    assert received == expected[: len(received)]
    lines = PATTERN.split(b"\r\n")[:-1]
    assert len(lines) == len(set(lines)) == 95
    assert {len(line) for line in lines} == {72}
    # It goes on serving: nothing of the connection that was broken off stays.
    with socket.create_connection(("127.0.0.1", served.ports["chargen"]), 10) as client:
        assert client.recv(4)


def test_idle_clients_are_dropped(authority: Authority) -> None:
    settings = Settings(limits=Limits(echo_idle=0.1))
    with (
        serving("echo", authority=authority, settings=settings) as served,
        socket.create_connection(("127.0.0.1", served.ports["echo"]), 10) as client,
    ):
        served.call(served.world.clock.resume)
        assert client.recv(10) == b""


def test_daytime_and_time_follow_the_worlds_clock() -> None:
    world = small_world()
    assert daytime(world.clock) == b"Wednesday, May 1, 2024 12:00:00-UTC\r\n"
    # RFC 868's own examples.
    for seconds, moment in ((2_208_988_800, 0), (2_398_291_200, 189_302_400), (2_524_521_600, 315_532_800)):
        world.clock.freeze(moment)
        assert int.from_bytes(time_1900(world.clock), "big") == seconds
    world.clock.freeze(1 << 32)
    assert len(time_1900(world.clock)) == 4
    world.close()


# -- UDP


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 9000, LARGEST])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_datagrams_come_back(served: Served, host: str, size: int) -> None:
    sent = (bytes(range(256)) * 256)[:size]
    with datagram_socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        udp.connect((host, served.ports["echo-udp"]))  # so that a reply from elsewhere would not be heard
        udp.send(sent)
        assert udp.recv(70000) == sent


def test_many_datagrams_in_one_go(served: Served) -> None:
    with datagram_socket() as udp:
        udp.connect(("127.0.0.1", served.ports["echo-udp"]))
        for number in range(200):
            udp.send(b"%d" % number)
        assert [udp.recv(10) for _ in range(200)] == [b"%d" % number for number in range(200)]


def test_the_other_datagram_services(served: Served) -> None:
    with datagram_socket() as udp:
        for name, wanted in (
            ("daytime-udp", b"Wednesday, May 1, 2024 12:00:00-UTC\r\n"),
            ("time-udp", b"\xe9\xdc\xad@"),
        ):
            udp.sendto(b"", ("127.0.0.1", served.ports[name]))
            assert udp.recv(100) == wanted
        sizes = set()
        for _ in range(20):
            udp.sendto(b"?", ("127.0.0.1", served.ports["chargen-udp"]))
            reply = udp.recv(1000)
            assert PATTERN.startswith(reply)
            sizes.add(len(reply))
        assert len(sizes) > 1
        assert max(sizes) <= 512
        udp.sendto(b"into the void", ("127.0.0.1", served.ports["discard-udp"]))
        udp.settimeout(0.05)
        with pytest.raises(TimeoutError):
            udp.recv(10)


@linux
def test_two_services_do_not_answer_each_other(served: Served) -> None:
    """A datagram that seems to come from another such service, on its port, gets no reply: they would never end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.2", served.ports["chargen-udp"]))
        udp.settimeout(0.05)
        udp.sendto(b"ping", ("127.0.0.1", served.ports["echo-udp"]))
        with pytest.raises(TimeoutError):
            udp.recv(10)
    with datagram_socket() as udp:
        udp.sendto(b"ping", ("127.0.0.1", served.ports["echo-udp"]))
        assert udp.recv(10) == b"ping"


@linux
def test_a_reply_comes_from_the_address_that_was_asked(authority: Authority) -> None:
    """127.0.0.2 leads to a socket bound to all addresses, and must be what answers."""
    with serving("echo-udp", authority=authority, host="") as served, datagram_socket() as udp:
        udp.sendto(b"two", ("127.0.0.2", served.ports["echo-udp"]))
        data, peer = udp.recvfrom(10)
        assert (data, peer[0]) == (b"two", "127.0.0.2")
        with datagram_socket(socket.AF_INET6) as six:
            six.sendto(b"six", ("::1", served.ports["echo-udp"]))
            data, peer = six.recvfrom(10)
            assert (data, peer[0]) == (b"six", "::1")


def test_datagrams_are_in_the_transcript(served: Served) -> None:
    with datagram_socket() as udp:
        udp.sendto(b"for the record", ("127.0.0.1", served.ports["echo-udp"]))
        udp.recv(100)
        text = "".join(transcript.text() for transcript in served.stage.transcripts.conversations("echo-udp"))
        assert f" 127.0.0.1:{udp.getsockname()[1]} -> " in text
    assert "C: for the record" in text
    assert "S: for the record" in text


def test_a_stopped_service_leaves_its_port(authority: Authority) -> None:
    with serving("echo-udp", authority=authority) as served:
        port = served.ports["echo-udp"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))


def test_each_client_by_udp_has_a_conversation_of_its_own() -> None:
    with Internet(settings=Settings(ephemeral=True, services=("echo-udp",))) as net:
        assert net.conversations() == [], "the probe leaves none"
        with datagram_socket() as one, datagram_socket() as other:
            for udp, said in ((one, b"first"), (other, b"second"), (one, b"third")):
                udp.sendto(said, net.echo_udp.address)
                assert udp.recv(100) == said
            before = net.transcripts.opened
        assert [conversation.said() for conversation in net.conversations()] == [b"firstthird", b"second"]
        with datagram_socket() as later:
            later.sendto(b"later", net.echo_udp.address)
            assert later.recv(100) == b"later"
        (conversation,) = net.conversations(since=before)
        assert conversation.said("S") == b"later"


def test_a_flood_from_many_ports_pushes_out_no_other_conversation() -> None:
    with Internet(settings=Settings(ephemeral=True, services=("echo", "echo-udp"))) as net:
        with socket.create_connection(net.echo.address) as connection:
            connection.sendall(b"kept")
            assert connection.recv(100) == b"kept"
        for _ in range(datagrams.PEERS + 40):
            with datagram_socket() as udp:
                udp.sendto(b"flood", net.echo_udp.address)
                assert udp.recv(100) == b"flood"
        assert len(net.conversations("echo-udp")) == datagrams.PEERS
        assert [conversation.said() for conversation in net.conversations("echo")] == [b"kept"]
