"""What is wrong with a fixture: where, and what to write instead."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import msgspec

Schema = TypeVar("Schema")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, at a line (from 1; 0: of no line) of a file relative to the fixture folder."""

    file: str
    line: int
    text: str
    instead: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.text}; {self.instead}"


class FixtureError(ValueError):
    """A fixture that cannot be used; `problems` says why, one for each thing to mend, and `source` which it is."""

    def __init__(self, source: Path | str, problems: list[Problem]) -> None:
        self.source, self.problems = source, problems
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"fixtures in {source}: {len(problems)} to mend\n{listed}")


class Problems:
    """Gathers problems, with paths told from the fixture folder on.

    `tables` are TOML files of the folder that are there as values only: nothing of them has a line.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: list[Problem] = []
        self.tables: dict[Path, Mapping[str, Any]] = {}
        self.has_lines = True
        """Whether the files of the folder are the user's own, so that their lines mean something."""

    def add(self, path: Path, line: int, text: str, instead: str) -> None:
        file = path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)
        file = file.encode("utf-8", "backslashreplace").decode()
        self.found.append(Problem(file, max(line, 1) if self.has_lines else 0, text, instead))

    def read_toml(self, path: Path, schema: type[Schema], empty: Schema) -> tuple[Schema, str]:
        """A TOML file as a record of that schema, and its text; what is wrong is noted, and `empty` given instead."""
        if path in self.tables:
            try:
                return msgspec.convert(self.tables[path], schema), ""
            except msgspec.ValidationError as error:
                self._add_validation(path, "", str(error), schema)
                return empty, ""
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return empty, ""
        except (OSError, UnicodeDecodeError) as error:
            self.add(path, 1, f"cannot be read ({error})", "make it a readable UTF-8 file")
            return empty, ""
        try:
            return msgspec.convert(tomllib.loads(text), schema), text
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"at line (\d+)", str(error))
            line = int(place[1]) if place else len(text.splitlines())
            self.add(path, line, f"is not TOML: {error}", "mend the line")
        except msgspec.ValidationError as error:
            self._add_validation(path, text, str(error), schema)
        return empty, text

    def _add_validation(self, path: Path, text: str, message: str, schema: type) -> None:
        what, _, where = message.partition(" - at ")
        unknown = re.search(r"unknown field `(.+?)`", what)
        missing = re.search(r"missing required field `(.+?)`", what)
        line = line_of(text, where.strip("`"), unknown[1] if unknown else None)
        place = f" in {inside}" if path in self.tables and (inside := where.strip("`$.")) else ""
        if unknown:
            self.add(
                path, line, f"{unknown[1]!r} is no key{place or ' here'}", f"write one of {_fields(schema, where)}"
            )
        elif missing:
            self.add(path, line, f"{missing[1]!r} is missing{place}", f"write {missing[1]} = ...")
        else:
            self.add(path, line, what[:1].lower() + what[1:], f"mend {where.strip('`$.') or 'the value'}")


def line_of(text: str, where: str, key: str | None = None) -> int:
    """The line of TOML at a path such as $.accounts[1].login, as near as headers and keys tell; 1 where none does."""
    steps = re.findall(r"[.]([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]", where)
    names = [name for name, _, _ in steps if name]
    count = next((int(index) for _, index, _ in steps if index), 0)
    lines = text.splitlines()
    start = 0
    if names:
        headers = [at for at, line in enumerate(lines) if re.match(rf"\s*\[+\s*{re.escape(names[0])}\b", line)]
        if headers:
            start = headers[min(count, len(headers) - 1)]
    wanted = key or (names[-1] if names else None)
    if wanted is None:
        return 1
    pattern = re.compile(rf"""[^#]*?(?:^|[\s,{{]|["'])({re.escape(wanted)})["']?\s*=""")
    found = next((at for at in range(start, len(lines)) if pattern.match(lines[at])), start)
    return found + 1


def _fields(schema: type, where: str) -> str:
    """The keys that may stand at a path of a schema."""
    current: object = schema
    for name in re.findall(r"[.]([A-Za-z_]+)", where):
        info = {field.name: field.type for field in msgspec.structs.fields(current)} if _is_struct(current) else {}
        current = info.get(name, current)
        current = next((inner for inner in getattr(current, "__args__", ()) if _is_struct(inner)), current)
    known = current if _is_struct(current) else schema
    return ", ".join(field.name for field in msgspec.structs.fields(known))


def _is_struct(candidate: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(candidate, type) and issubclass(candidate, msgspec.Struct)
