"""Files and folders."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .base import In, Moment, Out, Words


class EntryQuery(In, frozen=True, forbid_unknown_fields=True):
    """How deep to look."""

    recursive: Annotated[bool, Meta(description="what lies in folders below, too")] = False


class EntryView(Out, frozen=True):
    """A file or folder; `entries` are a folder's."""

    tree: str
    path: str
    name: str
    type: Literal["file", "folder"]
    size: int
    modified: Moment
    owner: str
    mode: int
    sha256: str | None
    url: str | None
    """Where a file's content is."""
    entries: tuple[EntryView, ...] | None = None


class EntryPatch(In, frozen=True, forbid_unknown_fields=True):
    """A new path, time, mode or owner; null stays."""

    path: Words | None = None
    modified: Moment | None = None
    mode: Annotated[int, Meta(ge=0, le=0o7777)] | None = None
    owner: Words | None = None


class PutFile(In, frozen=True, forbid_unknown_fields=True):
    """Whose a new file is."""

    owner: Words = ""
