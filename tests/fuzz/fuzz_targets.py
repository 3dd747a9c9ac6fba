"""A fuzz target for each parser: give it any octets, and it raises where the promise is broken.

The promise: always a reply or a close, never a traceback, never a hang, never memory beyond the limits.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import re
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from conversation_script import octets
from small_world import NOW, small_world
from stage import Served, Stage, serving

from minternet import registry
from minternet.bench.har import entries_of
from minternet.faults.checks import check as check_fault
from minternet.faults.rule import FaultError
from minternet.faults.rule import read as read_fault
from minternet.faults.rule import written as written_fault
from minternet.lint import judged, lint_pieces
from minternet.protocols.commands import Refusal
from minternet.protocols.ftp.lines import CommandLines
from minternet.protocols.http import forms, guard, paths, ranges
from minternet.protocols.http.visit import Problem
from minternet.protocols.imap import make_session as make_imap
from minternet.protocols.nntp import articles
from minternet.protocols.nntp import make_session as make_nntp
from minternet.protocols.nntp.wildmat import Malformed, simple, wildmat
from minternet.protocols.pop3 import make_session as make_pop3
from minternet.protocols.smtp import addresses
from minternet.protocols.smtp import make_session as make_smtp
from minternet.settings import Limits, Settings
from minternet.webhooks import lines as webhook_lines
from minternet.webhooks.client import seconds_of
from minternet.webhooks.errors import WebhookError
from minternet.webhooks.target import target_of
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.tls import Authority
from minternet.wire.transcript import Piece, Side, TranscriptRing
from minternet.world import mime
from minternet.world.changes import Reset, SetQuota
from minternet.world.errors import WorldError
from minternet.world.files import clean
from minternet.world.records import Quota
from minternet.world.seed import FixtureError, load

Target = Callable[[bytes], None]
LIMITS = Limits(
    message=200_000,
    article=100_000,
    login_delay=0.0,
    bad_commands=1000,
    login_failures=50,
    http_head=2.0,
    http_keep_alive=2.0,
)
SETTINGS = Settings(limits=LIMITS, submission_login=False)
LARGEST_REPLY = 8 << 20
"""Octets that a session may say to an input of some kilobytes."""
WORLD_LIVES = 300
"""Inputs after which a session's world is made anew, however it was reset between them."""


class Broken(AssertionError):
    """The promise is broken."""


