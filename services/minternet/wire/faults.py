"""Byte-level faults: what a bad network does to a connection, as a Passage. Knows no protocol.

Each direction is a pipe of stages; a stage is given steps, bytes or something to do (a close, an end), and hands them on
sooner, later, in smaller pieces, changed or never, but always in order. Stages may be put in and taken out while the
connection lives: what the old ones hold goes on at once then.

The names and units are Toxiproxy's: milliseconds, kilobytes (1,000 octets) a second, and for the slicer microseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from minternet.wire.passage import Ends

Step: TypeAlias = bytes | Callable[[], None]
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST."""
HELD_AT_MOST = 1 << 20
"""Octets a direction may hold back before its source is asked to wait."""
BANDWIDTH_TURN = 0.1
"""Seconds' worth of octets that pass at once under a limit, as with Toxiproxy."""
FLIPPED = 0x40
"""What corrupted octets are XORed with by default: text stays ASCII, and no digit stays a digit."""


def reset_connection(ends: Ends) -> None:
    """End a connection with RST, whatever was read of it."""
    transport = getattr(ends, "transport", None)
    plain = transport.get_extra_info("socket") if transport is not None else getattr(ends, "raw_socket", None)
    if plain is not None:
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    ends.abort()


class Corrupter:
    """Flips octets: the one at `offset` of all that passes, or each with a probability of `rate`."""

    def __init__(self, chance: random.Random, offset: int = -1, rate: float = 0.0, xor: int = FLIPPED) -> None:
        self._chance, self._offset, self._rate, self._xor = chance, offset, rate, xor
        self._at = 0

    def __call__(self, data: bytes) -> bytes:
        changed = bytearray(data)
        if 0 <= self._offset - self._at < len(data):
            changed[self._offset - self._at] ^= self._xor
        if self._rate > 0:
            for index in range(len(changed)):
                if self._chance.random() < self._rate:
                    changed[index] ^= self._xor
        self._at += len(data)
        return bytes(changed)


class Stage:
    """A part of a pipe. This one lets everything through."""

    pipe: Pipe
    next: Callable[[Step], None]

    holding = False
    """Whether it has steps that it will hand on."""

    def begin(self) -> None:
        """It is in its pipe now."""

    def push(self, step: Step) -> None:
        """Take a step, and hand it on when its time has come."""
        self.next(step)

    def release(self) -> Sequence[Step]:
        """Let go of what is held, and of timers: the stage is taken out."""
        return ()

    def flush(self) -> Sequence[Step]:
        """Let go of what would be handed on later: another stage is taken out, and this one stays."""
        return ()


class Timed(Stage):
    """Hands on each step at a time of its own, never before the one that came first."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Step]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    @property
    def holding(self) -> bool:  # type: ignore[override]
        return bool(self._waiting)

    def hand_on(self, step: Step, after: float, *, following: bool = False) -> None:
        """Hand on in so many seconds: from now, or (`following`) from the step before on."""
        now = self.pipe.loop.time()
        self._last = max(now, self._last) + after if following else max(now + after, self._last)
        if not self._waiting and self._last <= now:
            self.next(step)
            return
        self._waiting.append((self._last, step))
        self._arm()

    def release(self) -> Sequence[Step]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held = [step for _, step in self._waiting]
        self._waiting.clear()
        return held

    def flush(self) -> Sequence[Step]:
        return self.release()

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self.pipe.loop.call_at(self._waiting[0][0], self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self.pipe.loop.time() + 1e-4  # the loop's own clock is no finer
        while self._waiting and self._waiting[0][0] <= now:
            self.next(self._waiting.popleft()[1])
        self._arm()


class Latency(Timed):
    """Everything comes `latency` ms later, give or take up to `jitter` ms."""

    def __init__(self, chance: random.Random, latency: float = 0, jitter: float = 0) -> None:
        super().__init__()
        self._chance, self._latency, self._jitter = chance, latency / 1000, jitter / 1000

    def push(self, step: Step) -> None:
        late = self._latency + (self._chance.uniform(-self._jitter, self._jitter) if self._jitter else 0.0)
        self.hand_on(step, max(late, 0.0) if isinstance(step, bytes) else 0.0)


class Bandwidth(Timed):
    """At most `rate` kilobytes a second; 0 lets nothing pass."""

    def __init__(self, chance: random.Random, rate: float = 0) -> None:
        super().__init__()
        self._rate = rate * 1000

    def push(self, step: Step) -> None:
        if not isinstance(step, bytes):
            self.hand_on(step, 0.0)
            return
        if self._rate <= 0:
            self.hand_on(step, 1e9)
            return
        size = max(1, int(self._rate * BANDWIDTH_TURN))
        for at in range(0, len(step), size):
            piece = step[at : at + size]
            self.hand_on(piece, len(piece) / self._rate, following=True)


class SlowClose(Timed):
    """The end comes `delay` ms later than it was said."""

    def __init__(self, chance: random.Random, delay: float = 0) -> None:
        super().__init__()
        self._delay = delay / 1000

    def push(self, step: Step) -> None:
        self.hand_on(step, 0.0 if isinstance(step, bytes) else self._delay)


class Slicer(Timed):
    """Small pieces of `average_size` octets, give or take `size_variation`, with `delay` microseconds between them."""

    def __init__(self, chance: random.Random, average_size: int = 1, size_variation: int = 0, delay: float = 0) -> None:
        super().__init__()
        self._chance, self._size, self._variation, self._delay = chance, average_size, size_variation, delay / 1e6

    def push(self, step: Step) -> None:
        if not isinstance(step, bytes):
            self.hand_on(step, 0.0)
            return
        at = 0
        while at < len(step):
            size = max(1, self._size + (self._chance.randint(-self._variation, self._variation)))
            self.hand_on(step[at : at + size], self._delay, following=True)
            at += size


class Swallow(Stage):
    """Nothing passes any more, and the end neither."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._kept: list[Step] = []

    def push(self, step: Step) -> None:
        if isinstance(step, bytes):
            self.pipe.dropped(len(step))
        else:
            self._kept.append(step)  # whoever waits for it must be told in the end

    def release(self) -> Sequence[Step]:
        kept, self._kept = self._kept, []
        return kept


class Timeout(Swallow):
    """Nothing passes, and after `timeout` ms the connection is closed; 0: never."""

    def __init__(self, chance: random.Random, timeout: float = 0) -> None:
        super().__init__(chance)
        self._after = timeout / 1000
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        if self._after > 0:
            self._timer = self.pipe.loop.call_later(self._after, self._due)

    def _due(self) -> None:
        self.pipe.ends.close_transport()

    def release(self) -> Sequence[Step]:
        if self._timer is not None:
            self._timer.cancel()
        return super().release()


class ResetPeer(Timeout):
    """Nothing passes, and the connection is reset after `timeout` ms; 0: at once."""

    def begin(self) -> None:
        self._timer = self.pipe.loop.call_later(self._after, self._due)

    def _due(self) -> None:
        reset_connection(self.pipe.ends)


class LimitData(Stage):
    """The connection is closed when `bytes` octets have passed."""

    def __init__(self, chance: random.Random, bytes: int = 0) -> None:
        self._left = int(bytes)
        self._over = False

    def push(self, step: Step) -> None:
        if not isinstance(step, bytes):
            self.next(step)
            return
        passing = step[: self._left]
        self._left -= len(passing)
        if passing:
            self.next(passing)
        if len(passing) < len(step):
            self.pipe.dropped(len(step) - len(passing))
            if not self._over:
                self._over = True
                self.over()

    def over(self) -> None:
        """Octets came that may not pass."""
        self.next(self.pipe.ends.close_transport)


class Corrupt(Stage):
    """Octets are changed on their way."""

    def __init__(self, chance: random.Random, offset: int = -1, rate: float = 0.0, xor: int = FLIPPED) -> None:
        self._change = Corrupter(chance, offset, rate, xor)

    def push(self, step: Step) -> None:
        self.next(self._change(step) if isinstance(step, bytes) else step)


STAGES: Mapping[str, Callable[..., Stage]] = {
    "latency": Latency,
    "bandwidth": Bandwidth,
    "slow_close": SlowClose,
    "slicer": Slicer,
    "timeout": Timeout,
    "reset_peer": ResetPeer,
    "limit_data": LimitData,
    "corrupt": Corrupt,
    "silence": Swallow,
}
"""Every stage by the name of its kind; made with a random.Random and the kind's attributes."""


class Pipe:
    """One direction of a connection: stages, and what is done with what comes out."""

    def __init__(
        self, ends: Ends, sink: Callable[[bytes], None], pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self.ends, self.loop = ends, asyncio.get_running_loop()
        self._sink, self._pause, self._resume = sink, pause, resume
        self._stages: dict[str, Stage] = {}
        self._first: Callable[[Step], None] = self._out
        self._held = 0
        self._paused = False

    def push(self, step: Step) -> None:
        """Send a step through."""
        if isinstance(step, bytes):
            self._held += len(step)
        self._first(step)
        if self._held > HELD_AT_MOST and not self._paused:
            self._paused = True
            self._pause()

    def dropped(self, octets: int) -> None:
        """So many octets will never come out."""
        self._held -= octets
        if self._paused and self._held <= HELD_AT_MOST // 2:
            self._paused = False
            self._resume()

    @property
    def holding(self) -> bool:
        """Whether a stage holds steps that it will hand on."""
        return any(stage.holding for stage in self._stages.values())

    def arrange(self, make: Mapping[str, Callable[[], Stage]]) -> None:
        """Have these stages, by name and in this order: keep those that are there, make the others, take out the rest."""
        if list(make) == list(self._stages):
            return
        gone = [name for name in self._stages if name not in make]
        # What is held goes on at once when a stage goes: it must not overtake what a stage further on holds.
        held: list[Step] = []
        for name, stage in reversed(self._stages.items()) if gone else ():
            held += stage.flush() if name in make else stage.release()
        fresh = [name for name in make if name not in self._stages]
        self._stages = {name: self._stages.get(name) or create() for name, create in make.items()}
        following: Callable[[Step], None] = self._out
        for name in reversed(self._stages):
            stage = self._stages[name]
            stage.pipe, stage.next = self, following
            following = stage.push
        self._first = following
        for step in held:
            self._out(step)
        for name in fresh:
            self._stages[name].begin()

    def forget(self) -> None:
        """Drop the octets that are held; what is to be done stays to be done."""
        for stage in self._stages.values():
            for step in stage.release():
                if isinstance(step, bytes):
                    self.dropped(len(step))
                else:
                    stage.push(step)

    def end(self) -> None:
        """The connection is gone: no timer stays, and whoever waits for a step to be taken is told."""
        stages, self._stages, self._first = list(self._stages.values()), {}, self._out
        for stage in reversed(stages):
            for step in stage.release():
                if not isinstance(step, bytes):
                    step()

    def _out(self, step: Step) -> None:
        if not isinstance(step, bytes):
            step()
            return
        self.dropped(len(step))
        self._sink(step)


class FaultyPassage:
    """A Passage whose pipes are arranged by whoever calls `arrange`; `on_attach` and `on_detach` tell of its life."""

    ends: Ends
    upstream: Pipe
    downstream: Pipe

    def __init__(
        self,
        on_attach: Callable[[FaultyPassage], None] = lambda passage: None,
        on_detach: Callable[[FaultyPassage], None] = lambda passage: None,
    ) -> None:
        self._on_attach, self._on_detach = on_attach, on_detach
        self.attached = False

    def attach(self, ends: Ends) -> None:
        """The connection is made, or it is put into one that was made before."""
        self.ends = ends
        self.upstream = Pipe(ends, ends.deliver, ends.pause_reading, ends.resume_reading)
        self.downstream = Pipe(ends, ends.transmit, ends.pause_writing, ends.resume_writing)
        self.attached = True
        self._on_attach(self)

    def inbound(self, data: bytes) -> None:
        """The client said `data`."""
        self.upstream.push(data)

    def after_inbound(self, then: Callable[[], None]) -> None:
        """Call `then` when all before is delivered."""
        self.upstream.push(then)

    def forget_inbound(self) -> None:
        """TLS begins."""
        self.upstream.forget()

    def outbound(self, data: bytes) -> None:
        """The server said `data`."""
        self.downstream.push(data)

    def after_outbound(self, then: Callable[[], None]) -> None:
        """Call `then` when all before is transmitted."""
        self.downstream.push(then)

    @property
    def holding(self) -> bool:
        """Whether something of the server's is held back, so that it will come."""
        return self.downstream.holding

    def detach(self) -> None:
        """The connection is gone."""
        if self.attached:
            self.attached = False
            self.upstream.end()
            self.downstream.end()
            self._on_detach(self)


def stage_of(kind: str, chance: random.Random, attributes: Mapping[str, Any]) -> Stage:
    """A stage of that kind."""
    return STAGES[kind](chance, **attributes)
