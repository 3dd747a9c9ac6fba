"""Faults, their kinds, and toxics as Toxiproxy has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .base import Count, In, Out, Words

Share = Annotated[float, Meta(ge=0, le=1)]
Value = bool | int | float | Annotated[str, Meta(max_length=100_000)]
Called = Annotated[str, Meta(max_length=200)]
When = Literal["connect", "before", "instead", "inside", "after"]
Stream = Literal["upstream", "downstream"]
Per = Literal["", "connection", "client", "account", "argument"]
Attributes = Annotated[dict[str, Value], Meta(max_length=20)]
Line = Annotated[
    str,
    Meta(min_length=1, max_length=100_000, description="the fault as a line of text, such as `imap FETCH: reset, n=2`"),
]
Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class FaultBody(In, frozen=True, forbid_unknown_fields=True):
    """A fault: a `line`, or a `kind` and where, when and how often it strikes. Fields beside a line go before what it says."""

    line: Line | Unset = UNSET
    kind: Words | Unset = UNSET
    name: Called | Unset = UNSET
    service: Words | Unset = UNSET
    command: Words | Unset = UNSET
    argument: Words | Unset = UNSET
    account: Words | Unset = UNSET
    client: Words | Unset = UNSET
    when: When | Unset | None = UNSET
    attributes: Attributes | Unset = UNSET
    stream: Stream | Unset = UNSET
    toxicity: Share | Unset = UNSET
    n: Count | Unset = UNSET
    first: Count | Unset = UNSET
    every: Count | Unset = UNSET
    skip: Count | Unset = UNSET
    times: Count | Unset = UNSET
    sequence: Words | Unset = UNSET
    probability: Share | Unset = UNSET
    seed: Count | Unset | None = UNSET
    per: Per | Unset = UNSET
    enabled: bool | Unset = UNSET


class FaultView(Out, frozen=True):
    """A fault and what became of it: `line` says it again, `seed` replays it, `conversations` are the transcripts it struck last.

    `uses` are the times it might have struck, `strokes` those it did.
    """

    name: str
    line: str
    kind: str
    service: str
    command: str
    argument: str
    account: str
    client: str
    when: str | None
    attributes: dict[str, Any]
    stream: str
    toxicity: float
    n: int
    first: int
    every: int
    skip: int
    times: int
    sequence: str
    probability: float
    per: str
    enabled: bool
    seed: int
    strokes: int
    uses: int
    conversations: tuple[int, ...]


class FaultViews(Out, frozen=True):
    """All faults, in the order in which they strike."""

    faults: tuple[FaultView, ...]


class AttributeView(Out, frozen=True):
    """An attribute of a kind: its default, its unit, or the words it may be."""

    name: str
    default: bool | int | float | str
    unit: str
    words: tuple[str, ...]
    help: str


class KindView(Out, frozen=True):
    """A kind of fault; `seen` says by protocol what a client of Python's standard library sees."""

    name: str
    help: str
    attributes: tuple[AttributeView, ...]
    whens: tuple[str, ...]
    network: bool
    tls: bool
    toxiproxy: bool
    seen: dict[str, str]


class KindViews(Out, frozen=True):
    """The catalogue of faults."""

    kinds: tuple[KindView, ...]


class ToxicBody(In, frozen=True, forbid_unknown_fields=True):
    """A toxic; its name is TYPE_STREAM where it is left out."""

    type: Words
    name: Called = ""
    stream: Stream = "downstream"
    toxicity: Share = 1.0
    attributes: Attributes = msgspec.field(default_factory=dict)


class ToxicPatch(In, frozen=True, forbid_unknown_fields=True):
    """What to change: toxicity, and those attributes that are given. The others may be there, and stay as they are."""

    type: Words | Unset = UNSET
    name: Called | Unset = UNSET
    stream: Stream | Unset = UNSET
    toxicity: Share | Unset = UNSET
    attributes: Attributes = msgspec.field(default_factory=dict)


class ToxicView(Out, frozen=True):
    """A toxic, as Toxiproxy tells of it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: dict[str, Any]
