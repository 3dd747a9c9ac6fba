"""The internet itself: health, services, what clients need to know, clock, snapshots and reset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from ...webhooks.lines import masked
from ..call import LAST_YEAR, Call, Reply, in_range, path_to
from ..hub import Hub
from ..problems import Problem, unprocessable
from ..schemas import (
    AdvanceClock,
    Asked,
    ClockView,
    FreezeClock,
    Health,
    Links,
    Readiness,
    ReadinessQuery,
    ServiceView,
    Snapshots,
    WasReset,
)

SEED = "seed"
LAST_MOMENT = datetime(LAST_YEAR, 1, 1, tzinfo=UTC).timestamp()
"""A clock beyond year 9999 could be told of in no protocol; one this far has room to run."""
PEM = "application/x-pem-file"


async def index(call: Call[None, None]) -> Links:
    world = call.world
    ready = call.hub.supervisor.ready
    version = ready().version if ready is not None else ""
    return Links(version, world.name, world.hostname, path_to("openapi.json"), "/")


async def alive(call: Call[None, None]) -> Health:
    return Health()


async def readiness(call: Call[ReadinessQuery, None]) -> Reply:
    asked: Asked | msgspec.UnsetType = msgspec.UNSET
    if call.query.ask:
        look = await call.hub.unless_closing(call.hub.supervisor.look())
        asked = Asked(look.answered, dict(look.unanswered))
    services = tuple(views(call.hub))
    ready = all(service.status == "running" for service in services) and not (asked and asked.unanswered)
    return Reply(msgspec.json.encode(Readiness(ready, services, asked)), status=200 if ready else 503)


# -- services


async def list_services(call: Call[None, None]) -> Readiness:
    services = tuple(views(call.hub))
    return Readiness(all(service.status == "running" for service in services), services)


async def get_service(call: Call[None, None]) -> ServiceView:
    return view(call.hub, call.path["service"])


async def restart_service(call: Call[None, None]) -> ServiceView | Reply:
    """Control itself answers first, and restarts after it."""
    hub, name = call.hub, call.path["service"]
    if view(hub, name).status != "running":
        raise Problem(409, f"{name} is not running: it is {view(hub, name).status}")
    if hub.supervisor.supervised[name].service.protocol == "control":
        raise Problem(409, f"{name} is what answers here; it restarts by itself when it fails")
    await hub.supervisor.restart(name)
    return view(hub, name)


def views(hub: Hub) -> list[ServiceView]:
    """All services as they are now."""
    return [view(hub, name) for name in hub.supervisor.supervised]


def view(hub: Hub, name: str) -> ServiceView:
    """One service; Problem 404."""
    supervised = hub.supervisor.supervised.get(name)
    if supervised is None:
        raise Problem(404, f"no service {name!r} runs; there are {', '.join(hub.supervisor.supervised)}")
    endpoint = hub.supervisor.endpoint(name)
    return ServiceView(
        name,
        supervised.service.title,
        supervised.status,
        endpoint.host,
        endpoint.port,
        endpoint.tls,
        endpoint.url,
        supervised.running.connections if supervised.running is not None else 0,
        supervised.restarts,
        supervised.last_error,
    )


# -- what clients need to know


async def ready(call: Call[None, None]) -> Any:
    if call.hub.supervisor.ready is None:
        raise Problem(503, "this internet has no ready record")
    return call.hub.supervisor.ready()


async def settings(call: Call[None, None]) -> Any:
    told: dict[str, Any] = msgspec.to_builtins(call.hub.settings)
    told["control_token"] = None if told["control_token"] is None else "(set)"
    told["webhooks"] = [masked(line) for line in told["webhooks"]]
    return told


async def authority(call: Call[None, None]) -> Reply:
    return Reply(call.hub.authority.ca_file.read_bytes(), PEM)


# -- clock


async def clock(call: Call[None, Any]) -> ClockView:
    world = call.world
    return ClockView(world.clock.datetime(), world.clock.frozen)


async def freeze_clock(call: Call[None, FreezeClock]) -> ClockView:
    moment = call.body.at
    if moment is not None:
        moment = in_range(moment, "/at")
    call.world.clock.freeze(moment)
    return await clock(call)


async def advance_clock(call: Call[None, AdvanceClock]) -> ClockView:
    if call.world.clock.now() + call.body.seconds > LAST_MOMENT:
        raise unprocessable("/seconds", "the clock goes to year 9000")
    call.world.clock.advance(call.body.seconds)
    return await clock(call)


async def resume_clock(call: Call[None, None]) -> ClockView:
    call.world.clock.resume()
    return await clock(call)


# -- snapshots


async def list_snapshots(call: Call[None, None]) -> Snapshots:
    return Snapshots(call.world.snapshots())


async def take_snapshot(call: Call[None, None]) -> Reply:
    name = call.path["snapshot"]
    if name == SEED:
        raise Problem(409, f"{SEED} is what a reset goes back to")
    new = name not in call.world.snapshots()
    call.world.snapshot(name)
    body = msgspec.json.encode(Snapshots(call.world.snapshots()))
    return Reply(body, status=201 if new else 200)


async def restore_snapshot(call: Call[None, None]) -> WasReset:
    return await _back_to(call, call.path["snapshot"])


async def reset(call: Call[None, None]) -> WasReset:
    return await _back_to(call, SEED)


async def _back_to(call: Call[Any, Any], name: str) -> WasReset:
    world = call.world
    if name not in world.snapshots():
        raise Problem(404, f"no snapshot {name!r}; there are {', '.join(world.snapshots()) or 'none'}")
    await world.reset(name)
    return WasReset(name, world.journal.last)
