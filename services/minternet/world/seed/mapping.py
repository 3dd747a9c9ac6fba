"""A dict, or a file of JSON or TOML, as a fixture: it is laid out as the folder that it stands for, and loaded as one.

    {"accounts": {"ada": "lovelace"}, "mail": {"ada": {"INBOX": ["Subject: Notes\\n\\nG?\\n"]}}, "files": {"/pub/a.txt": "hi"}}

Keys are names or paths in the folder, or the tables of world.toml; docs/fixtures.md has the rest.
"""

from __future__ import annotations

import base64
import binascii
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from email.message import Message
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from .. import mime
from .mail import MAILBOX_FILE
from .problems import Problems
from .schema import WorldFile

TREES = ("mail", "news", "files", "site")
WORLD = "world.toml"
TABLES = tuple(name for name in WorldFile.__struct_fields__ if name not in TREES)
"""Tables of world.toml that may stand at the top; the others' names are those of folders."""
CONTENT = "a str, bytes, an EmailMessage, a Path to copy, or {'base64': ...}"
DEEPEST = 100
"""Names in a path: a dict may hold itself."""
NO_TEXT = "holds half of a surrogate pair, which is no text"


def read_file(path: Path, problems: Problems) -> Mapping[str, Any]:
    """What a file of JSON or TOML holds; nothing where it is wrong, which is told."""
    if path.suffix not in (".json", ".toml"):
        problems.add(path, 1, "is no fixture by its name", "name a folder, or a file in .json or .toml")
        return {}
    try:
        text = path.read_text("utf-8")
        given = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        problems.add(path, getattr(error, "lineno", 1), f"cannot be read: {error}", "mend the line")
        return {}
    if isinstance(given, dict):
        return given
    problems.add(path, 1, "is no object", 'write {"accounts": {"login": "password"}} and more')
    return {}


def lay_out(given: Mapping[str, Any], problems: Problems) -> None:
    """Write what the mapping says into the problems' folder, and its tables into their `tables`."""
    world: dict[str, Any] = {}
    layout = _Layout(problems)
    layout.table(problems.folder / WORLD, world)
    for key, value in given.items():
        if key == WORLD and isinstance(value, Mapping):
            world |= value
        elif key in TABLES:
            world[key] = value
        elif key in TREES and not isinstance(value, Mapping | Path):
            problems.add(
                problems.folder / key, 0, f"cannot be a {_kind(value)}", "write a dict of names, or a folder's Path"
            )
        elif isinstance(key, str) and (key.partition("/")[0] in TREES or key == "README.md"):
            layout.put(problems.folder, key, value)
        else:
            known = ", ".join((*TABLES, *TREES, WORLD))
            problems.add(problems.folder / str(key), 0, "is no part of a fixture", f"write one of {known}")
    if isinstance(accounts := world.get("accounts"), Mapping):
        world["accounts"] = [_account(login, told) for login, told in accounts.items()]
    if _is_no_text(world):
        world.clear()
        problems.add(problems.folder / WORLD, 0, NO_TEXT, "write whole characters")


def _is_no_text(value: object) -> bool:
    """Whether there is a text in it that cannot be encoded; what is wrong in other ways is told by the schema."""
    try:
        msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:
        return True
    except (TypeError, ValueError, RecursionError):
        return False
    return False


def _account(login: str, told: Any) -> Any:
    """`"ada": "lovelace"` and `"ada": {"password": "lovelace", ...}`."""
    return {"login": login, **told} if isinstance(told, Mapping) else {"login": login, "password": told}


def _kind(value: object) -> str:
    return type(value).__name__


