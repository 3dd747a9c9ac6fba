"""Events that hooks cause themselves: one may post to this internet's own HTTP service, whose requests are events.

Told on, they would cause the next ones for ever. Such an event is known by the webhook-id of the request it tells of, or by
its conversation: one whose client has the address of a hook's connection.
"""

from __future__ import annotations

from collections import OrderedDict

from ..wire.transcript import TranscriptRing
from ..world.changes import FaultStruck, ReceiveRequest
from ..world.journal import Event, Journal

REMEMBERED = 4096
"""Conversations of which it is remembered whose they are: as many as the ring of transcripts keeps."""


class OwnEvents:
    """The events of one internet that its own hooks caused. Each event is judged once, when it happens."""

    def __init__(self, transcripts: TranscriptRing, journal: Journal, prefix: str) -> None:
        self._transcripts, self._journal, self._prefix = transcripts, journal, prefix
        self._open: set[tuple[str, int]] = set()
        self._known: OrderedDict[int, bool] = OrderedDict()
        self.numbers: set[int] = set()
        """The numbers of those events, as far as they are kept."""
        self._trim_at = REMEMBERED

    def opened(self, address: tuple[str, int]) -> None:
        """A hook is about to connect from this address to one of this internet's own services."""
        self._open.add(address)
        self._known = OrderedDict((number, own) for number, own in self._known.items() if own)

    def closed(self, address: tuple[str, int]) -> None:
        """It has ended; what is still to come of its conversation is known by that, for the address may be another's next."""
        self._open.discard(address)
        for transcript in reversed(self._transcripts.conversations()):
            if transcript.peer[:2] == address:
                self._remember(transcript.number, True)
                return

    def judge(self, event: Event) -> bool:
        """Whether a hook caused this event, which happens now."""
        own = self._is_own(event)
        if own:
            self.numbers.add(event.number)
            if len(self.numbers) > self._trim_at:
                self.numbers = {number for number in self.numbers if number > self._journal.dropped}
                self._trim_at = 2 * len(self.numbers) + REMEMBERED
        return own

    def _is_own(self, event: Event) -> bool:
        change, conversation = event.change, event.conversation
        if isinstance(change, ReceiveRequest):
            for name, value in change.request.headers:
                if name == "webhook-id" and value.startswith(self._prefix):
                    return True
        elif isinstance(change, FaultStruck):
            conversation = change.conversation
        if not conversation:
            return False
        known = self._known.get(conversation)
        return self._look_up(conversation) if known is None else known

    def _look_up(self, conversation: int) -> bool:
        if not self._open:
            return False
        transcript = self._transcripts.find(conversation)
        own = transcript is not None and transcript.peer[:2] in self._open
        self._remember(conversation, own)
        return own

    def _remember(self, conversation: int, own: bool) -> None:
        self._known[conversation] = own
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
