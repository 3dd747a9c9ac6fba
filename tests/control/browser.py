"""A browser without a screen, for the tests of the page: it looks nothing up, and reaches this machine only."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
SECONDS = 60


def command(profile: Path, *more: str) -> list[str]:
    assert CHROMIUM is not None
    return [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
        *more,
    ]


def dom(port: int, place: str, profile: Path) -> str:
    """What a page is once its scripts have run: `place` is what stands behind its #."""
    asked = command(profile, "--virtual-time-budget=4000", "--dump-dom", f"http://127.0.0.1:{port}/#{place}")
    return subprocess.run(asked, capture_output=True, timeout=SECONDS, check=False).stdout.decode()


@contextmanager
def opened(port: int, place: str, profile: Path) -> Iterator[Callable[[str], Any]]:
    """A page that stays open: what is yielded waits until an expression of JavaScript is true, and gives its value."""
    from websockets.sync.client import connect

    asked = command(profile, "--remote-debugging-port=0", f"http://127.0.0.1:{port}/#{place}")
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) as browser:
        try:
            with connect(_debugged(browser), max_size=None) as socket:

                def once(expression: str) -> Any:
                    look = f"const value = ({expression}); if (value) done(value); else setTimeout(look, 20)"
                    script = f"new Promise((done) => {{ const look = () => {{ {look} }}; look(); }})"
                    asks = {"expression": script, "awaitPromise": True, "returnByValue": True}
                    for _ in range(10):
                        socket.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": asks}))
                        answer = json.loads(socket.recv(timeout=SECONDS))
                        if "error" not in answer:  # the empty page before this one went away
                            break
                    assert "exceptionDetails" not in answer["result"], answer
                    return answer["result"]["result"].get("value")

                yield once
        finally:
            browser.terminate()  # and it takes its own processes along


def _debugged(browser: subprocess.Popen[str]) -> str:
    """Where the browser's page can be asked."""
    assert browser.stderr is not None
    address = next(found[1] for line in browser.stderr if (found := re.search(r"listening on ws://([\d.:]+)/", line)))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}/json/list", timeout=SECONDS) as reply:
        return next(str(each["webSocketDebuggerUrl"]) for each in json.load(reply) if each["type"] == "page")
