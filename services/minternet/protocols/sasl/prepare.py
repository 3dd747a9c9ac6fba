"""SASLprep (RFC 4013): the one form of a user name or password, so that equal-looking strings compare equal."""

from __future__ import annotations

from collections.abc import Callable


class Prohibited(ValueError):
    """The string holds a character that SASLprep forbids; the text says which."""


def saslprep(text: str) -> str:
    """The prepared string. Printable ASCII, nearly all there is, is its own prepared form."""
    if text.isascii() and text.isprintable():
        return text
    return _prepared(text)


def _prepared(text: str) -> str:
    # The tables cost a few milliseconds to import, and hardly anyone needs them.
    import stringprep
    import unicodedata

    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    for character in prepared:
        if any(table(character) for table in forbidden):
            raise Prohibited(f"U+{ord(character):04X} is not allowed in a name or password (RFC 4013)")
    if any(map(stringprep.in_table_d1, prepared)):
        _check_right_to_left(prepared, stringprep.in_table_d1, stringprep.in_table_d2)
    return prepared


def _check_right_to_left(text: str, right: Callable[[str], bool], left: Callable[[str], bool]) -> None:
    """RFC 3454 section 6: no left-to-right letters among right-to-left ones, which stand first and last."""
    if any(map(left, text)) or not right(text[0]) or not right(text[-1]):
        raise Prohibited("right-to-left and left-to-right letters are mixed (RFC 4013 section 2.4)")
