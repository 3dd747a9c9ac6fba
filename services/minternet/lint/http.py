"""What an HTTP/1 client did wrong."""

from __future__ import annotations

from .exchanges import Exchange, exchanges
from .talk import Talk

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
        if before is not None and _overtakes(talk, before, exchange):
            talk.find_order("http-pipelined-post", request.start)
        before = exchange


def _overtakes(talk: Talk, before: Exchange, exchange: Exchange) -> bool:
    """Whether a request came before the reply to one that must not be sent twice."""
    if before.request.words[0] not in NOT_IDEMPOTENT or before.reply is None or before.interim:
        return False
    return talk.client.piece(exchange.request.start) < talk.server.piece(before.reply.start)
