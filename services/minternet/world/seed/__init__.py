"""Fixtures -> world: a folder of ordinary files, or a dict in its likeness, becomes accounts, mail, news, files and a site.

The format is described in docs/fixtures.md. All that is wrong is found in one go and told by file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..blobs import Blob
from ..changes import AddAccount, MakeFolder, ModifyEntry, SetAlias, SetList, SetRule, StoreFile
from ..errors import WorldError
from ..files import clean
from ..records import Account, Kind, Quota, Token
from ..world import World
from .folders import entries
from .problems import FixtureError, Problem, Problems, line_of
from .schema import AccountTable, TokenTable, WorldFile

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["KEEP", "FixtureError", "Problem", "Source", "check", "load"]

KEEP = ".keep"
"""A file that only keeps a folder in version control; it is not part of the world."""
START = datetime(2024, 1, 1, tzinfo=UTC)
"""The time of what has none, where the fixture says none either."""
PARTS = frozenset({"world.toml", "mail", "news", "files", "site", "README.md"})


Source: TypeAlias = "Path | Mapping[str, Any]"
"""A folder, a file of JSON or TOML, or a dict."""


def load(source: Source, *, journal_keeps: int = 10_000) -> World:
    """A world seeded from a fixture, with a snapshot "seed" to reset to; FixtureError says all that is wrong."""
    world, problems = _seed(source, journal_keeps)
    if problems.found:
        world.close()
        raise FixtureError(source if isinstance(source, Path) else "the dict given", problems.found)
    world.snapshot("seed")
    return world


def check(source: Source) -> list[Problem]:
    """All that is wrong with a fixture."""
    world, problems = _seed(source, 0)
    world.close()
    return problems.found


def _seed(source: Source, journal_keeps: int) -> tuple[World, Problems]:
    if isinstance(source, Path) and not source.is_file():
        problems = Problems(source)
        return _seed_folder(source.name, problems, journal_keeps), problems
    import tempfile

    from .mapping import lay_out, read_file

    with tempfile.TemporaryDirectory(prefix="minternet-") as folder:
        problems = Problems(Path(folder))
        given = read_file(source, problems) if isinstance(source, Path) else source
        problems.has_lines = False
        lay_out(given, problems)
        return _seed_folder("", problems, journal_keeps), problems


def _seed_folder(name: str, problems: Problems, journal_keeps: int) -> World:
    from .mail import seed_mail
    from .news import seed_news
    from .routes import seed_routes

    folder = problems.folder
    path = folder / "world.toml"
    if not path.is_file():
        problems.add(path, 1, "is not there", "write a world.toml with at least one [[accounts]] table")
        return World()
    settings, text = problems.read_toml(path, WorldFile, WorldFile())
    world = World(settings.world.seed, settings.world.hostname or settings.world.domain, journal_keeps)
    world.name = settings.world.name or name
    world.fixture_faults = settings.faults
    start = _aware(settings.world.start) or START
    _check_parts(folder, problems)
    _seed_accounts(world, settings, text, path, problems, start.timestamp())
    seed_mail(world, folder / "mail", problems, start)
    seed_news(world, folder / "news", settings.news, problems, start)
    times = {clean(name): _aware(at) or at for name, at in settings.files.modified.items()}
    _seed_tree(world, "files", folder / "files", start, times, problems)
    _seed_tree(world, "site", folder / "site", start, {}, problems)
    for name in times.keys() - {known for known, _ in world.files.walk()}:
        line = line_of(text, "$.files", name.strip("/"))
        problems.add(path, line, f"files{name} is not there", "name a file below files/, or take the line out")
    seed_routes(world, settings.routes, path, text, problems)
    return world


def _check_parts(folder: Path, problems: Problems) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name not in PARTS and not entry.name.startswith("."):
            parts = ", ".join(sorted(PARTS))
            problems.add(entry, 1, "is no part of a fixture", f"move it into one of {parts}, or out of the folder")


def _seed_accounts(world: World, file: WorldFile, text: str, path: Path, problems: Problems, at: float) -> None:
    if not file.accounts and not problems.found:
        problems.add(path, 1, "there is no account", "write an [[accounts]] table with login and password")
    for number, table in enumerate(file.accounts):
        try:
            AddAccount(_account(table, file.world.domain), at).apply(world)
        except WorldError as error:
            line = line_of(text, f"$.accounts[{number}].login")
            problems.add(path, line, str(error), "give each account a login and an address of its own")
    SetRule("domain", file.world.domain).apply(world)
    for alias, targets in file.aliases.items():
        SetAlias(alias, targets).apply(world)
    for name, members in file.lists.items():
        SetList(name, members).apply(world)
    for where, addresses in (*file.aliases.items(), *file.lists.items()):
        for address in addresses:
            if address.rpartition("@")[2] == file.world.domain and not _leads_somewhere(world, address):
                line = line_of(text, "$", where)
                problems.add(path, line, f"{address!r} is nobody here", "name an account's address, an alias or a list")
    try:
        SetRule("catch_all", file.mail.catch_all).apply(world)
    except WorldError as error:
        problems.add(path, line_of(text, "$.mail.catch_all"), str(error), "write the login of an account")


def _leads_somewhere(world: World, address: str) -> bool:
    folded = address.casefold()
    accounts = world.accounts
    return folded in accounts.login_of or folded in accounts.aliases or folded in accounts.lists


def _account(table: AccountTable, domain: str) -> Account:
    return Account(
        login=table.login,
        address=table.address or f"{table.login}@{domain}",
        password=table.password,
        name=table.name,
        home=clean(table.home or f"/home/{table.login}"),
        tokens=tuple(_token(token) for token in table.tokens),
        quota=Quota(table.quota.storage, table.quota.messages),
        disabled=table.disabled,
    )


def _token(token: str | TokenTable) -> Token:
    if isinstance(token, str):
        return Token(token)
    expires = _aware(token.expires)
    return Token(token.value, expires.timestamp() if expires else None, token.scopes)


def _seed_tree(
    world: World, tree: Kind, folder: Path, start: datetime, times: dict[str, datetime], problems: Problems
) -> None:
    """Copy a folder into one of the world's trees. Links are not followed: a fixture holds all it shows."""
    target = world.files if tree == "files" else world.site.tree
    for path, entry in _entries(folder, "/"):
        at = times.get(path, start).timestamp()
        if entry.is_symlink():
            problems.add(Path(entry.path), 1, "is a symbolic link", "put the file itself there")
        elif entry.is_dir():
            if path not in target.folders:  # homes are there already
                MakeFolder(path, at, _owner(world, path), tree).apply(world)
        elif entry.name != KEEP:
            content = _content(world, Path(entry.path), problems)
            StoreFile(path, content, at, _owner(world, path), tree=tree).apply(world)
    if tree == "files":
        for path, moment in times.items():
            if world.files.find(path) is not None:
                ModifyEntry(path, moment.timestamp()).apply(world)


def _entries(folder: Path, above: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    if not folder.is_dir():
        return
    for entry in entries(folder):
        path = clean(entry.name, above)
        yield path, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), path)


def _content(world: World, path: Path, problems: Problems) -> Blob:
    writer = world.blobs.writer()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 18):
                writer.write(piece)
    except OSError as error:
        problems.add(path, 1, f"cannot be read ({error.strerror})", "make it readable")
    return writer.finish()


def _owner(world: World, path: str) -> str:
    """Whose home a path is in."""
    homes = (account for account in world.accounts.by_login.values() if account.home != "/")
    return next((account.login for account in homes if f"{path}/".startswith(f"{account.home}/")), "")


def _aware(moment: datetime | None) -> datetime | None:
    """A time with a zone: UTC where the fixture names none."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
