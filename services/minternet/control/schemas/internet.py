"""The internet itself: services, clock, snapshots."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from .base import In, Moment, Out


class Links(Out, frozen=True):
    """Where to go on."""

    version: str
    name: str
    hostname: str
    openapi: str
    page: str


class ServiceView(Out, frozen=True):
    """A service. `status` is bound, starting, running or restarting."""

    name: str
    title: str
    status: str
    host: str
    port: int
    tls: str | None
    url: str
    connections: int
    restarts: int
    last_error: str = ""


class Health(Out, frozen=True):
    """Whether it is alive."""

    status: Literal["ok"] = "ok"


class Asked(Out, frozen=True):
    """Who answered when all were asked, and in a line for each what the others did instead, by their names."""

    answered: tuple[str, ...]
    unanswered: dict[str, str]


class Readiness(Out, frozen=True):
    """Whether every service runs; and answers, where they were asked."""

    ready: bool
    services: tuple[ServiceView, ...]
    asked: Asked | UnsetType = UNSET


class ReadinessQuery(In, frozen=True):
    """Whether to believe the supervisor or to ask every service."""

    ask: Annotated[bool, Meta(description="connect to every service, and see whether it answers")] = False


class ClockView(Out, frozen=True):
    """The world's time; `frozen` where it stands still."""

    now: Moment
    frozen: bool


class FreezeClock(In, frozen=True, forbid_unknown_fields=True):
    """The date to stop at, now where it is left out. The way there is no time that passes: nobody times out by it."""

    at: Moment | None = None


class AdvanceClock(In, frozen=True, forbid_unknown_fields=True):
    """How many seconds to let pass."""

    seconds: Annotated[float, Meta(ge=0, le=1e9)]


class Snapshots(Out, frozen=True):
    """The snapshots by name; `seed` is the fixtures."""

    names: tuple[str, ...]


class WasReset(Out, frozen=True):
    """The snapshot the world is at now, and the number of the event."""

    snapshot: str
    event: int
