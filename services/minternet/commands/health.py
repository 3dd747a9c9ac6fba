"""`minternet health`: whether every service of a running internet answers, for HEALTHCHECK and probes.

It runs every few seconds beside the internet it asks, so it imports little, and leaves no trace in what tests look at.
A service with faults is as it is meant to be, and to ask it would use them up: there the supervisor's word counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import ready as ready_file
from ..cli import fail
from ..ready import Ready, TargetError
from ..registry import by_name

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from ..protocols.context import Service

SECONDS = 4.0
"""For all services together; Docker and Kubernetes give a check five or so."""
REFUSED_REQUEST = b"HEALTH / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""HTTP answers 501 to a method that nobody knows (RFC 9110 section 9.1): no record of requests has it, and no lint blames it."""


class Unwell(Exception):
    """A service that does not answer; says which and how."""


def run(options: argparse.Namespace) -> int:
    """Say in one line who does not answer, or how many do; 0 where all do."""
    try:
        ready = ready_file.read(Path(options.target) if options.target else ready_file.default_path())
        count = ask_all(ready, time.monotonic() + SECONDS)
    except (TargetError, Unwell) as error:
        return fail(str(error))
    print(f"{count} services answer")
    return 0


def ask_all(ready: Ready, deadline: float) -> int:
    """Ask every TCP service; how many there are. Unwell."""
    rows = by_name()
    asked = [(rows[name], endpoint) for name, endpoint in ready.services.items() if name in rows]
    asked = [(row, endpoint) for row, endpoint in asked if row.kind != "datagram" and row.probe[1]]
    with_faults = told_by_control(ready, [row for row, _ in asked], deadline)
    asked = [(row, endpoint) for row, endpoint in asked if row.name not in with_faults]
    context: ssl.SSLContext | None = None
    for row, endpoint in asked:
        say, expected = row.probe
        if row.scheme in ("http", "https"):
            say = REFUSED_REQUEST
        try:
            if row.tls == "implicit" and context is None:
                context = ssl.create_default_context(cafile=ready.ca_file)
            secured = context if row.tls == "implicit" else None
            address = ready.local_host or endpoint.host, endpoint.port
            answer = ask(address, secured, say, len(expected), deadline)
        except OSError as error:
            raise Unwell(f"{row.name} does not answer on port {endpoint.port}: {error}") from None
        if answer != expected:
            raise Unwell(f"{row.name} answers {answer!r} on port {endpoint.port}, not {expected!r}")
    return len(asked) + len(with_faults)


def told_by_control(ready: Ready, rows: list[Service], deadline: float) -> set[str]:
    """The services that have faults, which the supervisor says run; Unwell where it says otherwise."""
    endpoint = ready.services.get("control")
    if endpoint is None or ready.control is None:
        return set()
    import http.client

    client = http.client.HTTPConnection(ready.local_host or endpoint.host, endpoint.port, timeout=_left(deadline))
    try:
        faults = [each for each in _get(client, "/api/v1/faults", ready)["faults"] if each["enabled"]]
        if not faults:
            return set()
        status = {each["name"]: each["status"] for each in _get(client, "/readyz", ready)["services"]}
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return set()  # it is asked like the others, and says what is wrong
    finally:
        client.close()
    return _running([row for row in rows if _concerned(row, faults)], status)


def _get(client: HTTPConnection, path: str, ready: Ready) -> Any:
    token = ready.control.token if ready.control is not None else None
    client.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    return json.loads(client.getresponse().read())


def _concerned(row: Service, faults: list[dict[str, Any]]) -> bool:
    from ..faults.rule import read
    from ..faults.services import concerns

    return any(concerns(read(each["line"]), row) for each in faults)


def _running(rows: list[Service], status: dict[str, str]) -> set[str]:
    for row in rows:
        if status.get(row.name) != "running":
            raise Unwell(f"{row.name} is {status.get(row.name, 'not there')}")
    return {row.name for row in rows}


def ask(address: tuple[str, int], context: ssl.SSLContext | None, say: bytes, size: int, deadline: float) -> bytes:
    """The first `size` octets of the answer, or fewer where it ends; OSError, also when the deadline has passed."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(address, _left(deadline)))
        if context is not None:
            connection = stack.enter_context(context.wrap_socket(connection, server_hostname="localhost"))
        connection.sendall(say)
        answer = b""
        while len(answer) < size:
            connection.settimeout(_left(deadline))
            piece = connection.recv(size - len(answer))
            if not piece:
                break
            answer += piece
        return answer


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
