"""Webhooks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .base import END, In, Moment, Out, Since

HookName = Annotated[str, Meta(pattern=f"^[A-Za-z0-9_-]+{END}", max_length=64)]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        description="http or https, on this machine: localhost, an address such as 127.0.0.1, or [::1]",
    ),
]
Kinds = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
    Meta(max_length=100, description="kinds of events as /events names them, or globs such as `store-*`; none: all"),
]
Secret = Annotated[
    str,
    Meta(max_length=200, description="`whsec_` and the base64 of 24 to 64 octets; one is made where there is none"),
]
Timeout = Annotated[float, Meta(gt=0, le=60, description="seconds for each attempt")]
Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class WebhookBody(In, frozen=True, forbid_unknown_fields=True):
    """A receiver. It is told of what comes after event `since`: what is to come where there is none, all that is kept with 0."""

    url: Url
    name: HookName | Unset = UNSET
    events: Kinds = ()
    secret: Secret | Unset = UNSET
    enabled: bool = True
    since: Since | Unset | None = UNSET
    timeout: Timeout | Unset = UNSET
    verify: bool = True
    """Whether an https receiver must show a certificate of this internet's own authority."""


class WebhookPatch(In, frozen=True, forbid_unknown_fields=True):
    """What to change; the webhook then tries at once."""

    url: Url | Unset = UNSET
    events: Kinds | Unset = UNSET
    secret: Secret | Unset = UNSET
    enabled: bool | Unset = UNSET
    since: Since | Unset = UNSET
    timeout: Timeout | Unset = UNSET
    verify: bool | Unset = UNSET


class WebhookView(Out, frozen=True):
    """A webhook and what became of it. All up to event `cursor` is done with; `last_attempt` is by the machine's clock."""

    name: str
    url: str
    events: tuple[str, ...]
    secret: str
    """Whole in the answer that makes or changes it, else masked."""
    enabled: bool
    timeout: float
    verify: bool
    cursor: int
    pending: int
    """Events that it is owed."""
    delivered: int
    dropped: int
    """Events that were no longer kept when their turn came; the receiver was told."""
    failures: int
    """Failed attempts since the last that went well."""
    last_attempt: Moment | None
    last_status: int
    """0 where there was no reply."""
    last_error: str


class WebhookViews(Out, frozen=True):
    """All webhooks."""

    webhooks: tuple[WebhookView, ...]


class PingView(Out, frozen=True):
    """What came of a test delivery: the receiver's status, or 0 and an error; and how long it took."""

    status: int
    error: str
    seconds: float
