"""Request bodies: reading them within a bound, and forms in them (urlencoded, multipart/form-data)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from .visit import Problem, Visit, parse_pairs

MAX_PARTS = 1000
"""Parts of one form; a bomb of empty parts would cost more to keep than to send."""
MAX_PART_HEAD = 16 * 1024
_PARAMETER = re.compile(r';\s*([!#$%&\'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class Upload(msgspec.Struct, frozen=True, gc=False):
    """A file of a form."""

    name: str
    filename: str
    media_type: str
    content: bytes


class Form(msgspec.Struct):
    """A form's fields and files, in order."""

    fields: list[tuple[str, str]] = []
    files: list[Upload] = []


async def pieces(visit: Visit) -> AsyncIterator[bytes]:
    """The body as it comes."""
    while True:
        message = await visit.receive()
        if message["type"] == "http.disconnect":
            return
        if body := message.get("body", b""):
            yield body
        if not message.get("more_body", False):
            return


async def whole_body(visit: Visit) -> bytes:
    """The body, at most `echoed_body` octets; Problem 413."""
    limit = visit.options.echoed_body
    declared = visit.headers.get("content-length")
    if declared is not None and int(declared) > limit:
        raise Problem(413, f"this endpoint repeats bodies of up to {limit} octets", {"connection": "close"})
    gathered: list[bytes] = []
    size = 0
    async for piece in pieces(visit):
        size += len(piece)
        if size > limit:
            raise Problem(413, f"this endpoint repeats bodies of up to {limit} octets", {"connection": "close"})
        gathered.append(piece)
    return gathered[0] if len(gathered) == 1 else b"".join(gathered)


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type or Content-Disposition: its value in lower case, and its parameters (RFC 9110 section 8.3.1)."""
    kind = value.partition(";")[0].strip().lower()
    parameters = {}
    for match in _PARAMETER.finditer(value, len(value.partition(";")[0])):
        quoted = match[2]
        parameters[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3]
    return kind, parameters


def parse_form(content_type: str, body: bytes) -> Form | None:
    """The form in a body, or None where it is none; Problem 400 where it is a broken one."""
    kind, parameters = media_type(content_type)
    if kind == "application/x-www-form-urlencoded":
        return Form(parse_pairs(body))
    if kind == "multipart/form-data":
        boundary = parameters.get("boundary", "")
        if not 1 <= len(boundary) <= 200:
            raise Problem(400, "multipart/form-data without a boundary")
        return _multipart(body, boundary.encode("latin-1", "replace"))
    return None


def _multipart(body: bytes, boundary: bytes) -> Form:
    """RFC 7578: parts between lines of two hyphens and the boundary."""
    form = Form()
    sections = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(sections) < 2 or not any(section.startswith(b"--") for section in sections[1:]):
        raise Problem(400, "the multipart body does not end with its boundary")
    for count, section in enumerate(sections[1:]):
        if section.startswith(b"--"):
            return form
        if count >= MAX_PARTS:
            raise Problem(400, f"more than {MAX_PARTS} parts")
        head, found, content = section.lstrip(b" \t").partition(b"\r\n\r\n")
        if not found or len(head) > MAX_PART_HEAD:
            raise Problem(400, "a part without a head, or with too large a one")
        _add_part(form, head, content)
    return form


def _add_part(form: Form, head: bytes, content: bytes) -> None:
    fields: dict[str, Any] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    kind, parameters = media_type(fields.get("content-disposition", ""))
    if kind != "form-data" or "name" not in parameters:
        raise Problem(400, "a part without Content-Disposition: form-data; name=...")
    extended = parameters.get("filename*", "")
    filename = unquote_to_bytes(extended.rpartition("'")[2]).decode("utf-8", "replace") if extended else None
    filename = filename or parameters.get("filename")
    if filename is None:
        form.fields.append((parameters["name"], content.decode("utf-8", "replace")))
    else:
        kind = fields.get("content-type") or "application/octet-stream"
        form.files.append(Upload(parameters["name"], filename, kind, content))
