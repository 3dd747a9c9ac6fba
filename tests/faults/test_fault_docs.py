"""The lines on the page about faults work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minternet.faults.checks import check
from minternet.faults.rule import read
from minternet.registry import SERVICES

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "faults.md"
TEXT = PAGE.read_text("utf-8") if PAGE.exists() else ""
LINES = [
    line for block in re.findall(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]


@pytest.mark.parametrize("line", LINES)
def test_lines_work(line: str) -> None:
    check(read(line.partition("  #")[0]), SERVICES)


def test_there_are_lines() -> None:
    assert len(LINES) > 10
