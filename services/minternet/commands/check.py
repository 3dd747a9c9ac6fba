"""`minternet check`: every module's probe, a line each."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .. import ready as ready_file
from ..check import Outcome
from ..check import run as run_probes
from ..cli import fail
from ..ready import Ready, TargetError
from ..supervisor import StartError
from ..world.seed import FixtureError


def run(options: argparse.Namespace) -> int:
    """Run the probes; 0 where none failed."""
    outcomes: list[Outcome] = []
    only = [name.strip() for name in (options.only or "").split(",") if name.strip()]
    try:
        with _target(options.target, quiet=options.json) as ready:
            for outcome in run_probes(ready, only):
                outcomes.append(outcome)
                if not options.json:
                    print(line(outcome), flush=True)
    except (TargetError, StartError, FixtureError) as error:
        return fail(str(error))
    except ValueError as error:
        return fail(str(error), 2)
    counts = {result: sum(outcome.result == result for outcome in outcomes) for result in ("ok", "failed", "skipped")}
    if options.json:
        print(msgspec.json.encode(outcomes).decode())
    else:
        seconds = sum(outcome.seconds for outcome in outcomes)
        print(f"{counts['ok']} ok, {counts['failed']} failed, {counts['skipped']} skipped in {seconds:.2f} s")
    return 1 if counts["failed"] else 0


def line(outcome: Outcome) -> str:
    """An outcome for a person."""
    return f"{outcome.result:8} {outcome.module:22} {outcome.seconds * 1000:7.1f} ms  {outcome.text}"


@contextlib.contextmanager
def _target(path: str | None, quiet: bool) -> Iterator[Ready]:
    """The internet named, else the running one, else a new one for as long as the check takes."""
    named = ready_file.read(Path(path)) if path else ready_file.running()
    if named is not None:
        yield named
        return
    from ..internet import Internet

    if not quiet:
        print("no internet is running: starting one for this check (`minternet up` keeps one)", file=sys.stderr)
    with Internet() as net:
        yield net.ready()
