"""The webhooks of one internet: put in, changed, taken out and told of at any time; they outlive every reset of the world.

All methods belong to the loop's thread; `net.webhooks` (bench/webhooks.py) asks from any.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import secrets
import ssl
import time
from collections.abc import Callable, Container, Iterable
from typing import Any

import msgspec

from ..wire.transcript import TranscriptRing
from ..world.journal import Event
from ..world.world import World
from . import lines
from .client import Client
from .errors import DeliveryFailed, WebhookError, WebhookExists, WebhookMissing
from .hook import Hook
from .loops import OwnEvents
from .records import MakePoster, Pace, Pinged, Poster, Report, Voice, Webhook, checked_name, checked_timeout
from .signing import key_of, new_secret
from .target import target_of


class Surroundings(msgspec.Struct, frozen=True):
    """What webhooks need of the internet they are of."""

    world: World
    transcripts: TranscriptRing
    voice: Voice
    agent: str
    """The product that requests name as their user agent."""
    trusting: Callable[[], ssl.SSLContext]
    """The context that verifies https receivers."""
    own_ports: Callable[[], Container[int]]
    control_ports: Callable[[], Container[int]]
    """Where no webhook may lead: each delivery would be a call of the API that may cause the next."""
    log: logging.Logger
    most: int = 32
    timeout: float = 15.0
    """Seconds for an attempt where a webhook says nothing else."""
    pace: Pace = Pace()


class Webhooks:
    """All webhooks of one internet, by name."""

    def __init__(self, around: Surroundings, make_poster: MakePoster | None = None) -> None:
        self.around = around
        self._make_poster = make_poster or self._client
        self._hooks: dict[str, Hook] = {}
        self._prefix = f"{secrets.token_hex(4)}_"
        """What the ids of this internet's requests begin with: another run numbers its events from 1 as well."""
        self._own = OwnEvents(around.transcripts, around.world.journal, self._prefix)
        self._unverified: ssl.SSLContext | None = None
        self._number = 0
        self._lasting: set[str] = set()
        """The names of those that the settings have."""
        self._unwatch = around.world.watch(self._happened)

    def _happened(self, event: Event) -> None:
        own, dropped = self._own.judge(event), self.around.world.journal.dropped
        for hook in self._hooks.values():
            if not own:
                hook.happened(event)
            hook.forget_dropped(dropped)  # it may be too large to be kept at all itself

    # -- what there is

    def __len__(self) -> int:
        return len(self._hooks)

    def __contains__(self, name: str) -> bool:
        return name in self._hooks

    @property
    def reports(self) -> list[Report]:
        """All webhooks, in the order in which they were put in."""
        return [hook.report for hook in self._hooks.values()]

    def report(self, name: str) -> Report:
        """One webhook by name; WebhookMissing."""
        return self._find(name).report

    def _find(self, name: str) -> Hook:
        hook = self._hooks.get(name)
        if hook is None:
            there = ", ".join(map(repr, self._hooks)) or "none"
            raise WebhookMissing(f"no webhook is called {name!r}; there are {there}")
        return hook

    # -- changing it

    def add(self, url: str, *, name: str = "", since: int | None = None, **more: Any) -> Webhook:
        """A new webhook, with a name and a secret made for it where there are none; WebhookError, WebhookExists.

        It is owed what came after event `since`: what is to come where that is None, all that is kept where it is 0.
        """
        if name in self._hooks:
            raise WebhookExists(f"a webhook is called {name!r} already")
        if len(self._hooks) >= self.around.most:
            raise WebhookExists(f"there are {self.around.most} webhooks already (limits.webhooks); remove one")
        webhook, kinds = self._checked(Webhook(name or self._free_name(), url, **self._defaults(more)))
        journal = self.around.world.journal
        hook = Hook(
            webhook,
            kinds,
            self._make_poster(webhook),
            self.around.world,
            self.around.voice,
            self._own,
            self._prefix,
            self.around.agent,
            self.around.pace,
            self.around.log,
        )
        hook.take_from(journal.last if since is None else min(max(since, 0), journal.last))
        self._hooks[webhook.name] = hook
        hook.start()
        return webhook

    def add_line(self, line: str) -> Webhook:
        """The same, from a line of text as settings have it; it outlives `reset`."""
        webhook = self.add(**lines.read(line))
        self._lasting.add(webhook.name)
        return webhook

    def change(self, name: str, *, since: int | None = None, **fields: Any) -> Webhook:
        """Change some fields of a webhook, which then tries at once; it goes on where it was, but for `since`."""
        hook = self._find(name)
        if fields.get("secret") is None:
            fields.pop("secret", None)
        webhook, kinds = self._checked(msgspec.structs.replace(hook.webhook, **fields))
        hook.change(webhook, kinds, self._make_poster(webhook))
        if since is not None:
            hook.take_from(min(max(since, 0), self.around.world.journal.last))
        return webhook

    async def remove(self, name: str) -> Webhook:
        """Take a webhook out; what it is owed is not delivered. WebhookMissing."""
        hook = self._find(name)
        del self._hooks[name]
        self._lasting.discard(name)
        await hook.stop()
        return hook.webhook

    async def clear(self) -> int:
        """Take all webhooks out; how many there were."""
        hooks = list(self._hooks.values())
        self._hooks.clear()
        self._lasting.clear()
        await asyncio.gather(*(hook.stop() for hook in hooks))
        return len(hooks)

    async def reset(self) -> None:
        """Take out all that the settings do not have."""
        for name in self._hooks.keys() - self._lasting:
            if name in self._hooks:  # somebody else may take it out meanwhile
                await self.remove(name)

    def _defaults(self, given: dict[str, Any]) -> dict[str, Any]:
        """The fields as given, without those that say nothing."""
        fields = {name: value for name, value in given.items() if value is not None}
        return {"timeout": self.around.timeout, **fields}

    def _checked(self, webhook: Webhook) -> tuple[Webhook, frozenset[type] | None]:
        """A webhook that can work, with its secret, and the kinds of events that it wants; WebhookError."""
        checked_name(webhook.name)
        checked_timeout(webhook.timeout)
        target = target_of(webhook.url)
        if target.port in self.around.control_ports():
            raise WebhookError(
                "url",
                f"port {target.port} is this internet's own control service: it takes no webhooks; name a receiver's",
            )
        if not webhook.secret:
            webhook = msgspec.structs.replace(webhook, secret=new_secret())
        key_of(webhook.secret)
        return webhook, self._kinds(webhook.events)

    def _kinds(self, patterns: Iterable[str]) -> frozenset[type] | None:
        found: set[type] = set()
        known = self.around.voice.kinds
        for pattern in patterns:
            names = fnmatch.filter(known, pattern)
            if not names:
                raise WebhookError("events", f"no kind of event is like {pattern[:80]!r}; there are {', '.join(known)}")
            found.update(known[name] for name in names)
        return frozenset(found) or None

    def _free_name(self) -> str:
        while True:
            self._number += 1
            if (name := f"webhook-{self._number}") not in self._hooks:
                return name

    # -- receivers

    def _client(self, webhook: Webhook) -> Poster:
        target = target_of(webhook.url)
        trusting = None
        if target.secure:
            trusting = self.around.trusting if webhook.verify else self._trusting_all
        return Client(target, trusting, self._own if target.port in self.around.own_ports() else Indifferent())

    def _trusting_all(self) -> ssl.SSLContext:
        if self._unverified is None:
            self._unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._unverified.check_hostname = False
            self._unverified.verify_mode = ssl.CERT_NONE
        return self._unverified

    async def ping(self, name: str) -> Pinged:
        """Deliver a test event now, on a connection of its own, and tell what came of it; WebhookMissing."""
        hook, began = self._find(name), time.monotonic()
        try:
            answer = await hook.ping(self._make_poster(hook.webhook))
        except DeliveryFailed as error:
            return Pinged(0, str(error), time.monotonic() - began)
        return Pinged(answer.status, "", time.monotonic() - began)

    async def settle(self, name: str | None = None) -> None:
        """Wait until a webhook, or each of them, owes nothing; WebhookMissing."""
        hooks = list(self._hooks.values()) if name is None else [self._find(name)]
        await asyncio.gather(*(hook.settled.wait() for hook in hooks))

    # -- the end

    async def drain(self, seconds: float) -> None:
        """Deliver what is owed, trying each receiver once more at most, for so many seconds; the log tells of the rest."""
        hooks = list(self._hooks.values())
        for hook in hooks:
            hook.finish()
        tasks = [hook.task for hook in hooks if hook.task is not None]
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)
        await asyncio.gather(*(hook.stop() for hook in hooks))
        for hook in hooks:
            if report := hook.report if not hook.settled.is_set() else None:
                self.around.log.warning(
                    "webhook %s: %d events after number %d were not delivered (%s)",
                    report.webhook.name,
                    report.pending,
                    report.cursor,
                    report.last_error or ("there was no time" if report.webhook.enabled else "it is disabled"),
                )
        self._hooks.clear()
        self._unwatch()


class Indifferent:
    """Watches no connections: the receiver is none of this internet's own services."""

    def opened(self, address: tuple[str, int]) -> None:
        """Nothing."""

    def closed(self, address: tuple[str, int]) -> None:
        """Nothing."""
