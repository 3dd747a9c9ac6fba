"""Faults: set, told of and taken back; and toxics, which are faults of the network on one service by Toxiproxy's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ...faults.catalogue import KINDS
from ...faults.faults import Fault, FaultError, Faults, Report
from ...faults.kind import PROTOCOLS, Kind
from ...faults.rule import Value, read
from ...faults.services import EXACTLY
from ...faults.toxics import from_toxic, to_toxic
from ..call import Call, Reply, created
from ..problems import Problem, unprocessable
from ..schemas import (
    AttributeView,
    Cleared,
    FaultBody,
    FaultView,
    FaultViews,
    KindView,
    KindViews,
    ToxicBody,
    ToxicPatch,
    ToxicView,
)
from .internet import get_service

MOST_FAULTS = 1000
"""Faults at the same time; each is asked at every command it may be about."""
KINDS_PATH = "kinds"
"""The catalogue's own place among the faults."""
LONGEST_NAME = 200
PARTING = ": "
"""Between service and toxic in a fault's name: a toxic's name is one service's own, a fault's is the internet's."""


async def list_faults(call: Call[None, None]) -> FaultViews:
    return FaultViews(tuple(map(view, faults_of(call).reports)))


async def list_kinds(call: Call[None, None]) -> KindViews:
    return KindViews(tuple(map(_kind_view, KINDS.values())))


async def get_fault(call: Call[None, None]) -> FaultView:
    return view(_report(call))


async def add_fault(call: Call[None, FaultBody]) -> Reply:
    """A new fault; one without a name is called after what it does."""
    faults, fault = faults_of(call), fault_of(call.body)
    if fault.name == KINDS_PATH:
        raise unprocessable("/name", f"{KINDS_PATH} is where the catalogue is; take another name")
    if _has(faults, fault.name):
        raise Problem(409, f"a fault is called {fault.name!r} already; PUT replaces it")
    told = put(faults, fault)
    return created(told, "faults", told.name)


async def set_fault(call: Call[None, FaultBody]) -> Reply:
    """In the place of one of the same name, which is then counted from the start."""
    faults, fault, name = faults_of(call), fault_of(call.body), call.path["fault"]
    if len(name) > LONGEST_NAME:
        raise unprocessable("#path/fault", f"a name has at most {LONGEST_NAME} characters")
    if fault.name not in ("", name):
        raise unprocessable("/name", f"the URL calls it {name!r}; leave the name out")
    new = not _has(faults, name)
    told = put(faults, msgspec.structs.replace(fault, name=name))
    return created(told, "faults", name) if new else Reply(msgspec.json.encode(told))


async def remove_fault(call: Call[None, None]) -> None:
    faults_of(call).remove(_report(call).fault.name)


async def clear_faults(call: Call[None, None]) -> Cleared:
    faults = faults_of(call)
    number = len(faults)
    faults.clear()
    return Cleared(number)


def fault_of(body: FaultBody) -> Fault:
    """The fault's record; FaultError, or Problem 422 where it says nothing."""
    given = {name: getattr(body, name) for name in body.__struct_fields__}
    fields = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    if "line" in fields:
        fields["fault"] = fields.pop("line")
    elif "kind" not in fields:
        there = ", ".join(KINDS)
        raise unprocessable("", f"give a line, such as 'imap FETCH: reset, n=2', or a kind; there are {there}")
    return read(fields)


def faults_of(call: Call[Any, Any]) -> Faults:
    return call.hub.supervisor.faults


def _has(faults: Faults, name: str) -> bool:
    return any(fault.name == name for fault in faults.given)


def _report(call: Call[Any, Any]) -> Report:
    """The fault in the path; Problem 404."""
    try:
        return faults_of(call).report(call.path["fault"])
    except FaultError as error:
        raise Problem(404, str(error)) from None


def put(faults: Faults, fault: Fault) -> FaultView:
    """Set a fault; FaultError, or Problem 409 where there are too many."""
    if len(faults) >= MOST_FAULTS and not _has(faults, fault.name):
        raise Problem(409, f"there are {MOST_FAULTS} faults already; remove one")
    try:
        fault = faults.put(fault)
    except (OverflowError, RecursionError):  # of the compiler of regular expressions
        raise FaultError(
            f"argument {fault.argument[:80]} is too much for a regular expression; a glob may do"
        ) from None
    return view(faults.report(fault.name))


