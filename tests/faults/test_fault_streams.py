"""Toxiproxy's kinds in both streams of every protocol, in the clear and under TLS, seen by clients of the standard library."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from faults.clients import CLOSED, IMPLICIT, ONE_EACH, PATIENT, close_what_is_left

from minternet import Internet
from minternet.registry import by_name

ENDS = ("limit_data 0", "timeout 10", "reset_peer", "reset_peer timeout=10")
WELL = (
    "latency 5, jitter=2",
    "slicer average_size=7, size_variation=3, delay=10",
    "slow_close 20",
    "limit_data 100000",
)
PLAIN = [name for name in ONE_EACH if name != "echo"]
STREAMS = ("upstream", "downstream")


def saw(net: Internet, service: str) -> Any:
    try:
        return IMPLICIT[service](net) if service in IMPLICIT else ONE_EACH[service][1](net, PATIENT)
    except Exception as error:
        close_what_is_left(error)
        return error


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("service", [*PLAIN, *IMPLICIT])
@pytest.mark.parametrize("toxic", ENDS)
def test_an_end_is_seen(net: Internet, toxic: str, service: str, stream: str) -> None:
    """Under TLS a reset is an end like any other to Python's ssl, or an SSLEOFError where the client was writing."""
    fault = net.faults.add(f"={service}: {toxic}, stream={stream}")
    seen = saw(net, service)
    reset = (ConnectionError,) if "reset" in toxic else ()
    broken = (ssl.SSLEOFError,) if service in IMPLICIT else ()
    assert isinstance(seen, (CLOSED[by_name()[service].protocol], *reset, *broken)), seen
    assert net.faults.strokes(fault)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("service", [*PLAIN, *IMPLICIT])
@pytest.mark.parametrize("toxic", WELL)
def test_what_only_slows_is_no_error(net: Internet, toxic: str, service: str, stream: str) -> None:
    fault = net.faults.add(f"={service}: {toxic}, stream={stream}")
    seen = saw(net, service)
    assert not isinstance(seen, Exception), seen
    assert net.faults.strokes(fault)
