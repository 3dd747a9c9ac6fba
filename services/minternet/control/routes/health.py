"""The page, health and metrics."""

from __future__ import annotations

from .. import metrics, pages
from .. import schemas as s
from ..resources import internet
from ..table import Octets, Row
from .group import DOWNLOAD, group

ROWS = group(
    "Page and health",
    Row("GET", "/", pages.page, "The page", answer=Octets(("text/html",)), public=True),
    Row("GET", "/static/{name}", pages.static, "A file of the page", answer=DOWNLOAD, problems=(404,), public=True),
    Row("GET", "/healthz", internet.alive, "Whether the service is alive", answer=s.Health, public=True),
    Row(
        "GET",
        "/readyz",
        internet.readiness,
        "Each listener's status, restarts and connections; 503 until all run, or where one that is asked does not answer",
        query=s.ReadinessQuery,
        answer=s.Readiness,
        public=True,
    ),
    Row("GET", "/metrics", metrics.metrics, "Metrics for Prometheus", answer=Octets(metrics.TYPES)),
    at="",
)
