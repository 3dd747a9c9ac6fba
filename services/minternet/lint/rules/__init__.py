"""The rules: what each one is about, how bad a breach is, where the rule stands, and what to do. `docs/lint.md` is made from this."""

from __future__ import annotations

from . import common, ftp, http, imap, nntp, smtp
from .rule import SEVERITIES, Rule, Severity

__all__ = ["RULES", "SEVERITIES", "Rule", "Severity"]

_TABLES = (common, smtp, imap, nntp, ftp, http)
RULES: dict[str, Rule] = {rule.name: rule for table in _TABLES for rule in table.ROWS}
"""All rules by name."""
