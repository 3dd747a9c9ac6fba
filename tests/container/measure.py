"""The image's figures: PYTHONPATH=tests python -m container.measure [IMAGE], where an engine runs."""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import docker
from container.about import QUICK_HEALTH, wait_until

ROUNDS = 5
MEGABYTE = 1_000_000


def main(name: str = "minternet") -> None:
    """Print sizes, and the medians of a few starts."""
    engine = docker.from_env()
    image = engine.images.get(name)
    base = engine.images.get("python:3.13-slim").attrs["Size"]
    print(f"image {image.attrs['Size'] / MEGABYTE:.0f} MB, of which the base {base / MEGABYTE:.0f} MB")
    rounds = [one_round(engine, name) for _ in range(ROUNDS)]
    for label, index in (("everything answers after", 0), ("healthy after", 1), ("stopped after", 2)):
        print(f"{label} {statistics.median(each[index] for each in rounds):.2f} s")
    print(f"memory after the start {statistics.median(each[3] for each in rounds) / MEGABYTE:.0f} MB")


def one_round(engine: Any, name: str) -> tuple[float, float, float, float]:
    """Seconds to ready, to healthy and to stop, and octets of memory."""
    began = time.perf_counter()
    container = engine.containers.run(name, detach=True, healthcheck=QUICK_HEALTH)
    try:
        assert wait_until(lambda: b"Ctrl-C stops it" in container.logs(), 30)
        ready = time.perf_counter() - began
        assert wait_until(lambda: health(container) == "healthy", 30)
        healthy = time.perf_counter() - began
        usage = container.stats(stream=False)["memory_stats"]
        files = usage["stats"].get("total_inactive_file", usage["stats"].get("inactive_file", 0))
        began = time.perf_counter()
        container.stop(timeout=10)
        return ready, healthy, time.perf_counter() - began, usage["usage"] - files
    finally:
        container.remove(v=True, force=True)


def health(container: Any) -> str:
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


if __name__ == "__main__":
    main(*sys.argv[1:])
