"""Sockets bound and listening before anything is served: what is published is already open."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import stat
from pathlib import Path

BACKLOG = 1024  # connections the kernel keeps while the loop is busy: 2,000 quick connects are not refused
BIND_ATTEMPTS = 50  # free ports tried until one is free on every address family
NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
BOTH_FAMILIES = {"localhost": ("127.0.0.1", "::1"), "": ("0.0.0.0", "::"), "*": ("0.0.0.0", "::")}


class PortInUse(OSError):
    """Somebody else listens on this `host` and `port`."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} on {host} is in use")
        self.host = host
        self.port = port


def bind(host: str, port: int, *, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[socket.socket]:
    """Listening sockets for "localhost" (127.0.0.1 and, where there is IPv6, ::1), "" (all) or one address.

    All have the same port number, a free one if `port` is 0. Raises PortInUse; ValueError for a host name, which would have
    to be looked up. With SOCK_DGRAM the sockets are bound only.
    """
    hosts = BOTH_FAMILIES.get(host) or (str(ipaddress.ip_address(host)),)
    if port or len(hosts) == 1:
        return _bind_all(hosts, port, kind)
    for _ in range(BIND_ATTEMPTS):
        with contextlib.suppress(PortInUse):
            return _bind_all(hosts, 0, kind)
    raise PortInUse(host, 0)


def bind_udp(host: str, port: int) -> list[socket.socket]:
    """As `bind`, for datagrams."""
    return bind(host, port, kind=socket.SOCK_DGRAM)


def bind_unix(path: Path | str) -> socket.socket:
    """A listening UNIX socket; a stale one at the same path is replaced, one that answers is PortInUse."""
    path = Path(path)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        if _answers(path):
            raise PortInUse(str(path), 0)
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(os.fspath(path))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


def port_of(sockets: list[socket.socket]) -> int:
    """The port number that sockets bound together share; 0 for UNIX sockets."""
    name = sockets[0].getsockname()
    return int(name[1]) if isinstance(name, tuple) else 0


def _bind_all(hosts: tuple[str, ...], port: int, kind: socket.SocketKind) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for host in hosts:
            try:
                bound.append(_bind_one(host, port, kind))
            except OSError as error:
                if bound and error.errno in NO_IPV6:
                    continue
                if error.errno == errno.EADDRINUSE:
                    raise PortInUse(host, port) from error
                raise
            port = port_of(bound)
    except BaseException:
        for opened in bound:
            opened.close()
        raise
    return bound


def _bind_one(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    # The protocol number is named because asyncio sets TCP_NODELAY only where it is, and without it a reply in two writes
    # waits 43 ms for a delayed ACK.
    stream = kind == socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, kind, socket.IPPROTO_TCP if stream else socket.IPPROTO_UDP)
    try:
        if stream and os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        if stream:
            bound.listen(BACKLOG)
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True
