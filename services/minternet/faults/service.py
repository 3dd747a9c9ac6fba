"""The faults of one service: at its door, in its bytes, in its conversations."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from ..wire.faults import FaultyPassage, Stage, reset_connection, stage_of
from ..wire.tls import Authority, Flaw, Leaf
from .armed import Armed, Situation
from .checks import Known
from .ftp import FtpTalk
from .talk import FaultySession, Talk
from .web import WebTalk

Tell = Callable[[Armed, str, str, Any], None]
FLAWS: dict[str, Flaw] = {
    "certificate_expired": "expired",
    "certificate_wrong_name": "wrong name",
    "certificate_self_signed": "self-signed",
    "certificate_weak": "weak",
}


class ServiceFaults:
    """What a service asks, while there are faults for it."""

    def __init__(
        self,
        service: Known,
        authority: Authority,
        tell: Tell,
        links: Callable[[], Iterable[Any]] = lambda: (),
        spared: Collection[tuple[str, int]] = (),
    ) -> None:
        self._spared = spared
        self.service, self.authority = service, authority
        self.protocol = service.protocol
        self.links = links
        self.talking: tuple[Armed, ...] = ()
        """Faults of conversations."""
        self.changed = asyncio.Event()
        """Set when the faults are others than they were."""
        self._door: tuple[Armed, ...] = ()
        self._handshakes: tuple[Armed, ...] = ()
        self._network: tuple[Armed, ...] = ()
        self._passages: dict[FaultyPassage, set[str]] = {}
        self._tell = tell
        self.sessions, self.web, self.ftp = Talk(self), WebTalk(self), FtpTalk(self)

    def arrange(self, armed: tuple[Armed, ...]) -> None:
        """These are the faults from now on, for connections that are open as well."""
        down_before = self._is_down
        self._network = tuple(each for each in armed if each.network)
        self._handshakes = tuple(each for each in armed if each.kind.tls)
        closing = {"down", "refuse"}
        self._door = tuple(each for each in armed if each.kind.name in closing and not each.attributes.get("busy"))
        others = {*self._network, *self._handshakes, *self._door}
        self.talking = tuple(each for each in armed if each not in others)
        self.changed.set()
        self.changed = asyncio.Event()
        if self._is_down and not down_before:
            for link in list(self.links()):
                if getattr(link, "made", True):
                    reset_connection(link)
        self._rearrange_passages()

    @property
    def _is_down(self) -> bool:
        return any(each.kind.name == "down" for each in self._door)

    def tell(self, armed: Armed, command: str, transcript: Any) -> None:
        """A fault strikes here."""
        self._tell(armed, self.service.name, command, transcript)

    def spares(self, peer: Any) -> bool:
        """Whether a client meets no faults: the supervisor, which looks whether the service is well."""
        return bool(self._spared) and tuple(peer[:2]) in self._spared

    # -- at the door

    def admits(self, client: str) -> bool:
        """Whether a connection from there is taken at all."""
        situation = Situation(self.protocol, client, 0)
        for armed in self._door:
            if armed.means(situation) and armed.strikes(situation):
                self.tell(armed, "", None)
                return False
        return True

    def handshake(self, client: str, own: ssl.SSLContext, transcript: Any = None) -> ssl.SSLContext:
        """The context for a handshake with a client: the service's own, or one that fails."""
        armed = self._spoiled_handshake(client, transcript)
        if armed is None:
            return own
        if armed.kind.name not in FLAWS:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate no cipher is shared
        return self.authority.flawed_context(FLAWS[armed.kind.name])

    def leaf(self, client: str, transcript: Any = None) -> Leaf | str | None:
        """The same for who makes contexts itself: a flawed certificate, "none" for no certificate at all, or None."""
        armed = self._spoiled_handshake(client, transcript)
        if armed is None:
            return None
        flaw = FLAWS.get(armed.kind.name)
        return "none" if flaw is None else self.authority.flawed(flaw)

    def _spoiled_handshake(self, client: str, transcript: Any) -> Armed | None:
        if transcript is not None and self.spares(transcript.peer):
            return None
        situation = Situation(self.protocol, client, 0)
        for armed in self._handshakes:
            if armed.means(situation) and armed.strikes(situation):
                self.tell(armed, "", transcript)
                return armed
        return None

    # -- in its bytes

    def passage(self) -> FaultyPassage | None:
        """What a new connection's bytes go through; None where the network is well."""
        return FaultyPassage(self._attached, self._detached) if self._network else None

    def _attached(self, passage: FaultyPassage) -> None:
        transcript = getattr(passage.ends, "transcript", None)
        if transcript is not None and self.spares(transcript.peer):
            return
        self._passages[passage] = set()
        self._arrange_passage(passage)

    def _detached(self, passage: FaultyPassage) -> None:
        self._passages.pop(passage, None)

    def _rearrange_passages(self) -> None:
        for passage in list(self._passages):
            self._arrange_passage(passage)
        if not self._network:
            return
        for link in list(self.links()):
            if getattr(link, "passage", self) is None:
                link.passage = FaultyPassage(self._attached, self._detached)
                if link.made:
                    link.passage.attach(link)

    def _arrange_passage(self, passage: FaultyPassage) -> None:
        """Give a connection the faults that strike it: decided once for each fault and connection."""
        transcript = getattr(passage.ends, "transcript", None)
        client = transcript.peer[0] if transcript is not None else ""
        situation = Situation(self.protocol, client, transcript.number if transcript is not None else id(passage))
        decided = self._passages[passage]
        upstream: dict[str, Callable[[], Stage]] = {}
        downstream: dict[str, Callable[[], Stage]] = {}
        for armed in self._network:
            struck, passed = f"+{armed.key}", f"-{armed.key}"
            if struck not in decided and passed not in decided:
                if _is_closing(passage.ends):
                    continue  # no stroke is spent on what is over already
                decided.add(struck if self._strikes_connection(armed, situation, transcript) else passed)
            if struck in decided:
                stages = upstream if armed.fault.stream == "upstream" else downstream
                stages[armed.key] = _maker(armed)
        passage.upstream.arrange(upstream)
        passage.downstream.arrange(downstream)

    def _strikes_connection(self, armed: Armed, situation: Situation, transcript: Any) -> bool:
        if not armed.means(situation) or not armed.strikes(situation):
            return False
        self.tell(armed, "", transcript)
        return True

    # -- in its conversations

    def session(self, session: Any) -> FaultySession:
        """A session whose greeting the faults see to."""
        return FaultySession(session, self.sessions)

    async def over(self, session: Any, line: bytes, obey: Callable[[bytes], Awaitable[bytes | None]]) -> bytes:
        """Obey a command as the faults have it; what of its reply is not sent yet."""
        return await self.sessions.over(session, line, obey)

    async def content(self, session: Any) -> bytes | None:
        """SMTP: a message's content came whole. The reply that stands in for its delivery, or None."""
        return await self.sessions.content(session)

    def hits(self, situation: Situation, *, connecting: bool = False) -> list[Armed]:
        """The faults of conversations that strike now, in order; each is counted."""
        return [
            armed
            for armed in self.talking
            if (armed.when == "connect") == connecting and armed.means(situation) and armed.strikes(situation)
        ]


def _is_closing(ends: Any) -> bool:
    """Whether the server has closed a connection that its client has not left yet."""
    transport = getattr(ends, "transport", None)
    return bool(transport.is_closing() if transport is not None else getattr(ends, "_ending", False))


def _maker(armed: Armed) -> Callable[[], Stage]:
    def make() -> Stage:
        return stage_of(armed.kind.name, armed.stroke_chance(), armed.attributes)

    return make
