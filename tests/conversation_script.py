"""Reads a conversation file into steps, and turns its lines into octets to send and patterns to expect.

The format is described in tests/conversations/README.md.
"""

from __future__ import annotations

import ast
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["say", "expect", "regex", "skip", "maybe", "mark"]
MARK_LINE = re.compile(r"(?P<who>[CS*])(?P<name>[0-9A-Za-z]?)(?P<how>[:~?-]|\.\.\.)(?: (?P<text>.*))?\Z", re.DOTALL)
HEAD_LINE = re.compile(r"(?P<key>[a-z]+): *(?P<value>.*)\Z")
TEXT_START = re.compile(r"text (?P<name>[a-z][a-z0-9_]*):\Z")
HEAD_KEYS = ("service", "covers", "rfc", "world", "settings", "hide", "options")
BRACES = re.compile(r"\{(\*|[a-z][a-z0-9_-]*(?:\.size|=[^{}]*|:[^{}]*)?)\}")
KEPT = re.compile("\ue000([0-9]+)\ue001".encode())
KINDS = {
    "*": r"[^\r\n]*",
    "number": r"[0-9]+",
    "word": r"[^ \r\n]+",
    "hex": r"[0-9a-fA-F]+",
    "base64": r"[A-Za-z0-9+/]*={0,2}",
}


class BadScript(Exception):
    """A conversation file that breaks the format; the text names file, line and what to write instead."""


class Unknown(KeyError):
    """A name that nothing was kept under so far."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the dialogue: what is done, on which connection, with which text, ended by CRLF or not."""

    kind: Kind
    connection: str
    text: str
    whole_line: bool
    number: int


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation file: its head, its texts and its steps."""

    path: Path
    title: str
    service: str
    covers: tuple[str, ...]
    rfc: str
    world: str
    settings: Mapping[str, Any]
    hide: frozenset[str]
    options: frozenset[str]
    texts: Mapping[str, bytes]
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(slots=True)
class Reader:
    """Walks the file's lines once: head, then texts and steps."""

    path: Path
    lines: list[str]
    head: dict[str, str] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    at: int = 0

    def fail(self, reason: str) -> BadScript:
        return BadScript(f"{self.path.name}:{self.at + 1}: {reason}")

    def read_head(self) -> None:
        while self.at < len(self.lines) and self.lines[self.at].strip():
            line = self.lines[self.at]
            if not line.startswith("#"):
                match = HEAD_LINE.match(line)
                if match is None or match["key"] not in HEAD_KEYS:
                    raise self.fail(
                        f"{line!r} is no head line; known keys: {', '.join(HEAD_KEYS)}; an empty line ends them"
                    )
                self.head[match["key"]] = match["value"]
            self.at += 1
        if "service" not in self.head:
            raise self.fail("the head has no `service:`")

    def read_dialogue(self) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if (text := TEXT_START.match(line)) is not None:
                self.at += 1
                self.texts[text["name"]] = self.read_text()
                continue
            if line.strip() and not line.startswith("#"):
                self.steps.append(self.step(line))
            self.at += 1

    def read_text(self) -> bytes:
        start = self.at
        while self.at < len(self.lines) and (not self.lines[self.at].strip() or self.lines[self.at].startswith("    ")):
            self.at += 1
        body = self.lines[start : self.at]
        while body and not body[-1].strip():
            body.pop()
        return b"".join(octets(line[4:]) + b"\r\n" for line in body)

    def step(self, line: str) -> Step:
        match = MARK_LINE.match(line)
        kinds: dict[tuple[str, str], Kind] = {
            ("C", ":"): "say",
            ("C", "-"): "say",
            ("S", ":"): "expect",
            ("S", "-"): "expect",
            ("S", "~"): "regex",
            ("S", "?"): "maybe",
            ("S", "..."): "skip",
            ("*", ":"): "mark",
        }
        kind = match and kinds.get((match["who"], match["how"]))
        if match is None or kind is None:
            raise self.fail(
                f"{line!r} starts with none of `C:`, `C-`, `S:`, `S-`, `S~`, `S?`, `S...`, `*:`, `#`, `text NAME:`"
            )
        return Step(kind, match["name"], match["text"] or "", match["how"] != "-", self.at + 1)


def read_script(path: Path) -> Script:
    """The conversation in a file; `BadScript` where it breaks the format."""
    # Not splitlines(): it would split at form feeds and the like, which belong to the text.
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    reader = Reader(path, lines)
    reader.read_head()
    reader.read_dialogue()
    head = reader.head
    title = lines[0].lstrip("# ") if lines[0].startswith("#") else path.stem
    return Script(
        path=path,
        title=title,
        service=head["service"],
        covers=tuple(head.get("covers", "").split()),
        rfc=head.get("rfc", ""),
        world=head.get("world", "small"),
        settings=dict(_settings(head.get("settings", ""))),
        hide=frozenset(head.get("hide", "").split()),
        options=frozenset(head.get("options", "").split()),
        texts=reader.texts,
        steps=tuple(reader.steps),
    )


