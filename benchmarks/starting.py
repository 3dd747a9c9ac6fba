"""How long it takes to be there, to be gone, to be as new, and to let a waiting test go: python benchmarks/starting.py."""

from __future__ import annotations

import json
import resource
import signal
import smtplib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from minternet import Internet

ROUNDS = 7
OTHERS = (
    "import gc; gc.disable()\n"
    "import argparse, asyncio, logging, ssl, tempfile, tomllib\n"
    "import httptools, msgspec, pyftpdlib.handlers, pyftpdlib.ioloop, starlette.requests, starlette.responses\n"
)
"""What `minternet up` needs of others: the least it could take."""
GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
FIRST = {
    "echo": b"hello\r\n",
    "http": GET % b"/get",
    "https": GET % b"/get",
    "control": GET % b"/api/v1/accounts",
    "smtp": b"EHLO client.test\r\n",
    "imap": b"1 LOGIN alice wonderland\r\n",
    "imaps": b"1 LOGIN alice wonderland\r\n",
    "pop3": b"CAPA\r\n",
    "ftp": b"USER alice\r\n",
    "ftps": b"USER alice\r\n",
    "nntp": b"CAPABILITIES\r\n",
}
"""What the first client says to each service."""
SILENT = frozenset({"echo", "http", "https", "control"})
"""Services that wait for the client to begin."""


def main() -> None:
    """Print each figure: the least and the median of the rounds, for the machine is never quiet."""
    show("minternet up to every banner, s", from_the_shell, 1)
    show("  processor time of that, s", lambda: processor_time(from_the_shell), 1)
    show("python -c 'import asyncio, ssl', s", lambda: python("import asyncio, ssl"), 1)
    show("others' packages imported, s", lambda: python(OTHERS), 1)
    show("import minternet, ms", import_alone, 1000)
    collecting()
    first_commands()
    in_process()
    world()
    waiting()


def show(what: str, measure: Callable[[], float], scale: float, rounds: int = ROUNDS) -> None:
    taken = [measure() * scale for _ in range(rounds)]
    print(f"{what:52} least {min(taken):9.3f}   median {statistics.median(taken):9.3f}", flush=True)


def from_the_shell() -> float:
    """Seconds from the command to the line that says that every service has answered."""
    began = time.perf_counter()
    with running() as ready:
        taken = time.perf_counter() - began
        assert len(ready["services"]) >= 16
    return taken


@contextmanager
def running() -> Iterator[dict[str, Any]]:
    """`minternet up`, as soon as it says what runs where."""
    command = [sys.executable, "-m", "minternet", "up", "--ephemeral", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as up:
        assert up.stdout is not None
        try:
            yield json.loads(up.stdout.readline())
        finally:
            up.send_signal(signal.SIGTERM)


def python(code: str) -> float:
    """Seconds that a process takes which only runs this."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def import_alone() -> float:
    """Seconds of `import minternet` within a process."""
    code = "import time; began = time.perf_counter(); import minternet; print(time.perf_counter() - began)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)


def collecting() -> None:
    """What the plugin adds to collecting tests that do not use it: pairs, with it and without."""
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_nothing.py"
        test.write_text("def test_nothing():\n    pass\n")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-qq",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            folder,
        ]
        pairs = []
        for _ in range(ROUNDS):
            taken = []
            for options in ([], ["-p", "no:minternet"]):
                began = time.perf_counter()
                subprocess.run([*command, *options, test], check=True, capture_output=True, cwd=folder)
                taken.append(time.perf_counter() - began)
            pairs.append(taken)
    ratio = statistics.median(plugged / bare for plugged, bare in pairs)
    print(f"{'pytest --collect-only with the plugin / without':52} median of pairs {ratio:.3f}")


def first_commands() -> None:
    """From connecting to the answer, at once when it is ready: the first client of each service, and the second."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in FIRST}
    for _ in range(ROUNDS):
        with running() as ready:
            trusting = ssl.create_default_context(cafile=ready["ca_file"])
            for name, pairs in taken.items():
                endpoint = ready["services"][name]
                pairs.append((answered(name, endpoint, trusting), answered(name, endpoint, trusting)))
    for name, pairs in taken.items():
        first, second = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"{'first command of ' + name + ', ms':52} median {first:9.3f}   of the next client {second:7.3f}")


def answered(name: str, endpoint: dict[str, Any], trusting: ssl.SSLContext) -> float:
    """Milliseconds from connecting to the answer to the first command."""
    began = time.perf_counter()
    with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=10) as plain:
        secure = endpoint["tls"] == "implicit"
        talk = trusting.wrap_socket(plain, server_hostname="localhost") if secure else plain
        if name not in SILENT:
            talk.recv(4096)
        talk.sendall(FIRST[name])
        assert talk.recv(4096)
        taken = (time.perf_counter() - began) * 1000
        with suppress(OSError):
            talk.shutdown(socket.SHUT_RDWR)
        talk.close()
    return taken


def processor_time(run: Callable[[], float]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_process() -> None:
    """All services, in a process that has started them before."""
    with Internet():
        pass
    starts, stops = [], []
    for _ in range(ROUNDS):
        net = Internet()
        began = time.perf_counter()
        net.start()
        started = time.perf_counter()
        net.stop()
        starts.append((started - began) * 1000)
        stops.append((time.perf_counter() - started) * 1000)
    for what, taken in (("start of all services in a running process, ms", starts), ("stop, ms", stops)):
        print(f"{what:52} least {min(taken):9.3f}   median {statistics.median(taken):9.3f}", flush=True)


def world() -> None:
    """The default world: snapshot and reset."""
    from pathlib import Path

    from minternet.internet import default_fixtures
    from minternet.world.seed import load

    seeded = load(Path(default_fixtures()))

    def many(action: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            began = time.perf_counter()
            for _ in range(1000):
                action()
            return (time.perf_counter() - began) / 1000

        return run

    show("snapshot of the default world, us", many(seeded.snapshot), 1e6)
    show("reset of the default world, us", many(lambda: seeded.put_back("seed")), 1e6)
    seeded.close()


def waiting() -> None:
    """From the server's 250 at the client to the release of a thread that waited for the message."""
    with Internet() as net:
        inbox = net.account("alice").inbox
        taken = []
        with smtplib.SMTP(*net.smtp.address) as server:
            for number in range(50):
                before = net.cursor()
                server.sendmail("a@example.net", ["alice@example.test"], f"Subject: {number}\r\n\r\n")
                began = time.perf_counter()
                inbox.wait_for(subject=str(number), since=before)
                taken.append((time.perf_counter() - began) * 1000)
        print(
            f"{'from 250 to the release of wait_for, ms':52} least {min(taken):9.3f}   median {statistics.median(taken):9.3f}"
        )


if __name__ == "__main__":
    main()
