"""A mini internet on one machine: echo, HTTP, SMTP, IMAP, POP3, FTP and NNTP over one shared world."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs ten times what all of this module does; type checkers know the name
if TYPE_CHECKING:
    from typing import Any

    from .internet import Internet
    from .settings import Limits, Settings
    from .supervisor import StartError
    from .world.seed import FixtureError

__all__ = ["FixtureError", "Internet", "Limits", "Settings", "StartError", "__version__"]
__version__ = "0.1.0"

_PLACES = {
    "Internet": "internet",
    "Limits": "settings",
    "Settings": "settings",
    "StartError": "supervisor",
    "FixtureError": "world.seed",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are used: `import minternet` alone costs nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
