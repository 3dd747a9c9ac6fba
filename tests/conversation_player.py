"""Plays conversations: the dialogues of tests/conversations, in memory and over sockets. The format: conversations/README.md.

    play(read_script(path), "octets")

The player itself is one async function for all ways. In memory nothing ever suspends, so it is driven to its end at once,
without an event loop; over sockets it runs on asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import zlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from conversation_script import BRACES, BadScript, Script, Step, Unknown, filled, octets, pattern, read_script
from small_world import append, empty_world, post, small_world
from stage import Stage

from minternet import registry
from minternet.settings import Settings, make
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.tls import Authority
from minternet.world.changes import Expunge, StoreFlags
from minternet.world.mail import How
from minternet.world.seed import load
from minternet.world.world import World

FOLDER = Path(__file__).parent / "conversations"
FIXTURES = Path(__file__).parent.parent / "fixtures" / "default"
ANSWER_TIME = 10.0
"""Seconds that a server has for the next line, over a socket."""
SILENCE = 0.05
"""Seconds without a word that pass for silence, over a socket."""
MEMORY_MARKS = ("time out",)
"""What can be played in memory only."""


class Mismatch(AssertionError):
    """The server said something else than the conversation has it say."""


def scripts(folder: Path = FOLDER) -> list[Script]:
    """All conversations, by file name."""
    return [read_script(path) for path in sorted(folder.glob("*.txt"))]


def ways(script: Script) -> tuple[str, ...]:
    """The ways in which a conversation can be played."""
    kind = registry.by_name()[script.service].kind
    in_memory = kind == "session" and "socket-only" not in script.options
    on_sockets = "memory-only" not in script.options and not any(
        step.kind == "mark" and step.text.startswith(MEMORY_MARKS) for step in script.steps
    )
    chosen = ["lines"] * in_memory
    chosen += ["octets"] * (in_memory and "no-octets" not in script.options)
    chosen += ["pipelined"] * (in_memory and "no-pipelining" not in script.options)
    return (*chosen, *["socket"] * on_sockets)


def play(script: Script, way: str, authority: Authority | None = None) -> None:
    """Play a conversation in one way, on a world of its own; Mismatch says where it went wrong."""
    if way == "socket":
        asyncio.run(_play_on_sockets(script, authority or Authority()))
    else:
        stage = _stage(script, authority or Authority())
        try:
            run_at_once(Player(script, way, stage, Opener(stage).in_memory).play())
        finally:
            stage.world.close()


def run_at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what never suspends."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("something waited, in memory")


async def _play_on_sockets(script: Script, authority: Authority) -> None:
    stage = _stage(script, authority)
    try:
        await Player(script, "socket", stage, Opener(stage).on_socket).play()
    finally:
        await stage.stop()


# -- connections ------------------------------------------------------------------------------------------------------


class Line:
    """One client's connection: `heard` is what the server said and nobody has looked at yet."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.gone = False
        """Whether the client has hung up: what the server still says to it, nobody hears."""
        self._deflate: Any = None
        self._inflate: Any = None

    async def send(self, data: bytes) -> None:
        if self._deflate is not None:
            data = self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        await self.transmit(data)

    async def more(self, within: float = ANSWER_TIME) -> bool:
        """Listen for more; whether anything came."""
        data = await self.receive(within)
        if self.gone:
            return False
        self.heard += self._inflate.decompress(data) if self._inflate is not None else data
        return bool(data)

    def compress(self) -> None:
        self._deflate, self._inflate = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
        self.heard = bytearray(self._inflate.decompress(bytes(self.heard)))

    async def transmit(self, data: bytes) -> None:
        raise NotImplementedError

    async def receive(self, within: float) -> bytes:
        raise NotImplementedError

    async def start_tls(self) -> None:
        raise NotImplementedError

    async def half_close(self) -> None:
        raise NotImplementedError

    async def hang_up(self) -> None:
        raise NotImplementedError

    async def is_closed(self) -> bool:
        """Whether the server has closed, once all it said is in `heard`."""
        raise NotImplementedError

    def dismiss(self, reason: str) -> None:
        raise NotImplementedError


