"""Toxiproxy's HTTP API, for its own clients: each service is a proxy that is there already, and its own upstream.

There is no state here but faults, so whatever takes faults back brings the proxies back. Toxics are those that `faults` sets
as such; a proxy that is not enabled is one of kind `down`, and so is one that was deleted, under a name that says so.
Errors begin with Toxiproxy's words, and go on with what would work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from ...faults.faults import Fault
from ...faults.services import EXACTLY, SPARED, concerns
from ...faults.toxics import TOXICS
from ...protocols.context import Service
from ..call import Call
from ..problems import Problem
from ..schemas import (
    Populated,
    ProxyBody,
    ProxyPatch,
    ProxyToxicBody,
    ProxyToxicPatch,
    ProxyView,
    ToxicView,
    ToxiproxyError,
    ToxiproxyVersion,
)
from ..schemas.proxies import STREAMS
from .faults import change_fault, faults_of, new_toxic, put, toxic_view, toxics_of

API_VERSION = "2.12.0"
"""Of Toxiproxy, whose API this is."""
ANY_HOST = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
"""Hosts by which a client may mean this machine."""
STATUSES = {422: 400}
"""Toxiproxy knows no other status for a body that cannot be."""
BAD_BODY = "bad request body: "


def error_of(problem: Problem) -> ToxiproxyError:
    """A problem as Toxiproxy tells of it."""
    status = STATUSES.get(problem.status, problem.status)
    words = problem.details.detail or problem.details.title
    return ToxiproxyError(BAD_BODY + words if status != problem.status else words, status)


async def version(call: Call[None, None]) -> ToxiproxyVersion:
    ready = call.hub.supervisor.ready
    return ToxiproxyVersion(f"{API_VERSION}+minternet.{ready().version}" if ready is not None else API_VERSION)


# -- proxies


async def list_proxies(call: Call[None, None]) -> dict[str, ProxyView]:
    return {name: _view(call, name) for name in _services(call) if not _is_deleted(call, name)}


async def get_proxy(call: Call[None, None]) -> ProxyView:
    return _view(call, _proxy(call))


async def create_proxy(call: Call[None, ProxyBody]) -> ProxyView:
    """201 for one that is there as well: all of them are from the start."""
    return _settle(call, [call.body])[0]


async def populate(call: Call[None, tuple[ProxyBody, ...]]) -> Populated:
    """All of them, or an error and none; as often as one likes."""
    names = Counter(body.name for body in call.body)
    for name in (name for name, number in names.items() if number > 1):
        raise Problem(400, f"{BAD_BODY}duplicate proxy name {name!r}")
    return Populated(tuple(_settle(call, call.body)))


async def update_proxy(call: Call[None, ProxyPatch]) -> ProxyView:
    name = _proxy(call)
    _check_places(call, name, call.body)
    _check_enabled(call, name, call.body.enabled)
    _enable(call, name, call.body.enabled)
    return _view(call, name)


async def post_proxy(call: Call[None, ProxyPatch]) -> ProxyView:
    """The same, as all clients ask for it that are older than PATCH."""
    return await update_proxy(call)


async def delete_proxy(call: Call[None, None]) -> None:
    """Nobody reaches the service, until it is made again as a proxy, or faults are reset."""
    name, faults = _proxy(call), faults_of(call)
    before = [*toxics_of(faults, name).values(), *_own_downs(call, name)]
    put(faults, _down(name, _deleted(name)))
    faults.discard(fault.name for fault in before)


async def reset(call: Call[None, None]) -> None:
    """All proxies enabled, and no toxics. Other faults stay, and so do the world, and what was deleted."""
    faults, services = faults_of(call), _services(call)
    toxics = [fault.name for name in services for fault in toxics_of(faults, name).values()]
    downs = [fault.name for name in services for fault in _downs(call, name) if fault.name != _deleted(name)]
    faults.discard((*toxics, *downs))


def _services(call: Call[Any, Any]) -> dict[str, Service]:
    """The services that faults can strike; datagrams have no connections."""
    supervised = call.hub.supervisor.supervised.items()
    return {
        name: each.service
        for name, each in supervised
        if each.service.protocol != SPARED and each.service.kind != "datagram"
    }


def _proxy(call: Call[Any, Any]) -> str:
    """The name in the path; Problem 404 where no proxy has it, or has it any more."""
    name = _service(call, call.path["proxy"])
    if _is_deleted(call, name):
        raise Problem(404, f"proxy not found: {name!r} was deleted; POST /proxies makes it again")
    return name


def _service(call: Call[Any, Any], name: str) -> str:
    """The name, if it is a service's; Problem 404."""
    services = _services(call)
    if name not in services:
        there = ", ".join(services)
        raise Problem(
            404, f"proxy not found: services are the proxies here, none is called {name!r}; there are {there}"
        )
    return name


