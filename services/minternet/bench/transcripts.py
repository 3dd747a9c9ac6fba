"""Conversations in a test's hands: what was said, as text, JSON and (HTTP) HAR, secrets masked; and which one made what."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable
from typing import Any

from ..lint import Finding, lint
from ..wire.transcript import Transcript
from ..world.journal import Event
from .link import Link


class Conversation:
    """What a client and a server said to each other on one connection."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript

    def __repr__(self) -> str:
        return f"<conversation #{self.number} with {self.service}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Conversation) and other.transcript is self.transcript

    def __hash__(self) -> int:
        return hash(id(self.transcript))

    @property
    def number(self) -> int:
        return self.transcript.number

    @property
    def service(self) -> str:
        return self.transcript.service

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self.transcript.closed is not None

    def text(self, *, times: bool = False, masked: bool = True) -> str:
        """In lines `C: ...`, `S: ...` and `*: ...` under a header; with seconds since the opening if asked."""
        return self.transcript.text(times=times, masked=masked)

    def said(self, side: str = "C", *, masked: bool = True) -> bytes:
        """All octets of the client ("C") or of the server ("S")."""
        return b"".join(piece.data for piece in self.transcript.pieces(masked=masked) if piece.side == side)

    def data(self, *, masked: bool = True) -> dict[str, Any]:
        """As plain values: who, when, what was dropped, and each piece with its time and side."""
        transcript = self.transcript
        return {
            "number": transcript.number,
            "service": transcript.service,
            "peer": list(transcript.peer[:2]),
            "local": list(transcript.local[:2]),
            "opened": transcript.opened,
            "closed": transcript.closed,
            "dropped_pieces": transcript.dropped_pieces,
            "dropped_octets": transcript.dropped_octets,
            "said": [
                {
                    "at": round(max(piece.time - transcript.opened, 0.0), 6),
                    "side": piece.side,
                    "text": piece.data.decode("utf-8", "backslashreplace"),
                }
                for piece in transcript.pieces(masked=masked)
            ],
        }

    def json(self, *, masked: bool = True) -> str:
        """The same as JSON; octets that are no UTF-8 stand as \\xNN."""
        return json_module.dumps(self.data(masked=masked), ensure_ascii=False, indent=1)

    def har(self, *, masked: bool = True) -> dict[str, Any]:
        """HTTP's requests and replies as HAR 1.2, for browsers' developer tools; ValueError for other services."""
        from .har import har_of

        return har_of([self.transcript], masked=masked)

    def lint(self) -> list[Finding]:
        """What the client did wrong in it."""
        return lint(self.transcript)


SHOWN = 20_000
"""How many characters of the conversations a failing test's report carries."""


def report(conversations: Iterable[Conversation]) -> str:
    """What was said, for the report of a failing test: "" where nothing was, the middle left out where it is long."""
    return shortened("\n".join(conversation.text(times=True) for conversation in conversations))


def shortened(text: str) -> str:
    """Its beginning and its end, where it is long."""
    if len(text) <= SHOWN:
        return text
    return f"{text[: SHOWN // 2]}\n... {len(text) - SHOWN} characters left out ...\n{text[-SHOWN // 2 :]}"


def conversation_behind(link: Link, made: Callable[[Event], bool]) -> Conversation | None:
    """The conversation that the newest such event came from; None where it came from none, or is no longer kept."""
    for event in reversed(list(link.world.journal.since(0))):
        if event.conversation and made(event):
            return conversation_of(link, event.conversation)
    return None


def conversation_of(link: Link, number: int | None) -> Conversation | None:
    """A conversation by its number; None where it is no longer kept."""
    if not number or link.transcripts is None:
        return None
    transcript = link.transcripts.find(number)
    return None if transcript is None else Conversation(transcript)