class Loud(logging.Handler):
    """Keeps what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))

    def check(self) -> None:
        if self.said:
            said, self.said = self.said, []
            raise Broken("\n".join(said))


# -- sessions, in memory ----------------------------------------------------------------------------------------------

PREFIXES: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "imap": (
            b"",
            b"p LOGIN alice wonderland\r\n",
            b"p LOGIN alice wonderland\r\nq SELECT INBOX\r\n",
            b"p LOGIN alice wonderland\r\nq ENABLE QRESYNC UTF8=ACCEPT IMAP4rev2\r\nr SELECT INBOX (CONDSTORE)\r\n",
            b"p LOGIN alice wonderland\r\nq APPEND INBOX ",
            b"p LOGIN alice wonderland\r\nq EXAMINE INBOX\r\nr FETCH 1:* ",
            b"p LOGIN alice wonderland\r\nq EXAMINE INBOX\r\nr SEARCH ",
        ),
        "smtp": (
            b"",
            b"EHLO x\r\n",
            b"EHLO x\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<alice@example.test>\r\n",
            b"EHLO x\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n",
            b"EHLO x\r\nMAIL FROM:",
            b"EHLO x\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:",
            b"EHLO x\r\nAUTH ",
        ),
        "lmtp": (b"LHLO x\r\n", b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<team@example.test>\r\nRCPT TO:"),
        "pop3": (b"", b"USER alice\r\nPASS wonderland\r\n", b"AUTH ", b"USER alice\r\nPASS wonderland\r\nTOP "),
        "nntp": (
            b"",
            b"GROUP local.test\r\n",
            b"AUTHINFO USER alice\r\nAUTHINFO PASS wonderland\r\nPOST\r\n",
            b"POST\r\nFrom: a@b\r\nNewsgroups: local.test\r\n",
            b"MODE STREAM\r\nTAKETHIS <a@b>\r\n",
            b"LIST ACTIVE ",
            b"GROUP local.test\r\nOVER ",
            b"NEWNEWS ",
        ),
    }
)
MAKERS: Mapping[str, Any] = MappingProxyType(
    {"imap": make_imap, "smtp": make_smtp, "lmtp": make_smtp, "pop3": make_pop3, "nntp": make_nntp}
)
REPLIES: Mapping[str, re.Pattern[bytes]] = MappingProxyType(
    {
        "smtp": re.compile(rb"(?:[2345][0-9]{2}[ -][^\r\n]*\r\n)*\Z"),
        "lmtp": re.compile(rb"(?:[2345][0-9]{2}[ -][^\r\n]*\r\n)*\Z"),
        "pop3": re.compile(rb"\+OK|-ERR"),
        "nntp": re.compile(rb"20[01] "),
        "imap": re.compile(rb"\* OK "),
    }
)
INTERNAL = re.compile(rb"internal error|SERVERBUG|Traceback", re.IGNORECASE)


class SessionTarget:
    """A session of one protocol: the first octet chooses what was said before, the rest is said to it whole."""

    def __init__(self, service: str) -> None:
        self.service, self.lives = service, 0
        self.loud, self.log = Loud(), logging.Logger(f"fuzz.{service}")
        self.log.addHandler(self.loud)
        self._stage: Stage | None = None

    def __call__(self, data: bytes) -> None:
        prefixes = PREFIXES[self.service]
        conversation = self._conversation()
        said = conversation.greeting + conversation.say(prefixes[data[0] % len(prefixes)] if data else b"")
        said += conversation.say(data[1:])
        said += conversation.hang_up()
        self.loud.check()
        if not conversation.closed:
            raise Broken("it did not end with its client")
        if not REPLIES[self.service].match(said):
            raise Broken(f"not a reply: {said[:200]!r}")
        if len(said) > LARGEST_REPLY:
            raise Broken(f"{len(said)} octets of reply")
        if INTERNAL.search(said) and not INTERNAL.search(data):
            raise Broken(f"an internal error: {said[-200:]!r}")

    def _conversation(self) -> Conversation:
        if self._stage is None or self.lives >= WORLD_LIVES:
            if self._stage is not None:
                self._stage.world.close()
            self._stage, self.lives = Stage(small_world(), SETTINGS, _authority()), 0
            # Without it, each COPY 1:* of a mailbox to itself makes it twice as large.
            self._stage.world.commit_now(SetQuota("alice", Quota(messages=500)))
            self._stage.world.snapshot("start")
        self.lives += 1
        self._stage.world.commit_now(Reset("start"))
        context = self._stage.context(registry.by_name()[self.service])
        context.log = self.log
        context.locks.clear()
        return Conversation(MAKERS[self.service](MemoryWire(), context))


@cache
def _authority() -> Authority:
    return Authority(Path(tempfile.mkdtemp(prefix="minternet-fuzz-")))


# -- engines, over a socket -------------------------------------------------------------------------------------------


class SocketTarget:
    """A service over a socket: what is said is said whole, then the client ends, and hears it to the end."""

    def __init__(self, service: str, before: tuple[bytes, ...]) -> None:
        self.service, self.before, self.lives = service, before, 0
        self.loud = Loud()
        self._served: Served | None = None
        self._stack = ExitStack()

    def __call__(self, data: bytes) -> None:
        served = self._running()
        with socket.create_connection(("127.0.0.1", served.ports[self.service]), 10) as client:
            client.settimeout(15)
            said = bytearray()
            with contextlib.suppress(ConnectionError):
                client.sendall((self.before[data[0] % len(self.before)] if data else b"") + data[1:])
                client.shutdown(socket.SHUT_WR)
                while len(said) < LARGEST_REPLY and (piece := client.recv(65536)):
                    said += piece
        self.loud.check()
        if INTERNAL.search(said) and not INTERNAL.search(data):
            raise Broken(f"an internal error: {bytes(said[-300:])!r}")

    def _running(self) -> Served:
        if self._served is None:
            logging.getLogger("minternet").addHandler(self.loud)
            self._served = self._stack.enter_context(
                serving(self.service, authority=_authority(), settings=SETTINGS, world=small_world())
            )
        return self._served

    def close(self) -> None:
        """Stop the service."""
        self._stack.close()
        self._served = None
        logging.getLogger("minternet").removeHandler(self.loud)


HTTP_BEFORE = (
    b"",
    b"GET ",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 60\r\n\r\n",
    b"GET /files/pub/data.bin HTTP/1.1\r\nHost: x\r\nRange: ",
    b"GET /cookies HTTP/1.1\r\nHost: x\r\nCookie: ",
)
FTP_BEFORE = (
    b"",
    b"USER alice\r\nPASS wonderland\r\n",
    b"USER anonymous\r\nPASS x\r\nCWD /pub\r\n",
    b"USER alice\r\nPASS wonderland\r\nMLST ",
)


# -- parsers ----------------------------------------------------------------------------------------------------------


def target_mime(data: bytes) -> None:
    """Everything that is ever asked of a message."""
    root = mime.parse(data)
    mime.envelope(data, root)
    mime.preview(data, root)
    mime.sent_date(data)
    for name in (b"Subject", b"From", b"References", b"Content-Type"):
        value = mime.first_header(data, name)
        if value is not None:
            mime.decode_header(value)
            mime.addresses(value)
            mime.message_ids(value)
            mime.base_subject(mime.decode_header(value))
    for number, part in enumerate(mime.leaves(root)):
        if number > 50:
            break
        mime.text(data, part)
        mime.decoded(data, part)
        mime.filename(part)
        mime.charset_of(part)
    for path in ((), (1,), (1, 1), (2,), (1, 2, 3)):
        for what in (None, "HEADER", "TEXT", "MIME"):
            found = mime.section(data, root, path, what)
            if found is not None and not 0 <= found[0] <= found[1] <= len(data):
                raise Broken(f"section {path} {what} is {found} of {len(data)}")
    mime.select_headers(data, root, [b"subject", b"to"])
    mime.select_headers(data, root, [b"subject"], invert=True)


def target_article(data: bytes) -> None:
    """A posted and a relayed article."""
    for check in (articles.check_posted, articles.check_relayed):
        with contextlib.suppress(articles.Rejected):
            draft = articles.parse(data)
            check(draft, NOW.timestamp())
            articles.header_of(draft, b"x!y")


def target_wildmat(data: bytes) -> None:
    """A wildmat, and what it matches."""
    pattern, _, names = data.partition(b"\n")
    for make in (wildmat, simple):
        with contextlib.suppress(Malformed):
            made = make(pattern.decode("utf-8", "replace"))
            for name in (*names.decode("utf-8", "replace").split("\n")[:5], "local.test", "a" * 200):
                made.matches(name)


def target_smtp_path(data: bytes) -> None:
    """Addresses and parameters of MAIL and RCPT."""
    argument, _, rest = data.partition(b"\n")
    for keyword in (b"FROM:", b"TO:"):
        with contextlib.suppress(Refusal):
            path = addresses.parse(keyword + argument, keyword, "usage")
            addresses.unquoted(path[0])
    with contextlib.suppress(Refusal):
        for name, value in addresses.parse_parameters(rest).items():
            addresses.decode_xtext(value or "", name)
            addresses.decode_original_recipient(value or "")


def target_http_head(data: bytes) -> None:
    """The guard before the parser: head, body framing, chunks, trailers."""
    limits = guard.HeadLimits(body=1 << 20)
    head, found, body = data.partition(b"\r\n\r\n")
    with contextlib.suppress(guard.Refused):
        guard.check_unfinished(data, limits)
    with contextlib.suppress(guard.Refused):
        read = guard.read_head(head + b"\r\n\r\n" if found else head, limits)
        follow(guard.Framing(read, limits), body)
    with contextlib.suppress(guard.Refused):
        chunked = guard.read_head(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", limits)
        follow(guard.Framing(chunked, limits), data)


def follow(framing: guard.Framing, body: bytes) -> None:
    """Take a body whole: it makes way, or is done."""
    at = 0
    while at < len(body) and not framing.done:
        stop, _ = framing.take(body, at)
        if stop <= at:
            raise Broken(f"stuck at {at}")
        at = stop


def target_http_values(data: bytes) -> None:
    """Forms, ranges, validators, paths, dates."""
    first, _, rest = data.partition(b"\n")
    value = first.decode("latin-1")
    kind, _ = forms.media_type(value)
    for content_type in (value, "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"):
        with contextlib.suppress(Problem):
            forms.parse_form(content_type, rest)
    for size in (0, 1, 1000):
        for start, stop in ranges.parse_ranges(value, size) or ():
            if not 0 <= start <= stop <= size:
                raise Broken(f"{value!r} is {start}-{stop} of {size}")
    ranges.matches(value, '"a"', weak=True)
    ranges.parse_date(value)
    path = paths.tree_path(value)
    if path is not None and (".." in path.split("/") or not path.startswith("/")):
        raise Broken(f"{value!r} leads to {path!r}")
    paths.media_type(kind, rest[:100])


def target_ftp_lines(data: bytes) -> None:
    """Command lines however they come, and paths."""
    whole, pieces = CommandLines(100), CommandLines(100)
    whole.feed(data)
    for at in range(0, len(data), 7):
        pieces.feed(data[at : at + 7])
    if len(whole) != len(pieces):
        raise Broken("how octets arrive makes a difference")
    while len(whole):
        line = whole.take()
        if line != pieces.take():
            raise Broken("how octets arrive makes a difference")
        if line is None:
            continue
        with contextlib.suppress(WorldError):
            path = clean(line.decode("utf-8", "replace"), "/pub")
            if not path.startswith("/") or ".." in path.split("/"):
                raise Broken(f"{line!r} leads to {path!r}")


def target_fixture(data: bytes) -> None:
    """A world.toml: a world, or a FixtureError that says where."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "world.toml").write_bytes(data)
        try:
            load(Path(folder)).close()
        except FixtureError as error:
            if "world.toml:" not in str(error):
                raise Broken(f"it does not say where: {error}") from None


