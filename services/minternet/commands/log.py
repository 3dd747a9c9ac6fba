"""`minternet log`: what is said in a running internet's conversations, by its control API.

It uses the standard library only: it is to start at once, and to run beside an internet of another version.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
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
    """Print what was said, or is said until Ctrl-C; or what clients did wrong; or write HAR. The exit status."""
    if wrong := _wrong(options):
        return fail(wrong, 2)
    query = {"service": options.service} if options.service else {}
    try:
        control = Control(_ready(options.target))
        if options.lint:
            return Lint(control, options).run(query)
        if options.har:
            return _har(control, options.har, query)
        write = write_json if options.json else Writer().write
        try:
            for said in control.followed(query) if options.follow else control.all_said(query):
                write(said)
        except KeyboardInterrupt:
            pass
    except (TargetError, NoAnswer) as error:
        return fail(str(error))
    return 0


def _wrong(options: argparse.Namespace) -> str:
    """What is wrong with the options together; "" where nothing is."""
    if options.level and not options.lint:
        return "--level says which findings: it goes with --lint"
    if options.har and (options.follow or options.json):
        return "--har writes what is kept as HAR, which is JSON: leave --follow and --json out"
    return ""


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

    def followed(self, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        """What is said from now on, until the server ends."""
        return self.stream(f"/transcripts/stream?{urlencode(query)}")

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
        raise NoAnswer(f"the control service says {response.status}: {_detail(told)}")


def _detail(told: bytes) -> str:
    """A problem's own words (RFC 9457); whatever was said where it is none."""
    try:
        return str(json.loads(told)["detail"])
    except (ValueError, TypeError, KeyError):
        return told.decode("utf-8", "replace")


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
        print(f"{mark}: {_printable(text)}")


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() or each == "\t" else f"\\x{ord(each):02x}" for each in text)


# -- the lint


class Lint:
    """Prints findings; the exit status is 1 where there were any, so that a build fails."""

    def __init__(self, control: Control, options: argparse.Namespace) -> None:
        self.control, self.follow, self.json = control, options.follow, options.json
        self.level: str = options.level or "note"
        self.printed = 0

    def run(self, query: dict[str, str]) -> int:
        """Those of all conversations that are kept, or of each when it is over until Ctrl-C; the exit status."""
        try:
            if self.follow:
                self.followed(query)
            else:
                self.kept(query)
        except LookupError:
            return fail("this internet has no lint: it is of another version; start it with this one's `minternet up`")
        except KeyboardInterrupt:
            pass
        return 1 if self.printed else 0

    def kept(self, query: dict[str, str]) -> None:
        """What is kept, the oldest conversation first."""
        told = self.control.get(f"/lint?{urlencode({**query, 'level': self.level, 'limit': SHOWN})}")
        for finding in sorted(told["findings"], key=lambda each: int(each["conversation"])):
            self.write(finding)
        if not told["complete"]:
            _say(
                f"there are more than {SHOWN} findings; these are of the newest conversations: use --service or --level"
            )
        if told["skipped"]:
            _say(
                f"not judged, for their beginning is no longer kept: {told['skipped']} of the conversations;"
                " start the internet with --set transcript_octets=..."
            )
        if not self.printed:
            _say(f"nothing to mend; conversations looked through: {told['conversations']}")

    def followed(self, query: dict[str, str]) -> None:
        """Conversation by conversation, as they end."""
        self.control.get("/lint/rules")  # LookupError at once where there is no lint
        for said in self.control.followed(query):
            if not said.get("closed"):
                continue
            try:
                told = self.control.get(f"/transcripts/{said['number']}/lint?level={self.level}")
            except LookupError:
                continue  # dropped meanwhile
            for finding in told["findings"]:
                self.write(finding)

    def write(self, finding: dict[str, Any]) -> None:
        """One finding."""
        self.printed += 1
        if self.json:
            return write_json(finding)
        times = f" ({finding['count']} times)" if finding["count"] > 1 else ""
        where = f"{finding['service']} #{finding['conversation']} from {finding['peer']} at {finding['at']:.3f} s"
        print(f"{finding['severity']}: {finding['rule']} in {where}{times}: {finding['wrong']}")
        for text in (f"C: {finding['line']}" if finding["line"] else "", finding["why"]):
            if text:
                print(f"    {_printable(text)}")
        print(f"    {finding['reference']}. {finding['advice']}", flush=True)
        return None


def _say(text: str) -> None:
    print(f"minternet: {text}", file=sys.stderr)


# -- HAR


def _har(control: Control, name: str, query: dict[str, str]) -> int:
    """Write the HTTP conversations; the exit status."""
    try:
        connection, response = control.ask(f"/transcripts.har?{urlencode(query)}", {})
    except LookupError:
        return fail("this internet has no HAR: it is of another version; start it with this one's `minternet up`")
    with connection, response:
        try:
            if name == "-":
                shutil.copyfileobj(response, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                _write_whole(response, Path(name))
        except http.client.HTTPException as error:
            raise NoAnswer(f"the control service has gone: {error}") from None
        except BrokenPipeError:
            raise
        except OSError as error:
            return fail(f"cannot write {name}: {error.strerror}; name a file in a folder that is there")
    return 0


def _write_whole(response: http.client.HTTPResponse, path: Path) -> None:
    """The file is there when all is in it, and never half."""
    begun = path.with_name(path.name + ".part")
    try:
        with begun.open("wb") as file:
            shutil.copyfileobj(response, file)
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)
