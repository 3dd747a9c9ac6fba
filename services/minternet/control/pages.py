"""The page and its files, with a Content-Security-Policy that lets it run its own scripts and load nothing from elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .call import Call, Reply
from .problems import Problem

FOLDER = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Mail brings its own styles into a sandboxed frame, which has this policy too; there is no other inline style.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}


async def page(call: Call[None, None]) -> Reply:
    return _file(call, FOLDER / "index.html")


async def static(call: Call[None, None]) -> Reply:
    """A file of the page, by its plain name."""
    names = {path.name: path for path in FOLDER.iterdir() if path.suffix in TYPES}
    path = names.get(call.path["name"])
    if path is None:
        raise Problem(404, "no such file")
    return _file(call, path)


def _file(call: Call[None, None], path: Path) -> Reply:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = {**HEADERS, "etag": tag}
    if tag in call.field("if-none-match"):
        return Reply(b"", TYPES[path.suffix], 304, headers)
    return Reply(content, TYPES[path.suffix], headers=headers)
