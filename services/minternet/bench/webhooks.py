"""Webhooks in a test's hands: put in and taken out from any thread, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from .blocks import block
from .link import Link
from .waiting import DEFAULT_TIMEOUT, NothingMatched

if TYPE_CHECKING:
    from ..webhooks.records import Pinged, Report, Webhook
    from ..webhooks.webhooks import Webhooks

Value = TypeVar("Value")


class WebhooksHandle:
    """Who is told of events: receivers on this machine, each of which gets every event in order until it says 2xx.

    They outlive `net.reset()`: take them out when their receiver goes, or have them only `during` a block.
    """

    def __init__(self, link: Link, webhooks: Callable[[], Webhooks]) -> None:
        self._link, self._webhooks = link, webhooks

    def add(
        self,
        url: str,
        *,
        events: str | Iterable[str] = (),
        secret: str | None = None,
        name: str = "",
        since: int | None = None,
        timeout: float | None = None,
        verify: bool = True,
    ) -> Webhook:
        """A new webhook for events of these kinds (globs, such as "deliver" or "store-*"; none: all), with its secret.

        `since` is a cursor: what came after it is told as well. `timeout` is in seconds for each attempt. WebhookError where
        it cannot work, WebhookExists.
        """
        return self._do(
            lambda hooks: hooks.add(
                url, events=_kinds(events), secret=secret, name=name, since=since, timeout=timeout, verify=verify
            )
        )

    def change(self, webhook: Webhook | str, **fields: Any) -> Webhook:
        """Change some fields, such as `enabled` or `url`, but not the name; it tries again at once.

        WebhookMissing, WebhookError.
        """
        if fields.pop("name", _name(webhook)) != _name(webhook):
            raise ValueError(f"webhook {_name(webhook)!r} keeps its name; remove it, and add another")
        if "events" in fields:
            fields["events"] = _kinds(fields["events"])
        return self._do(lambda hooks: hooks.change(_name(webhook), **fields))

    def remove(self, webhook: Webhook | str) -> None:
        """Take a webhook out; what it is still owed is not delivered. WebhookMissing."""
        self._link.call(self.remove_async(webhook))

    async def remove_async(self, webhook: Webhook | str) -> None:
        """The same, on the loop."""
        await self._webhooks().remove(_name(webhook))

    def clear(self) -> None:
        """Take all webhooks out."""
        self._link.call(self.clear_async())

    async def clear_async(self) -> None:
        """The same, on the loop."""
        await self._webhooks().clear()

    def reset(self) -> None:
        """Take out all that the settings do not have."""
        self._link.call(self.reset_async())

    async def reset_async(self) -> None:
        """The same, on the loop."""
        await self._webhooks().reset()

    @block
    def during(self, url: str, **more: Any) -> Iterator[Webhook]:
        """Have a webhook while a block lasts; for threads that are not the loop's."""
        webhook = self.add(url, **more)
        try:
            yield webhook
        finally:
            if any(report.webhook.name == webhook.name for report in self.reports):
                self.remove(webhook)

    @property
    def reports(self) -> list[Report]:
        """All webhooks, with what became of each."""
        return self._do(lambda hooks: hooks.reports)

    def report(self, webhook: Webhook | str) -> Report:
        """One webhook: its cursor, what it is owed, how its last attempt went. WebhookMissing."""
        return self._do(lambda hooks: hooks.report(_name(webhook)))

    def ping(self, webhook: Webhook | str) -> Pinged:
        """Deliver a test event now, and tell what the receiver said. WebhookMissing."""
        return self._link.call(self.ping_async(webhook))

    async def ping_async(self, webhook: Webhook | str) -> Pinged:
        """The same, on the loop."""
        return await self._webhooks().ping(_name(webhook))

    def wait_delivered(self, webhook: Webhook | str | None = None, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Wait until a webhook, or every one, has got all that it is owed; NothingMatched says how far it came."""
        self._link.call(self.wait_delivered_async(webhook, timeout=timeout))

    async def wait_delivered_async(
        self, webhook: Webhook | str | None = None, *, timeout: float = DEFAULT_TIMEOUT
    ) -> None:
        """The same, on the loop."""
        hooks = self._webhooks()
        try:
            await asyncio.wait_for(hooks.settle(None if webhook is None else _name(webhook)), timeout)
        except TimeoutError:
            late = [report for report in hooks.reports if report.pending]
            lines = [f"webhooks are behind after {timeout:g} s:", *map(_told, late)]
            raise NothingMatched("\n".join(lines)) from None

    def _do(self, work: Callable[[Webhooks], Value]) -> Value:
        async def on_loop() -> Value:
            return work(self._webhooks())

        if self._link.on_loop:
            return work(self._webhooks())
        return self._link.call(on_loop())


def _kinds(events: str | Iterable[str]) -> tuple[str, ...]:
    return (events,) if isinstance(events, str) else tuple(events)


def _name(webhook: Webhook | str) -> str:
    return webhook if isinstance(webhook, str) else webhook.name


def _told(report: Report) -> str:
    reason = f", {report.failures} failures in a row, the last: {report.last_error}" if report.failures else ""
    return f"  {report.webhook.name}: {report.pending} events after number {report.cursor}{reason}"
