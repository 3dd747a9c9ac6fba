"""socket against the echo services, and between its own ends."""
# mypy: disable-error-code="call-overload, func-returns-value, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import array
import contextlib
import errno
import io
import os
import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from stdlib.parts import TIMEOUT, service

from minternet.ready import Endpoint, Ready

OCTETS = bytes(range(256)) * 64
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


@pytest.fixture
def echo(ready: Ready) -> Endpoint:
    return service(ready, "echo")


@pytest.fixture
def echo_udp(ready: Ready) -> Endpoint:
    return service(ready, "echo-udp")


@pytest.fixture
def connected(echo: Endpoint) -> Iterator[socket.socket]:
    with socket.create_connection(echo.address, TIMEOUT) as client:
        yield client


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(TIMEOUT)
        right.settimeout(TIMEOUT)
        yield left, right


@pytest.fixture
def datagrams(echo_udp: Endpoint) -> Iterator[socket.socket]:
    family = socket.getaddrinfo(*echo_udp.address, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        yield client


def receive(client: socket.socket, size: int) -> bytes:
    heard = bytearray()
    while len(heard) < size:
        piece = client.recv(size - len(heard))
        assert piece, f"the connection ended after {len(heard)} of {size} octets"
        heard += piece
    return bytes(heard)


# -- TCP


def test_what_is_sent_before_half_close_comes_back_before_the_end(connected: socket.socket) -> None:
    connected.sendall(OCTETS)
    connected.shutdown(socket.SHUT_WR)
    assert b"".join(iter(lambda: connected.recv(4096), b"")) == OCTETS
    with pytest.raises(BrokenPipeError):
        connected.send(b"after the shutdown")


def test_more_than_any_buffer_holds(connected: socket.socket) -> None:
    content = os.urandom(4 << 20)
    sender = threading.Thread(target=connected.sendall, args=(content,))
    sender.start()
    heard = receive(connected, len(content))
    sender.join()
    assert heard == content


def test_send_tells_how_much_it_took(connected: socket.socket) -> None:
    assert connected.send(b"one\n") == 4
    assert connected.sendall(b"two\n") is None
    assert receive(connected, 8) == b"one\ntwo\n"


def test_recv_into_a_buffer(connected: socket.socket) -> None:
    connected.sendall(b"into the buffer")
    buffer = bytearray(b"." * 20)
    taken = 0
    while taken < 15:
        taken += connected.recv_into(memoryview(buffer)[taken:], 15 - taken)
    assert bytes(buffer) == b"into the buffer....."
    connected.sendall(b"again")
    assert connected.recvfrom_into(memoryview(buffer)[:5])[0] in range(1, 6)


def test_peek_leaves_what_it_saw(connected: socket.socket) -> None:
    connected.sendall(b"peek")
    assert connected.recv(1, socket.MSG_PEEK) == b"p"
    assert receive(connected, 4) == b"peek"


def test_wait_for_all(connected: socket.socket) -> None:
    connected.settimeout(None)
    connected.sendall(OCTETS)
    assert connected.recv(len(OCTETS), socket.MSG_WAITALL) == OCTETS


def test_messages_of_several_buffers(connected: socket.socket) -> None:
    assert connected.sendmsg([b"scatter ", bytearray(b"and "), memoryview(b"gather")]) == 18
    connected.shutdown(socket.SHUT_WR)
    first, second = bytearray(8), bytearray(10)
    received, ancillary, flags, _ = connected.recvmsg_into([first, second], 0, socket.MSG_WAITALL)
    assert (received, ancillary, bytes(first + second)) == (18, [], b"scatter and gather")
    assert not flags & socket.MSG_TRUNC
    assert connected.recvmsg(10)[:2] == (b"", [])


def test_files_over_a_socket(connected: socket.socket) -> None:
    with connected.makefile("rwb") as stream:
        stream.write(b"first\nsecond\nthird, unended")
        stream.flush()
        connected.shutdown(socket.SHUT_WR)
        assert stream.readline() == b"first\n"
        assert stream.read() == b"second\nthird, unended"
    with pytest.raises(ValueError, match="invalid mode"):
        connected.makefile("a")


def test_text_files_over_a_socket(connected: socket.socket) -> None:
    with connected.makefile("w", encoding="utf-8", newline="\r\n") as writer:
        writer.write("Grüße\nvon der Brücke\n")
    connected.shutdown(socket.SHUT_WR)
    with connected.makefile("r", encoding="utf-8", newline="") as reader:
        assert list(reader) == ["Grüße\r\n", "von der Brücke\r\n"]


def test_unbuffered_file_is_a_socket_io(connected: socket.socket) -> None:
    connected.sendall(b"raw")
    with connected.makefile("rb", buffering=0) as raw:
        assert isinstance(raw, socket.SocketIO)
        assert (raw.readable(), raw.writable(), raw.seekable()) == (True, False, False)
        assert raw.name == raw.fileno() == connected.fileno()
        buffer = bytearray(3)
        assert raw.readinto(buffer) in (1, 2, 3)
    with connected.makefile("wb", buffering=0) as raw_writer:
        assert raw_writer.write(b"x") == 1


@pytest.mark.parametrize(("offset", "count"), [(0, None), (100, None), (7, 5000)])
def test_sendfile(connected: socket.socket, tmp_path: Path, offset: int, count: int | None) -> None:
    path = tmp_path / "octets"
    path.write_bytes(OCTETS)
    wanted = OCTETS[offset:] if count is None else OCTETS[offset : offset + count]
    with path.open("rb") as file:
        assert connected.sendfile(file, offset, count) == len(wanted)
        assert file.tell() == offset + len(wanted)
    connected.shutdown(socket.SHUT_WR)
    assert receive(connected, len(wanted)) == wanted
    assert connected.recv(1) == b""


def test_sendfile_of_what_is_no_file(connected: socket.socket) -> None:
    assert connected.sendfile(io.BytesIO(b"in memory")) == 9  # by send, since there is no descriptor
    assert receive(connected, 9) == b"in memory"


def test_nothing_to_read_is_a_timeout(connected: socket.socket) -> None:
    connected.settimeout(0.01)
    assert connected.gettimeout() == 0.01
    with pytest.raises(TimeoutError, match="timed out"):
        connected.recv(1)
    assert socket.timeout is TimeoutError


def test_non_blocking(connected: socket.socket) -> None:
    connected.setblocking(False)
    assert (connected.getblocking(), connected.gettimeout()) == (False, 0.0)
    with pytest.raises(BlockingIOError):
        connected.recv(1)
    connected.setblocking(True)
    assert (connected.getblocking(), connected.gettimeout()) == (True, None)


def test_non_blocking_connect(echo: Endpoint) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(*echo.address, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol) as client:
        assert client.connect_ex(address) in (0, errno.EINPROGRESS)
        assert select.select([], [client], [], TIMEOUT)[1] == [client]
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        assert client.getpeername()[:2] == address[:2]
        client.settimeout(TIMEOUT)
        client.sendall(b"connected")
        assert receive(client, 9) == b"connected"


def test_connect_and_what_the_socket_says(echo: Endpoint) -> None:
    family = socket.getaddrinfo(*echo.address, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as client:
        client.settimeout(TIMEOUT)
        client.connect(echo.address)
        assert (client.family, client.type, client.proto) == (family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert isinstance(client.family, socket.AddressFamily)
        assert client.getpeername()[1] == echo.port
        assert client.getsockname()[1] > 0
        assert repr(client).startswith("<socket.socket fd=")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        linger = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == linger
    assert client.fileno() == -1
    with pytest.raises(OSError) as caught:
        client.recv(1)
    assert caught.value.errno == errno.EBADF


def test_nobody_listens() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(placeholder.getsockname(), TIMEOUT)
        with socket.socket() as client:
            assert client.connect_ex(placeholder.getsockname()) == errno.ECONNREFUSED


def test_source_address(echo: Endpoint) -> None:
    host = "127.0.0.1"
    if echo.host not in (host, "localhost"):
        pytest.skip("the instance is elsewhere")
    with socket.create_connection((host, echo.port), TIMEOUT, source_address=(host, 0)) as client:
        assert client.getsockname()[0] == host


def test_all_errors_of_create_connection() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        with pytest.raises(ExceptionGroup) as caught:
            socket.create_connection(placeholder.getsockname(), TIMEOUT, all_errors=True)
        assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError]


def test_ipv6(ready: Ready, echo: Endpoint) -> None:
    if not (socket.has_ipv6 and echo.host in ("127.0.0.1", "localhost", "::1")):
        pytest.skip("no IPv6 loopback of the instance is known")
    try:
        client = socket.create_connection(("::1", echo.port), TIMEOUT)
    except OSError:
        pytest.skip("the instance does not listen on ::1")
    with client:
        assert client.family == socket.AF_INET6
        assert client.getpeername() == ("::1", echo.port, 0, 0)
        client.sendall(b"six")
        assert receive(client, 3) == b"six"


def test_duplicates_share_the_connection(connected: socket.socket) -> None:
    with connected.dup() as twin:
        assert twin.fileno() != connected.fileno()
        assert not twin.get_inheritable()
        twin.set_inheritable(True)
        assert twin.get_inheritable()
        twin.sendall(b"through the twin")
        assert receive(connected, 16) == b"through the twin"


def test_detach_and_adopt_a_descriptor(echo: Endpoint) -> None:
    client = socket.create_connection(echo.address, TIMEOUT)
    descriptor = client.detach()
    assert client.fileno() == -1
    with socket.socket(fileno=descriptor) as adopted:
        assert (adopted.fileno(), adopted.type) == (descriptor, socket.SOCK_STREAM)
        with socket.fromfd(descriptor, adopted.family, adopted.type) as copied:
            copied.settimeout(TIMEOUT)
            copied.sendall(b"copied")
            assert receive(copied, 6) == b"copied"


def test_descriptors_of_sockets(connected: socket.socket) -> None:
    twin = socket.dup(connected.fileno())
    os.set_blocking(twin, True)
    os.write(twin, b"twin")
    assert receive(connected, 4) == b"twin"
    socket.close(twin)
    with pytest.raises(OSError):
        os.fstat(twin)


def test_close_waits_for_the_files(connected: socket.socket) -> None:
    stream = connected.makefile("rb")
    connected.sendall(b"still open\n")
    connected.close()
    assert stream.readline() == b"still open\n"
    stream.close()
    with pytest.raises(OSError):
        connected.getpeername()


def test_echo_through_a_tunnel_of_pieces(connected: socket.socket) -> None:
    for size in (1, 1000, 65536):
        connected.sendall(b"x" * size)
        assert receive(connected, size) == b"x" * size


def test_tls_around_a_socket(ready: Ready, tls: ssl.SSLContext) -> None:
    where = service(ready, "https")
    with (
        socket.create_connection(where.address, TIMEOUT) as plain,
        tls.wrap_socket(plain, server_hostname=where.host) as client,
    ):
        assert client.version() in ("TLSv1.2", "TLSv1.3")
        assert client.getpeercert()
        client.sendall(b"GET /status/204 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with client.makefile("rb") as stream:
            assert stream.readline() == b"HTTP/1.1 204 No Content\r\n"


def test_tls_refuses_whom_it_does_not_know(ready: Ready) -> None:
    where = service(ready, "https")
    strangers = ssl.create_default_context()
    with socket.create_connection(where.address, TIMEOUT) as plain, pytest.raises(ssl.SSLCertVerificationError):
        strangers.wrap_socket(plain, server_hostname=where.host)


# -- UDP


@pytest.mark.parametrize("size", [0, 1, 1472, 65507])
def test_datagrams(datagrams: socket.socket, echo_udp: Endpoint, size: int) -> None:
    if size > 60000 and datagrams.family == socket.AF_INET6:
        size = 65000
    content = os.urandom(size)
    assert datagrams.sendto(content, echo_udp.address) == size
    heard, peer = datagrams.recvfrom(65535)
    assert (heard, peer[1]) == (content, echo_udp.port)


def test_datagrams_with_flags_and_buffers(datagrams: socket.socket, echo_udp: Endpoint) -> None:
    datagrams.sendto(b"flags", 0, echo_udp.address)
    buffer = bytearray(8)
    size, peer = datagrams.recvfrom_into(buffer)
    assert (bytes(buffer[:size]), peer[1]) == (b"flags", echo_udp.port)


def test_connected_datagrams(datagrams: socket.socket, echo_udp: Endpoint) -> None:
    datagrams.connect(echo_udp.address)
    assert datagrams.send(b"connected") == 9
    assert datagrams.recv(100) == b"connected"


def test_a_datagram_that_is_too_long_for_the_buffer_is_cut(datagrams: socket.socket, echo_udp: Endpoint) -> None:
    datagrams.sendmsg([b"a long ", b"datagram"], [], 0, echo_udp.address)
    content, _, flags, peer = datagrams.recvmsg(6)
    assert (content, flags & socket.MSG_TRUNC, peer[1]) == (b"a long", socket.MSG_TRUNC, echo_udp.port)


def test_a_datagram_that_is_too_long_for_udp(datagrams: socket.socket, echo_udp: Endpoint) -> None:
    with pytest.raises(OSError) as caught:
        datagrams.sendto(bytes(65536), echo_udp.address)
    assert caught.value.errno == errno.EMSGSIZE


# -- both ends


def test_server_and_client() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        assert server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        with socket.create_connection(server.getsockname(), TIMEOUT) as client:
            accepted, address = server.accept()
            with accepted:
                assert address == client.getsockname()
                accepted.sendall(b"welcome")
                assert receive(client, 7) == b"welcome"


def test_dual_stack() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no dual-stack sockets")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        try:
            socket.create_connection(("::1", port), TIMEOUT).close()
        except OSError:
            pytest.skip("this machine has no ::1, as a container")
        server.accept()[0].close()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT):
            server.accept()[0].close()


def test_listen_by_hand() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.01)
        with pytest.raises(TimeoutError):
            server.accept()
        with socket.socket() as second, pytest.raises(OSError) as caught:
            second.bind(server.getsockname())
    assert caught.value.errno == errno.EADDRINUSE


def test_pairs(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    left.sendall(b"to the right")
    right.sendall(b"to the left")
    assert (receive(right, 12), receive(left, 11)) == (b"to the right", b"to the left")
    left.close()
    assert right.recv(1) == b""


def test_pairs_of_datagrams() -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with left, right:
        left.send(b"one")
        left.send(b"two")
        assert (right.recv(10), right.recv(10)) == (b"one", b"two")


def test_unix_sockets(tmp_path: Path) -> None:
    # a short path of its own: the system's limit is about 100 octets
    with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("door")
        server.listen(1)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("door")
            accepted, _ = server.accept()
            with accepted:
                assert (server.getsockname(), client.getpeername()) == ("door", "door")
                client.sendall(b"knock")
                assert receive(accepted, 5) == b"knock"


@LINUX
def test_abstract_unix_sockets(token: str) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(f"\0{token}")
        server.listen()
        client.connect(b"\0" + token.encode())
        assert client.getpeername() == b"\0" + token.encode()


@LINUX
def test_credentials_of_the_peer(pair: tuple[socket.socket, socket.socket]) -> None:
    packed = pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    assert struct.unpack("3i", packed) == (os.getpid(), os.getuid(), os.getgid())


def test_descriptors_travel(pair: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.write_bytes(b"seen by both")
    with path.open("rb") as file:
        assert socket.send_fds(pair[0], [b"here it is"], [file.fileno()]) == 10
    content, (descriptor,), flags, _ = socket.recv_fds(pair[1], 100, 4)
    with os.fdopen(descriptor, "rb") as received:
        assert (content, received.read()) == (b"here it is", b"seen by both")
    assert not flags & socket.MSG_CTRUNC


def test_descriptors_as_ancillary_data(pair: tuple[socket.socket, socket.socket]) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        item = array.array("i", [reading])
        pair[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, item)])
        os.close(reading)
        _, ((level, kind, packed),), _, _ = pair[1].recvmsg(1, socket.CMSG_SPACE(item.itemsize))
        assert (level, kind, len(packed)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, item.itemsize)
        assert socket.CMSG_LEN(item.itemsize) <= socket.CMSG_SPACE(item.itemsize)
        pipe.write(b"through the pipe")
    with os.fdopen(struct.unpack("i", packed)[0], "rb") as received:
        assert received.read() == b"through the pipe"


# -- names and numbers


def test_addresses_of_the_instance(echo: Endpoint) -> None:
    found = socket.getaddrinfo(echo.host, echo.port, proto=socket.IPPROTO_TCP)
    assert found
    for family, kind, protocol, _, address in found:
        assert (kind, protocol, address[1]) == (socket.SOCK_STREAM, socket.IPPROTO_TCP, echo.port)
        assert family in (socket.AF_INET, socket.AF_INET6)


def test_loopback_by_number() -> None:
    assert socket.getaddrinfo("127.0.0.1", 80, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST) == [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
    ]
    assert socket.getaddrinfo("::1", "80", type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4][:2] == ("::1", 80)
    assert {each[4][0] for each in socket.getaddrinfo("localhost", None)} <= {"127.0.0.1", "::1"}
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("not a number", 80, flags=socket.AI_NUMERICHOST)


def test_names_of_loopback() -> None:
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    assert "127.0.0.1" in socket.gethostbyname_ex("localhost")[2]
    name, aliases, addresses = socket.gethostbyaddr("127.0.0.1")
    assert (bool(name), isinstance(aliases, list), addresses) == (True, True, ["127.0.0.1"])
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert socket.getnameinfo(("127.0.0.1", 2007), numeric) == ("127.0.0.1", "2007")
    assert socket.gethostname()
    assert socket.getfqdn("127.0.0.1")


def test_services_and_protocols() -> None:
    assert socket.getprotobyname("tcp") == socket.IPPROTO_TCP
    with pytest.raises(OSError):
        socket.getservbyname("no-such-service")
    try:
        assert (socket.getservbyname("smtp", "tcp"), socket.getservbyport(25, "tcp")) == (25, "smtp")
    except OSError:
        pytest.skip("this machine has no /etc/services")


def test_interfaces() -> None:
    interfaces = dict(socket.if_nameindex())
    loopback = next(index for index, name in interfaces.items() if name.startswith("lo"))
    assert socket.if_nametoindex(interfaces[loopback]) == loopback
    assert socket.if_indextoname(loopback) == interfaces[loopback]
    with pytest.raises(OSError):
        socket.if_nametoindex("no-such-one")


def test_addresses_as_octets() -> None:
    assert socket.inet_aton("127.0.0.1") == b"\x7f\0\0\1"
    assert socket.inet_ntoa(b"\x7f\0\0\1") == "127.0.0.1"
    assert socket.inet_pton(socket.AF_INET6, "::1") == bytes(15) + b"\1"
    assert socket.inet_ntop(socket.AF_INET6, bytes(15) + b"\1") == "::1"
    with pytest.raises(OSError):
        socket.inet_aton("127.0.0.256")


def test_byte_order() -> None:
    assert socket.htons(1).to_bytes(2, sys.byteorder) == b"\0\1"
    assert socket.htonl(1).to_bytes(4, sys.byteorder) == b"\0\0\0\1"
    assert (socket.ntohs(socket.htons(2007)), socket.ntohl(socket.htonl(2007))) == (2007, 2007)
    with pytest.raises(OverflowError):
        socket.htons(1 << 16)


def test_default_timeout() -> None:
    assert socket.getdefaulttimeout() is None
    socket.setdefaulttimeout(1.5)
    try:
        with socket.socket() as fresh:
            assert fresh.gettimeout() == 1.5
    finally:
        socket.setdefaulttimeout(None)
