"""What is in a folder of a fixture, by one look at the disk."""

from __future__ import annotations

import os
from operator import attrgetter
from pathlib import Path


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """All there is, in the order of its names."""
    with os.scandir(folder) as found:
        return sorted(found, key=attrgetter("name"))


def files_and_folders(folder: Path) -> tuple[list[Path], list[Path]]:
    """Its files and its folders, each in the order of their names; what is hidden is left out."""
    shown = [entry for entry in entries(folder) if not entry.name.startswith(".")]
    files = [folder / entry.name for entry in shown if entry.is_file()]
    return files, [folder / entry.name for entry in shown if entry.is_dir()]
