"""A machine with other people's clients on it: a home of its own, nothing of the user's, and the test authority trusted."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from minternet import Internet

SECONDS = 30.0
"""What a client may take. They all end by themselves, this is for those that do not."""
ALSO_HERE = ("/usr/sbin", "/usr/games")
"""Where Debian puts clients that are not for everybody."""


@dataclass(frozen=True)
class Finished:
    """A client that has ended."""

    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")


@dataclass(frozen=True)
class Machine:
    """Runs clients against one internet, in a home that is the test's."""

    net: Internet
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """No proxy, no configuration, no language but C: only what a client needs to start."""
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *ALSO_HERE])
        return {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "TERM": "dumb", "TMPDIR": str(self.home)}

    def has(self, *names: str) -> None:
        """Skip the test where a client is not installed."""
        for name in names:
            if shutil.which(name, path=self.environment["PATH"]) is None:
                pytest.skip(f"{name} is not installed")

    def run(self, *command: str | Path, give: bytes = b"", status: int | None = 0, **more: str) -> Finished:
        """Run a client to its end, with `give` on its standard input and `more` in its environment.

        It has to end with `status`, whatever that is where it is None.
        """
        self.has(str(command[0]))
        ended = subprocess.run(
            [str(part) for part in command],
            input=give,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            cwd=self.home,
            env=self.environment | more,
        )
        finished = Finished(ended.returncode, ended.stdout, ended.stderr.decode("utf-8", "replace"))
        assert status is None or finished.status == status, finished
        return finished

    def run_on_terminal(self, *command: str) -> str:
        """Run a client that wants a terminal and ends by itself; what it showed."""
        self.has(command[0])
        ours, its = pty.openpty()
        shown = bytearray()

        def watch() -> None:
            with contextlib.suppress(OSError):
                while piece := os.read(ours, 4096):
                    shown.extend(piece)

        watching = threading.Thread(target=watch)
        watching.start()
        environment = self.environment | {"TERM": "vt100", "LINES": "24", "COLUMNS": "80"}
        with subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, cwd=self.home, env=environment, start_new_session=True
        ) as client:
            os.close(its)
            try:
                client.wait(SECONDS)
            except subprocess.TimeoutExpired:
                client.kill()
        watching.join(SECONDS)
        os.close(ours)
        assert client.returncode == 0, shown.decode("utf-8", "replace")
        return shown.decode("utf-8", "replace")

    def write(self, name: str, text: str | bytes) -> Path:
        """A file in the home that nobody else may read (clients insist, for passwords)."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return path
