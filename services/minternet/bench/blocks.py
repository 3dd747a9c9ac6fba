"""Blocks that a test may forget to enter."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

Value = TypeVar("Value")
Given = ParamSpec("Given")


class Block(AbstractContextManager[Value], Generic[Value]):
    """A context manager that warns where it is never entered, as a coroutine does that is never awaited."""

    def __init__(self, inner: AbstractContextManager[Value], name: str) -> None:
        self._inner, self._name, self._entered = inner, name, False

    def __enter__(self) -> Value:
        self._entered = True
        return self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._inner.__exit__(kind, error, trace)

    def __del__(self) -> None:
        if not self._entered:
            warnings.warn(f"{self._name}() does nothing without `with`", RuntimeWarning, stacklevel=2)


def block(make: Callable[Given, Iterator[Value]]) -> Callable[Given, Block[Value]]:
    """`contextmanager`, of a Block."""
    manager = contextmanager(make)

    @functools.wraps(make)
    def made(*given: Given.args, **named: Given.kwargs) -> Block[Value]:
        return Block(manager(*given, **named), make.__name__)

    return made
