"""The one state all servers share: a fold over its journal.

Nothing writes to it but `commit(change)`. Reads are plain calls on memory, safe from any thread, because records are
frozen and a collection that is being read is replaced rather than rewritten. Commits belong to the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import msgspec

from .accounts import Accounts
from .blobs import Blobs
from .changes import Change, Reset, Result
from .clock import Chance, Clock
from .eras import Eras
from .errors import WorldError
from .files import Files
from .journal import Event, Journal
from .mail import Mail
from .news import News
from .site import Site


class Snapshot(msgspec.Struct, frozen=True):
    """A world's state at one moment: references, no copies."""

    collections: tuple[dict[Any, Any], ...]
    news: tuple[str, str, tuple[str, ...]]


class World:
    """Accounts, mail, news, files and site, with one clock and one journal."""

    def __init__(self, seed: int = 0, hostname: str = "localhost", journal_keeps: int = 10_000) -> None:
        self._eras = Eras()
        self.name = "empty"
        self.hostname = hostname
        self.clock = Clock()
        self.chance = Chance(seed)
        self.blobs = Blobs()
        self.journal = Journal(self.clock.now, journal_keeps)
        self.accounts = Accounts(self._eras)
        self.mail = Mail(self._eras)
        self.news = News(self._eras, self.blobs)
        self.files = Files(self._eras)
        self.site = Site(self._eras)
        self.scratch: dict[Hashable, Any] = {}
        """What servers remember beside the state, under keys of their own: maildrop locks, salted keys. Never journaled."""
        self.fixture_faults: tuple[str | dict[str, Any], ...] = ()
        """The faults that the fixture asks for, as it says them: for who serves the world."""
        self._snapshots: dict[str, Snapshot] = {}

    async def commit(self, change: Change[Result], origin: object = None) -> Result:
        """Make a change, record it and tell who watches; raises a WorldError, and then nothing is changed."""
        return self.commit_now(change, origin)

    def commit_now(self, change: Change[Result], origin: object = None) -> Result:
        """The same for an engine that cannot await: fit for the loop's thread, and for journals in memory only."""
        result = change.apply(self)
        self.journal.add(change, result, change.topics(result), origin, change.octets)
        return result

    def snapshot(self, name: str = "") -> Snapshot:
        """Remember the state of now, under a name where one is given."""
        snapshot = Snapshot(
            tuple(shelf.items_now for shelf in self._shelves()),
            (self.news.path_host, self.news.motd, self.news.subscriptions),
        )
        self._eras.number += 1
        if name:
            self._snapshots[name] = snapshot
        return snapshot

    def snapshots(self) -> tuple[str, ...]:
        """The names of the snapshots that are kept."""
        return tuple(self._snapshots)

    async def reset(self, name: str = "seed") -> None:
        """Be as at the snapshot of that name; live sessions are told through the journal."""
        await self.commit(Reset(name))

    async def restore(self, snapshot: Snapshot) -> None:
        """Be as at a snapshot."""
        self._snapshots["restored"] = snapshot
        await self.commit(Reset("restored"))

    def put_back(self, name: str) -> None:
        """What `Reset` does to the collections. Counters that must only grow (UIDVALIDITY) are left alone."""
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            raise WorldError(f"no snapshot {name!r}; there are: {', '.join(self._snapshots) or 'none'}")
        for shelf, items in zip(self._shelves(), snapshot.collections, strict=True):
            shelf.put_back(items)
        self.news.path_host, self.news.motd, self.news.subscriptions = snapshot.news
        self._eras.number += 1

    def watch(self, callback: Callable[[Event], None], *topics: Any) -> Callable[[], None]:
        """Call back at once for every event on these topics (see `changes`), or on all; returns what ends it."""
        return self.journal.watch(callback, *topics)

    def close(self) -> None:
        """Give back the disk that large content took."""
        self.blobs.close()

    def _shelves(self) -> tuple[Any, ...]:
        return (
            *self.accounts.shelves,
            self.mail.stores,
            *self.news.shelves,
            self.files.folders,
            self.site.tree.folders,
            self.site.routes,
        )