def _settings(text: str) -> Iterator[tuple[str, Any]]:
    for pair in text.split():
        name, _, value = pair.partition("=")
        try:
            yield name, ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(value, value))
        except (ValueError, SyntaxError):
            yield name, value


def octets(text: str) -> bytes:
    r"""The octets of a text: UTF-8, with `\xHH` for a single one."""
    parts = re.split(r"\\x([0-9a-fA-F]{2})", text)
    return b"".join(bytes([int(part, 16)]) if index % 2 else part.encode() for index, part in enumerate(parts))


def filled(text: str, names: Mapping[str, bytes]) -> bytes:
    """The octets to send: names and functions in braces replaced, innermost first. `Unknown` for a name not kept yet."""
    marked, kept = _take_out(text, names, may_match=False)
    return _put_back(octets(marked), [part.octets for part in kept])


def pattern(text: str, names: Mapping[str, bytes]) -> re.Pattern[bytes]:
    """What a server line must match, with a group for each name it keeps."""
    marked, kept = _take_out(text, names, may_match=True)
    parts = [part.octets if part.matches else re.escape(part.octets) for part in kept]
    return re.compile(_put_back(re.escape(octets(marked)), parts), re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Part:
    """What braces stood for: octets, or the source of a regular expression."""

    octets: bytes
    matches: bool = False


def _take_out(text: str, names: Mapping[str, bytes], *, may_match: bool) -> tuple[str, list[_Part]]:
    """The text with each pair of braces replaced by a mark (two private characters around a number), and what they
    stood for, kept aside so that its octets are never read as text."""
    kept: list[_Part] = []

    def take(match: re.Match[str]) -> str:
        kept.append(_meaning(match[1], names, kept, may_match))
        return f"\ue000{len(kept) - 1}\ue001"

    while (replaced := BRACES.sub(take, text)) != text:
        text = replaced
    return text, kept


def _meaning(inside: str, names: Mapping[str, bytes], kept: list[_Part], may_match: bool) -> _Part:
    function, colon, argument = inside.partition(":")
    if colon and function in FUNCTIONS:
        arguments = _put_back(octets(argument), [part.octets for part in kept])
        return _Part(FUNCTIONS[function](*arguments.split(b",", ARGUMENTS.get(function, 1) - 1)))
    name, equals, kind = inside.partition("=")
    if may_match and equals:
        return _Part(f"(?P<{name}>{KINDS.get(kind, kind)})".encode(), matches=True)
    if may_match and inside in KINDS and inside not in names:
        return _Part(KINDS[inside].encode(), matches=True)
    name = inside.removesuffix(".size")
    if name not in names:
        raise Unknown(inside)
    return _Part(names[name] if name == inside else b"%d" % len(names[name]))


def _put_back(text: bytes, parts: list[bytes]) -> bytes:
    return KEPT.sub(lambda match: parts[int(match[1])], text)


def _scram(password: bytes, client_first: bytes, server_first: bytes) -> tuple[bytes, bytes]:
    """The client's final message and the server's answer to it (RFC 5802 section 3), written anew for the tests."""
    fields = dict(part.split(b"=", 1) for part in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password, binascii.a2b_base64(fields[b"s"]), int(fields[b"i"]))
    final = b"c=biws,r=" + fields[b"r"]
    transcript = b",".join((client_first, server_first, final))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), transcript, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), transcript, "sha256")
    return final + b",p=" + base64.b64encode(proof), b"v=" + base64.b64encode(server)


def _scram_arguments(joined: bytes) -> tuple[bytes, bytes, bytes]:
    """`password,n=user,r=nonce,r=...,s=...,i=...`: the client's first message is the two fields after the password."""
    password, user, nonce, server_first = joined.split(b",", 3)
    return password, b"%b,%b" % (user, nonce), server_first


FUNCTIONS: Mapping[str, Callable[..., bytes]] = {
    "base64": base64.b64encode,
    "unbase64": base64.b64decode,
    "md5": lambda text: hashlib.md5(text).hexdigest().encode(),
    "hmac-md5": lambda key, text: hmac.new(key, text, "md5").hexdigest().encode(),
    "scram": lambda joined: _scram(*_scram_arguments(joined))[0],
    "scram-server": lambda joined: _scram(*_scram_arguments(joined))[1],
    "repeat": lambda count, text: text * int(count),
}
ARGUMENTS = {"hmac-md5": 2, "repeat": 2}
"""How many arguments, set apart by commas, where it is not one."""
