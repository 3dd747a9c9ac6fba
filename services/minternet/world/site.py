"""What HTTP serves beside its endpoints: the static tree and the programmed routes."""

from __future__ import annotations

import msgspec

from .eras import Eras, Shelf
from .errors import RouteMissing
from .files import Files
from .records import Reply, Route


class Site:
    """The site's files, and routes by name in the order they were set."""

    def __init__(self, eras: Eras) -> None:
        self.tree = Files(eras)
        self.routes: Shelf[str, Route] = Shelf(eras)

    # -- changes call these

    def set_route(self, route: Route) -> Route:
        if not route.replies:
            route = msgspec.structs.replace(route, replies=(Reply(),))
        self.routes.writable()[route.name] = route
        return route

    def remove_route(self, name: str) -> Route:
        if name not in self.routes:
            raise RouteMissing(f"no route {name!r}")
        return self.routes.writable().pop(name)

    def use_route(self, name: str) -> Reply | None:
        """The reply whose turn it is, counted at once; None where the route is used up. RouteMissing."""
        route = self.routes.get(name)
        if route is None:
            raise RouteMissing(f"no route {name!r}")
        if route.times is not None and route.used >= route.times:
            return None
        turn = route.used % len(route.replies) if route.cycles else min(route.used, len(route.replies) - 1)
        self.routes.writable()[name] = msgspec.structs.replace(route, used=route.used + 1)
        return route.replies[turn]