def view(report: Report) -> FaultView:
    fault = {name: getattr(report.fault, name) for name in report.fault.__struct_fields__ if name != "seed"}
    told = {name: getattr(report, name) for name in ("line", "seed", "strokes", "uses", "conversations")}
    return FaultView(**fault, **told)


def _kind_view(kind: Kind) -> KindView:
    attributes = tuple(
        AttributeView(name, each.default, each.unit, each.words, each.help) for name, each in kind.attributes.items()
    )
    otherwise = kind.promise.get("*", "as the reply says")
    seen: dict[str, str] = {name: kind.promise.get(name, otherwise) for name in PROTOCOLS if name in kind.protocols}
    return KindView(kind.name, kind.help, attributes, kind.whens, kind.network, kind.tls, kind.toxiproxy, seen)


# -- toxics


async def list_toxics(call: Call[None, None]) -> tuple[ToxicView, ...]:
    return tuple(toxic_view(name, fault) for name, fault in (await _toxics(call)).items())


async def get_toxic(call: Call[None, None]) -> ToxicView:
    return toxic_view(call.path["toxic"], await _toxic(call))


async def add_toxic(call: Call[None, ToxicBody]) -> ToxicView:
    """200 and no Location: as Toxiproxy answers."""
    service, body = call.path["service"], call.body
    name = body.name or f"{body.type}_{body.stream}"
    if name in await _toxics(call):
        raise Problem(409, f"{service} has a toxic {name!r} already; PATCH changes it")
    return new_toxic(faults_of(call), service, name, msgspec.to_builtins(body))


def new_toxic(faults: Faults, service: str, name: str, toxic: Mapping[str, Any]) -> ToxicView:
    """Set a toxic on a service; FaultError, or Problem 409 where a fault that is no toxic has its name."""
    fault = msgspec.structs.replace(from_toxic(service, toxic), name=f"{service}{PARTING}{name}")
    if _has(faults, fault.name):
        raise Problem(409, f"a fault is called {fault.name!r} already; take another name")
    put(faults, fault)
    return toxic_view(name, fault)


async def change_toxic(call: Call[None, ToxicPatch]) -> ToxicView:
    fault, name, body = await _toxic(call), call.path["toxic"], call.body
    for field, there in (("type", fault.kind), ("name", name), ("stream", fault.stream)):
        if getattr(body, field) not in (msgspec.UNSET, there):
            raise unprocessable(f"/{field}", f"it is {there!r} and stays so; remove the toxic and add another")
    toxicity = fault.toxicity if isinstance(body.toxicity, msgspec.UnsetType) else body.toxicity
    return toxic_view(name, change_fault(faults_of(call), fault, toxicity, body.attributes))


def change_fault(faults: Faults, fault: Fault, toxicity: float, attributes: Mapping[str, Value]) -> Fault:
    """Set a fault again with another toxicity, and some other attributes; FaultError."""
    attributes = {**fault.attributes, **attributes}
    fault = msgspec.structs.replace(fault, toxicity=toxicity, attributes=attributes)
    put(faults, fault)
    return fault


async def post_toxic(call: Call[None, ToxicPatch]) -> ToxicView:
    """The same, as older clients of Toxiproxy ask for it."""
    return await change_toxic(call)


async def remove_toxic(call: Call[None, None]) -> None:
    faults_of(call).remove((await _toxic(call)).name)


async def _toxics(call: Call[Any, Any]) -> dict[str, Fault]:
    """The toxics of the service in the path by name: those set as toxics, and faults that might have been; Problem 404."""
    return toxics_of(faults_of(call), (await get_service(call)).name)


def toxics_of(faults: Faults, service: str) -> dict[str, Fault]:
    """A service's toxics by name."""
    return {
        fault.name.removeprefix(f"{service}{PARTING}"): fault
        for fault in faults.given
        if fault.service.removeprefix(EXACTLY) == service and to_toxic(fault) is not None
    }


async def _toxic(call: Call[Any, Any]) -> Fault:
    """The toxic in the path; Problem 404."""
    toxics, name = await _toxics(call), call.path["toxic"]
    if name not in toxics:
        there = ", ".join(map(repr, toxics)) or "none"
        raise Problem(404, f"{call.path['service']} has no toxic {name!r}; there are {there}")
    return toxics[name]


def toxic_view(name: str, fault: Fault) -> ToxicView:
    told = to_toxic(fault) or {}
    return ToxicView(**{**told, "name": name})
