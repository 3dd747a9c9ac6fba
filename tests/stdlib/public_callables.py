"""What the modules under test offer to the public: every function and method, found by introspection.

A callable belongs to a module if one of its public names leads there: a function, a constructor written in Python, or a
method that a public class defines or inherits within the same package. A callable with two names counts once.
Properties, exceptions without code of their own and constructors in C are not counted: no call of theirs can be seen.
"""

from __future__ import annotations

import fnmatch
import importlib
import inspect
import sys
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MODULES: dict[str, tuple[str, ...]] = {
    "socket": ("socket",),
    "urllib.parse": ("urllib.parse",),
    "urllib.request": ("urllib.request", "urllib.response", "urllib.error", "urllib.robotparser"),
    "http.client": ("http.client",),
    "smtplib": ("smtplib",),
    "imaplib": ("imaplib",),
    "poplib": ("poplib",),
    "email": (
        "email",
        "email.charset",
        "email.contentmanager",
        "email.encoders",
        "email.errors",
        "email.generator",
        "email.header",
        "email.headerregistry",
        "email.iterators",
        "email.message",
        "email.mime.application",
        "email.mime.audio",
        "email.mime.base",
        "email.mime.image",
        "email.mime.message",
        "email.mime.multipart",
        "email.mime.text",
        "email.parser",
        "email.policy",
        "email.utils",
    ),
    "mailbox": ("mailbox",),
    "html.parser": ("html.parser",),
    "xml.etree.ElementTree": ("xml.etree.ElementTree",),
    "json": ("json",),
    "ftplib": ("ftplib",),
    "nntplib": ("nntplib",),
    "asyncio": ("asyncio",),
}
"""A module as the summary names it -> the modules whose names it takes in."""

BESIDE: dict[str, tuple[str, ...]] = {
    "smtplib": ("LMTP", "quoteaddr", "quotedata"),
    "ftplib": ("parse150", "parse227", "parse229", "parse257", "print_line", "ftpcp"),
    "imaplib": ("IMAP4_SSL",),
    "http.client": ("parse_headers",),
}
"""Names without underscore that `__all__` forgets, by module."""

NATIVE = {"_socket": "socket", "_asyncio": "asyncio", "_elementtree": "xml", "_json": "json"}
"""Modules in C that are part of a package."""


@dataclass(slots=True)
class Offer:
    """The public callables of one module, by what tells of their call."""

    module: str
    labels: set[str] = field(default_factory=set)
    codes: dict[types.CodeType, str] = field(default_factory=dict)
    """Functions written in Python."""
    natives: dict[tuple[object, str], str] = field(default_factory=dict)
    """Functions and methods written in C, by the module or class they belong to and their name."""

    def add(self, label: str, found: Any, owner: object) -> None:
        """Take a callable in, unless it is there by another name."""
        function = plain(found)
        if isinstance(function, types.FunctionType):
            if function.__code__ not in self.codes:
                self.codes[function.__code__] = label
                self.labels.add(label)
        elif isinstance(
            function, (types.BuiltinFunctionType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
        ):
            key = (owner, function.__name__)
            if key not in self.natives:
                self.natives[key] = label
                self.labels.add(label)


def plain(found: Any) -> Any:
    """The function within descriptors and decorators."""
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    return inspect.unwrap(found) if callable(found) else found


def names(module: types.ModuleType) -> Iterator[str]:
    """The names that a module makes public."""
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    listed = [name for name in listed if not name.startswith("_")]
    yield from dict.fromkeys((*listed, *BESIDE.get(module.__name__, ())))


def package(name: str) -> str:
    """The package of a module: methods inherited from elsewhere do not count."""
    name = NATIVE.get(name, name)
    return {"_markupbase": "html"}.get(name, name.partition(".")[0])


def offer(module: str) -> Offer:
    """All public callables of a module, or of the modules it stands for."""
    found = Offer(module)
    for name in MODULES[module]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            imported = importlib.import_module(name)
            prefix = "" if name == module else name.removeprefix(module).removeprefix(".") + "."
            prefix = prefix if prefix != name + "." else name.rpartition(".")[2] + "."
            for public in names(imported):
                _take(found, prefix + public, getattr(imported, public, None), imported, package(imported.__name__))
    return found


def _take(found: Offer, label: str, value: Any, module: types.ModuleType, home: str) -> None:
    if isinstance(value, type):
        for name in dir(value):
            if not name.startswith("_") or name in ("__init__", "__new__"):
                _take_method(found, label, name, value, home)
    elif callable(value):
        found.add(label, value, inspect.getmodule(plain(value)) or module)


def _take_method(found: Offer, label: str, name: str, value: type, home: str) -> None:
    for owner in value.__mro__:
        if name in vars(owner):
            method = vars(owner)[name]
            constructor = name.startswith("__")
            if package(owner.__module__) == home and (not constructor or isinstance(method, types.FunctionType)):
                found.add(label if constructor else f"{label}.{name}", method, owner)
            return


def left_out(labels: set[str], table: dict[str, str]) -> dict[str, str]:
    """Those labels that the table leaves out -> why."""
    return {
        label: reason for pattern, reason in table.items() for label in labels if fnmatch.fnmatchcase(label, pattern)
    }


if __name__ == "__main__":
    for each in sys.argv[1:] or MODULES:
        print(each, *sorted(offer(each).labels), sep="\n    ")
