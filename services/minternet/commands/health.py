"""`minternet health`: whether every service of a running internet answers, for HEALTHCHECK and probes.

It runs every few seconds beside the internet it asks, so it imports little, and leaves no trace in what tests look at: it
asks the control service, whose internet asks all services itself, in a way that no transcript has and no fault strikes.
An internet without that service is asked service by service, as a client would; conversations are left of that, and
faults strike it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import ready as ready_file
from ..cli import fail
from ..ready import Endpoint, Ready, TargetError

if TYPE_CHECKING:
    import ssl

SECONDS = 4.0
"""For all services together; Docker and Kubernetes give a check five or so."""
QUESTION = b"GET /readyz?ask=true HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
LONGEST_ANSWER = 1 << 20
REFUSED_REQUEST = b"HEALTH / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""HTTP answers 501 to a method that nobody knows (RFC 9110 section 9.1): no record of requests has it, and no lint blames it."""


class Unwell(Exception):
    """A service that does not answer; says which and how."""


def run(options: argparse.Namespace) -> int:
    """Say in one line who does not answer, or how many do; 0 where all do."""
    try:
        ready = ready_file.read(Path(options.target) if options.target else ready_file.default_path())
        count = answering(ready, time.monotonic() + SECONDS)
    except (TargetError, Unwell) as error:
        return fail(str(error))
    print(f"{count} services answer")
    return 0


def answering(ready: Ready, deadline: float) -> int:
    """How many TCP services answer, which is all of them. Unwell."""
    control = ready.services.get("control")
    count = told_by_control(ready, control, deadline) if control is not None else None
    return ask_all(ready, deadline) if count is None else count


def told_by_control(ready: Ready, control: Endpoint, deadline: float) -> int | None:
    """The same as the internet itself finds it; None where it does not know how to. Unwell."""
    address = ready.local_host or control.host, control.port
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    try:
        answer = ask(address, None, QUESTION % host.encode(), LONGEST_ANSWER, deadline)
    except OSError as error:
        raise Unwell(f"control does not answer on port {control.port}: {error}") from None
    try:
        asked = json.loads(answer.partition(b"\r\n\r\n")[2])["asked"]
        answered, unanswered = len(asked["answered"]), [*asked["unanswered"].values()]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if unanswered:
        raise Unwell(str(unanswered[0]))
    return answered


def ask_all(ready: Ready, deadline: float) -> int:
    """Ask every TCP service; how many there are. Unwell."""
    from ..registry import by_name

    rows = by_name()
    asked = [(rows[name], endpoint) for name, endpoint in ready.services.items() if name in rows]
    asked = [(row, endpoint) for row, endpoint in asked if row.kind != "datagram" and row.probe[1]]
    context: ssl.SSLContext | None = None
    for row, endpoint in asked:
        say, expected = row.probe
        if row.scheme in ("http", "https"):
            say = REFUSED_REQUEST
        try:
            if row.tls == "implicit" and context is None:
                context = trusting(ready.ca_file)
            secured = context if row.tls == "implicit" else None
            address = ready.local_host or endpoint.host, endpoint.port
            answer = ask(address, secured, say, len(expected), deadline)
        except OSError as error:
            raise Unwell(f"{row.name} does not answer on port {endpoint.port}: {error}") from None
        if answer != expected:
            raise Unwell(f"{row.name} answers {answer!r} on port {endpoint.port}, not {expected!r}")
    return len(asked)


def trusting(ca_file: str) -> ssl.SSLContext:
    """What trusts the internet's authority; OSError."""
    import ssl

    return ssl.create_default_context(cafile=ca_file)


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
