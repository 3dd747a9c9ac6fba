"""`minternet check` is a client too, and its mistakes would stand among those of the program under test."""

from __future__ import annotations

from pathlib import Path

from minternet import Internet, Settings, ready
from minternet.cli import main


def test_no_lint_blames_the_check(tmp_path: Path) -> None:
    with Internet(settings=Settings(ephemeral=True)) as net:
        ready.write(net.ready(), tmp_path / "ready.json")
        assert main(["check", "--target", str(tmp_path / "ready.json")]) == 0
        assert [str(finding) for finding in net.lint()] == []
