"""Dot-stuffing: content as the multi-line replies of SMTP, POP3 and NNTP carry it (RFC 3977 section 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def dot_stuffed(content: bytes) -> bytes:
    """Content as a dot-terminated block: CRLF added if the last line lacks it, dots doubled, ".CRLF" at the end."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def stuffed_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of content as those of a dot-terminated block, wherever the content is cut.

    A line end at the end of a piece is held back until it is seen whether a dot comes after it; the line end that is
    held back at the start is none of the content's, and is taken off again.
    """
    held, skip = b"\r\n", 2
    for piece in pieces:
        piece = held + piece
        held = b"\r\n" if piece.endswith(b"\r\n") else b"\r" if piece.endswith(b"\r") else b""
        ready = piece.removesuffix(held).replace(b"\r\n.", b"\r\n..")[skip:]
        skip = max(0, skip - len(piece) + len(held))
        if ready:
            yield ready
    at_line_start = held == b"\r\n"
    yield held[skip:] + (b".\r\n" if at_line_start else b"\r\n.\r\n")
