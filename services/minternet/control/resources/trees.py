"""The two trees: the files of FTP and HTTP, and the site."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...world.changes import MakeFolder, ModifyEntry, RemoveFile, RemoveFolder, RenameEntry, StoreFile
from ...world.errors import EntryExists
from ...world.files import Files, clean, split
from ...world.records import Entry, Kind
from ..call import Call, Reply, content, in_range, path_to
from ..problems import Problem, unprocessable
from ..schemas import EntryPatch, EntryQuery, EntryView, PutFile

DEEPEST = 200
"""Levels of folders; the tree is walked by recursion."""
LAST_SECOND = 253_402_300_799
"""The end of year 9999."""


async def get_entry(call: Call[EntryQuery, None]) -> EntryView:
    tree, path = place(call)
    files = tree_of(call, tree)
    return view(files, tree, path, files.get(path), 2, call.query.recursive)


async def get_content(call: Call[None, None]) -> Reply:
    tree, path = place(call)
    blob = tree_of(call, tree).content(path)
    return content(blob, mimetypes.guess_type(path)[0] or "application/octet-stream", split(path)[1])


async def put_content(call: Call[PutFile, None]) -> Reply:
    """The whole new content; it appears at once, with the folders above it."""
    (tree, path), world = place(call), call.world
    files = tree_of(call, tree)
    new = files.find(path) is None
    blob = await call.blob(call.hub.settings.limits.file)
    entry = await world.commit(
        StoreFile(path, blob, world.clock.now(), call.query.owner, parents=True, tree=tree), origin="control"
    )
    return _told(view(files, tree, path, entry), new)


async def remove_entry(call: Call[EntryQuery, None]) -> None:
    """A file, an empty folder, or with `recursive` a folder and all it holds."""
    tree, path = place(call)
    files, world = tree_of(call, tree), call.world
    doomed = [(path, files.get(path))]
    if doomed[0][1].is_folder and call.query.recursive:
        doomed += list(files.walk(path))
    if path == "/":
        doomed = doomed[1:] if call.query.recursive else doomed
    for each, entry in reversed(doomed):
        await world.commit(RemoveFolder(each, tree) if entry.is_folder else RemoveFile(each, tree))


async def make_folder(call: Call[PutFile, None]) -> Reply:
    """A folder, with those above it that are missing."""
    (tree, path), world = place(call), call.world
    files = tree_of(call, tree)
    entry = files.find(path)
    if entry is not None and not entry.is_folder:
        raise EntryExists(f"{path} is a file")
    missing = []
    above = path
    while files.find(above) is None:
        missing.append(above)
        above = split(above)[0]
    for each in reversed(missing):
        await world.commit(MakeFolder(each, world.clock.now(), call.query.owner, tree))
    return _told(view(files, tree, path, files.get(path)), bool(missing))


async def change_entry(call: Call[None, EntryPatch]) -> EntryView:
    (tree, path), world, body = place(call), call.world, call.body
    files = tree_of(call, tree)
    files.get(path)
    modified = None
    if body.modified is not None:
        modified = in_range(body.modified, "/modified").timestamp()
    if body.path is not None:
        to = clean(body.path)
        await world.commit(RenameEntry(path, to, tree))
        path = to
    if (modified, body.mode, body.owner) != (None, None, None):
        if path == "/":
            raise Problem(409, "the root stays as it is")
        await world.commit(ModifyEntry(path, modified, body.mode, body.owner, tree))
    return view(files, tree, path, files.get(path))


def place(call: Call[Any, Any]) -> tuple[Kind, str]:
    """The tree and the clean path in the URL; Problem 404, PathForbidden."""
    name = call.path["tree"]
    tree: Kind = "site" if name == "site" else "files"
    if name != tree:
        raise Problem(404, f"no tree {name!r}; there are files and site")
    path = clean("/" + call.path["path"])
    if path.count("/") > DEEPEST:
        raise unprocessable("#path/path", f"at most {DEEPEST} levels")
    return tree, path


def tree_of(call: Call[Any, Any], tree: Kind) -> Files:
    return call.world.files if tree == "files" else call.world.site.tree


def view(files: Files, tree: str, path: str, entry: Entry, levels: int = 1, recursive: bool = False) -> EntryView:
    """A file or folder; `levels` of 2 tell what a folder holds."""
    entries = None
    if entry.is_folder and (levels > 1 or recursive):
        above = "" if path == "/" else path
        entries = tuple(
            view(files, tree, f"{above}/{each.name}", each, levels - 1, recursive) for each in files.list(path)
        )
    return EntryView(
        tree,
        path,
        entry.name,
        "folder" if entry.is_folder else "file",
        entry.size,
        datetime.fromtimestamp(min(max(entry.modified, 0), LAST_SECOND), UTC),
        entry.owner,
        entry.mode,
        entry.content.digest if entry.content is not None else None,
        None if entry.is_folder else path_to("trees", tree, "content", *path[1:].split("/")),
        entries,
    )


def _told(entry: EntryView, new: bool) -> Reply:
    headers = {"location": path_to("trees", entry.tree, "entries", *entry.path[1:].split("/"))} if new else {}
    return Reply(msgspec.json.encode(entry), status=201 if new else 200, headers=headers)
