"""Which services a fault concerns."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .rule import Fault

if TYPE_CHECKING:
    from .checks import Known

SPARED = "control"
"""The protocol that faults never touch: they are taken back through it."""

EXACTLY = "="
"""Before a service's name: the service of that name, and not all of the protocol that is called so too."""


def concerns(fault: Fault, service: Known) -> bool:
    """Whether the fault names the service, or its protocol; behind EXACTLY, only names of services count."""
    if service.protocol == SPARED:
        return False
    pattern = fault.service.casefold()
    if pattern.startswith(EXACTLY):
        return fnmatchcase(service.name, pattern.removeprefix(EXACTLY))
    return fnmatchcase(service.name, pattern) or fnmatchcase(service.protocol, pattern)
