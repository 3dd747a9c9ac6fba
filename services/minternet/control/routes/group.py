"""What the tables of routes share."""

from __future__ import annotations

from dataclasses import replace

from ..table import Octets, Row

API = "/api/v1"
ACCOUNT = "/accounts/{login}"
DOWNLOAD = Octets(("*/*",))
MAIL = ("message/rfc822", "message/global", "application/octet-stream")


def group(title: str, *rows: Row, at: str = API) -> tuple[Row, ...]:
    """Rows under one title, their paths below one path."""
    return tuple(replace(row, path=at + row.path, group=title) for row in rows)