def target_fixture_file(data: bytes) -> None:
    """A fixture in one file of JSON: a world, or a FixtureError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.json"
        path.write_bytes(data)
        with contextlib.suppress(FixtureError):
            load(path).close()
        if sorted(found.name for found in Path(folder).iterdir()) != ["world.json"]:
            raise Broken("it was laid out beside itself")


def target_fault(data: bytes) -> None:
    """A line of the fault language: refused, or written as it is read."""
    for line in data.decode("utf-8", "replace").splitlines()[:20]:
        with contextlib.suppress(FaultError):
            fault = read_fault(line)
            check_fault(fault, registry.SERVICES)
            if '"' not in "".join((fault.service, fault.command, fault.argument, *map(str, fault.attributes.values()))):
                again = read_fault(written_fault(fault))
                if again != fault:
                    raise Broken(f"{line!r} is written as {written_fault(fault)!r}")


def target_webhook(data: bytes) -> None:
    """A webhook's line, its URL, and what a receiver may ask for: nothing leads elsewhere, nothing is put into the request."""
    seconds = seconds_of(data[:100].decode("latin-1"))
    if seconds is not None and not 0 <= seconds < 1e12:
        raise Broken(f"Retry-After of {seconds} seconds")
    for line in data.decode("utf-8", "replace").splitlines()[:20]:
        with contextlib.suppress(WebhookError):
            target = target_of(str(webhook_lines.read(line)["url"]))
            if any(not ipaddress.ip_address(address).is_loopback for address in target.addresses):
                raise Broken(f"{line!r} leads to {target.addresses}")
            if not re.fullmatch(r"[!-~]+", target.path + target.authority) or not re.fullmatch(
                AUTHORITY, target.authority
            ):
                raise Broken(f"{line!r} asks {target.authority!r} for {target.path!r}")


