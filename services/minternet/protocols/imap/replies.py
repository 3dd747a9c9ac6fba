"""Refusals, and what each of the world's errors is in IMAP (RFC 3501 section 7.1, RFC 5530)."""

from __future__ import annotations

from ...world import errors
from ..commands import Refusal
from .names import InvalidName
from .reader import Malformed
from .search_keys import BadCharset


class Offence(Exception):
    """The client must be told BYE: why."""


def tagged(refusal: Refusal, tag: bytes) -> bytes:
    """The reply, for the command of that tag."""
    code = f"[{refusal.code}] " if refusal.code else ""
    return tag + f" {refusal.status} {code}{refusal.text}\r\n".encode("utf-8", "replace")


def no(text: str, code: str = "") -> Refusal:
    """A command that could not be done."""
    return Refusal("NO", text, code)


def bad(text: str, code: str = "") -> Refusal:
    """A command that could not be understood, or not here."""
    return Refusal("BAD", text, code)


WORLD_ERRORS: tuple[tuple[type[errors.WorldError], str, str], ...] = (
    (errors.MailboxMissing, "NONEXISTENT", "No such mailbox"),
    (errors.MailboxExists, "ALREADYEXISTS", "Mailbox already exists"),
    (errors.MailboxForbidden, "CANNOT", ""),
    (errors.MessageMissing, "EXPUNGEISSUED", "Some of the messages no longer exist"),
    (errors.QuotaExceeded, "OVERQUOTA", "Quota exceeded"),
    (errors.AccountMissing, "NONEXISTENT", "No such account"),
)
"""The world's errors, the response code of each, and the text (its own where that is empty)."""


def refusal_of(error: Exception) -> Refusal | None:
    """The reply to an expected error; None for one that nobody expected."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Malformed):
        return bad(f"Syntax: {error}")
    if isinstance(error, InvalidName):
        return no(str(error), "CANNOT")
    if isinstance(error, BadCharset):
        return no("Unknown charset", "BADCHARSET (US-ASCII UTF-8)")
    for kind, code, text in WORLD_ERRORS:
        if isinstance(error, kind):
            return no(text or one_line(str(error)), code)
    if isinstance(error, errors.WorldError):
        return no(one_line(str(error)))
    return None


def one_line(text: str) -> str:
    """Text that may hold a client's words, fit for a reply."""
    return " ".join(text.split())[:200]
