"""What a service is, what it is given, and what it gives back: the joint between the supervisor and the protocols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:  # the table of services is read by commands that must be quick, and start no server
    import logging
    import socket

    from ..faults.service import ServiceFaults
    from ..settings import Settings
    from ..wire.tls import Authority
    from ..wire.transcript import TranscriptRing
    from ..wire.wire import Session, Wire
    from ..world.world import World
    from .http.mounts import Mounts

Tls: TypeAlias = Literal["starttls", "implicit"] | None


class Service(NamedTuple):
    """A row of the registry: a service by name, its well-known port, how it is secured, and what serves it."""

    name: str
    port: int
    """The well-known port."""
    scheme: str
    module: str
    """The module that has `make_session` (for kind "session"), or `serve` (for "engine" and "datagram")."""
    title: str = ""
    tls: Tls = None
    kind: Literal["session", "engine", "datagram"] = "session"
    on: bool = True
    """Whether it runs where nothing else is said."""
    any_port: bool = False
    """Whether any free port will do where its own is in use: no RFC gives it a well-known one."""
    busy: bytes = b""
    """What a connection over the limit is told before it is closed."""
    probe: tuple[bytes, bytes] = (b"", b"")
    """What to say to it (nothing, where it greets first), and how its answer begins when it is well."""

    @property
    def protocol(self) -> str:
        """The protocol's name: what services of one protocol share in settings."""
        return self.module.rpartition(".")[2]


class ServiceContext:
    """All that a service gets: nothing else reaches it."""

    def __init__(
        self,
        service: Service,
        world: World,
        settings: Settings,
        authority: Authority,
        transcripts: TranscriptRing,
        log: logging.Logger,
        hidden: frozenset[str] = frozenset(),
        profile: str | None = None,
        locks: dict[object, object] | None = None,
        internet: object | None = None,
        mounts: Mounts | None = None,
    ) -> None:
        self.service, self.world, self.settings, self.authority = service, world, settings, authority
        self.transcripts, self.log = transcripts, log
        self.hidden = hidden
        """Capabilities to keep to oneself, in capitals."""
        self.profile = profile
        self.locks = {} if locks is None else locks
        """What sessions of one protocol agree on among themselves, such as POP3's locked maildrops; one for each internet."""
        self.internet = internet
        """The supervisor, for the one service that tells of the others (control)."""
        self.mounts = mounts
        """The user's own applications, by host, for HTTP."""
        self.faults: ServiceFaults | None = None
        """The faults there are for this service now; None while there are none, which is all that has to be looked at."""

    def faults_for(self, peer: Any) -> ServiceFaults | None:
        """The faults there are for a client at this address: none for the supervisor's own probes."""
        faults = self.faults
        return None if faults is None or faults.spares(peer) else faults

    @property
    def implicit_tls(self) -> bool:
        return self.service.tls == "implicit"

    @property
    def offers_starttls(self) -> bool:
        return self.service.tls == "starttls" and "STARTTLS" not in self.hidden and "STLS" not in self.hidden


class Running(Protocol):
    """A service that runs."""

    @property
    def connections(self) -> int:
        """How many clients it has now."""

    async def wait(self) -> None:
        """Return, or raise, when the service has ended by itself."""

    def dismiss(self, reason: str) -> object:
        """End every conversation in the protocol's own words; go on listening."""

    async def drain(self, grace: float) -> None:
        """Stop listening, let conversations end for `grace` seconds, end the rest; nothing is left."""


MakeSession: TypeAlias = "Callable[[Wire, ServiceContext], Session]"
Serve: TypeAlias = "Callable[[ServiceContext, list[socket.socket]], Awaitable[Running]]"
