"""What an HTTP/1 client did wrong."""

from __future__ import annotations

import re

from .exchanges import Exchange, Part, exchanges
from .talk import Talk

METHODS = frozenset(b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split())
BODILESS = frozenset(b"GET HEAD DELETE TRACE".split())
HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")
"""RFC 9110 section 7.2, RFC 3986 section 3.2.2; it may be empty."""
NOT_IDEMPOTENT = frozenset((b"POST", b"PATCH"))


def judge_http(talk: Talk) -> None:
    """Request by request."""
    before: Exchange | None = None
    for exchange in exchanges(talk):
        request = exchange.request
        for name, offset, why in request.breaches:
            talk.find(name, offset, why)
        hosts = request.values(b"host")
        if request.head_octets and request.words[2] == b"HTTP/1.1" and len(hosts) != 1:
            talk.find("http-no-host", request.start, f"It has {len(hosts) or 'no'} Host.")
        elif request.head_octets and hosts and HOST.fullmatch(hosts[0]) is None:
            talk.find("http-no-host", request.start, "Its Host is no host with or without a port.")
        check_request(talk, request)
        if before is not None and _overtakes(talk, before, exchange):
            talk.find_order("http-pipelined-post", request.start)
        before = exchange


def check_request(talk: Talk, request: Part) -> None:
    """Method, body and credentials of a request."""
    method, start = request.words[0], request.start
    if method not in METHODS and method.upper() in METHODS:
        talk.find("http-method-case", start)
    if request.body_octets and request.body and method in BODILESS:
        talk.find("http-get-body", start, f"{method.decode()} with {len(request.body)} octets.")
    framed = request.value(b"transfer-encoding") or request.value(b"content-length").strip(b"0")
    if request.head_octets and not framed and request.value(b"expect").lower() == b"100-continue":
        talk.find("http-expect", start)
    if request.value(b"authorization").split(b" ")[0].lower() in (b"basic", b"bearer"):
        talk.find_password(start, offered=False)


def _overtakes(talk: Talk, before: Exchange, exchange: Exchange) -> bool:
    """Whether a request came before the reply to one that must not be sent twice."""
    if before.request.words[0] not in NOT_IDEMPOTENT or before.reply is None or before.interim:
        return False
    return talk.client.piece(exchange.request.start) < talk.server.piece(before.reply.start)
