"""What can be set about HTTP: limits with their reasons, and switches."""

from __future__ import annotations

from typing import Literal

import msgspec

from .guard import HeadLimits

Shape = Literal["httpbin", "go-httpbin"]


class HttpOptions(msgspec.Struct, frozen=True, gc=False):
    """Limits and switches of the HTTP service; times in seconds, sizes in octets."""

    shape: Shape = "httpbin"
    """Whose JSON the endpoints speak: scalars where a name stands once (httpbin), or always lists (go-httpbin)."""
    limits: HeadLimits = HeadLimits()
    head_timeout: float = 20.0
    """A head must be complete by then, however slowly it drips (slowloris); 408."""
    body_timeout: float = 60.0
    """The longest silence within a request body (408), and the longest that a client may take nothing of a reply."""
    keep_alive: float = 75.0
    """An idle connection is closed after this, nginx's and Apache-like servers' usual value."""
    linger: float = 2.0
    """After an error reply the rest of the request is read and dropped for so long, so that the client sees the reply."""
    echoed_body: int = 16 << 20
    """The largest body an endpoint repeats in its reply; /upload counts larger ones without holding them."""
    max_wait: float = 10.0
    """The longest /delay, /drip and the like (httpbin's and go-httpbin's limit)."""
    max_bytes: int = 100 * 1024
    """The largest /bytes, /stream-bytes and /range (httpbin's limit)."""
    recorded_body: int = 64 * 1024
    """How much of a request's body is kept in its record."""
    record: bool = True
    """Whether each request is told to the world's journal."""
    cors: bool = True
    """Whether replies may be read by pages of other origins, as httpbin's may."""
    proxy_credentials: str | None = None
    """`user:password` that the forward proxy asks for; None for no question."""
    websocket_message: int = 1 << 20
    """The largest WebSocket message (go-httpbin's limit)."""
    tunnel_names: int = 1000
    """For how many names certificates are minted and kept."""
