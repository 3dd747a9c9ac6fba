"""How long it takes to be there, to be gone, to be as new, and to let a waiting test go: python benchmarks/starting.py."""

from __future__ import annotations

import json
import resource
import signal
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from minternet import Internet

ROUNDS = 7


def main() -> None:
    """Print each figure: the least and the median of the rounds, for the machine is never quiet."""
    show("minternet up to every banner, s", from_the_shell, 1)
    show("  processor time of that, s", lambda: processor_time(from_the_shell), 1)
    show("python -c 'import asyncio, ssl', s", bare_python, 1)
    in_process()
    world()
    waiting()


def show(what: str, measure: Callable[[], float], scale: float, rounds: int = ROUNDS) -> None:
    taken = [measure() * scale for _ in range(rounds)]
    print(f"{what:52} least {min(taken):9.3f}   median {statistics.median(taken):9.3f}", flush=True)


def from_the_shell() -> float:
    """Seconds from the command to the line that says that every service has answered."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "minternet", "up", "--ephemeral", "--json"], stdout=subprocess.PIPE
    ) as up:
        assert up.stdout is not None
        ready = json.loads(up.stdout.readline())
        taken = time.perf_counter() - began
        assert len(ready["services"]) >= 16
        up.send_signal(signal.SIGTERM)
    return taken


def bare_python() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, ssl"], check=True)
    return time.perf_counter() - began


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
