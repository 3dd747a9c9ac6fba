"""What a webhook is, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from ..world.journal import Event
from .errors import WebhookError

if TYPE_CHECKING:
    from .client import Answer

LONGEST_TIMEOUT = 60.0
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A name is part of each request's id, which may hold no full stop."""


class Webhook(msgspec.Struct, frozen=True):
    """A receiver by name: `events` are globs of kinds, none for all; `timeout` is in seconds for each attempt."""

    name: str
    url: str
    events: tuple[str, ...] = ()
    secret: str = ""
    enabled: bool = True
    timeout: float = 15.0
    verify: bool = True
    """Whether an https receiver must show a certificate of this internet's own authority."""


class Report(msgspec.Struct, frozen=True):
    """A webhook and what became of it. All up to event `cursor` is done with; times are the machine's own."""

    webhook: Webhook
    cursor: int
    pending: int
    """Events it is owed."""
    delivered: int
    dropped: int
    """Events that the journal had to drop before they could be delivered; the receiver is told."""
    failures: int
    """Failed attempts since the last that went well."""
    last_attempt: datetime | None
    last_status: int
    """0 where there was no reply."""
    last_error: str


class Pinged(msgspec.Struct, frozen=True):
    """What came of a test delivery: the status, or 0 and an error; and how many seconds it took."""

    status: int
    error: str
    seconds: float


class Pace(msgspec.Struct, frozen=True):
    """How long failed attempts wait, in seconds of the machine: doubling from the first to the longest."""

    first: float = 0.05
    longest: float = 30.0
    asked: float = 300.0
    """The longest that a receiver may ask for by Retry-After."""


class Notice(msgspec.Struct, frozen=True):
    """What a receiver is told in the place of events that are no longer kept: `count` of those it wanted, between these."""

    number: int
    at: datetime
    kind: str
    text: str
    first: int = msgspec.field(name="from")
    to: int
    count: int


class Voice(Protocol):
    """How events are told: as the control API does."""

    @property
    def kinds(self) -> Mapping[str, type]:
        """Every kind of change by the name that it is told by."""

    def tell(self, event: Event) -> bytes:
        """An event as JSON."""

    def is_long(self, event: Event) -> bool:
        """Whether telling it takes so long that a thread should do it."""


class Poster(Protocol):
    """What brings requests to a receiver."""

    @property
    def connected(self) -> bool:
        """Whether it holds a connection."""

    async def post(self, fields: bytes, body: bytes, timeout: float) -> Answer:
        """An Answer; DeliveryFailed."""

    def close(self) -> None: ...


MakePoster = Callable[[Webhook], Poster]
"""What is made anew for each webhook, and each time it changes."""


def checked_name(name: str) -> str:
    """A name as it may be; WebhookError."""
    if not NAME.fullmatch(name):
        raise WebhookError("name", "a name has 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return name


def checked_timeout(timeout: float) -> float:
    """A timeout within its bounds; WebhookError."""
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise WebhookError("timeout", f"a timeout is more than 0 and at most {LONGEST_TIMEOUT:g} seconds")
    return timeout
