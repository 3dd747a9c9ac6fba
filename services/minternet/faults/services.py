"""Which services a fault concerns."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .rule import Fault

if TYPE_CHECKING:
    from .checks import Known

SPARED = "control"
"""The protocol that faults never touch: they are taken back through it."""


def concerns(fault: Fault, service: Known) -> bool:
    """Whether the fault names the service, or its protocol."""
    if service.protocol == SPARED:
        return False
    pattern = fault.service.casefold()
    return fnmatchcase(service.name, pattern) or fnmatchcase(service.protocol, pattern)