def _view(call: Call[Any, Any], name: str) -> ProxyView:
    address = _address(call, name)
    return ProxyView(name, address, address, not _downs(call, name), _toxics(call, name))


def _address(call: Call[Any, Any], name: str) -> str:
    host, port = call.hub.supervisor.endpoint(name).address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _settle(call: Call[Any, Any], bodies: Sequence[ProxyBody]) -> list[ProxyView]:
    """Have the proxies as they are asked for; Problem 404 or 409 before anything is changed."""
    for body in bodies:
        _check_places(call, _service(call, body.name), body)
        _check_enabled(call, body.name, body.enabled)
    for body in bodies:
        if _is_deleted(call, body.name):
            faults_of(call).remove(_deleted(body.name))
        _enable(call, body.name, body.enabled)
    return [_view(call, body.name) for body in bodies]


def _check_places(call: Call[Any, Any], name: str, given: ProxyPatch) -> None:
    """Problem 409 where a service would have to listen elsewhere, or lead elsewhere."""
    address = _address(call, name)
    if given.listen and not _is_at(call, name, given.listen, ("0",)):
        raise Problem(
            409,
            f"proxy already exists: services are the proxies here, and {name} listens on {address}, not on"
            f" {given.listen}; leave listen out, or say so",
        )
    if given.upstream and not _is_at(call, name, given.upstream):
        raise Problem(
            409,
            f"proxy already exists: services are the proxies here, and {name} is its own upstream, {address}, not"
            f" {given.upstream}; leave upstream out, or say so",
        )


def _is_at(call: Call[Any, Any], name: str, place: str, ports: tuple[str, ...] = ()) -> bool:
    """Whether HOST:PORT is where the service listens; `ports` do as well as its own."""
    host, own = call.hub.supervisor.endpoint(name).address
    settings = call.hub.settings
    said, _, port = place.rpartition(":")
    return port in (str(own), *ports) and said.strip("[]").lower() in ANY_HOST | {
        each.lower() for each in (host, settings.host, settings.public_host) if each
    }


# -- enabled


def _deleted(name: str) -> str:
    """What the fault is called by which a proxy is deleted; no toxic's name begins so."""
    return f"{EXACTLY}{name}: deleted"


def _is_deleted(call: Call[Any, Any], name: str) -> bool:
    return any(fault.name == _deleted(name) for fault in _downs(call, name))


def _down(name: str, called: str) -> Fault:
    return Fault(kind="down", service=f"{EXACTLY}{name}", name=called)


def _downs(call: Call[Any, Any], name: str) -> list[Fault]:
    """The faults by which a service is down for everybody."""
    service = _services(call)[name]
    return [fault for fault in faults_of(call).given if _is_down(fault) and concerns(fault, service)]


def _is_down(fault: Fault) -> bool:
    down = Fault(kind="down")
    return fault.kind == down.kind and msgspec.structs.replace(fault, name="", service="*", seed=None) == down


