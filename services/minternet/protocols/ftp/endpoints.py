"""Commands that say who connects where for data."""

from __future__ import annotations

import ipaddress
import random
import socket

from ..commands import Refusal
from .profiles import LYING_ADDRESS
from .session import Session
from .table import ONLY_LOGGED_IN, TABLE


def number(text: str) -> int:
    """A number of at most 19 digits, blanks around it; 501."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        raise Refusal("501", "That is no number of octets.")
    return int(text)


@TABLE.command("PASV", ONLY_LOGGED_IN, "", "Listen for the data connection (IPv4)", "RFC 959 section 4.1.2")
def pasv(session: Session, argument: str) -> str:
    _allow_besides_epsv(session)
    if ":" in session.local_ip and not session.local_ip.startswith("::ffff:"):
        raise Refusal("425", "PASV cannot tell an IPv6 address; use EPSV.")
    port = _listen(session)
    numbers = [*_told_address(session).split("."), str(port >> 8), str(port & 255)]
    return f"227 Entering Passive Mode ({','.join(numbers)})."


def _told_address(session: Session) -> str:
    """The address for PASV: a public one where the settings have it; a name is not looked up."""
    if session.profile.lies:
        return LYING_ADDRESS
    public = session.context.settings.public_host or ""
    try:
        return str(ipaddress.IPv4Address("127.0.0.1" if public == "localhost" else public))
    except ValueError:
        return str(session.local_ip).removeprefix("::ffff:")


@TABLE.command(
    "EPSV", ONLY_LOGGED_IN, "[1|2|ALL]", "Listen for the data connection (IPv4 or IPv6)", "RFC 2428 section 3"
)
def epsv(session: Session, argument: str) -> str:
    if argument.upper() == "ALL":
        session.only_epsv = True
        return "200 Only EPSV from now on."
    own = _family_number(session)
    if argument and argument != own:
        code = "522" if argument.isdecimal() else "501"
        raise Refusal(code, f"Network protocol not supported, use ({own})")
    return f"229 Entering Extended Passive Mode (|||{_listen(session)}|)"


@TABLE.command("PORT", ONLY_LOGGED_IN, "<h,h,h,h,p,p>", "Connect there for data (IPv4)", "RFC 959 section 4.1.2")
def port(session: Session, argument: str) -> str:
    _allow_besides_epsv(session)
    numbers = [number(part.strip()) for part in argument.split(",")]
    if len(numbers) != 6 or max(numbers) > 255:
        raise Refusal("501", "PORT wants six numbers below 256.")
    session.target(".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5])
    return "200 PORT command successful."


@TABLE.command(
    "EPRT", ONLY_LOGGED_IN, "<|1|address|port|>", "Connect there for data (IPv4 or IPv6)", "RFC 2428 section 2"
)
def eprt(session: Session, argument: str) -> str:
    _allow_besides_epsv(session)
    parts = argument.split(argument[0])
    if len(parts) != 5 or parts[0] or parts[4]:
        raise Refusal("501", "EPRT wants |1|address|port|.")
    own = _family_number(session)
    if parts[1] != own:
        raise Refusal("522", f"Network protocol not supported, use ({own})")
    session.target(parts[2], number(parts[3]))
    return "200 EPRT command successful."


def _family_number(session: Session) -> str:
    """RFC 2428 section 2: 1 for IPv4, 2 for IPv6."""
    return "2" if ":" in session.local_ip and not session.local_ip.startswith("::ffff:") else "1"


def _allow_besides_epsv(session: Session) -> None:
    if session.only_epsv:
        raise Refusal("501", "After EPSV ALL, only EPSV will do (RFC 2428 section 4).")


def _listen(session: Session) -> int:
    """Bind a port of the range that is set, or any, where the client connected to; the port. 425 where none is free."""
    session.forget_endpoint()
    first, last = session.context.settings.passive_ports or (0, 0)
    for candidate in random.sample(range(first, last + 1), last + 1 - first):
        bound = socket.socket(session.socket_family, socket.SOCK_STREAM)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((session.local_ip, candidate))
            session.listen(bound)
        except OSError:
            bound.close()
            continue
        return int(bound.getsockname()[1])
    raise Refusal("425", "No passive port is free.")
