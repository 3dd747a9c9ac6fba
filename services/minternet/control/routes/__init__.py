"""Every route of the control service, a file for each group, and nothing else dispatches. The OpenAPI document is made of it.

A new kind of thing is a file of handlers in `resources/`, its records in `schemas/`, and a table here.
"""

from __future__ import annotations

from ..table import Row
from . import accounts, faults, health, internet, journal, lint, mail, news, proxies, trees, web, webhooks

ROWS: tuple[Row, ...] = (
    *health.ROWS,
    *internet.ROWS,
    *accounts.ROWS,
    *mail.ROWS,
    *news.ROWS,
    *trees.ROWS,
    *web.ROWS,
    *faults.ROWS,
    *proxies.ROWS,
    *webhooks.ROWS,
    *journal.ROWS,
    *lint.ROWS,
)
