"""Toxiproxy's own rows, at the root as its clients ask for them. Their errors are Toxiproxy's, and so is what they read."""

from __future__ import annotations

from dataclasses import replace

from .. import schemas as s
from ..resources import proxies
from ..table import Errors, Row
from .group import group

PROXY = "/proxies/{proxy}"
TOXICS = PROXY + "/toxics"
TOXIC = TOXICS + "/{toxic}"
ERRORS = Errors(s.ToxiproxyError, proxies.error_of, proxies.STATUSES)

_ROWS = group(
    "Toxiproxy",
    Row("GET", "/version", proxies.version, "The version of Toxiproxy's API", answer=s.ToxiproxyVersion),
    Row("GET", "/proxies", proxies.list_proxies, "All services, as proxies by name", answer=dict[str, s.ProxyView]),
    Row(
        "POST",
        "/proxies",
        proxies.create_proxy,
        "Find a service as a proxy, as if it were made: where it listens cannot be chosen",
        body=s.ProxyBody,
        answer=s.ProxyView,
        status=201,
        problems=(404, 409),
    ),
    Row(
        "POST",
        "/populate",
        proxies.populate,
        "The same for many",
        body=s.ProxyBodies,
        answer=s.Populated,
        status=201,
        problems=(404, 409),
    ),
    Row("GET", PROXY, proxies.get_proxy, "A service, as a proxy with its toxics", answer=s.ProxyView, problems=(404,)),
    Row(
        "PATCH",
        PROXY,
        proxies.update_proxy,
        "Take a service down by a fault, or back",
        body=s.ProxyPatch,
        answer=s.ProxyView,
        problems=(404, 409),
    ),
    Row(
        "POST",
        PROXY,
        proxies.post_proxy,
        "The same, as older clients ask for it",
        body=s.ProxyPatch,
        answer=s.ProxyView,
        problems=(404, 409),
    ),
    Row(
        "DELETE",
        PROXY,
        proxies.delete_proxy,
        "Have a service no longer: it is down by a fault, its toxics are gone, and POST /proxies brings it back",
        status=204,
        problems=(404, 409),
    ),
    Row("GET", TOXICS, proxies.list_toxics, "A proxy's toxics", answer=tuple[s.ToxicView, ...], problems=(404,)),
    Row(
        "POST",
        TOXICS,
        proxies.add_toxic,
        "Add a toxic",
        body=s.ProxyToxicBody,
        answer=s.ToxicView,
        problems=(404, 409),
    ),
    Row("GET", TOXIC, proxies.get_toxic, "A toxic", answer=s.ToxicView, problems=(404,)),
    Row(
        "PATCH",
        TOXIC,
        proxies.update_toxic,
        "Change a toxic's toxicity and attributes, on open connections as well",
        body=s.ProxyToxicPatch,
        answer=s.ToxicView,
        problems=(404,),
    ),
    Row(
        "POST",
        TOXIC,
        proxies.post_toxic,
        "The same, as older clients ask for it",
        body=s.ProxyToxicPatch,
        answer=s.ToxicView,
        problems=(404,),
    ),
    Row("DELETE", TOXIC, proxies.remove_toxic, "Take a toxic back", status=204, problems=(404,)),
    Row(
        "POST",
        "/reset",
        proxies.reset,
        "Enable all proxies and take all toxics back; the world stays as it is",
        status=204,
    ),
    at="",
)
ROWS = tuple(replace(row, errors=ERRORS, body_types=("*/*",)) for row in _ROWS)
