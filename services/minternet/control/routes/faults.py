"""Faults and toxics."""

from __future__ import annotations

from .. import schemas as s
from ..resources import faults
from ..table import Row
from .group import group

TOXICS = "/services/{service}/toxics"

ROWS = group(
    "Faults",
    Row("GET", "/faults", faults.list_faults, "All faults, and how often each has struck", answer=s.FaultViews),
    Row(
        "POST",
        "/faults",
        faults.add_fault,
        "Set a fault, from a line of text or from fields; it is at work at once",
        body=s.FaultBody,
        answer=s.FaultView,
        status=201,
        problems=(409,),
    ),
    Row("DELETE", "/faults", faults.clear_faults, "Take all faults back", answer=s.Cleared),
    Row("GET", "/faults/kinds", faults.list_kinds, "The catalogue of faults", answer=s.KindViews),
    Row("GET", "/faults/{fault}", faults.get_fault, "A fault by its name", answer=s.FaultView, problems=(404,)),
    Row(
        "PUT",
        "/faults/{fault}",
        faults.set_fault,
        "Set a fault, new or in the place of one of this name",
        body=s.FaultBody,
        answer=s.FaultView,
        status=201,
        problems=(409,),
    ),
    Row("DELETE", "/faults/{fault}", faults.remove_fault, "Take a fault back", status=204, problems=(404,)),
    Row(
        "GET",
        TOXICS,
        faults.list_toxics,
        "A service's toxics, as Toxiproxy tells of them",
        answer=tuple[s.ToxicView, ...],
        problems=(404,),
    ),
    Row(
        "POST",
        TOXICS,
        faults.add_toxic,
        "Add a toxic, as to a proxy of Toxiproxy",
        body=s.ToxicBody,
        answer=s.ToxicView,
        problems=(404, 409),
    ),
    Row("GET", TOXICS + "/{toxic}", faults.get_toxic, "A toxic", answer=s.ToxicView, problems=(404,)),
    Row(
        "PATCH",
        TOXICS + "/{toxic}",
        faults.change_toxic,
        "Change a toxic's toxicity and attributes; it is counted from the start",
        body=s.ToxicPatch,
        answer=s.ToxicView,
        problems=(404,),
    ),
    Row(
        "POST",
        TOXICS + "/{toxic}",
        faults.post_toxic,
        "The same, as older clients of Toxiproxy ask for it",
        body=s.ToxicPatch,
        answer=s.ToxicView,
        problems=(404,),
    ),
    Row("DELETE", TOXICS + "/{toxic}", faults.remove_toxic, "Take a toxic back", status=204, problems=(404,)),
)
