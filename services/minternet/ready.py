"""The ready file: what runs where, as JSON, written at once when everything answers and removed at the end."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

import msgspec

DEFAULT_NAME = "ready.json"
ANSWERS_WITHIN = 0.5
"""Seconds for a connection on this machine."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where a service is reached; `tls` is None, "starttls" or "implicit"."""

    host: str
    port: int
    tls: str | None
    url: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as sockets want them."""
        return self.host, self.port


class Credentials(msgspec.Struct, frozen=True):
    """Somebody who may log in."""

    login: str
    address: str
    password: str


class Control(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the control API and page are, and the bearer token they ask for, if they do."""

    url: str
    token: str | None = None


class Ready(msgspec.Struct, frozen=True):
    """A running internet, as others need to know it."""

    pid: int
    host: str
    services: dict[str, Endpoint]
    accounts: list[Credentials]
    ca_file: str
    control: Control | None
    news_group: str | None
    ftp_writable_dir: str | None
    version: str = ""
    name: str = ""
    hostname: str = ""
    local_host: str = ""
    """The address that reaches it from the machine it runs on; `host` is what others are told."""


class TargetError(ValueError):
    """A ready file that is not there or cannot be read; says what to do."""


def default_path() -> Path:
    """Where `up` leaves word of itself: MINTERNET_READY_FILE, else a place in the user's runtime or temporary folder."""
    if named := os.environ.get("MINTERNET_READY_FILE"):
        return Path(named)
    folder = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(folder) if folder and os.access(folder, os.W_OK) else Path(tempfile.gettempdir())
    return base / f"minternet-{os.getuid() if hasattr(os, 'getuid') else 0}" / DEFAULT_NAME


def write(ready: Ready, path: Path) -> None:
    """Write the ready file in one step: a reader sees all of it or none. It holds passwords, so it is the user's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(ready)) + b"\n")
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove(path: Path, pid: int) -> None:
    """Remove a ready file, unless another internet has written it since."""
    with contextlib.suppress(TargetError, OSError):
        if read(path).pid == pid:
            path.unlink(missing_ok=True)


def read(path: Path) -> Ready:
    """A ready file's content; TargetError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ready)
    except FileNotFoundError:
        raise TargetError(
            f"no internet is running by {path}: start one with `minternet up --ready-file {path}`"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise TargetError(f"{path} is no ready file ({error}): name the one that `minternet up` wrote") from None


def answers(ready: Ready) -> bool:
    """Whether somebody listens where the ready file says; one whose writer was killed outlives it."""
    ends = [end for end in ready.services.values() if not end.url.startswith("udp:")]
    with contextlib.suppress(OSError):
        address = (ready.local_host or ends[0].host, ends[0].port) if ends else None
        if address is not None:
            socket.create_connection(address, ANSWERS_WITHIN).close()
            return True
    return False


def running() -> Ready | None:
    """The internet that `up` left word of in the default place, if it still runs."""
    try:
        ready = read(default_path())
        os.kill(ready.pid, 0)
    except (TargetError, ProcessLookupError):
        return None
    except PermissionError:
        return ready
    return ready
