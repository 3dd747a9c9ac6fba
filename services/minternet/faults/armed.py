"""A fault at work: whether it strikes now, counted and decided by its seed alone."""

from __future__ import annotations

import random
import re
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .catalogue import attributes_of, is_network, is_of_transfer, kind_of, when_of
from .language import MEANT, TRANSFERS, Command
from .rule import Fault, is_on, looks_like

SMTP_PATH = re.compile(r"(?:TO|FROM):\s*<([^>]*)>", re.IGNORECASE)
MOST_COUNTED = 10_000
"""Connections, clients, accounts or arguments counted for themselves; the oldest is forgotten for a new one."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a fault is asked about: a connection, and a command on it. `account` is asked for only where it matters."""

    protocol: str
    client: str
    connection: int
    command: Command | None = None
    account: Callable[[], str] = lambda: ""
    sender: str = ""
    """SMTP's, of the transaction."""


def texts_of(protocol: str, argument: str) -> tuple[str, ...]:
    """What a fault's argument is compared with: the command's whole argument, and in SMTP the address alone."""
    path = SMTP_PATH.match(argument) if protocol == "smtp" else None
    return (argument,) if path is None else (argument, path[1])


class Armed:
    """One fault, its counts and its chance."""

    def __init__(self, fault: Fault, number: int, world_seed: int, now: Callable[[], float]) -> None:
        self.fault, self.kind, self.now = fault, kind_of(fault), now
        self.when, self.network = when_of(fault), is_network(fault)
        self.of_transfer = is_of_transfer(fault)
        self.spoils_transfers = self.of_transfer or (self.kind.name in ("truncate", "corrupt") and not self.network)
        self.attributes = attributes_of(fault)
        self.seed = fault.seed if fault.seed is not None else zlib.crc32(f"{world_seed} {fault.name}".encode())
        self.key = f"{fault.name}#{number}"
        self.chance = random.Random(self.seed)
        self.strokes = 0
        self.uses = 0
        """The times it was asked and meant, whether it struck then or not."""
        self.works: dict[str, bool] = {}
        """Whether it can strike in a service, by the names of those that asked."""
        self.recent: deque[int] = deque(maxlen=100)
        """The transcripts of the conversations it struck last."""
        self._counts: dict[str, int] = {}
        self._tokens: tuple[float, float] | None = None
        self._greeted: dict[tuple[str, str, str], float] = {}

    def forget(self) -> None:
        """Count from the start, with the same chance as then."""
        self.chance = random.Random(self.seed)
        self.strokes = self.uses = 0
        self._counts.clear()
        self._greeted.clear()
        self._tokens = None

    # -- whether it is meant

    def means(self, situation: Situation) -> bool:
        """Whether the fault is about this client, command, argument and account."""
        fault = self.fault
        if not fnmatchcase(situation.client, fault.client) or not self._means_command(situation):
            return False
        return fault.account == "*" or looks_like(fault.account, situation.account())

    def _means_command(self, situation: Situation) -> bool:
        fault, command = self.fault, situation.command
        if command is None:
            return True
        if self.of_transfer and command.name not in TRANSFERS:
            return False
        if fault.command:
            pattern = fault.command.upper()
            if not any(fnmatchcase(name, pattern) for name in command.names):
                return False
        elif self.kind.name in MEANT and command.name not in MEANT[self.kind.name].get(situation.protocol, ()):
            if not (situation.protocol == "http" and self.kind.name == "login_failure"):
                return False
        elif command.name == "." and self.kind.name not in MEANT:
            return False  # the end of the content is part of DATA, unless it is what is named
        return any(looks_like(fault.argument, text) for text in texts_of(situation.protocol, command.argument))

    # -- whether it strikes

    def strikes(self, situation: Situation) -> bool:
        """Whether it strikes now; this is counted."""
        self.uses += 1
        if self.fault.toxicity < 1 and self.chance.random() >= self.fault.toxicity:
            return False
        key = self._counted(situation)
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = count
        if len(self._counts) > MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        chance = self.chance.random() if self.fault.probability < 1 else 0.0
        if not is_on(self.fault, count, self.strokes, chance) or not self._has_reason(situation):
            return False
        self.strokes += 1
        return True

    def _counted(self, situation: Situation) -> str:
        match self.fault.per:
            case "connection":
                return str(situation.connection)
            case "client":
                return situation.client
            case "account":
                return situation.account()
            case "argument":
                return situation.command.argument if situation.command is not None else ""
        return ""

    def _has_reason(self, situation: Situation) -> bool:
        """What two kinds ask beside their counts."""
        if self.kind.name == "rate_limit":
            return self._is_empty()
        if self.kind.name == "greylist":
            return self._is_new(situation)
        return True

    def _is_empty(self) -> bool:
        """Take a token out of the bucket; whether there was none."""
        rate, burst = float(self.attributes["rate"]), float(self.attributes["burst"])
        now = self.now()
        tokens, since = self._tokens or (burst, now)
        tokens = min(burst, tokens + max(0.0, now - since) * rate)
        self._tokens = (tokens - 1 if tokens >= 1 else tokens, now)
        return tokens < 1

    def _is_new(self, situation: Situation) -> bool:
        """Whether client, sender and recipient come for the first time, or too early again."""
        argument = situation.command.argument if situation.command is not None else ""
        triple = (situation.client, situation.sender, argument.casefold())
        now = self.now()
        since = self._greeted.setdefault(triple, -1.0)
        if since < 0:
            self._greeted[triple] = now
            if len(self._greeted) > MOST_COUNTED:
                del self._greeted[next(iter(self._greeted))]
            return True
        return now - since < float(self.attributes["delay"]) / 1000

    # -- the network's

    def stroke_chance(self) -> random.Random:
        """Randomness of one connection, for jitter and the like: its own, so that others do not disturb it."""
        return random.Random(f"{self.seed} {self.strokes}")
