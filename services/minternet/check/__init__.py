"""`minternet check`: one probe per standard-library module against any running instance."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ..ready import Ready
from .probes import PROBES, Missing


class Outcome(msgspec.Struct, frozen=True):
    """How a probe went: "ok", "failed" or "skipped", in how many seconds, and what it saw."""

    module: str
    result: str
    seconds: float
    text: str


def run(ready: Ready, only: Iterable[str] = ()) -> Iterator[Outcome]:
    """Run the probes, or only those named, one after another; ValueError on a name that is none."""
    wanted = tuple(only) or tuple(PROBES)
    if unknown := [name for name in wanted if name not in PROBES]:
        raise ValueError(f"there is no probe for {', '.join(unknown)}; there are {', '.join(PROBES)}")
    for module in wanted:
        yield _one(module, PROBES[module], ready)


def _one(module: str, probe: Callable[[Ready], str], ready: Ready) -> Outcome:
    began = time.perf_counter()
    if importlib.util.find_spec(module) is None:
        text = f"this Python has no {module}: pip install standard-{module}"
        return Outcome(module, "skipped", 0.0, text)
    try:
        result, text = "ok", probe(ready)
    except Missing as missing:
        result, text = "skipped", str(missing)
    except Exception as error:
        result, text = "failed", f"{type(error).__name__}: {error}"
    return Outcome(module, result, time.perf_counter() - began, text)
