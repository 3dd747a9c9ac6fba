"""TYPE A's text (RFC 959 section 3.1.1.1): CRLF between the lines on the network, LF in the world, however it is split.

Sending makes each LF that no CR precedes a CRLF; receiving makes each CRLF an LF. Every other octet, lone CRs and LFs
among them, stays what it is.
"""

from __future__ import annotations


class ToNetwork:
    """Converts stored text, given in pieces, to what is sent."""

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, piece: bytes) -> bytes:
        """The next piece, converted."""
        if not piece:
            return b""
        converted = piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if self._after_cr and piece[0] == 10:
            converted = converted[1:]
        self._after_cr = piece[-1] == 13
        return converted


class FromNetwork:
    """Converts received text, given in pieces, to what is stored; `end` gives what was held back."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """The next piece, converted; a CR at its end waits for what follows it."""
        piece = self._held + piece
        self._held = piece[len(piece) - 1 :] if piece.endswith(b"\r") else b""
        return piece[: len(piece) - len(self._held)].replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """A CR that nothing followed."""
        held, self._held = self._held, b""
        return held


def network_size(text: bytes) -> int:
    """How many octets the text has when it is sent."""
    return len(text) + text.count(b"\n") - text.count(b"\r\n")
