"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""From the mildest to the worst."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, the protocols it is for, severity, RFC and section, what is wrong, and what to do."""

    name: str
    protocols: str
    severity: Severity
    reference: str
    wrong: str
    advice: str
