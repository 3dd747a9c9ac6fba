"""The trees of files and of the site."""

from __future__ import annotations

from .. import schemas as s
from ..resources import trees
from ..table import Octets, Row
from .group import DOWNLOAD, group

ANY = Octets(("*/*",), "file")
ENTRY = "/trees/{tree}/entries/{path:path}"

ROWS = group(
    "Files and site",
    Row(
        "GET",
        ENTRY,
        trees.get_entry,
        "A file or folder of a tree (files, site), and what a folder holds",
        query=s.EntryQuery,
        answer=s.EntryView,
        problems=(404,),
    ),
    Row(
        "PATCH",
        ENTRY,
        trees.change_entry,
        "Move it, or change its time, mode or owner",
        body=s.EntryPatch,
        answer=s.EntryView,
        problems=(404, 409),
    ),
    Row(
        "DELETE",
        ENTRY,
        trees.remove_entry,
        "Remove a file or an empty folder; `recursive` removes a full one",
        query=s.EntryQuery,
        status=204,
        problems=(404, 409),
    ),
    Row(
        "PUT",
        "/trees/{tree}/folders/{path:path}",
        trees.make_folder,
        "Make a folder and those above it",
        query=s.PutFile,
        answer=s.EntryView,
        status=201,
        problems=(404, 409),
    ),
    Row(
        "GET",
        "/trees/{tree}/content/{path:path}",
        trees.get_content,
        "A file's content",
        answer=DOWNLOAD,
        problems=(404, 409),
    ),
    Row(
        "PUT",
        "/trees/{tree}/content/{path:path}",
        trees.put_content,
        "Store a file; it appears at once and never half",
        query=s.PutFile,
        body=ANY,
        body_optional=True,
        answer=s.EntryView,
        status=201,
        problems=(404, 409),
    ),
)
