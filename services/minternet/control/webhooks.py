"""How webhooks tell of events: just as `/events` does."""

from __future__ import annotations

import json

import msgspec

from ..bench.letterbox import appended_in
from ..world.journal import Event
from .happenings import KINDS, view

LONG = 16
"""Messages that came in one event from which a thread tells of it: each one's header is looked into."""
MANY = 1000
"""The same for messages of which only the numbers are told."""


class EventVoice:
    """The views of the API as JSON."""

    kinds = KINDS

    def tell(self, event: Event) -> bytes:
        """An event as JSON. A text that is none, which a test may have put in, must not hold up the events after it."""
        told = view(event)
        try:
            return msgspec.json.encode(told)
        except UnicodeEncodeError:
            return json.dumps(msgspec.to_builtins(told)).encode()

    def is_long(self, event: Event) -> bool:
        """Whether it is of many messages."""
        result = event.result
        if sum(len(appended.messages) for appended in appended_in(result)) > LONG:
            return True
        return len(getattr(result, "changed", ())) > MANY or len(getattr(result, "uids", ())) > MANY
