"""What clients did wrong by the protocols' rules, and the rules."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .base import In, Limit, Out, Words

Level = Annotated[Literal["note", "warning", "error"], Meta(description="only what is so bad or worse")]
AfterConversation = Annotated[int, Meta(ge=0, le=1 << 53, description="after the conversation of this number")]


class LevelQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which findings of one conversation."""

    level: Level = "note"


class LintQuery(In, frozen=True, forbid_unknown_fields=True):
    """Which findings: of one service, of later conversations, of a level."""

    service: Words = ""
    since: AfterConversation = 0
    level: Level = "note"
    limit: Limit = 100


class FindingView(Out, frozen=True):
    """A breach of a rule: in which conversation, where in it, what was said, and what the RFC says about it."""

    conversation: int
    service: str
    peer: str
    rule: str
    severity: Literal["note", "warning", "error"]
    at: float
    """Seconds since the conversation's opening."""
    piece: int
    """Which of the pieces `said` in the conversation it begins in, from 0."""
    octet: int
    """Which of the client's octets it begins at, from 0."""
    line: str
    """What the client said there, secrets masked."""
    count: int
    """How often the rule was broken; the rest is about the first time."""
    wrong: str
    why: str
    advice: str
    reference: str
    """RFC and section."""
    url: str
    """The conversation."""


class Judgement(Out, frozen=True):
    """The findings of one conversation; `judged` is false where there are no rules, or its beginning is not kept."""

    findings: tuple[FindingView, ...]
    judged: bool


class Judgements(Out, frozen=True):
    """Findings, those of the newest conversations first; of each, in the order of the first breach of each rule.

    `conversations` were looked through; of `skipped` ones the beginning is no longer kept. Where there were more findings
    than the limit, `complete` is false.
    """

    findings: tuple[FindingView, ...]
    conversations: int
    skipped: int
    complete: bool


class RuleView(Out, frozen=True):
    """A rule: its name, the protocols it is for, how bad a breach is, what is wrong, what to do, RFC and section."""

    name: str
    protocols: tuple[str, ...]
    severity: Literal["note", "warning", "error"]
    wrong: str
    advice: str
    reference: str


class Rules(Out, frozen=True):
    """All rules."""

    rules: tuple[RuleView, ...]


class HarQuery(In, frozen=True, forbid_unknown_fields=True):
    """Whose exchanges: HTTP and HTTPS, where no service is named."""

    service: Annotated[str, Meta(max_length=1000, description="http, https or control; the first two by default")] = ""
    since: AfterConversation = 0
