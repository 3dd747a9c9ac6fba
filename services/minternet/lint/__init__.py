"""The lint of the client under test: what it did wrong in its conversations, by the protocols' own rules.

Pure functions: from a transcript to findings. Only certain breaches are reported; where pieces of a conversation were
dropped, or the judge cannot follow, it says nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from ..wire.transcript import Piece, Transcript
from .ftp import judge_ftp
from .http import judge_http
from .imap import judge_imap
from .nntp import judge_nntp
from .pop3 import judge_pop3
from .rules import RULES, SEVERITIES, Rule, Severity
from .smtp import judge_smtp
from .talk import Finding, Judge, Lost, Talk

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "Severity", "at_least", "judged", "lint", "lint_pieces"]

_JUDGES: dict[str, Judge] = {
    "smtp": judge_smtp,
    "submission": judge_smtp,
    "smtps": judge_smtp,
    "lmtp": judge_smtp,
    "imap": judge_imap,
    "imaps": judge_imap,
    "pop3": judge_pop3,
    "pop3s": judge_pop3,
    "nntp": judge_nntp,
    "nntps": judge_nntp,
    "ftp": judge_ftp,
    "ftps": judge_ftp,
    "http": judge_http,
    "https": judge_http,
}


def judged(service: str) -> bool:
    """Whether there are rules for the service."""
    return service in _JUDGES


def lint(transcript: Transcript) -> list[Finding]:
    """What the client did wrong in a conversation; nothing where its beginning is no longer kept."""
    closed = transcript.closed is not None
    pieces = transcript.pieces(masked=False)
    if transcript.dropped_pieces:
        return []

    def shown() -> list[Piece]:
        """Masking costs more than judging, and most conversations have nothing to be quoted."""
        masked = transcript.pieces()
        return [] if transcript.dropped_pieces else masked[: len(pieces)]

    return lint_pieces(
        transcript.service,
        pieces,
        shown=shown,
        closed=closed,
        number=transcript.number,
        opened=transcript.opened,
        peer=transcript.peer[0],
    )


def lint_pieces(
    service: str,
    pieces: Sequence[Piece],
    *,
    shown: Callable[[], Sequence[Piece]] | None = None,
    closed: bool = True,
    number: int = 0,
    opened: float | None = None,
    peer: str = "",
) -> list[Finding]:
    """The same from pieces; `shown` gives the same pieces with secrets masked, which findings quote."""
    judge = _JUDGES.get(service)
    if judge is None:
        return []
    talk = Talk(service, pieces, shown=shown, closed=closed, number=number, opened=opened, peer=peer)
    with contextlib.suppress(Lost):
        judge(talk)
    return talk.findings


def at_least(findings: Iterable[Finding], severity: Severity) -> list[Finding]:
    """The findings that are so bad or worse."""
    least = SEVERITIES.index(severity)
    return [finding for finding in findings if SEVERITIES.index(finding.rule.severity) >= least]
