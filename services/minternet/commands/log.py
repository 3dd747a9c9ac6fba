"""`minternet log`: what is said in a running internet's conversations, by its control API.

It uses the standard library only: it is to start at once, and to run beside an internet of another version.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from .. import ready as ready_file
from ..cli import fail
from ..ready import Ready, TargetError

API = "/api/v1"
SECONDS = 60.0
"""The stream gives a sign of life every 15."""
SHOWN = 500
"""Conversations that are listed, the newest; the API gives no more at once."""


class NoAnswer(Exception):
    """The control service does not do what it is asked; says why."""


def run(options: argparse.Namespace) -> int:
    """Print what was said, or with --follow what is said until Ctrl-C; the exit status."""
    try:
        control = Control(_ready(options.target))
        write = write_json if options.json else Writer().write
        query = {"service": options.service} if options.service else {}
        if options.follow:
            for said in control.stream(f"/transcripts/stream?{urlencode(query)}"):
                write(said)
        else:
            for said in control.all_said(query):
                write(said)
    except (TargetError, NoAnswer) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return 0
    return 0


def _ready(target: str | None) -> Ready:
    ready = ready_file.read(Path(target)) if target else ready_file.running()
    if ready is None:
        raise NoAnswer("no internet is running: start one with `minternet up`, or name its ready file with --target")
    return ready


class Control:
    """The control service of a running internet."""

    def __init__(self, ready: Ready) -> None:
        if ready.control is None:
            raise NoAnswer("this internet runs without its control service: start it with --services ...,control")
        self.url = ready.control.url
        url = urlsplit(self.url)
        self.address = ready.local_host or url.hostname or "localhost", url.port or 80
        self.headers = {"Host": url.netloc, "Accept": "application/json"}
        if ready.control.token:
            self.headers["Authorization"] = f"Bearer {ready.control.token}"

    def all_said(self, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Everything that is kept, conversation by conversation, oldest first."""
        listed = self.get(f"/transcripts?{urlencode({**query, 'limit': SHOWN})}")
        for summary in reversed(listed["transcripts"]):
            try:
                told = self.get(f"/transcripts/{summary['number']}")
            except LookupError:
                continue  # dropped meanwhile
            who = {name: told[name] for name in ("number", "service", "peer")}
            for piece in told["said"]:
                yield {**who, **piece}
            if told["closed"]:
                yield {**who, "closed": True}

    def get(self, path: str) -> Any:
        """A resource; LookupError where it is not there, NoAnswer."""
        connection, response = self.ask(path, {})
        with connection, response:
            return json.loads(response.read())

    def stream(self, path: str) -> Iterator[dict[str, Any]]:
        """The data of server-sent events, until the server ends it; NoAnswer."""
        connection, response = self.ask(path, {"Accept": "text/event-stream"})
        with connection, response:
            try:
                for line in response:
                    if line.startswith(b"retry:"):
                        print(f"minternet: following {self.url}", file=sys.stderr, flush=True)
                    elif line.startswith(b"data:"):
                        yield json.loads(line[5:])
            except (OSError, http.client.HTTPException) as error:
                raise NoAnswer(f"the control service has gone: {error}") from None

    def ask(self, path: str, headers: dict[str, str]) -> tuple[Closing, http.client.HTTPResponse]:
        """A request and its reply; LookupError for 404, NoAnswer."""
        connection = Closing(*self.address, timeout=SECONDS)
        try:
            connection.request("GET", API + path, headers={**self.headers, **headers})
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            host, port = self.address
            raise NoAnswer(f"the control service does not answer on {host} port {port}: {error}") from None
        if response.status == 200:
            return connection, response
        told = response.read(10_000)
        connection.close()
        if response.status == 404:
            raise LookupError(path)
        raise NoAnswer(f"the control service says {response.status}: {told.decode('utf-8', 'replace')}")


class Closing(http.client.HTTPConnection):
    """A connection that `with` closes."""

    def __enter__(self) -> Closing:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def write_json(said: dict[str, Any]) -> None:
    """A line of JSON for each thing that was said."""
    print(json.dumps(said, ensure_ascii=False), flush=True)


class Writer:
    """Lines `smtp #3 C: EHLO ...`, whole ones only: a line that came in pieces is written when its end has come."""

    def __init__(self) -> None:
        self._begun: dict[tuple[int, str], str] = {}

    def write(self, said: dict[str, Any]) -> None:
        """What was said at once, or that a conversation is over."""
        number, side = said["number"], said.get("side", "")
        who = f"{said['service']} #{number}"
        if said.get("dropped"):
            print(f"{who} # {said['dropped']} pieces were dropped")
        for other in [key for key in self._begun if key[0] == number and key[1] != side]:
            self._put(f"{who} {other[1]}", self._begun.pop(other))
        if said.get("closed"):
            print(f"{who} # closed", flush=True)
            return
        *lines, rest = (self._begun.pop((number, side), "") + said["text"]).split("\n")
        if side == "*" and rest:
            lines, rest = [*lines, rest], ""
        for line in lines:
            self._put(f"{who} {side}", line)
        if rest:
            self._begun[number, side] = rest
        sys.stdout.flush()

    def _put(self, mark: str, line: str) -> None:
        text = line.removesuffix("\r")
        print(
            f"{mark}: "
            + "".join(each if each.isprintable() or each == "\t" else f"\\x{ord(each):02x}" for each in text)
        )