class _Layout:
    """Writes files and folders, one for each value."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._gave_up = False

    def put(self, folder: Path, name: object, value: Any) -> None:
        """A value under a name, which may be a path."""
        steps = str(name).strip("/").split("/")
        path = folder.joinpath(*steps)
        if not all(map(_is_name, steps)):
            self.problems.add(path, 0, "is no name of a file", "write names, parted by single slashes")
            return
        parts = path.relative_to(self.problems.folder).parts
        if len(parts) > DEEPEST:
            if not self._gave_up:
                top = self.problems.folder.joinpath(*parts[:2])
                self.problems.add(top, 0, f"is deeper than {DEEPEST} names", "write a dict that comes to an end")
            self._gave_up = True
        if self._gave_up:
            return
        try:
            self._put(path, value)
        except OSError as error:
            self.problems.add(
                path, 0, f"cannot be laid out ({error.strerror})", "choose another name, or mend the file"
            )

    def _put(self, path: Path, value: Any) -> None:
        if isinstance(value, Mapping) and path.suffix == ".toml":
            path.parent.mkdir(parents=True, exist_ok=True)
            self.table(path, value)
        elif isinstance(value, Mapping) and set(value) != {"base64"}:
            path.mkdir(parents=True, exist_ok=True)
            for name, below in value.items():
                self.put(path, name, below)
        elif isinstance(value, Path) and value.is_dir():
            shutil.copytree(value, path, ignore=partial(self._odd_ones, value, path), dirs_exist_ok=True)
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            self._put_messages(path, value)
        elif (content := self._content(path, value)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _odd_ones(self, source: Path, target: Path, folder: str, names: list[str]) -> list[str]:
        """What is not copied: links lead out of the fixture, for reading and for what is laid out after them."""
        odd = [name for name in names if not _is_plain(Path(folder, name))]
        for name in odd:
            place, link = target / Path(folder).relative_to(source) / name, Path(folder, name).is_symlink()
            what = "is a symbolic link" if link else "is neither a file nor a folder"
            self.problems.add(place, 0, what, "put the file itself there" if link else "take it out")
        return odd

    def _put_messages(self, path: Path, values: Sequence[Any]) -> None:
        """A list is a mailbox, or a newsgroup: its messages in their order."""
        tree = path.relative_to(self.problems.folder).parts[0]
        if tree not in ("mail", "news"):
            self.problems.add(path, 0, f"cannot be a {_kind(values)}", f"write {CONTENT}, or a dict of names")
            return
        path.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {}
        for number, value in enumerate(values, 1):
            name = f"{number:0{len(str(len(values)))}}.eml"
            if isinstance(value, Mapping) and "message" in value:
                value, told[name] = value["message"], {key: value[key] for key in value if key != "message"}
            content = self._content(path / name, value)
            if content is not None:
                (path / name).write_bytes(content if tree == "mail" else completed(content, path.name, number))
        if told and tree == "mail":
            self.table(path / MAILBOX_FILE, {"messages": told})

    def table(self, path: Path, value: Mapping[str, Any]) -> None:
        """A TOML file whose values are known without its text."""
        path.touch()
        self.problems.tables[path] = value

    def _content(self, path: Path, value: Any) -> bytes | None:
        match value:
            case bytes() | bytearray():
                return bytes(value)
            case str() if _is_no_text(value):
                self.problems.add(path, 0, NO_TEXT, "write whole characters, or bytes")
                return None
            case str():
                return value.encode()
            case Message():
                return value.as_bytes(policy=SMTP)
            case Path() if value.is_file() or not value.exists():
                return value.read_bytes()
            case {"base64": str(text)}:
                try:
                    return base64.b64decode(text, validate=True)
                except (binascii.Error, ValueError) as error:
                    self.problems.add(path, 0, f"is not base64: {error}", "encode it again")
                    return None
        self.problems.add(path, 0, f"cannot be a {_kind(value)}", f"write {CONTENT}")
        return None


def _is_name(step: str) -> bool:
    """Whether it names one thing in a folder, on any system."""
    return step not in ("", ".", "..") and "\0" not in step and Path(step).name == step and not _is_no_text(step)


def _is_plain(path: Path) -> bool:
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def completed(article: bytes, group: str, number: int) -> bytes:
    """An article of a list, with what an injecting agent would add where it has none (RFC 5537 section 3.5)."""
    added = {
        b"Path": b"not-for-mail",
        b"Newsgroups": group.encode(),
        b"Date": b"Mon, 01 Jan 2024 00:00:00 +0000",
        b"Message-ID": f"<{number}.{group}@fixture.invalid>".encode(),
    }
    end = b"\r\n" if b"\r\n" in article else b"\n"
    missing = [b"%b: %b%b" % (name, text, end) for name, text in added.items() if _lacks(article, name)]
    return b"".join(missing) + article


def _lacks(article: bytes, name: bytes) -> bool:
    return mime.first_header(article, name) is None
