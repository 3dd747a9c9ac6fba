"""Webhooks: put in, told of, changed, tried and taken out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from ...webhooks.errors import WebhookError, WebhookExists, WebhookMissing
from ...webhooks.records import Report
from ...webhooks.signing import masked
from ...webhooks.webhooks import Webhooks
from ..call import Call, Reply, created
from ..problems import Problem, unprocessable
from ..schemas import Cleared, PingView, WebhookBody, WebhookPatch, WebhookView, WebhookViews


async def list_webhooks(call: Call[None, None]) -> WebhookViews:
    return WebhookViews(tuple(map(view, _webhooks(call).reports)))


async def get_webhook(call: Call[None, None]) -> WebhookView:
    with _told():
        return view(_webhooks(call).report(call.path["webhook"]))


async def add_webhook(call: Call[None, WebhookBody]) -> Reply:
    """A new webhook; one without a name is given one."""
    with _told():
        webhook = _webhooks(call).add(**_given(call.body))
    return created(_shown(call, webhook.name), "webhooks", webhook.name)


async def set_webhook(call: Call[None, WebhookBody]) -> Reply:
    """In the place of one of the same name, which goes on where that was, and keeps its secret, unless the body says else."""
    hooks, name, fields = _webhooks(call), call.path["webhook"], _given(call.body)
    if fields.pop("name", name) != name:
        raise unprocessable("/name", f"the URL calls it {name!r}; leave the name out")
    with _told("#path/webhook"):
        if name not in hooks:
            hooks.add(name=name, **fields)
            return created(_shown(call, name), "webhooks", name)
        hooks.change(name, **{"timeout": hooks.around.timeout, **fields})
    return Reply(msgspec.json.encode(_shown(call, name)))


async def change_webhook(call: Call[None, WebhookPatch]) -> WebhookView:
    """The fields given, and nothing else."""
    with _told():
        _webhooks(call).change(call.path["webhook"], **_given(call.body))
    return _shown(call, call.path["webhook"], whole=call.body.secret is not msgspec.UNSET)


async def remove_webhook(call: Call[None, None]) -> None:
    with _told():
        await _webhooks(call).remove(call.path["webhook"])


async def clear_webhooks(call: Call[None, None]) -> Cleared:
    return Cleared(await _webhooks(call).clear())


async def ping_webhook(call: Call[None, None]) -> PingView:
    """It takes as long as the receiver does, but for the webhook's timeout."""
    hub = call.hub
    with hub.waits.one(), _told():
        pinged = await hub.unless_closing(_webhooks(call).ping(call.path["webhook"]))
    return PingView(pinged.status, pinged.error, pinged.seconds)


def _webhooks(call: Call[Any, Any]) -> Webhooks:
    return call.hub.supervisor.webhooks


def _given(body: WebhookBody | WebhookPatch) -> dict[str, Any]:
    """The fields that say something."""
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not msgspec.UNSET}


@contextmanager
def _told(name: str = "/name") -> Iterator[None]:
    """What webhooks refuse, as problems."""
    try:
        yield
    except WebhookMissing as error:
        raise Problem(404, str(error)) from None
    except WebhookExists as error:
        raise Problem(409, str(error)) from None
    except WebhookError as error:
        raise unprocessable(name if error.field == "name" else f"/{error.field}", str(error)) from None


def _shown(call: Call[Any, Any], name: str, whole: bool = True) -> WebhookView:
    report = _webhooks(call).report(name)
    told = view(report)
    return msgspec.structs.replace(told, secret=report.webhook.secret) if whole else told


def view(report: Report) -> WebhookView:
    """What is told of a webhook at any time."""
    hook = report.webhook
    return WebhookView(
        hook.name,
        hook.url,
        hook.events,
        masked(hook.secret),
        hook.enabled,
        hook.timeout,
        hook.verify,
        report.cursor,
        report.pending,
        report.delivered,
        report.dropped,
        report.failures,
        report.last_attempt,
        report.last_status,
        report.last_error,
    )
