"""Faults in the conversations of sessions on wires: SMTP, IMAP, POP3, NNTP, and echo's greeting that is none."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..wire.faults import Corrupter, reset_connection
from ..wire.socket_wire import SocketWire
from ..wire.wire import Hangup, Wire
from .armed import Armed, Situation
from .language import (
    CANNED,
    DOT,
    INTERMEDIATE,
    UPGRADES,
    Command,
    account_of,
    command_of,
    is_last,
    reply_of,
    secrets_of,
    with_lies,
    without_starttls,
)
from .spoiling import Afterwards, Changed, Endless, Halved, Lying, Outlet, Replaced, Spoiler, Truncated, end

if TYPE_CHECKING:
    from .service import ServiceFaults

ENDINGS = frozenset({"close", "reset", "half_close", "silence"})
_UNASKED_LITERAL = re.compile(rb"\{([0-9]{1,9})\+\}\Z")
_CHUNK = re.compile(r"([0-9]{1,12})(?:\s+LAST)?\Z", re.IGNORECASE)
LONGEST_SWALLOWED = 1 << 26
"""Octets of content that are read and thrown away when the command they belong to is not carried out."""


def nothing(data: bytes) -> None:
    """Takes replies and says nothing: the spoiler of a wire that has fallen silent."""


class WireOutlet:
    """A wire, past its faults."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.secure = wire.secure
        self.muted = False
        self.ended = False

    def put(self, data: bytes) -> None:
        if not self.ended:
            self.wire.put(data)

    def close(self) -> None:
        self.ended = True
        self.wire.spoil = nothing
        self.wire.close()

    def reset(self) -> None:
        self.ended = True
        if isinstance(self.wire, SocketWire):
            reset_connection(self.wire)
        else:
            self.wire.abort()

    def half_close(self) -> None:
        if self.secure:
            self.close()
            return
        self.wire.spoil = nothing
        self.wire.send_eof()
        self.muted = True

    def mute(self) -> None:
        self.muted = True
        self.wire.spoil = nothing


