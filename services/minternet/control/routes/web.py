"""Programmed HTTP routes, and the requests received."""

from __future__ import annotations

from .. import schemas as s
from ..resources import web
from ..table import Row
from .group import DOWNLOAD, group

ROWS = group(
    "HTTP",
    Row("GET", "/routes", web.list_routes, "The programmed routes", answer=s.Routes),
    Row("DELETE", "/routes", web.clear_routes, "Remove all routes", answer=s.Cleared),
    Row(
        "GET",
        "/routes/{route}",
        web.get_route,
        "A route, and how often it was used",
        answer=s.RouteView,
        problems=(404,),
    ),
    Row(
        "PUT",
        "/routes/{route}",
        web.set_route,
        "Program a route, new or in the place of one",
        body=s.RouteBody,
        answer=s.RouteView,
        status=201,
    ),
    Row("DELETE", "/routes/{route}", web.remove_route, "Remove a route", status=204, problems=(404,)),
    Row(
        "GET",
        "/requests",
        web.list_requests,
        "Requests that HTTP received, newest first",
        query=s.RequestQuery,
        answer=s.Requests,
    ),
    Row("GET", "/requests/{number:int}", web.get_request, "A request", answer=s.RequestView, problems=(404,)),
    Row(
        "GET",
        "/requests/{number:int}/body",
        web.get_request_body,
        "The beginning of its body, as much as is kept",
        answer=DOWNLOAD,
        problems=(404,),
    ),
)
