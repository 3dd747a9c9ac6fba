"""The internet itself: services, settings, clock, snapshots."""

from __future__ import annotations

from ...ready import Ready
from .. import openapi
from .. import schemas as s
from ..resources import internet
from ..table import Octets, Row
from .group import group

ROWS = group(
    "The internet",
    Row("GET", "", internet.index, "Where to go on", answer=s.Links),
    Row("GET", "/openapi.json", openapi.document, "This document", answer=dict),
    Row("GET", "/services", internet.list_services, "The services", answer=s.Readiness),
    Row("GET", "/services/{service}", internet.get_service, "A service", answer=s.ServiceView, problems=(404,)),
    Row(
        "POST",
        "/services/{service}/restart",
        internet.restart_service,
        "Stop a service and start it again on the same port; its clients are cut off",
        answer=s.ServiceView,
        problems=(404, 409),
    ),
    Row(
        "GET",
        "/ready",
        internet.ready,
        "What the ready file says: ports, accounts, authority",
        answer=Ready,
    ),
    Row("GET", "/settings", internet.settings, "The settings (read-only)", answer=dict),
    Row(
        "GET",
        "/ca.pem",
        internet.authority,
        "The test authority's certificate",
        answer=Octets((internet.PEM,)),
    ),
    Row("GET", "/clock", internet.clock, "The world's time", answer=s.ClockView),
    Row(
        "POST",
        "/clock/freeze",
        internet.freeze_clock,
        "Stop the clock, now or at a date; nobody times out while it stands",
        body=s.FreezeClock,
        body_optional=True,
        answer=s.ClockView,
    ),
    Row(
        "POST",
        "/clock/advance",
        internet.advance_clock,
        "Let time pass for dates, expiry and sessions: who has idled for too long by then is told so at once",
        body=s.AdvanceClock,
        answer=s.ClockView,
    ),
    Row(
        "POST",
        "/clock/resume",
        internet.resume_clock,
        "Be at the machine's date again, and let time pass from here on",
        answer=s.ClockView,
    ),
    Row("GET", "/snapshots", internet.list_snapshots, "The snapshots", answer=s.Snapshots),
    Row(
        "PUT",
        "/snapshots/{snapshot}",
        internet.take_snapshot,
        "Remember the world as it is now; it costs nothing",
        answer=s.Snapshots,
        status=201,
        problems=(409,),
    ),
    Row(
        "POST",
        "/snapshots/{snapshot}/restore",
        internet.restore_snapshot,
        "Be as at a snapshot",
        answer=s.WasReset,
        problems=(404,),
    ),
    Row(
        "POST",
        "/reset",
        internet.reset,
        "Be as the fixtures say; the clock stays as it is",
        answer=s.WasReset,
        problems=(404,),
    ),
)
