"""What clients did wrong, by the lint, and HTTP conversations as HAR.

A conversation is judged at once where it is small, else in a thread; between two, others have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from ... import lint as linter
from ...bench.har import ENDING, SERVICES, beginning, entries_of
from ...wire.transcript import Transcript
from ..call import JSON, OFF_LOOP, Call, Reply, path_to
from ..hub import Hub
from ..problems import Problem, unprocessable
from ..schemas import FindingView, HarQuery, Judgement, Judgements, LevelQuery, LintQuery, Rules, RuleView
from .transcripts import address, transcript_in

SMALL_PIECES = 48
SMALL_OCTETS = 8 * 1024
"""Conversations up to this are judged on the loop: under a millisecond. To hand one over to a thread costs a tenth of that."""
SMALL_LINES = 64
"""Of the client's, which each may be a command."""
SKIMMED = 64
"""Conversations that are passed over before others have their turn."""


async def list_findings(call: Call[LintQuery, None]) -> Judgements:
    """Newest conversations first; it stops where there are more findings than asked for."""
    query = call.query
    if query.service and not linter.judged(query.service):
        raise unprocessable("#query/service", f"there are no rules for {query.service!r}; there are for {_judged()}")
    views: list[FindingView] = []
    looked = skipped = 0
    for number, transcript in enumerate(reversed(call.hub.transcripts.conversations(query.service or None))):
        if transcript.number <= query.since or len(views) > query.limit:
            break
        if number % SKIMMED == 0:
            await asyncio.sleep(0)
        if not linter.judged(transcript.service):
            continue
        if transcript.dropped_pieces:
            skipped += 1
            continue
        looked += 1
        views += _views(transcript, await findings_of(transcript, call.hub.reading), query.level)
        await asyncio.sleep(0)
    return Judgements(tuple(views[: query.limit]), looked, skipped, len(views) <= query.limit)


async def get_findings(call: Call[LevelQuery, None]) -> Judgement:
    transcript = transcript_in(call)
    judged = linter.judged(transcript.service) and not transcript.dropped_pieces
    return Judgement(
        tuple(_views(transcript, await findings_of(transcript, call.hub.reading), call.query.level)), judged
    )


async def list_rules(call: Call[None, None]) -> Rules:
    return Rules(
        tuple(
            RuleView(
                rule.name, tuple(rule.protocols.split(", ")), rule.severity, rule.wrong, rule.advice, rule.reference
            )
            for rule in linter.RULES.values()
        )
    )


async def findings_of(transcript: Transcript, reading: asyncio.Semaphore) -> list[linter.Finding]:
    """What the client did wrong in it; a large one is read while `reading` is held."""
    if _is_small(transcript):
        return linter.lint(transcript)
    async with reading:
        return await asyncio.to_thread(linter.lint, transcript)


def _is_small(transcript: Transcript) -> bool:
    if transcript.kept_pieces > SMALL_PIECES:
        return False
    pieces = transcript.pieces(masked=False)
    if sum(len(piece.data) for piece in pieces) > SMALL_OCTETS:
        return False
    return sum(piece.data.count(b"\n") for piece in pieces if piece.side == "C") <= SMALL_LINES


def _views(transcript: Transcript, findings: Sequence[linter.Finding], level: linter.Severity) -> list[FindingView]:
    peer, url = address(transcript.peer), path_to("transcripts", transcript.number)
    return [
        FindingView(
            transcript.number,
            transcript.service,
            peer,
            finding.rule.name,
            finding.rule.severity,
            round(finding.at, 6),
            finding.piece,
            finding.octet,
            finding.line,
            finding.count,
            finding.rule.wrong,
            finding.why,
            finding.rule.advice,
            finding.rule.reference,
            url,
        )
        for finding in linter.at_least(findings, level)
    ]


def _judged() -> str:
    from ...registry import names

    return ", ".join(name for name in names() if linter.judged(name))


# -- HAR


async def get_har(call: Call[None, None]) -> Reply:
    """One conversation's; Problem 409 where it is not HTTP."""
    transcript = transcript_in(call)
    if transcript.service not in SERVICES:
        raise Problem(409, f"conversation {transcript.number} is of {transcript.service}: HAR is for HTTP")
    return _download(call, [transcript], f"minternet-{transcript.number}.har")


async def list_har(call: Call[HarQuery, None]) -> Reply:
    """Those of all conversations that are kept, oldest first."""
    service = call.query.service
    if service and service not in SERVICES:
        raise unprocessable("#query/service", f"HAR is for HTTP: {', '.join(SERVICES)}, not {service!r}")
    wanted = (service,) if service else ("http", "https")
    kept = call.hub.transcripts.conversations()
    found = [each for each in kept if each.number > call.query.since and each.service in wanted]
    return _download(call, found, "minternet.har")


def _download(call: Call[HarQuery, None] | Call[None, None], transcripts: Sequence[Transcript], name: str) -> Reply:
    call.hub.downloads.check()
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    if call.scope["method"] == "HEAD":
        return Reply(type=JSON, headers=headers)
    return Reply(_har(call.hub, transcripts), JSON, headers=headers)


async def _har(hub: Hub, transcripts: Sequence[Transcript]) -> AsyncIterator[bytes]:
    """The log in blocks: a body may grow when it is inflated, so all exchanges never stand in memory at once."""
    entries = (entry for transcript in transcripts for entry in entries_of(transcript))
    separator = b""
    with hub.downloads.held():
        yield beginning()
        while block := await _next_block(hub, entries):
            yield separator + block
            separator = b",\n"
        yield ENDING


async def _next_block(hub: Hub, entries: Iterator[dict[str, Any]]) -> bytes:
    async with hub.reading:
        return await asyncio.to_thread(_block, entries)


def _block(entries: Iterator[dict[str, Any]]) -> bytes:
    """Some of them as text; b"" where there are no more."""
    written: list[bytes] = []
    size = 0
    while size < OFF_LOOP and (entry := next(entries, None)) is not None:
        written.append(msgspec.json.encode(entry))
        size += len(written[-1])
    return b",\n".join(written)
