"""Fuzzes for longer: `python -m tests.fuzz SECONDS [TARGET ...]`, so many seconds for each target.

Guided by coverage where atheris is installed (on Linux: pip install atheris), else by mutation of what the conversations
say. A finding is shown as it is given to the target, kept in a file below the temporary folder, and ends that target.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SLOW = 2.0
"""Seconds for one input, after which it counts as a hang."""
GRACE = 60


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    reader.add_argument("seconds", type=int)
    reader.add_argument("targets", nargs="*", metavar="TARGET")
    reader.add_argument("--guided", help=argparse.SUPPRESS)
    wanted = reader.parse_args()
    sys.path[:0] = [str(HERE.parent), str(HERE)]
    if wanted.guided:
        return run_guided(wanted.targets[0], wanted.seconds, Path(wanted.guided))
    names = wanted.targets or list(importlib.import_module("fuzz_targets").TARGETS)
    guided = importlib.util.find_spec("atheris") is not None
    print("guided by coverage" if guided else "by mutation (atheris is not installed)", flush=True)
    found = [name for name in names if not (guide if guided else mutate)(name, wanted.seconds)]
    print(f"found something in {', '.join(found)}" if found else "found nothing", flush=True)
    return bool(found)


# -- by mutation ------------------------------------------------------------------------------------------------------


def mutate(name: str, seconds: int) -> bool:
    """Whether the target withstood it."""
    targets = importlib.import_module("fuzz_targets")
    target, texts, lines = targets.TARGETS[name], targets.corpus(name), targets.lines(name)
    chance, until, count = random.Random(), time.monotonic() + seconds, 0
    try:
        while time.monotonic() < until:
            data = mutated(chance, texts, lines)
            count += 1
            if not withstands(name, target, data):
                return False
    finally:
        print(f"{name}: {count} inputs in {seconds} s", flush=True)
        targets.close_all()
    return True


def mutated(chance: random.Random, texts: tuple[bytes, ...], lines: tuple[bytes, ...]) -> bytes:
    """Something near what is right."""
    data = bytearray(chance.choice(texts))
    for _ in range(chance.randint(1, 8)):
        at = chance.randint(0, len(data))
        match chance.randrange(7):
            case 0:
                data[at : at + chance.randint(1, 20)] = b""
            case 1:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 2:
                data[at:at] = chance.choice(lines)
            case 3 if data:
                data[at % len(data)] = chance.randrange(256)
            case 4:
                data[at:at] = data[at : at + chance.randint(1, 100)] * chance.randint(1, 30)
            case 5:
                data[at:at] = chance.choice(
                    [b"\r\n", b"\x00", b"{9}", b"(", b'"', b"\xff", b"<", b"*", b"%", b"4294967296"]
                )
            case _:
                data[at:] = chance.choice(texts)[at:]
    return bytes([chance.randrange(256)]) + bytes(data[1:100_000])


def withstands(name: str, target: Callable[[bytes], None], data: bytes) -> bool:
    """Give it one input; False, with a report, where it breaks its promise or takes too long."""
    began = time.perf_counter()
    try:
        target(data)
    except Exception:
        report(name, data, traceback.format_exc())
        return False
    took = time.perf_counter() - began
    if took > SLOW:
        report(name, data, f"took {took:.1f} s")
    return took <= SLOW


def report(name: str, data: bytes, what: str) -> None:
    handle, path = tempfile.mkstemp(prefix=f"minternet-fuzz-{name}-")
    os.write(handle, data)
    os.close(handle)
    print(f"{name}: {what}\n{data[:2000]!r}\nkept in {path}", flush=True)


# -- by coverage ------------------------------------------------------------------------------------------------------


def guide(name: str, seconds: int) -> bool:
    """Run atheris in a process of its own, for it ends the process it runs in."""
    with tempfile.TemporaryDirectory(prefix="minternet-fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz", str(seconds), name, "--guided", folder]
        ended = subprocess.run(
            command, cwd=HERE.parents[1], timeout=seconds + GRACE, check=False, capture_output=True, text=True
        )
    tail = [line for line in ended.stderr.splitlines() if not line.startswith(("INFO:", "\tNEW_FUNC"))][-40:]
    done = [line for line in tail if line.startswith("Done ")]
    print(f"{name}: {done[0] if done else chr(10).join([ended.stdout, *tail])}", flush=True)
    return ended.returncode == 0


def run_guided(name: str, seconds: int, folder: Path) -> int:
    """Fuzz in this process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["minternet"]):
        targets = importlib.import_module("fuzz_targets")
    for number, text in enumerate(targets.corpus(name)):
        (folder / str(number)).write_bytes(text)
    target = targets.TARGETS[name]

    def given(data: bytes) -> None:
        if not withstands(name, target, data):
            os._exit(1)

    options = [
        f"-max_total_time={seconds}",
        "-max_len=8192",
        "-timeout=10",
        "-rss_limit_mb=1500",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], given)
    with contextlib.suppress(KeyboardInterrupt):
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
