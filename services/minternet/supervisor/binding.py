"""Where services listen: which ones are wanted, their sockets, and how those are reached from this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

from .. import registry
from ..protocols.context import Service
from ..settings import Settings
from ..wire.listener import PortInUse, bind, bind_udp, bind_unix


class StartError(RuntimeError):
    """An internet that cannot start; its text says what to do."""


def chosen(settings: Settings) -> list[Service]:
    """The services that the settings ask for; StartError on a name that is none."""
    known = registry.by_name()
    wanted = settings.services or registry.names(on=True)
    unknown = [name for name in (*wanted, *settings.ports, *settings.hide, *settings.profiles) if name not in known]
    protocols = {service.protocol for service in known.values()}
    for name in unknown:
        if name in protocols and name not in wanted and name not in settings.ports:
            continue
        raise StartError(f"no service is called {name!r}; there are {', '.join(known)}")
    return [service for service in registry.SERVICES if service.name in wanted]


def check_hidden(settings: Settings) -> None:
    """StartError where something is to be hidden that is not there: a test of how a client does without it would prove nothing."""
    if not settings.hide:
        return
    from ..protocols.hiding import NothingToHide, check

    protocols = {service.name: service.protocol for service in registry.SERVICES}
    for name, capabilities in settings.hide.items():
        try:
            check(name, protocols.get(name, name), capabilities)
        except NothingToHide as error:
            raise StartError(str(error)) from None


def bound(service: Service, settings: Settings, say: Callable[[str], None]) -> list[socket.socket]:
    """The service's sockets, on the port that the settings give it or, where it may, on a free one; StartError."""
    port = wanted_port(service, settings)
    try:
        return (bind_udp if service.kind == "datagram" else bind)(settings.host, port)
    except PortInUse as error:
        if service.any_port and service.name not in settings.ports:
            sockets = bind(settings.host, 0)
            say(f"port {port} is in use; {service.name} listens on port {sockets[0].getsockname()[1]} instead")
            return sockets
        raise StartError(
            f"port {port} for {service.name} is in use on {error.host}: stop what listens there, or say"
            f" --port {service.name}=PORT, --offset N or --ephemeral"
        ) from None
    except ValueError:
        raise StartError(
            f"{settings.host!r} is no address to listen on: say --host with an IP address of this machine"
            " (names are not looked up), or localhost"
        ) from None
    except OSError as error:
        raise StartError(
            f"cannot listen on {settings.host} port {port} for {service.name} ({error.strerror or error}):"
            " say --host ADDRESS with an address of this machine, or --offset for ports above 1023"
        ) from None


def bound_unix(service: Service, settings: Settings) -> list[socket.socket]:
    """The UNIX socket of a service of sessions, where a folder for them is named; it goes with its listener. StartError."""
    if settings.unix_folder is None or service.kind != "session":
        return []
    path = Path(settings.unix_folder) / f"{service.name}.sock"
    try:
        return [bind_unix(path)]
    except OSError as error:
        raise StartError(f"cannot listen on {path} ({error.strerror or error}): name another unix_folder") from None


def wanted_port(service: Service, settings: Settings) -> int:
    """The port that the settings give a service; 0 for a free one."""
    chosen_port = settings.ports.get(service.name)
    if chosen_port is not None:
        return chosen_port
    return 0 if settings.ephemeral else service.port + settings.offset


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_host(host: str) -> str:
    """The address by which a client on this machine reaches a listener."""
    return {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def reachable(listening: socket.socket) -> tuple[str, int]:
    """The address by which a listening socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    return client_host(host), port
