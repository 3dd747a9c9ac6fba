"""From a request's path to a path in a tree of the world, or nothing: no path climbs out. Pure functions."""

from __future__ import annotations

import codecs
import mimetypes
from urllib.parse import quote, unquote_to_bytes

from ...world.errors import PathForbidden
from ...world.files import clean

TEXTUAL = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/toml",
        "application/xml",
        "application/yaml",
    }
)
"""Types beyond text/* whose content is text: they compress, and some take a charset."""
WITH_CHARSET = frozenset({"application/javascript", "application/xhtml+xml", "image/svg+xml"})
TYPES = {
    ".atom": "application/atom+xml",
    ".bz2": "application/x-bzip2",
    ".eml": "message/rfc822",
    ".gz": "application/gzip",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/x-ndjson",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".rss": "application/rss+xml",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
"""Ours come first: what mimetypes says depends on the machine it runs on."""
_STANDARD = mimetypes.types_map


def tree_path(raw_path: str) -> str | None:
    """The path in a tree that a percent-encoded path means; None where it tries to be another.

    An encoded slash, a backslash, NUL or a `..` are never needed to name anything, only to climb.
    """
    lowered = raw_path.lower()
    if "%2f" in lowered or "%5c" in lowered or "%00" in lowered or "\\" in raw_path:
        return None
    octets = unquote_to_bytes(raw_path)
    try:
        path = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if ".." in path.split("/"):
        return None
    try:
        return clean(path)
    except PathForbidden:
        return None


def media_type(name: str, start: bytes = b"") -> str:
    """The media type of a file by its name; text gets the charset that the beginning of its content shows."""
    dot = name.rfind(".")
    suffix = name[dot:].lower() if dot >= 0 else ""
    kind = TYPES.get(suffix) or _STANDARD.get(suffix) or "application/octet-stream"
    if kind.startswith("text/") or kind in WITH_CHARSET:
        charset = charset_of(start)
        return f"{kind}; charset={charset}" if charset else kind
    return kind


def charset_of(start: bytes) -> str | None:
    """utf-8 or utf-16 where that is plain; None where it is neither: then the document itself says, or nobody does."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return None
    return "utf-8"


def is_textual(kind: str) -> bool:
    """Whether content of that type is worth compressing."""
    bare = kind.partition(";")[0]
    return bare.startswith("text/") or bare in TEXTUAL or bare.endswith(("+xml", "+json"))


def url_path(path: str) -> str:
    """A tree's path as a URL's."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/~!$&'()*+,;=:@")


def escaped(text: str) -> str:
    """A text for a page. The import is heavy, and pages are rare."""
    from html import escape

    return escape(text)
