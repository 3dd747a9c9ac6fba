"""Lexical tokens of RFC 5322 and RFC 2045: white space with comments, atoms, quoted strings, tokens, phrases.

Every method moves the scanner on and says how that went: MORE (input is left), END (it ended well) or BROKEN (an
unclosed comment or string, or not the thing at all). The three matter: what a malformed address or parameter list comes
out as depends on whether a token met the end or met garbage.
"""

from __future__ import annotations

import re
from enum import IntEnum


class State(IntEnum):
    """How a token ended."""

    BROKEN = -1
    END = 0
    MORE = 1


BROKEN, END, MORE = State.BROKEN, State.END, State.MORE

_ATEXT_CHARACTERS = rb"!#-'*+\-/0-9=?A-Z^-~\x80-\xff"
_WHITE = re.compile(rb"[ \t\r\n]*+")
_ATEXT = re.compile(rb"[" + _ATEXT_CHARACTERS + rb"]")
ATOM = re.compile(rb"[" + _ATEXT_CHARACTERS + rb"]++")
ATOM_OR_DOT = re.compile(rb"[" + _ATEXT_CHARACTERS + rb".]*+")
MIME_TOKEN = re.compile(rb"[!#-'*+\-.0-9A-Z^-~\x80-\xff]*+")
_QUOTED = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR_OR_FOLD = re.compile(rb"\\(.)|\r?\n", re.DOTALL)
_COMMENT_STOP = re.compile(rb"[()\\]")
_DOMAIN_LITERAL = re.compile(rb"\[(?:[^\]\\]++|\\.)*+\]", re.DOTALL)


class Scanner:
    """A position in a header value; `comment` is the text of the last comment passed."""

    __slots__ = ("comment", "data", "end", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.end = len(data)
        self.comment = b""

    def at(self, character: bytes) -> bool:
        """Whether the next octet is `character`."""
        return self.data.startswith(character, self.position)

    def skip(self) -> State:
        """Pass white space and comments."""
        while True:
            found = _WHITE.match(self.data, self.position)
            self.position = found.end() if found else self.position
            if self.position >= self.end:
                return END
            if not self.at(b"("):
                return MORE
            if not self._skip_comment():
                return BROKEN

    def _skip_comment(self) -> bool:
        pieces: list[bytes] = []
        level = 1
        start = position = self.position + 1
        while found := _COMMENT_STOP.search(self.data, position):
            position = found.end()
            stop = found[0]
            if stop == b"(":
                level += 1
            elif stop == b")":
                level -= 1
                if not level:
                    pieces.append(self.data[start : position - 1])
                    self.comment = b"".join(pieces)
                    self.position = position
                    return True
            else:
                pieces.append(self.data[start : position - 1])
                start = position
                position += 1
        self.comment = b""
        self.position = self.end
        return False

    def atom(self) -> tuple[State, bytes]:
        """atom (RFC 5322, section 3.2.3)."""
        found = ATOM.match(self.data, self.position)
        if not found:
            return BROKEN, b""
        self.position = found.end()
        return self.skip(), found[0]

    def dot_atom(self) -> tuple[State, bytes]:
        """dot-atom, with white space and comments allowed around the dots as RFC 822 did."""
        found = ATOM.match(self.data, self.position)
        if not found:
            return BROKEN, b""
        pieces: list[bytes] = []
        while True:
            found = ATOM.match(self.data, self.position)
            if found:
                pieces.append(found[0])
                self.position = found.end()
            state = self.skip()
            if state is not MORE or not self.at(b"."):
                return state, b"".join(pieces)
            pieces.append(b".")
            self.position += 1
            state = self.skip()
            if state is not MORE:
                return state, b"".join(pieces)

    def mime_token(self) -> tuple[State, bytes]:
        """token (RFC 2045, section 5.1), possibly empty."""
        return self._run(MIME_TOKEN)

    def _run(self, pattern: re.Pattern[bytes]) -> tuple[State, bytes]:
        found = pattern.match(self.data, self.position)
        assert found is not None  # these patterns match the empty string too
        self.position = found.end()
        return self.skip(), found[0]

    def quoted_string(self) -> tuple[State, bytes]:
        """quoted-string, unquoted and unfolded; an unclosed one takes all that is left."""
        found = _QUOTED.match(self.data, self.position)
        if not found:
            self.position = self.end
            return BROKEN, b""
        text = found[1]
        if b"\\" in text or b"\n" in text:
            text = _QUOTED_PAIR_OR_FOLD.sub(lambda pair: pair[1] or b"", text)
        self.position = found.end()
        return self.skip(), text

    def phrase(self) -> tuple[State, bytes]:
        """phrase, its words joined by one space each."""
        if self.position >= self.end:
            return END, b""
        if self.at(b"."):
            return BROKEN, b""
        words: list[bytes] = []
        while True:
            state, word = self.quoted_string() if self.at(b'"') else self._run(ATOM_OR_DOT)
            words.append(word)
            if state is not MORE or not (self.at(b'"') or self.at(b".") or _ATEXT.match(self.data, self.position)):
                return state, b" ".join(words)

    def domain(self) -> tuple[State, bytes]:
        """The domain after an "@" (which is the next octet): dot-atom or domain-literal."""
        self.position += 1
        if self.skip() is not MORE:
            return BROKEN, b""
        if not self.at(b"["):
            return self.dot_atom()
        found = _DOMAIN_LITERAL.match(self.data, self.position)
        if not found:
            self.position = self.end
            return BROKEN, b""
        self.position = found.end()
        return self.skip(), found[0]