def _own_downs(call: Call[Any, Any], name: str) -> list[Fault]:
    """Those that name this service."""
    return [fault for fault in _downs(call, name) if fault.service.removeprefix(EXACTLY) == name]


def _check_enabled(call: Call[Any, Any], name: str, enabled: bool | None) -> None:
    """Problem 409 where a service shall be up that a fault of many holds down."""
    own = _own_downs(call, name)
    for fault in _downs(call, name) if enabled else ():
        if fault not in own:
            raise Problem(409, f"{name} is down by the fault {fault.name!r}, which is one of {fault.service}")


def _enable(call: Call[Any, Any], name: str, enabled: bool | None) -> None:
    """Take a service down, or back; None leaves it as it is."""
    faults = faults_of(call)
    if enabled is False and not _downs(call, name):
        put(faults, _down(name, f"{EXACTLY}{name}: down"))
    if enabled:
        faults.discard(fault.name for fault in _own_downs(call, name))


# -- toxics


async def list_toxics(call: Call[None, None]) -> tuple[ToxicView, ...]:
    return _toxics(call, _proxy(call))


async def get_toxic(call: Call[None, None]) -> ToxicView:
    return toxic_view(call.path["toxic"], _toxic(call))


async def add_toxic(call: Call[None, ProxyToxicBody]) -> ToxicView:
    """200: as Toxiproxy answers."""
    proxy, body, faults = _proxy(call), call.body, faults_of(call)
    stream = body.stream if body.stream is not None else "downstream"
    if stream not in STREAMS:
        raise Problem(400, f"stream was invalid, can be either upstream or downstream: {stream!r}")
    if body.type not in TOXICS:
        raise Problem(400, f"invalid toxic type: {body.type!r}; there are {', '.join(sorted(TOXICS))}")
    name = body.name or f"{body.type}_{stream}"
    if name in toxics_of(faults, proxy):
        raise Problem(409, f"toxic already exists: {proxy} has {name!r}; PATCH changes it")
    toxicity = 1.0 if body.toxicity is None else body.toxicity
    toxic = {"type": body.type, "stream": stream, "toxicity": toxicity, "attributes": body.attributes or {}}
    return new_toxic(faults, proxy, name, toxic)


async def update_toxic(call: Call[None, ProxyToxicPatch]) -> ToxicView:
    fault, name, body = _toxic(call), call.path["toxic"], call.body
    for field, there in (("type", fault.kind), ("name", name), ("stream", fault.stream)):
        if (getattr(body, field) or there) != there:
            raise Problem(400, f"{BAD_BODY}{field} is {there!r} and stays so; remove the toxic and add another")
    toxicity = fault.toxicity if body.toxicity is None else body.toxicity
    return toxic_view(name, change_fault(faults_of(call), fault, toxicity, body.attributes or {}))


async def post_toxic(call: Call[None, ProxyToxicPatch]) -> ToxicView:
    """The same, as all clients ask for it that are older than PATCH."""
    return await update_toxic(call)


async def remove_toxic(call: Call[None, None]) -> None:
    faults_of(call).remove(_toxic(call).name)


def _toxics(call: Call[Any, Any], proxy: str) -> tuple[ToxicView, ...]:
    """A proxy's toxics, upstream first, and then as they were added."""
    views = [toxic_view(name, fault) for name, fault in toxics_of(faults_of(call), proxy).items()]
    return tuple(sorted(views, key=lambda toxic: STREAMS.index(toxic.stream)))


def _toxic(call: Call[Any, Any]) -> Fault:
    """The toxic in the path; Problem 404."""
    proxy, name = _proxy(call), call.path["toxic"]
    toxics = toxics_of(faults_of(call), proxy)
    if name not in toxics:
        there = ", ".join(map(repr, toxics)) or "none"
        raise Problem(404, f"toxic not found: {proxy} has none called {name!r}; there are {there}")
    return toxics[name]
