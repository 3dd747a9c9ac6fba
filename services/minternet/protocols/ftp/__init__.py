"""FTP (RFC 959 and its many successors) and FTPS (RFC 4217) on pyftpdlib, over the world's files.

`server` holds the service, `control` and `session` the control connection, `connections` and `data` the data
connections; `table` lists the commands, which stand in the modules beside it. Imported late: pyftpdlib and pyOpenSSL
take their time.
"""

from __future__ import annotations

import socket

from ..context import Running, ServiceContext


async def serve(context: ServiceContext, sockets: list[socket.socket]) -> Running:
    """Serve FTP on these sockets; with TLS from the start where the service says so."""
    from .server import serve as begin

    return await begin(context, sockets)
