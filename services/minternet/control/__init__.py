"""The control API and the page over it: everything a test can do in Python, by HTTP."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..protocols.context import ServiceContext
    from .service import ControlService


async def serve(context: ServiceContext, sockets: list[socket.socket]) -> ControlService:
    """Serve the control API and page on these sockets."""
    from .service import serve as serve_control

    return await serve_control(context, sockets)


def warm() -> None:
    """Import the API, which `front` leaves until somebody asks for it: a tenth of a second."""
    from . import application, hub, security  # noqa: F401