AUTHORITY = r"(?i:localhost|127(\.[0-9]{1,3}){3}|\[[0:]+1\])(:[0-9]+)?"


def target_lint(data: bytes) -> None:
    """A conversation of any service: the first octet says which, and that of each line after it who says the line."""
    services = [service.name for service in registry.SERVICES if judged(service.name)]
    service = services[data[0] % len(services)] if data else "imap"
    sides: tuple[Side, ...] = ("C", "S", "*")
    pieces = [
        Piece(float(at), sides[line[0] % 3], line[1:]) for at, line in enumerate(data[1:].splitlines(keepends=True))
    ]
    for finding in lint_pieces(service, pieces):
        str(finding).encode()
        if not all(each.isprintable() for each in finding.line):
            raise Broken(f"a finding quotes {finding.line!r}")
    ring = TranscriptRing()
    transcript = ring.open("http", ("127.0.0.1", 1), ("127.0.0.1", 2))
    for piece in pieces:
        (transcript.server if piece.side == "S" else transcript.client)(piece.data)
    for entry in entries_of(transcript):
        msgspec.json.encode(entry)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        **{name: SessionTarget(name) for name in PREFIXES},
        "http": SocketTarget("http", HTTP_BEFORE),
        "ftp": SocketTarget("ftp", FTP_BEFORE),
        "mime": target_mime,
        "article": target_article,
        "wildmat": target_wildmat,
        "smtp-path": target_smtp_path,
        "http-head": target_http_head,
        "http-values": target_http_values,
        "ftp-lines": target_ftp_lines,
        "fixture": target_fixture,
        "fixture-file": target_fixture_file,
        "fault": target_fault,
        "webhook": target_webhook,
        "lint": target_lint,
    }
)


