"""What stands before the API: it answers the supervisor's probe, and loads the API when somebody first asks for more.

The API's records and handlers take tens of milliseconds to import; most runs of a test suite never use them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..protocols.context import ServiceContext
from ..supervisor import Supervisor

if TYPE_CHECKING:
    from .application import Application

PROBE = ("HEAD", "/")


class Front:
    """The ASGI application of the control service."""

    def __init__(self, context: ServiceContext, supervisor: Supervisor) -> None:
        self._context, self._supervisor = context, supervisor
        self._application: Application | None = None
        self._began = time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._application is None and (scope["method"], scope["path"]) == PROBE:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.application(scope, receive, send)

    @property
    def application(self) -> Application:
        """The API."""
        if self._application is None:
            from .application import Application
            from .hub import Hub
            from .security import Gate

            hub = Hub(self._context, self._supervisor, self._began)
            self._application = Application(hub, Gate(self._context.settings, self._supervisor.control_token))
        return self._application

    def close(self) -> None:
        """End what lasts: waits and streams."""
        if self._application is not None:
            self._application.hub.close()
