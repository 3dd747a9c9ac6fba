"""Whether a fault can work: refused with what would, before it is set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from ..hints import did_you_mean
from .catalogue import is_network, is_of_transfer, kind_of, when_of
from .kind import PROTOCOLS, Attribute, Kind
from .language import DOT, TRANSFERS
from .rule import OPTIONS, Fault, FaultError, Value
from .services import concerns
from .vocabulary import never_said

MOST = 1e15
"""No attribute is as much: an endless one, as TOML can say it, is a mistake."""


class Known(Protocol):
    """What must be known of a service."""

    @property
    def name(self) -> str: ...

    @property
    def protocol(self) -> str: ...

    @property
    def tls(self) -> str | None: ...


def check(fault: Fault, services: Iterable[Known]) -> None:
    """FaultError where the fault cannot work with any of the services."""
    kind = kind_of(fault)
    for name, value in fault.attributes.items():
        _check_attribute(kind, name, value)
    _check_numbers(fault)
    if fault.when is not None and fault.when not in kind.whens:
        able = ", ".join(kind.whens)
        raise FaultError(
            f"{kind.name} does not strike {fault.when!r}" + (f": it strikes {able}" if able else "; leave `when` out")
        )
    _check_patterns(fault)
    if kind.name == "drop_after_dot" and fault.command not in ("", DOT):
        raise FaultError("drop_after_dot strikes after the final dot: leave the command out")
    _check_kind(fault, kind)
    _check_where(fault, kind, list(services))


def _check_attribute(kind: Kind, name: str, value: Value) -> None:
    attribute = kind.attributes.get(name)
    if attribute is None:
        takes = ", ".join(_named(name, each) for name, each in kind.attributes.items()) or "none"
        like = did_you_mean(name, (*kind.attributes, *OPTIONS))
        raise FaultError(f"kind {kind.name} has no attribute {name!r}: it takes {takes}{like}")
    if attribute.words:
        if value not in attribute.words:
            raise FaultError(f"{kind.name}: {name} is one of {', '.join(attribute.words)}, not {value!r}")
    elif isinstance(attribute.default, bool):
        if not isinstance(value, bool):
            raise FaultError(f"{kind.name}: {name} is yes or no, not {value!r}")
    elif isinstance(attribute.default, str):
        if not isinstance(value, str):
            raise FaultError(f"{kind.name}: {name} is a text, not {value!r}")
    else:
        _check_number(kind, name, attribute, value)


def _check_number(kind: Kind, name: str, attribute: Attribute, value: Value) -> None:
    if value != value or value in (float("inf"), float("-inf")):
        raise FaultError(f"{kind.name}: {name} is a number, not {value!r}")
    whole = isinstance(attribute.default, int) and attribute.unit in ("octets", "commands", "0 to 255")
    good = isinstance(value, int | float) and not isinstance(value, bool) and (not whole or value == int(value))
    if not good or not attribute.least <= float(str(value)) < MOST:
        wanted = f"a {'whole ' if whole else ''}number ({attribute.unit}) from {attribute.least:g} on"
        raise FaultError(f"{kind.name}: {name} is {wanted}, not {value!r}")
    most = {"0 to 1": 1.0, "0 to 255": 255.0}.get(attribute.unit, float("inf"))
    if float(str(value)) > most:
        raise FaultError(f"{kind.name}: {name} is from {attribute.unit}, not {value!r}")


def _named(name: str, attribute: Attribute) -> str:
    return f"{name} ({attribute.unit})" if attribute.unit else name


def _check_numbers(fault: Fault) -> None:
    for name in ("n", "first", "every", "skip", "times"):
        if getattr(fault, name) < 0:
            raise FaultError(f"{name} is a number from 1 on, not {getattr(fault, name)}")
    for name in ("probability", "toxicity"):
        if not 0 <= getattr(fault, name) <= 1:
            raise FaultError(f"{name} is from 0 to 1, not {getattr(fault, name)}")
    if fault.sequence and not re.fullmatch(r"[01]+(\.\.\.)?", fault.sequence):
        raise FaultError(f"a sequence is of 1 and 0, as in 110 or 10..., not {fault.sequence!r}")


def _check_patterns(fault: Fault) -> None:
    pattern = fault.argument
    if len(pattern) > 2 and pattern[0] == pattern[-1] == "/":
        try:
            re.compile(pattern[1:-1])
        except re.error as error:
            # HTTP's paths may well be between slashes: what is no expression is then a text that is looked for.
            raise FaultError(f"argument {pattern} is no regular expression ({error})") from None


def _check_kind(fault: Fault, kind: Kind) -> None:
    if kind.name == "reply" and not str(fault.attributes.get("text", "")).strip():
        raise FaultError("reply wants a text, as in 'smtp RCPT: reply 450 4.7.1 Try again later'")
    if kind.name == "slicer":
        size, variation = (
            fault.attributes.get(name, default) for name, default in (("average_size", 1), ("size_variation", 0))
        )
        if float(str(variation)) >= float(str(size)):
            raise FaultError("slicer: size_variation is less than average_size")
    if is_network(fault) and (fault.account != "*" or fault.argument):
        what = "account" if fault.account != "*" else "argument"
        raise FaultError(f"{kind.name} of the network knows no {what}: name a command, or leave it out")
    of_bytes = is_network(fault) or is_of_transfer(fault)
    if not of_bytes and fault.stream == "upstream":
        raise FaultError(f"{kind.name} strikes in replies; stream=upstream is for faults of the network")
    if not of_bytes and fault.toxicity < 1:
        raise FaultError(f"toxicity is for faults of the network; for {kind.name}, write probability={fault.toxicity}")
    if (kind.tls or kind.name in ("down", "refuse")) and (fault.command or fault.argument or fault.account != "*"):
        raise FaultError(f"{kind.name} strikes before anything is said: it knows no command, argument and account")


def _glob(pattern: str) -> Callable[[str], bool]:
    return lambda name: fnmatchcase(name, pattern.upper())


def _check_where(fault: Fault, kind: Kind, services: list[Known]) -> None:
    named = [service for service in services if concerns(fault, service)]
    if not named:
        there = ", ".join(service.name for service in services if service.protocol in PROTOCOLS)
        raise FaultError(f"no service is called {fault.service!r}; there are {there}")
    problems = [_problem(fault, kind, service) for service in named]
    if all(problems):
        raise FaultError(f"{kind.name} cannot work on {fault.service}: {problems[0]}")


def _problem(fault: Fault, kind: Kind, service: Known) -> str:
    """Why the fault cannot work with the service; "" where it can."""
    protocol = service.protocol
    if service.name.endswith("-udp"):
        return "datagrams have no connection"
    if protocol not in kind.protocols:
        others = ", ".join(name for name in PROTOCOLS if name in kind.protocols)
        return f"{kind.otherwise.format(protocol=protocol)} (there is {others})"
    if protocol == "echo" and not is_network(fault) and (fault.command or when_of(fault) != "connect"):
        return "echo has no commands: its faults strike when=connect, or are the network's"
    if is_of_transfer(fault) and (protocol != "ftp" or not any(map(_glob(fault.command), TRANSFERS))):
        return (
            f"{kind.name} is about all bytes of a connection: leave the command out; `delay` is for one command, and"
            f" FTP's {', '.join(sorted(TRANSFERS))} have data connections of their own"
        )
    if unknown := never_said(protocol, kind.name, fault.command):
        return unknown
    if kind.tls and service.tls is None:
        return f"{service.name} has no TLS"
    if kind.name == "starttls_stripped" and service.tls != "starttls":
        return f"{service.name} has no STARTTLS to strip"
    if kind.name == "reply":
        return wrong_reply(protocol, str(fault.attributes.get("text", "")))
    return ""


_SHAPES = {
    "smtp": (r"[2-5][0-9]{2}[ -]", "three digits and a blank"),
    "ftp": (r"[1-5][0-9]{2}[ -]", "three digits and a blank"),
    "nntp": (r"[1-5][0-9]{2} ", "three digits and a blank"),
    "pop3": (r"(\+OK|-ERR)( |\Z)", "+OK or -ERR"),
    "imap": (r"(OK|NO|BAD|BYE|PREAUTH|\*|\+)( |\Z)", "OK, NO, BAD, BYE, * or +"),
    "http": (r"[2-5][0-9]{2}( |\Z)", "a status of three digits"),
}


def wrong_reply(protocol: str, text: str) -> str:
    """Why a text is no reply of a protocol; "" where it is one."""
    shape, wanted = _SHAPES[protocol]
    return "" if re.match(shape, text) else f"a reply of {protocol} begins with {wanted}, and {text!r} does not"
