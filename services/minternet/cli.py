"""The command line: `minternet`, or `python -m minternet`."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import TypeAlias

from . import __version__

EPILOG = """\
examples:
  minternet up                         the whole internet on the default fixtures, on ports 2000 + well known
  minternet up --ephemeral --json      on free ports; what runs where, as JSON
  minternet up --services imap,smtp    only these
  minternet check                      try every protocol with Python's standard library
  eval "$(minternet env)"              hosts, ports and SSL_CERT_FILE of the running internet, for a shell
  minternet log --follow               what clients and servers say to each other, as they say it
  minternet log --lint --level error   what clients did wrong by the protocols' rules; status 1 if anything
  minternet validate my-fixtures       what is wrong with a folder of fixtures, by file and line
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 well, 1 something failed, 2 a wrong command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def fail(message: str, status: int = 1) -> int:
    """Say on one line what is wrong."""
    print(f"minternet: {message}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minternet",
        description="A mini internet on one machine: echo, HTTP, SMTP, IMAP, POP3, FTP and NNTP over one shared world.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minternet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_up(commands)
    _add_check(commands)
    _add_health(commands)
    _add_env(commands)
    _add_log(commands)
    _add_validate(commands)
    _add_services(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_up(commands: Commands) -> None:
    up = commands.add_parser("up", help="launch the internet and keep it running until Ctrl-C")
    add_settings(up)
    up.add_argument("--ready-file", metavar="FILE", help="write what runs where to FILE once everything answers")
    up.add_argument("--json", action="store_true", help="print what runs where as one line of JSON, not a table")
    up.add_argument("--verbose", action="store_true", help="log what happens, on standard error")
    up.set_defaults(run=_run_up)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The options that set up an internet, for every command that starts one."""
    where = parser.add_argument_group("where it listens")
    where.add_argument("--services", metavar="NAMES", help="only these, by name and parted by commas (see `services`)")
    where.add_argument(
        "--port", action="append", default=[], metavar="NAME=PORT", help="the port of one service; 0: free"
    )
    where.add_argument("--offset", type=int, metavar="N", help="added to the well-known ports (2000); 0: the real ones")
    where.add_argument("--ephemeral", action="store_true", default=None, help="any free port for each service")
    where.add_argument("--host", metavar="ADDRESS", help="where to listen (localhost: both loopback addresses)")
    where.add_argument("--public-host", metavar="ADDRESS", help="the address to tell clients, where it differs")
    what = parser.add_argument_group("what it holds and how it behaves")
    what.add_argument("--fixtures", metavar="PATH", help="seed the world from a folder or a .json or .toml file")
    what.add_argument("--config", metavar="FILE", help="settings as TOML (also MINTERNET_CONFIG)")
    what.add_argument("--hide", action="append", default=[], metavar="SERVICE=CAPABILITY", help="hide a capability")
    what.add_argument("--profile", action="append", default=[], metavar="SERVICE=NAME", help="imitate a known server")
    what.add_argument("--fault", action="append", default=[], metavar="FAULT", help="such as 'imap FETCH: reset, n=2'")
    what.add_argument("--webhook", action="append", default=[], metavar="URL", help="post each event to URL, in order")
    what.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="any other setting or limit")


def _add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="try every standard-library module against a running internet")
    check.add_argument(
        "--target", metavar="READY_FILE", help="the internet to check; else the running one, or a new one"
    )
    check.add_argument("--only", metavar="MODULES", help="only these modules, parted by commas")
    check.add_argument("--json", action="store_true", help="print the results as JSON")
    check.set_defaults(run=_run_check)


def _add_health(commands: Commands) -> None:
    health = commands.add_parser("health", help="say in an instant whether every service of a running internet answers")
    health.add_argument("--target", metavar="READY_FILE", help="the internet meant; else the running one")
    health.set_defaults(run=_run_health)


def _add_env(commands: Commands) -> None:
    env = commands.add_parser("env", help="print hosts, ports and certificate of a running internet for a shell")
    env.add_argument("--target", metavar="READY_FILE", help="the internet meant; else the running one")
    env.add_argument("--shell", choices=("sh", "fish", "powershell", "dotenv"), default="sh", help="whose words to use")
    env.set_defaults(run=_run_env)


def _add_log(commands: Commands) -> None:
    log = commands.add_parser("log", help="print what was said in a running internet's conversations, secrets masked")
    log.add_argument("--follow", action="store_true", help="print what is said from now on, until Ctrl-C")
    log.add_argument("--service", metavar="NAME", help="only conversations with this service")
    log.add_argument("--target", metavar="READY_FILE", help="the internet meant; else the running one")
    log.add_argument("--json", action="store_true", help="print a line of JSON for each thing said, or found")
    instead = log.add_mutually_exclusive_group()
    instead.add_argument("--lint", action="store_true", help="print what clients did wrong; status 1 if anything")
    instead.add_argument("--har", metavar="FILE", help="write the HTTP conversations to FILE as HAR 1.2; -: print them")
    log.add_argument(
        "--level", choices=("note", "warning", "error"), help="with --lint: only what is so bad or worse (note)"
    )
    log.set_defaults(run=_run_log)


def _add_validate(commands: Commands) -> None:
    validate = commands.add_parser("validate", help="say what is wrong with fixtures, by file and line")
    validate.add_argument("folder", metavar="PATH", help="a folder, or a file of JSON or TOML")
    validate.set_defaults(run=_run_validate)


def _add_services(commands: Commands) -> None:
    services = commands.add_parser("services", help="list the services there are")
    services.set_defaults(run=_run_services)


# Each command's module is imported when it is asked for: `--help` and `--version` must not wait for servers.


def _run_up(options: argparse.Namespace) -> int:
    if os.getpid() == 1:  # in a container: see deploy/entrypoint
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    gc.disable()  # hardly anything that starting makes is garbage; it is turned on again when everything is ready
    from .commands.up import run

    return run(options)


def _run_check(options: argparse.Namespace) -> int:
    from .commands.check import run

    return run(options)


def _run_health(options: argparse.Namespace) -> int:
    from .commands.health import run

    return run(options)


def _run_env(options: argparse.Namespace) -> int:
    from .commands.env import run

    return run(options)


def _run_log(options: argparse.Namespace) -> int:
    from .commands.log import run

    return run(options)


def _run_validate(options: argparse.Namespace) -> int:
    from .commands.validate import run

    return run(options)


def _run_services(options: argparse.Namespace) -> int:
    from .registry import SERVICES

    for service in SERVICES:
        state = "" if service.on else "  (off unless named)"
        print(f"{service.name:14} {service.port:>5}  {service.tls or '-':9} {service.title}{state}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
