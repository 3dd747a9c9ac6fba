"""`minternet env`: a running internet as variables of a shell."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import ready as ready_file
from ..cli import fail
from ..ready import Ready, TargetError

SHELLS: dict[str, Callable[[str, str], str]] = {
    "sh": lambda name, value: f"export {name}={shlex.quote(value)}",
    "fish": lambda name, value: f"set -gx {name} {shlex.quote(value)};",
    "powershell": lambda name, value: f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'",
    "dotenv": lambda name, value: f"{name}={value}",
}


def run(options: argparse.Namespace) -> int:
    """Print the variables; the exit status."""
    try:
        ready = ready_file.read(Path(options.target)) if options.target else ready_file.running()
    except TargetError as error:
        return fail(str(error))
    if ready is None:
        return fail("no internet is running: start one with `minternet up`, or name its ready file with --target")
    target = Path(options.target) if options.target else ready_file.default_path()
    for name, value in variables(ready, target.absolute()):
        print(SHELLS[options.shell](name, value))
    return 0


def variables(ready: Ready, target: Path) -> Iterator[tuple[str, str]]:
    """Names and values: hosts, ports and URLs of all services, the first account, and where to find the authority."""
    yield "MINTERNET_TARGET", str(target)
    for name, endpoint in ready.services.items():
        prefix = name.upper().replace("-", "_")
        yield f"{prefix}_HOST", endpoint.host
        yield f"{prefix}_PORT", str(endpoint.port)
        yield f"{prefix}_URL", endpoint.url
    if ready.accounts:
        first = ready.accounts[0]
        yield "MAIL_USER", first.login
        yield "MAIL_ADDRESS", first.address
        yield "MAIL_PASSWORD", first.password
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        yield name, ready.ca_file
