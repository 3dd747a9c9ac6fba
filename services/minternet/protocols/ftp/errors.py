"""What the world refuses, in FTP's words: one table."""

from __future__ import annotations

from ...world.errors import (
    EntryExists,
    EntryMissing,
    FolderNotEmpty,
    NotAFile,
    NotAFolder,
    PathForbidden,
    QuotaExceeded,
    WorldError,
)
from ..commands import Refusal

REPLIES: tuple[tuple[type[WorldError], str, str], ...] = (
    (EntryMissing, "550", "No such file or directory."),
    (EntryExists, "550", "File exists."),
    (NotAFolder, "550", "Not a directory."),
    (NotAFile, "550", "Is a directory."),
    (FolderNotEmpty, "550", "Directory not empty."),
    (PathForbidden, "553", "File name not allowed."),
    (QuotaExceeded, "552", "Quota exceeded."),
    (WorldError, "550", "Refused."),
)
"""The first row that fits counts."""


def as_refusal(error: Refusal | WorldError) -> Refusal:
    """The reply to an error of the world's."""
    if isinstance(error, Refusal):
        return error
    return next(Refusal(status, text) for kind, status, text in REPLIES if isinstance(error, kind))