class MemoryLine(Line):
    """A session on a MemoryWire."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.conversation = Conversation(session)
        self._said = bytearray(self.conversation.greeting)

    async def transmit(self, data: bytes) -> None:
        self._said += self.conversation.say(data)

    async def receive(self, within: float) -> bytes:
        said = bytes(self._said) + self.conversation.heard()
        self._said.clear()
        return said

    async def start_tls(self) -> None:
        assert self.conversation.wire.secure, "the server has not started TLS"

    async def half_close(self) -> None:
        self._said += self.conversation.hang_up()

    async def hang_up(self) -> None:
        self._said += self.conversation.hang_up()

    async def is_closed(self) -> bool:
        await self.more()
        return self.conversation.closed

    def dismiss(self, reason: str) -> None:
        self._said += self.conversation.dismiss(reason)

    def time_out(self) -> None:
        self._said += self.conversation.time_out()


class SocketLine(Line):
    """A connection over a socket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: Authority, running: Any
    ) -> None:
        super().__init__()
        self.reader, self.writer, self.authority, self.running = reader, writer, authority, running
        self._ended = False

    async def transmit(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass  # what the server said before it closed is compared all the same

    async def receive(self, within: float) -> bytes:
        if self._ended:
            return b""
        try:
            data = await asyncio.wait_for(self.reader.read(1 << 16), within)
        except TimeoutError:
            return b""
        except ConnectionError:
            data = b""
        self._ended = not data
        return data

    async def start_tls(self) -> None:
        await self.writer.start_tls(self.authority.client_context(), server_hostname="localhost")

    async def half_close(self) -> None:
        self.writer.write_eof()

    async def hang_up(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), ANSWER_TIME)

    async def is_closed(self) -> bool:
        while await self.more():
            pass
        return self._ended

    def dismiss(self, reason: str) -> None:
        self.running.dismiss(reason)


Open = Callable[[str], Coroutine[Any, Any, Line]]


