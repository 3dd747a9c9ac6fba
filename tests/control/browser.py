"""A browser without a screen, for the tests of the page: it looks nothing up, and reaches this machine only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def dom(port: int, place: str, profile: Path) -> str:
    """What a page is once its scripts have run: `place` is what stands behind its #."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=4000",
        "--dump-dom",
        f"http://127.0.0.1:{port}/#{place}",
    ]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).stdout.decode()
