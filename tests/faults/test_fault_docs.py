"""The page about faults has the catalogue as it is, and lines that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minternet.faults.catalogue import rendered
from minternet.faults.checks import check
from minternet.faults.rule import read
from minternet.registry import SERVICES

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "faults.md"
TEXT = PAGE.read_text("utf-8") if PAGE.exists() else ""
LINES = [
    line for block in re.findall(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]


def test_the_catalogue_is_the_tables() -> None:
    """If this fails, put what `minternet.faults.catalogue.rendered()` returns into docs/faults.md."""
    assert rendered() in TEXT


@pytest.mark.parametrize("line", LINES)
def test_lines_work(line: str) -> None:
    check(read(line.partition("  #")[0]), SERVICES)


def test_there_are_lines() -> None:
    assert len(LINES) > 10
