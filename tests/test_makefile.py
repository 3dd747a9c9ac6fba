"""The Makefile's commands, which are no files: make must not take a folder of the same name for what they would make."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_always_run(command: str) -> None:
    dry = subprocess.run(
        ["make", "--dry-run", command], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert dry.returncode == 0, dry.stderr
    assert "is up to date" not in dry.stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert phony is not None
    assert command in phony[1].split()


def test_there_are_those_of_the_readme() -> None:
    assert {"up", "test", "check", "docs"} <= set(COMMANDS)
