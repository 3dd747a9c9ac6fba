"""What is wrong with a webhook, said to whoever asks for it."""

from __future__ import annotations


class WebhookError(ValueError):
    """A webhook that cannot work; `field` is what is wrong with it, and the text says what would do."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class WebhookExists(Exception):
    """There is a webhook of that name already, or there are too many."""


class WebhookMissing(LookupError):
    """There is no webhook of that name."""


class DeliveryFailed(Exception):
    """An attempt that brought no reply; the text says why."""
