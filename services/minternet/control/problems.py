"""Errors as replies: RFC 9457 problem details, and the one table that says what the world's errors become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from ..faults.rule import FaultError
from ..hints import known_fields
from ..world import errors

MEDIA_TYPE = "application/problem+json"
ABOUT_BLANK = "about:blank"
_PLACE = re.compile(r" - at `(?:key in )?\$([^`]*)`\Z")
_STEP = re.compile(r"\.([^.\[\]]+)|\[([^\]]*)\]")
_FIELD = re.compile(r"Object (?:contains unknown|missing required) field `([^`]+)`")


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one field: `pointer` is a JSON pointer into the body, or `#query/NAME` for a query parameter."""

    pointer: str
    detail: str


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457: what went wrong, for programs (`type`, `status`) and for people (`title`, `detail`)."""

    title: str
    status: int
    type: str = ABOUT_BLANK
    detail: str = ""
    errors: tuple[Fault, ...] = ()
    came: tuple[str, ...] = ()
    """For a wait in vain: what was there or came instead, and why each did not match."""


class Problem(Exception):
    """A reply that says no."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        type: str = ABOUT_BLANK,
        faults: tuple[Fault, ...] = (),
        came: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.details = ProblemDetails(phrase(status), status, type, detail, faults, came)

    @property
    def status(self) -> int:
        return self.details.status


def document(status: int, detail: str) -> bytes:
    """A problem as JSON, for what is refused before it is a call."""
    return msgspec.json.encode(Problem(status, detail).details)


STATUS_OF: dict[type[errors.WorldError], int] = {
    errors.AccountExists: 409,
    errors.AccountMissing: 404,
    errors.ArticleExists: 409,
    errors.ArticleMissing: 404,
    errors.EntryExists: 409,
    errors.EntryMissing: 404,
    errors.FolderNotEmpty: 409,
    errors.GroupExists: 409,
    errors.GroupMissing: 404,
    errors.MailboxExists: 409,
    errors.MailboxForbidden: 409,
    errors.MailboxMissing: 404,
    errors.MessageMissing: 404,
    errors.NotAFile: 409,
    errors.NotAFolder: 409,
    errors.PathForbidden: 422,
    errors.QuotaExceeded: 409,
    errors.RouteMissing: 404,
    errors.WorldError: 409,
}
"""What each of the world's errors becomes."""


def of_world(error: errors.WorldError) -> Problem:
    """A world's error as a problem, with a type of its own."""
    known = next(kind for kind in type(error).__mro__ if kind in STATUS_OF)
    return Problem(STATUS_OF[known], str(error), type=f"urn:minternet:{hyphenated(known.__name__)}")


def of_fault(error: FaultError) -> Problem:
    """A fault that cannot work; its words say what would."""
    return Problem(422, str(error), type=f"urn:minternet:{hyphenated(FaultError.__name__)}")


def of_validation(error: msgspec.ValidationError, kind: Any, at: str = "") -> Problem:
    """What msgspec refused to take for that type, with a pointer to the field; `at` stands before it."""
    text = str(error)
    place = _PLACE.search(text)
    detail = text[: place.start()] if place else text
    pointer = at + (pointer_of(place[1]) if place else "")
    if field := _FIELD.match(detail):
        pointer += "/" + field[1]
    return unprocessable(pointer or "", detail + known_fields(text, kind))


def unprocessable(pointer: str, detail: str) -> Problem:
    """422 for one field."""
    return Problem(422, f"{pointer}: {detail}" if pointer else detail, faults=(Fault(pointer, detail),))


def pointer_of(path: str) -> str:
    """msgspec's `.replies[0].status` as the JSON pointer `/replies/0/status`."""
    return "".join("/" + (name or index).replace("~", "~0") for name, index in _STEP.findall(path))


def phrase(status: int) -> str:
    """A status code's reason phrase."""
    return HTTPStatus(status).phrase


def hyphenated(name: str) -> str:
    """MailboxMissing as mailbox-missing."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