# -- what to begin with -----------------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
SERVICES_OF = MappingProxyType(
    {
        "smtp-path": ("smtp",),
        "http-head": ("http",),
        "http-values": ("http",),
        "ftp-lines": ("ftp",),
        "article": ("nntp",),
        "wildmat": ("nntp",),
    }
)
GOOD: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "fixture-file": (
            b'{"accounts": {"ada": "lovelace", "bob": {"password": "x"}},\n"mail": {"ada": {"INBOX": ["Subject: a\\n\\nb\\n",\n'
            b'{"message": "\\nx", "flags": ["\\\\Seen"]}], "Named": {"1.eml": "\\nx",\n"mailbox.toml": {"special_use": "\\\\Archive"}}}},'
            b'\n"mail/ada/Sent/1.eml": "\\nx",\n"news": {"local.test": ["From: a@b.test\\nSubject: c\\n\\nd\\n"]},\n'
            b'"files": {"/pub/a.txt": "text",\n"pub": {"b": {"base64": "eA=="}, "empty": {}}},\n"site": {"index.html": "x"},\n'
            b'"routes": [{"name": "bell", "path": "/bell"}], "faults": ["imap FETCH: reset, n=2"]}\n',
        ),
        "fault": (
            b"imap FETCH: reset, n=2\nsmtp RCPT *@slow.test: reply 450 4.7.1 Later, first=1, per=argument\n"
            b"*: latency 1.5s, jitter=20ms, toxicity=0.5, seed=7\nftp RETR /pub/*: truncate 100, every=3, skip=1, times=2, name=cut\n"
            b'=imap: bandwidth rate=64, stream=upstream, enabled=no\npop3: reply "-ERR a, b: c", when=connect\n'
            b"nntp AUTHINFO PASS account=bob: close, always\nhttp GET /get: lying_literal by=-5, then=close\n",
        ),
        "webhook": (
            b"http://127.0.0.1:9000/hook?a=b name=ci events=deliver|post\nhttps://localhost/ since=0 timeout=1.5 verify=no\n"
            b"http://[::1]:9/ secret=whsec_AAAA\nhttp://[::ffff:127.0.0.1]/\nhttp://[::1]evil.test/\nhttp://a@127.0.0.1/#b\n"
            b"Wed, 21 Oct 2015 07:28:00 GMT\n120\n",
        ),
    }
)
SAID = re.compile(r"^C[0-9A-Za-z]?([:-]) ?(.*)$", re.MULTILINE)


@cache
def corpus(name: str) -> tuple[bytes, ...]:
    """Good octets for a target: what the conversations say to its service, and files of the default fixtures."""
    fixtures = ROOT / "fixtures" / "default"
    if name == "mime":
        return tuple(path.read_bytes()[:20_000] for path in sorted(fixtures.glob("mail/*/*/*.eml")))
    if name == "article":
        return tuple(path.read_bytes()[:20_000] for path in sorted(fixtures.glob("news/*/*.eml")))
    if name in GOOD:
        return GOOD[name]
    if name == "lint":
        talks = sorted((ROOT / "tests" / "conversations").glob("*.txt"))
        return tuple(b"".join([b"\0", *_by_side(path.read_text("utf-8"))]) for path in talks)
    if name == "fixture":
        return tuple(path.read_bytes() for path in sorted(fixtures.glob("world.toml")))
    wanted = SERVICES_OF.get(name, (name, f"{name}s"))
    files = [path.read_text("utf-8") for path in sorted((ROOT / "tests" / "conversations").glob("*.txt"))]
    return tuple(
        said for text in files if _service_of(text) in wanted if (said := b"\x01" + b"".join(_says(text))) != b"\x01"
    )


def _by_side(text: str) -> Iterator[bytes]:
    for side, said in re.findall(r"(?m)^([CS])[0-9A-Za-z]?: ?(.*)$", text):
        with contextlib.suppress(ValueError):
            yield side.encode().translate(bytes.maketrans(b"CS", b"\0\1")) + octets(said) + b"\r\n"


def _service_of(text: str) -> str:
    found = re.search(r"(?m)^service: *(\S+)", text)
    return found[1] if found else ""


def _says(text: str) -> Iterator[bytes]:
    for how, said in SAID.findall(text):
        with contextlib.suppress(ValueError):
            yield octets(said) + (b"\r\n" if how == ":" else b"")


@cache
def lines(name: str) -> tuple[bytes, ...]:
    """All lines of the corpus, each once."""
    return tuple(
        dict.fromkeys(line for text in corpus(name) for line in text.removeprefix(b"\x01").splitlines(keepends=True))
    )


def close_all() -> None:
    """Stop the services that targets have started."""
    for target in TARGETS.values():
        if isinstance(target, SocketTarget):
            target.close()