class Talk:
    """Commands of one service's sessions as the faults have them."""

    def __init__(self, service: ServiceFaults) -> None:
        self._service = service
        self._protocol = service.protocol
        self._chains: dict[int, tuple[WireOutlet, list[Spoiler]]] = {}
        """What spoils the reply at work, for each session that is at work."""

    # -- the greeting

    async def greet(self, session: Any) -> None:
        """What happens before the greeting, and to it; Hangup where there is none."""
        wire: Wire = session.wire
        situation = self._situation(session, None)
        outlet = WireOutlet(wire)
        for armed in self._service.hits(situation, connecting=True):
            self._service.tell(armed, "", wire.transcript)
            kind = armed.kind.name
            if kind == "delay":
                await wire.pause(float(armed.attributes["delay"]) / 1000)
            elif kind in ENDINGS:
                await self._end(outlet, kind)
            else:
                reply = self._stand_in(armed, None)
                if is_last(self._protocol, reply) or kind == "refuse":
                    outlet.put(reply)
                    await self._end(outlet, "close")
                wire.spoil = _Once(wire, Replaced(outlet.put, outlet, None, partial(outlet.put, reply)))
        if self._protocol == "imap" and wire.spoil is None:
            self._strip_greeting(situation, wire, outlet)

    def _strip_greeting(self, situation: Situation, wire: Wire, outlet: WireOutlet) -> None:
        """IMAP's greeting tells the capabilities, STARTTLS among them."""
        if any(armed.kind.name == "starttls_stripped" and armed.means(situation) for armed in self._service.talking):
            wire.spoil = _Once(wire, Changed(outlet.put, outlet, without_starttls))

    # -- a command

    async def over(self, session: Any, line: bytes, obey: Callable[[bytes], Awaitable[bytes | None]]) -> bytes:
        """Obey a command; what of its reply is not sent yet."""
        wire: Wire = session.wire
        if wire.spoil is nothing:
            return await obey(line) or b""
        command = command_of(self._protocol, line)
        situation = self._situation(session, command)
        if isinstance(wire, SocketWire) and command.name in UPGRADES and wire.tls is not None:
            wire.tls = self._service.handshake(situation.client, wire.tls, wire.transcript)
        hits = self._service.hits(situation)
        wire.flush()
        outlet = WireOutlet(wire)
        if await self._before(session, command, line, hits, outlet):
            return b""
        return await self._carried_out(session, command, line, obey, hits, outlet)

    async def _carried_out(
        self,
        session: Any,
        command: Command,
        line: bytes,
        obey: Callable[[bytes], Awaitable[bytes | None]],
        hits: list[Armed],
        outlet: WireOutlet,
    ) -> bytes:
        wire: Wire = session.wire
        chain: list[Spoiler] = []
        self._chains[id(session)] = (outlet, chain)
        try:
            self._spoil(wire, command, hits, outlet, chain)
            reply = await obey(line) or b""
            if chain:
                wire.send(reply)
                wire.flush()
                reply = b""
        finally:
            del self._chains[id(session)]
            if chain and not (outlet.muted or outlet.ended):
                wire.spoil = None
        for spoiler in chain:
            spoiler.finish()
        if outlet.ended:
            raise Hangup("a fault has ended the connection")
        return reply

    async def content(self, session: Any) -> bytes | None:
        """SMTP: a message's content came whole, and is about to be delivered."""
        at_work = self._chains.get(id(session))
        if at_work is None:
            return None  # the fault was set after the command began
        outlet, chain = at_work
        command = Command(DOT)
        hits = self._service.hits(self._situation(session, command))
        reply = await self._refused_content(session, command, hits, outlet)
        if reply is None:
            self._spoil(session.wire, command, hits, outlet, chain)
        return reply

    async def _refused_content(
        self, session: Any, command: Command, hits: list[Armed], outlet: WireOutlet
    ) -> bytes | None:
        for armed in hits:
            if armed.when != "before" or (armed.kind.name == "drop_after_dot" and armed.attributes["accepted"]):
                continue
            self._service.tell(armed, DOT, session.wire.transcript)
            if armed.kind.name == "delay":
                await session.wire.pause(float(armed.attributes["delay"]) / 1000)
            elif armed.kind.name in ENDINGS or armed.kind.name == "drop_after_dot":
                await self._end(outlet, "close" if armed.kind.name == "drop_after_dot" else armed.kind.name)
            else:
                reply = self._stand_in(armed, command).removesuffix(b"\r\n")
                return b"\r\n".join([reply] * (len(session.envelope.recipients) if session.lmtp else 1))
        return None

    # -- before it

    async def _before(self, session: Any, command: Command, line: bytes, hits: list[Armed], outlet: WireOutlet) -> bool:
        """What strikes before the command; whether it is not to be carried out any more."""
        for armed in hits:
            if armed.when != "before" or (armed.kind.name == "starttls_stripped" and command.name not in UPGRADES):
                continue
            transcript = session.wire.transcript
            self._service.tell(armed, command.name, transcript)
            for secret in secrets_of(command) if transcript is not None else ():
                transcript.conceal(secret)
            kind = armed.kind.name
            if kind == "delay":
                await session.wire.pause(float(armed.attributes["delay"]) / 1000)
            elif kind in ENDINGS:
                await self._end(outlet, kind)
            else:
                reply = self._stand_in(armed, command)
                await swallow(self._protocol, session.wire, command, line)
                outlet.put(reply)
                if is_last(self._protocol, reply):
                    await self._end(outlet, "close")
                return True
        return False

    async def _end(self, outlet: WireOutlet, how: str) -> None:
        """End the conversation; raises Hangup, for a silent one when its client has gone."""
        end(outlet, how)
        if outlet.muted and not outlet.ended:
            while await outlet.wire.some():
                pass
        raise Hangup("a fault has ended the conversation")

    def _stand_in(self, armed: Armed, command: Command | None) -> bytes:
        """The reply that a fault gives in the place of the right one."""
        return stand_in(self._protocol, armed, command)

    # -- its reply

    def _spoil(self, wire: Wire, command: Command, hits: list[Armed], outlet: WireOutlet, chain: list[Spoiler]) -> None:
        """Let the reply go through what the faults make of it; the first of them sees it first."""
        put: Callable[[bytes], None] = wire.spoil or outlet.put
        fresh: list[Spoiler] = []
        for armed in reversed(hits):
            made = spoiler_of(self._protocol, armed, command, put, outlet)
            if made is not None:
                if armed.kind.name != "starttls_stripped" or command.name not in UPGRADES:
                    self._service.tell(armed, command.name, wire.transcript)
                fresh.append(made)
                put = made
        if fresh:
            chain[:0] = reversed(fresh)
            wire.spoil = put

    def _situation(self, session: Any, command: Command | None) -> Situation:
        wire: Wire = session.wire
        protocol = self._protocol
        number = wire.transcript.number if wire.transcript is not None else id(session)
        asked = command or Command("")
        sender = str(session.envelope.mail_from or "") if protocol == "smtp" and command is not None else ""
        return Situation(protocol, wire.peer[0], number, command, lambda: account_of(protocol, session, asked), sender)


