"""`minternet validate`: what is wrong with fixtures."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..cli import fail
from ..faults.faults import FaultError, Faults
from ..registry import SERVICES
from ..world.seed import FixtureError, load
from ..world.world import World


def run(options: argparse.Namespace) -> int:
    """Say what is wrong, or what there is; the exit status."""
    folder = Path(options.folder)
    if not folder.exists():
        return fail(f"{folder} is not there: name a folder that holds a world.toml, or a file of JSON or TOML")
    try:
        world = load(folder)
    except FixtureError as error:
        for problem in error.problems:
            print(problem if folder.is_file() else f"{folder}/{problem}")
        return fail(f"{len(error.problems)} to mend in {folder}")
    if (wrong := _wrong_fault(world)) is not None:
        print(f"{folder}: {wrong}" if folder.is_file() else f"{folder}/world.toml: {wrong}")
        world.close()
        return fail(f"1 to mend in {folder}")
    messages = sum(len(box) for store in world.mail.stores.values() for box in store.mailboxes.values())
    mailboxes = sum(len(store.mailboxes) for store in world.mail.stores.values())
    files = sum(1 for _, entry in world.files.walk() if not entry.is_folder)
    pages = sum(1 for _, entry in world.site.tree.walk() if not entry.is_folder)
    print(
        f"{folder} is well: {len(world.accounts.by_login)} accounts, {messages} messages in {mailboxes} mailboxes,"
        f" {len(world.news.articles)} articles in {len(world.news.groups)} newsgroups, {files} files, {pages} site files"
    )
    world.close()
    return 0


def _wrong_fault(world: World) -> FaultError | None:
    """Why one of the fixture's faults cannot work."""
    try:
        Faults(world, SERVICES, world.fixture_faults)
    except FaultError as error:
        return error
    return None
