"""What somebody may have meant by a name that is not there, for messages of errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LIKE_ENOUGH = 0.65
"""difflib's ratio from which on two words are taken for one: `GTE` and `GET` are alike by 0.67."""


def nearest(word: str, names: Iterable[str], enough: float = LIKE_ENOUGH) -> str:
    """The name that is most like a word, in upper or lower case; "" where none is."""
    from difflib import get_close_matches

    by_folded = {name.casefold(): name for name in names}
    found = get_close_matches(word.casefold(), by_folded, 1, enough)
    return by_folded[found[0]] if found else ""


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A question to put behind what is wrong with a word; "" where no name is like it."""
    name = nearest(word, names)
    return f"; did you mean {name!r}?" if name else ""


_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")


def known_fields(message: str, kind: Any) -> str:
    """What to put behind msgspec's words about an unknown field of a type: the fields there are; else ""."""
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return ""
    from msgspec import inspect

    types = [inspect.type_info(kind)]
    for step in _STEP.finditer(unknown["path"] or ""):
        types = [inner for each in types for inner in _inside(each, step[1])]
    names = [field.encode_name for each in types for one in _members(each) for field in getattr(one, "fields", ())]
    return f"; there are {', '.join(names)}{did_you_mean(unknown['name'], names)}" if names else ""


def _members(kind: Any) -> tuple[Any, ...]:
    return tuple(getattr(kind, "types", (kind,)))


def _inside(kind: Any, name: str | None) -> Iterator[Any]:
    """The types one step into a type: of the field of that name, or of what a list, tuple or mapping holds."""
    for one in _members(kind):
        if name is None:
            yield from (getattr(one, each) for each in ("item_type", "value_type") if hasattr(one, each))
            yield from getattr(one, "item_types", ())[:1]
        else:
            yield from (field.type for field in getattr(one, "fields", ()) if field.encode_name == name)
