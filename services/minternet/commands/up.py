"""`minternet up`: launch, tell what runs where, wait for a signal, drain."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from .. import ready as ready_file
from ..cli import fail
from ..internet import Internet, loop_factory
from ..ready import Ready
from ..settings import Settings, SettingsError
from ..supervisor import StartError
from ..world.seed import FixtureError
from .options import settings_of

WARM_AFTER = 0.5
"""Seconds after the start at which what services have put off is imported: one that waits for it would hold up all others."""
HAND_OVER = 0.0005
"""Seconds after which the thread that imports lets clients be served."""
CALLED_ELSE = (
    "`minternet env`, `log`, `check` and `health` go on to mean the internet of process {}, which runs;"
    " start this one with --ready-file FILE, and name it by --target FILE"
)


def run(options: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; the exit status."""
    began = time.perf_counter()
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = settings_of(options)
        with asyncio.Runner(loop_factory=loop_factory(settings)) as runner:
            return runner.run(_up(options, settings, began))
    except SettingsError as error:
        return fail(str(error), 2)
    except (StartError, FixtureError) as error:
        return fail(str(error))
    finally:
        gc.enable()


async def _up(options: argparse.Namespace, settings: Settings, began: float) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    other = _other()
    paths = [
        *([] if other else [ready_file.default_path()]),
        *([Path(options.ready_file)] if options.ready_file else []),
    ]
    async with Internet(settings=settings, say=lambda text: print(f"minternet: {text}", file=sys.stderr)) as net:
        ready = net.ready()
        gc.freeze()  # the seeded world lives as long as the process: collections need not look at it
        gc.enable()
        must = options.ready_file is not None or "MINTERNET_READY_FILE" in os.environ
        written = _write(ready, paths, must)
        try:
            if options.json:
                print(msgspec.json.encode(ready).decode(), flush=True)
            else:
                print(table(ready, time.perf_counter() - began, written[-1] if other and written else None), flush=True)
            if other and not written:
                print(f"minternet: {CALLED_ELSE.format(other.pid)}", file=sys.stderr, flush=True)
            warming = asyncio.create_task(_warm_later(net), name="warm")
            await stop.wait()
            warming.cancel()
            if not options.json:
                print("minternet: stopping", file=sys.stderr)
        finally:
            for path in written:
                ready_file.remove(path, ready.pid)
    return 0


def _other() -> Ready | None:
    """The internet that has the default place and still runs: it is what `env`, `log` and `check` mean, and stays so."""
    if "MINTERNET_READY_FILE" in os.environ:
        return None
    other = ready_file.running()
    return other if other is not None and other.pid != os.getpid() and ready_file.answers(other) else None


async def _warm_later(net: Internet) -> None:
    """Import what services have put off, when those who waited for the start have been served."""
    await asyncio.sleep(WARM_AFTER)
    await asyncio.to_thread(_warm, net)


def _warm(net: Internet) -> None:
    """In a thread that hands over to clients sooner than threads do of themselves."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(HAND_OVER)
    try:
        net.supervisor.warm()
    finally:
        sys.setswitchinterval(usual)


def _write(ready: Ready, paths: list[Path], must: bool) -> list[Path]:
    """Write the ready files; the default one is a convenience, one that was asked for is not."""
    written = []
    for path in paths:
        try:
            if path.parent == ready_file.default_path().parent:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ready_file.write(ready, path)
            written.append(path)
        except OSError as error:
            if must and path == paths[-1]:
                raise StartError(f"cannot write the ready file {path}: {error.strerror}") from None
    return written


def table(ready: Ready, seconds: float, target: Path | None = None) -> str:
    """What runs where, for a person; `target` is the ready file by which it has to be named."""
    lines = [f"minternet {ready.version}: {ready.name}, ready in {seconds:.2f} s", ""]
    lines.append(f"  {'service':12} {'address':22} {'TLS':9} URL")
    for name, endpoint in ready.services.items():
        address = f"{endpoint.host}:{endpoint.port}"
        lines.append(f"  {name:12} {address:22} {endpoint.tls or '-':9} {endpoint.url}")
    lines += ["", f"  {'login':12} {'password':14} address"]
    lines += [f"  {each.login:12} {each.password:14} {each.address}" for each in ready.accounts]
    lines += ["", f"  certificate authority  {ready.ca_file}"]
    if ready.news_group:
        lines.append(f"  newsgroup for posting  {ready.news_group}")
    if ready.ftp_writable_dir:
        lines.append(f"  FTP folder to write    {ready.ftp_writable_dir}  (as {ready.accounts[0].login})")
    named = f" --target {target}" if target else ""
    lines += ["", f'  Ctrl-C stops it. In another terminal: minternet check{named}; eval "$(minternet env{named})"']
    return "\n".join(lines)
