"""Changes of programmed routes, and the requests that came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records import Reply, Request, Route
from .base import REQUESTS, ROUTES, Change, Topics

if TYPE_CHECKING:
    from ..world import World


class SetRoute(Change[Route], frozen=True, gc=False):
    """A programmed route, new or in the place of one of the same name."""

    route: Route

    def apply(self, world: World) -> Route:
        return world.site.set_route(self.route)

    def topics(self, result: Route) -> Topics:
        return ROUTES


class RemoveRoute(Change[Route], frozen=True, gc=False):
    """A programmed route goes."""

    name: str

    def apply(self, world: World) -> Route:
        return world.site.remove_route(self.name)

    def topics(self, result: Route) -> Topics:
        return ROUTES


class UseRoute(Change[Reply | None], frozen=True, gc=False):
    """A route answers once: whose turn it is is settled here, so no two requests get the same turn."""

    name: str

    def apply(self, world: World) -> Reply | None:
        return world.site.use_route(self.name)


class ReceiveRequest(Change[Request], frozen=True, gc=False):
    """An HTTP request came and was answered; it changes nothing and is told to who watches."""

    request: Request

    @property
    def octets(self) -> int:
        return self.request.body.size

    def apply(self, world: World) -> Request:
        return self.request

    def topics(self, result: Request) -> Topics:
        return REQUESTS
