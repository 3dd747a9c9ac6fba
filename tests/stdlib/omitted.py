"""Public callables that no run can be expected to enter, by module, and why; * stands for anything."""

from __future__ import annotations

ABSTRACT = "abstract, overridden by what is entered"
REMOVED = "deprecated, gone in 3.14"
PLATFORM = "of other platforms or for root only"

OMITTED: dict[str, dict[str, str]] = {
    "socket": {
        "sethostname": PLATFORM,
        "SocketType.sendmsg_afalg": PLATFORM,
        "SocketType.ioctl": PLATFORM,
        "SocketType.share": PLATFORM,
    },
    "urllib.request": {
        "URLopener*": REMOVED,
        "FancyURLopener*": REMOVED,
    },
    "asyncio": {
        "Abstract*": ABSTRACT,
        "BaseTransport.*": ABSTRACT,
        "ReadTransport.*": ABSTRACT,
        "WriteTransport.*": ABSTRACT,
        "DatagramTransport.*": ABSTRACT,
        "SubprocessTransport.*": ABSTRACT,
        "BaseEventLoop.add_*": ABSTRACT,
        "BaseEventLoop.remove_*": ABSTRACT,
        "BaseEventLoop.sock_[acr]*": ABSTRACT,
        "BaseEventLoop.sock_sendall": ABSTRACT,
        "BaseEventLoop.sock_sendto": ABSTRACT,
        "BaseEventLoop.create_unix_*": ABSTRACT,
        "*ChildWatcher*": REMOVED,
        "*_child_watcher": REMOVED,
    },
}
