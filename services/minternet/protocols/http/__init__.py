"""HTTP: httpbin's and go-httpbin's endpoints, the world's site and files, a forward proxy, programmable routes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..context import ServiceContext
    from .service import HttpService


async def serve(context: ServiceContext, sockets: list[socket.socket]) -> HttpService:
    """Serve HTTP, or HTTPS where the service has implicit TLS."""
    from .service import serve as serve_http

    return await serve_http(context, sockets)


def warm() -> None:
    """Import what serves WebSockets: uvicorn and websockets take their time."""
    from . import websocket  # noqa: F401
