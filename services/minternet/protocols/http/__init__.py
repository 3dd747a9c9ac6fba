"""HTTP: httpbin's and go-httpbin's endpoints, the world's site and files, a forward proxy, programmable routes."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..context import ServiceContext
    from .protocol import App
    from .service import HttpService


async def serve(
    context: ServiceContext, sockets: list[socket.socket], mounts: Mapping[str, App] | None = None
) -> HttpService:
    """Serve HTTP, or HTTPS where the service has implicit TLS; `mounts` are ASGI applications by host name."""
    from .service import serve as serve_http

    return await serve_http(context, sockets, mounts)
