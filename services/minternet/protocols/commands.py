"""The table of a protocol's commands, and the refusal that any of them may raise.

One table lists every command with its states, arguments and help. Nothing else dispatches, and the documentation is
made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

Handler = TypeVar("Handler", bound=Callable[..., object])


class Refusal(Exception):
    """A reply that says no: the protocol's status ("NO", "-ERR", "441"), a text for people, a code for programs."""

    def __init__(self, status: str, text: str, code: str = "") -> None:
        super().__init__(status, text, code)
        self.status, self.text, self.code = status, text, code

    def __str__(self) -> str:
        return " ".join(filter(None, (self.status, self.code and f"[{self.code}]", self.text)))


class Command(msgspec.Struct, Generic[Handler], frozen=True):
    """One row: a command, the states it may be given in, and what people want to know of it."""

    name: str
    handler: Handler
    states: frozenset[str]
    arguments: str = ""
    help: str = ""
    rfc: str = ""
    capability: str | None = None
    """The capability without which the command is not there."""


class CommandTable(Generic[Handler]):
    """The rows of one protocol, found by name in capitals."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self._rows: dict[bytes, Command[Handler]] = {}

    def command(
        self,
        name: str,
        states: frozenset[str] | set[str],
        arguments: str = "",
        help: str = "",
        rfc: str = "",
        capability: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Put the decorated function into the table under a name ("UID FETCH" is a name too)."""

        def register(handler: Handler) -> Handler:
            key = name.upper().encode("ascii")
            if key in self._rows:
                raise ValueError(f"{self.protocol} has a command {name} already")
            text = help or (handler.__doc__ or "").split("\n")[0]
            self._rows[key] = Command(name.upper(), handler, frozenset(states), arguments, text, rfc, capability)
            return handler

        return register

    def find(self, name: bytes) -> Command[Handler] | None:
        """The row of that name, in upper or lower case."""
        return self._rows.get(name) or self._rows.get(name.upper())

    def __iter__(self) -> Iterator[Command[Handler]]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)
