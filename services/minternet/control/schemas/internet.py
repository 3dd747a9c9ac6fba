"""The internet itself: services, clock, snapshots."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

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


class Readiness(Out, frozen=True):
    """Whether every listener answers."""

    ready: bool
    services: tuple[ServiceView, ...]


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
