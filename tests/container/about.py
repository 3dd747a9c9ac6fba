"""Where things are, and how long to wait for an engine, which tells nobody when something happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGE = "minternet-test"
CHECK_IMAGE = "minternet-test-check"
SECOND = 1_000_000_000
QUICK_HEALTH = {"interval": SECOND // 4, "timeout": 5 * SECOND, "retries": 3}
"""The image's own check, asked more often."""


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Ask until it is true, at most so long."""
    deadline = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer
