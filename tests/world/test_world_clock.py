"""The world's clock: a date that is set by hand, and time that passes without a jump."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.world.clock import Clock


class Machine:
    """The machine's date and time, which are one here."""

    def __init__(self, seconds: float = 1e6) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("machine"), st.integers(0, 10**6)),
        st.tuples(st.just("advance"), st.integers(0, 10**6)),
        st.tuples(st.just("freeze"), st.none() | st.integers(-(10**6), 10**10)),
        st.tuples(st.just("resume"), st.none()),
    ),
    max_size=30,
)


@given(STEPS)
def test_time_passes_only_where_it_should(steps: list[tuple[str, int | None]]) -> None:
    """In whole seconds, where floating point is exact: what passes is what ran while it was not frozen, and what was added."""
    machine = Machine()
    clock = Clock(machine, machine)
    begin, expected = clock.monotonic(), 0
    for step, number in steps:
        if step == "machine":
            machine.seconds += number or 0
            expected += 0 if clock.frozen else number or 0
        elif step == "advance":
            clock.advance(number or 0)
            expected += number or 0
        elif step == "freeze":
            clock.freeze(number)
            assert clock.frozen
        else:
            clock.resume()
            assert (clock.now(), clock.frozen) == (machine.seconds, False)
        assert clock.monotonic() - begin == expected


@given(st.floats(0, 1e7), st.lists(st.tuples(st.sampled_from("mafr"), st.floats(0, 1e5)), max_size=30))
def test_time_never_goes_back(begin: float, steps: list[tuple[str, float]]) -> None:
    """Whatever the floating point: not by a rounding either."""
    machine = Machine(begin)
    clock = Clock(machine, machine)
    last = clock.monotonic()
    for step, number in steps:
        match step:
            case "m":
                machine.seconds += number
            case "a":
                clock.advance(number)
            case "f":
                clock.freeze(number)
            case _:
                clock.resume()
        assert clock.monotonic() >= last
        last = clock.monotonic()


@given(st.lists(st.tuples(st.sampled_from("mafr"), st.integers(0, 10**6)), max_size=30))
def test_the_date_is_what_was_set_and_goes_on_from_there(steps: list[tuple[str, int]]) -> None:
    machine = Machine()
    clock = Clock(machine, machine)
    stands: int | None = None
    ahead = 0
    for step, number in steps:
        match step:
            case "m":
                machine.seconds += number
            case "a":
                clock.advance(number)
                ahead += number
            case "f":
                clock.freeze(number)
                stands, ahead = number, 0
            case _:
                clock.resume()
                stands, ahead = None, 0
        assert clock.now() == (machine.seconds if stands is None else stands) + ahead


def test_freezing_at_now_keeps_what_it_is_ahead() -> None:
    machine = Machine()
    clock = Clock(machine, machine)
    clock.advance(50)
    clock.freeze()
    machine.seconds += 1000
    assert clock.now() == 1e6 + 50


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_what_no_clock_can_do(seconds: float) -> None:
    clock = Clock()
    clock.freeze(1000)
    before = clock.now(), clock.monotonic()
    with pytest.raises(ValueError):
        clock.advance(seconds)
    assert (clock.now(), clock.monotonic()) == before


@pytest.mark.parametrize("at", [float("nan"), float("inf"), 1e12, -1e12])
def test_what_is_no_date(at: float) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="year 9999"):
        clock.freeze(at)
    assert not clock.frozen
    clock.freeze(datetime(9999, 12, 31, tzinfo=UTC))
    with pytest.raises(ValueError, match="year 9999"):
        clock.advance(86_400)


def test_watchers_are_told_until_they_stop_and_each_for_itself() -> None:
    clock, told = Clock(), []

    def tell() -> None:
        told.append(clock.frozen)

    stop, stop_the_other = clock.watch(tell), clock.watch(tell)
    clock.freeze()
    stop()
    stop()
    clock.advance(1)
    stop_the_other()
    clock.resume()
    assert told == [True, True, True]
