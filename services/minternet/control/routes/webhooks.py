"""Webhooks."""

from __future__ import annotations

from .. import schemas as s
from ..resources import webhooks
from ..table import Row
from .group import group

HOOK = "/webhooks/{webhook}"

ROWS = group(
    "Webhooks",
    Row("GET", "/webhooks", webhooks.list_webhooks, "All webhooks, and what became of each", answer=s.WebhookViews),
    Row(
        "POST",
        "/webhooks",
        webhooks.add_webhook,
        "A new webhook: a receiver on this machine, which gets every event in order until it says 2xx",
        body=s.WebhookBody,
        answer=s.WebhookView,
        status=201,
        problems=(409,),
    ),
    Row("DELETE", "/webhooks", webhooks.clear_webhooks, "Take all webhooks out", answer=s.Cleared),
    Row(
        "GET",
        HOOK,
        webhooks.get_webhook,
        "A webhook: its cursor, what it is owed, its last attempt",
        answer=s.WebhookView,
        problems=(404,),
    ),
    Row(
        "PUT",
        HOOK,
        webhooks.set_webhook,
        "A webhook, new or in the place of one of this name, which goes on where that was",
        body=s.WebhookBody,
        answer=s.WebhookView,
        status=201,
        problems=(409,),
    ),
    Row(
        "PATCH",
        HOOK,
        webhooks.change_webhook,
        "Change, enable or disable a webhook; it tries at once",
        body=s.WebhookPatch,
        answer=s.WebhookView,
        problems=(404,),
    ),
    Row("DELETE", HOOK, webhooks.remove_webhook, "Take a webhook out", status=204, problems=(404,)),
    Row(
        "POST",
        HOOK + "/ping",
        webhooks.ping_webhook,
        "Deliver a test event now, and tell what the receiver said",
        answer=s.PingView,
        problems=(404, 503),
    ),
)