class Opener:
    """Opens connections to the services of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def in_memory(self, name: str) -> Line:
        service = registry.by_name()[name]
        wire = MemoryWire()
        wire.secure = service.tls == "implicit"
        wire.transcript = self.stage.transcripts.open(name, wire.peer, wire.local)
        return MemoryLine(importlib.import_module(service.module).make_session(wire, self.stage.context(service)))

    async def on_socket(self, name: str) -> Line:
        running, port = await self.stage.running(name)
        implicit = registry.by_name()[name].tls == "implicit"
        tls = self.stage.authority.client_context() if implicit else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None
        )
        return SocketLine(reader, writer, self.stage.authority, running)


def _stage(script: Script, authority: Authority) -> Stage:
    world = load(FIXTURES) if script.world == "default" else WORLDS[script.world]()
    return Stage(world, _make_settings(script.settings), authority, script.hide)


WORLDS: Mapping[str, Callable[[], World]] = MappingProxyType({"small": small_world, "empty": empty_world})


def _make_settings(overrides: Mapping[str, Any]) -> Settings:
    """The overrides, `limits.name` among them, over the defaults; nobody waits long for a wrong password here."""
    plain: dict[str, Any] = {"limits": {"login_delay": 0.001}}
    for name, value in overrides.items():
        group, dot, limit = name.partition(".")
        if dot:
            plain[group][limit] = value
        else:
            plain[name] = value
    return make(plain)


# -- the player -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Hearing:
    """What is expected on one connection beside the next line."""

    skipping: bool = False
    optional: list[re.Pattern[bytes]] = field(default_factory=list)


class Player:
    """Plays one conversation step by step."""

    def __init__(self, script: Script, way: str, stage: Stage, open_line: Open) -> None:
        self.script, self.way, self.stage, self.open_line = script, way, stage, open_line
        self.names: dict[str, bytes] = dict(script.texts)
        self.lines: dict[str, Line] = {}
        self.hearings: dict[str, Hearing] = {}
        self.sent_ahead: set[int] = set()
        self.step: Step | None = None

    async def play(self) -> None:
        """Play it all; in the end nothing may be left unheard."""
        try:
            for index, step in enumerate(self.script.steps):
                self.step = step
                await self._play_step(index, step)
            for name, line in self.lines.items():
                await self._settle(name, line)
        except Unknown as unknown:
            raise BadScript(f"{self._where()}: {unknown} stands for nothing yet") from None
        finally:
            for line in self.lines.values():
                await line.hang_up()

    async def _play_step(self, index: int, step: Step) -> None:
        if step.kind == "mark" and step.text.startswith("connect "):
            self.lines[step.connection] = await self.open_line(step.text.split()[1])
            self.hearings[step.connection] = Hearing()
            return
        if step.kind == "mark" and (event := _named(EVENTS, step.text)) is not None:
            if step.connection in self.lines:
                await self._settle(step.connection, self.lines[step.connection])
            event[0](self.stage.world, self.names, event[1])
            return
        if step.connection not in self.lines:
            self.lines[step.connection] = await self.open_line(self.script.service)
            self.hearings[step.connection] = Hearing()
        line, hearing = self.lines[step.connection], self.hearings[step.connection]
        match step.kind:
            case "say":
                await self._say(index, step, line)
            case "expect" if not step.whole_line:
                await self._hear_octets(step, line)
            case "expect":
                await self._hear(line, hearing, pattern(step.text, self.names))
            case "regex":
                await self._hear(line, hearing, re.compile(octets(step.text)))
            case "skip":
                self._check_skip(index, step)
                hearing.skipping = True
            case "maybe":
                hearing.optional.append(pattern(step.text, self.names))
            case "mark":
                if step.text != "hang up":
                    await self._settle(step.connection, line)
                await self._mark(step, line)

    # -- the client

    async def _say(self, index: int, step: Step, line: Line) -> None:
        if index in self.sent_ahead:
            return
        await self._settle(step.connection, line)
        data = self._octets_of(step)
        if self.way == "pipelined":
            data += self._run_after(index)
        if self.way == "octets":
            for at in range(len(data)):
                await line.send(data[at : at + 1])
        else:
            await line.send(data)

    def _run_after(self, index: int) -> bytes:
        """What the client says in the same run: up to a mark, another connection, or what depends on a reply to come."""
        run, kept = b"", set[str]()
        connection = self.script.steps[index].connection
        for later, step in enumerate(self.script.steps[index + 1 :], index + 1):
            if step.connection != connection or step.kind == "mark":
                break
            if step.kind != "say":
                kept |= {match[1].partition("=")[0] for match in BRACES.finditer(step.text) if "=" in match[1]}
                continue
            if any(re.search(rf"\{{{name}[}}.]", step.text) for name in kept):
                break
            run += self._octets_of(step)
            self.sent_ahead.add(later)
        return run

    def _octets_of(self, step: Step) -> bytes:
        return filled(step.text, self.names) + (b"\r\n" if step.whole_line else b"")

    # -- the server

    async def _hear(self, line: Line, hearing: Hearing, expected: re.Pattern[bytes]) -> None:
        while True:
            said = await self._next_line(line, expected)
            if (match := expected.fullmatch(said)) is not None:
                self.names |= {name: value for name, value in match.groupdict().items() if value is not None}
                hearing.skipping = False
                return
            fits = next((optional for optional in hearing.optional if optional.fullmatch(said)), None)
            if fits is not None:
                hearing.optional.remove(fits)
            elif not hearing.skipping:
                raise Mismatch(f"{self._where()}\n  expected {_readable(expected)}\n  heard    {_short(said)}")

    async def _next_line(self, line: Line, expected: re.Pattern[bytes]) -> bytes:
        while (end := line.heard.find(b"\r\n")) < 0:
            if not await line.more():
                rest = f", only {_short(bytes(line.heard))}" if line.heard else ""
                raise Mismatch(f"{self._where()}\n  expected {_readable(expected)}\n  heard nothing more{rest}")
        said = bytes(line.heard[:end])
        del line.heard[: end + 2]
        return said

    async def _hear_octets(self, step: Step, line: Line) -> None:
        expected = pattern(step.text, self.names)
        while (match := expected.match(line.heard)) is None:
            if not await line.more():
                raise Mismatch(
                    f"{self._where()}\n  expected {_readable(expected)}\n  heard    {_short(bytes(line.heard))}"
                )
        self.names |= {name: bytes(value) for name, value in match.groupdict().items() if value is not None}
        end = match.end()
        del match  # it holds the buffer
        del line.heard[:end]

    async def _settle(self, name: str, line: Line) -> None:
        """Before the client goes on, all that was said must have been expected."""
        hearing = self.hearings[name]
        if line.gone:
            line.heard.clear()
            return
        if self.way != "socket":
            await line.more()
        while (end := line.heard.find(b"\r\n")) >= 0:
            said = bytes(line.heard[:end])
            fits = next((optional for optional in hearing.optional if optional.fullmatch(said)), None)
            if fits is None:
                break
            hearing.optional.remove(fits)
            del line.heard[: end + 2]
        if line.heard:
            raise Mismatch(
                f"{self._where()}\n  expected no more to be said before\n  heard    {_short(bytes(line.heard))}"
            )
        hearing.optional.clear()

    def _check_skip(self, index: int, step: Step) -> None:
        after = next((s for s in self.script.steps[index + 1 :] if s.connection == step.connection), None)
        if after is None or after.kind not in ("expect", "regex") or not after.whole_line:
            raise BadScript(f"{self._where()}: after `S...` comes the `S:` line that ends what may be skipped")

    # -- what is not said

    async def _mark(self, step: Step, line: Line) -> None:
        named = _named(MARKS, step.text)
        if named is None:
            raise BadScript(f"{self._where()}: no mark {step.text!r}; there are {', '.join((*MARKS, *EVENTS))}")
        await named[0](self, line, named[1])

    def _where(self) -> str:
        number = self.step.number if self.step else 0
        return f"{self.script.path.name}:{number} ({self.way}): {self._line_text(number)}"

    def _line_text(self, number: int) -> str:
        return self.script.path.read_text("utf-8").split("\n")[number - 1] if number else ""


class Mark(Protocol):
    async def __call__(self, player: Player, line: Line, argument: str, /) -> None: ...


async def _start_tls(player: Player, line: Line, argument: str) -> None:
    await line.start_tls()


async def _compress(player: Player, line: Line, argument: str) -> None:
    line.compress()


async def _wait(player: Player, line: Line, argument: str) -> None:
    """Nothing: before a mark all replies have been compared."""


async def _half_close(player: Player, line: Line, argument: str) -> None:
    await line.half_close()


async def _hang_up(player: Player, line: Line, argument: str) -> None:
    line.gone = True
    await line.hang_up()


async def _closed(player: Player, line: Line, argument: str) -> None:
    closed = await line.is_closed()
    if line.heard:
        raise Mismatch(f"{player._where()}\n  heard before the end: {_short(bytes(line.heard))}")
    if not closed:
        raise Mismatch(f"{player._where()}\n  the server has not closed the connection")


async def _silent(player: Player, line: Line, argument: str) -> None:
    if await line.more(SILENCE):
        raise Mismatch(f"{player._where()}\n  heard    {_short(bytes(line.heard))}")


async def _time_out(player: Player, line: Line, argument: str) -> None:
    assert isinstance(line, MemoryLine)
    line.time_out()


async def _dismiss(player: Player, line: Line, argument: str) -> None:
    line.dismiss(argument)


MARKS: Mapping[str, Mark] = MappingProxyType(
    {
        "start tls": _start_tls,
        "compress": _compress,
        "wait": _wait,
        "half close": _half_close,
        "hang up": _hang_up,
        "closed": _closed,
        "silent": _silent,
        "time out": _time_out,
        "dismiss": _dismiss,
    }
)


# -- what happens to the world ----------------------------------------------------------------------------------------


def _deliver(world: World, names: Mapping[str, bytes], argument: str) -> None:
    login, text = argument.split()
    append(world, login, "INBOX", names[text])


def _flags(world: World, names: Mapping[str, bytes], argument: str) -> None:
    login, mailbox, uid, flag = argument.split()
    how: How = "add" if flag.startswith("+") else "remove"
    world.commit_now(StoreFlags(login, mailbox, (int(uid),), how, frozenset({flag[1:]})))


def _expunge(world: World, names: Mapping[str, bytes], argument: str) -> None:
    login, mailbox, uid = argument.split()
    world.commit_now(Expunge(login, mailbox, (int(uid),)))


def _post(world: World, names: Mapping[str, bytes], argument: str) -> None:
    head, _, body = names[argument].partition(b"\r\n\r\n")
    post(world, head + b"\r\n", body)


def _advance(world: World, names: Mapping[str, bytes], argument: str) -> None:
    world.clock.advance(float(argument))


EVENTS: Mapping[str, Callable[[World, Mapping[str, bytes], str], None]] = MappingProxyType(
    {"deliver": _deliver, "flags": _flags, "expunge": _expunge, "post": _post, "advance": _advance}
)

Named = TypeVar("Named")


def _named(table: Mapping[str, Named], text: str) -> tuple[Named, str] | None:
    """What a mark's text names in a table, and the rest of the text."""
    for words, meant in table.items():
        if text == words or text.startswith(words + " "):
            return meant, text.removeprefix(words).strip()
    return None


def _short(said: bytes) -> str:
    """What was heard, for a message: a long one's beginning."""
    return repr(said) if len(said) <= 400 else f"{said[:400]!r} and {len(said) - 400} octets more"


def _readable(expected: re.Pattern[bytes]) -> str:
    return re.sub(r"\\(\W)", r"\1", expected.pattern.decode("utf-8", "backslashreplace"))