class FaultySession:
    """A session that the faults greet."""

    def __init__(self, session: Any, talk: Talk) -> None:
        self._session, self._talk = session, talk

    @property
    def wire(self) -> Wire:
        """The session's."""
        wire: Wire = self._session.wire
        return wire

    async def serve(self) -> None:
        """Greet as the faults have it, then converse."""
        await self._talk.greet(self._session)
        await self._session.serve()

    def farewell(self, reason: str) -> bytes:
        """The session's."""
        words: bytes = self._session.farewell(reason)
        return words


class _Once:
    """A spoiler for what is handed over first, and for nothing more."""

    def __init__(self, wire: Wire, inner: Spoiler) -> None:
        self._wire, self._inner = wire, inner

    def __call__(self, data: bytes) -> None:
        self._wire.spoil = None
        self._inner(data)
        self._inner.finish()


async def swallow(protocol: str, wire: Wire, command: Command, line: bytes) -> None:
    """Read and throw away what follows a command unasked: it must not be taken for commands."""
    if protocol == "imap":
        while (literal := _UNASKED_LITERAL.search(line)) is not None and int(literal[1]) <= LONGEST_SWALLOWED:
            async for _ in wire.chunks(int(literal[1])):
                pass
            line = await wire.line()
    elif protocol == "smtp" and command.name == "BDAT":
        chunk = _CHUNK.match(command.argument)
        async for _ in wire.chunks(int(chunk[1]) if chunk is not None else 0):
            pass
    elif protocol == "nntp" and command.name == "TAKETHIS":
        async for _ in wire.block_pieces():
            pass


def stand_in(protocol: str, armed: Armed, command: Command | None) -> bytes:
    """The reply that a fault gives in the place of the right one."""
    kind = armed.kind.name
    if kind == "garbage":
        size = int(armed.attributes["bytes"])
        # Control characters of ASCII: no protocol's replies begin so, and clients that decode them can.
        return bytes(1 + octet % 8 for octet in armed.chance.randbytes(size)) + b"\r\n"
    text = str(armed.attributes.get("text", ""))
    if protocol == "echo":
        return b""
    if not text:
        text = CANNED["busy" if kind == "refuse" else kind][protocol]
        if kind == "disk_full" and command is not None and command.name == "IHAVE":
            text = text.replace("441", "436", 1)
        if kind == "disk_full" and command is not None and command.name == "TAKETHIS":
            text = f"439 {command.argument}"
    return reply_of(protocol, text, command)


def spoiler_of(
    protocol: str, armed: Armed, command: Command, put: Callable[[bytes], None], outlet: Outlet
) -> Spoiler | None:
    """What a fault does to a reply; None where it does nothing to replies."""
    kind, attributes, asks = armed.kind.name, armed.attributes, INTERMEDIATE.get(protocol)
    then = str(attributes.get("then", "wait"))
    if kind == "starttls_stripped":
        return Changed(put, outlet, without_starttls)
    if kind == "drop_after_dot":
        return Replaced(put, outlet, asks, outlet.close)
    if armed.when == "before":
        return None
    if kind in ENDINGS:
        if armed.when == "instead":
            return Replaced(put, outlet, asks, lambda: end(outlet, kind))
        if armed.when == "inside":
            return Halved(put, outlet, kind)
        return Afterwards(put, outlet, lambda: end(outlet, kind))
    if kind in ("reply", "garbage"):
        reply = stand_in(protocol, armed, command)
        return Replaced(put, outlet, asks, lambda: _said(outlet, protocol, reply))
    if kind == "corrupt":
        changes = {name: attributes[name] for name in ("offset", "rate", "xor")}
        return Changed(put, outlet, Corrupter(armed.stroke_chance(), **changes))  # type: ignore[arg-type]
    if kind == "truncate":
        return Truncated(put, outlet, int(attributes["bytes"]), then)
    if kind == "lying_literal":
        by = int(attributes["by"])
        return Lying(put, outlet, lambda data: with_lies(protocol, data, by), then)
    return Endless(put, outlet, asks, then)


def _said(outlet: Outlet, protocol: str, reply: bytes) -> None:
    outlet.put(reply)
    if is_last(protocol, reply):
        outlet.close()
