"""Where a webhook may lead: to this machine, by addresses that are written out. No name is ever looked up."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import msgspec

from .errors import WebhookError

LONGEST_URL = 2000
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
LOCALHOST = ("127.0.0.1", "::1")
"""What `localhost` is, in the order in which they are tried."""
PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[!-~]+")
_AUTHORITY = re.compile(r"(?:\[[^][]*\]|[^][:]*)(?::[0-9]*)?")
"""Host and port; not every Python sees that something stands before or behind the brackets."""
INSTEAD = (
    "a webhook's host is localhost, an address such as 127.0.0.1, or [::1], for minternet connects to no other machine;"
    " from a container or another machine read GET /api/v1/events with a cursor, or /api/v1/events/stream,"
    " which lose nothing either"
)


class Target(msgspec.Struct, frozen=True):
    """A URL taken apart: the addresses to try, what to call the host, what to ask for."""

    secure: bool
    host: str
    addresses: tuple[str, ...]
    port: int
    authority: str
    path: str


def target_of(url: str) -> Target:
    """The target that a URL names; WebhookError."""
    if len(url) > LONGEST_URL:
        raise WebhookError("url", f"a URL has at most {LONGEST_URL} characters")
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise WebhookError("url", "a URL is made of visible ASCII without backslashes: percent-encode anything else")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WebhookError("url", f"this is no URL: {error}; write it as http://127.0.0.1:9000/path") from None
    _check(url, parts)
    if port == 0 or parts.netloc.endswith(":"):
        raise WebhookError("url", "a port is a number from 1 to 65535")
    addresses = addresses_of(parts.hostname or "", "[" in parts.netloc)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = parts.scheme == "https"
    return Target(secure, parts.hostname or "", addresses, port or PORTS[parts.scheme], parts.netloc, path)


def _check(url: str, parts: SplitResult) -> None:
    if parts.scheme not in PORTS or not parts.netloc:
        raise WebhookError("url", "a webhook's URL begins with http:// or https://, and then has a host")
    if "@" in parts.netloc:
        raise WebhookError("url", "a webhook's URL holds no user and password; its signature says who sends")
    if _AUTHORITY.fullmatch(parts.netloc) is None:
        raise WebhookError(
            "url", f"{parts.netloc[:80]!r} is no host and port; write them as 127.0.0.1:9000 or [::1]:9000"
        )
    if "#" in url:
        raise WebhookError("url", "a webhook's URL has no fragment: it would not be sent")


def addresses_of(host: str, bracketed: bool) -> tuple[str, ...]:
    """The addresses of a host that is on this machine; WebhookError for every other."""
    if host == "localhost" and not bracketed:
        return LOCALHOST
    try:
        if bracketed and ipaddress.IPv6Address(host) == ipaddress.IPv6Address("::1"):
            return ("::1",)
        if not bracketed and ipaddress.IPv4Address(host) in LOOPBACK:
            return (host,)
    except ValueError:
        pass
    raise WebhookError("url", f"{host[:80]!r} will not do: {INSTEAD}")
