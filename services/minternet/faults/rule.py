"""A fault: where it strikes, what it does, when, and how often. A record, and a line of text.

    imap FETCH: reset, n=2
    smtp RCPT *@slow.test: reply 450 4.7.1 Try again later, first=1, per=argument
    http GET /get: lying_literal by=100
    pop3: latency 200, jitter=50

A line is WHERE `:` WHAT, OPTIONS. WHERE is a service or protocol, a command, and what the command's argument must look
like (`=imap` is the service, `imap` is imaps as well); WHAT is a kind with its attributes; commas part the options. Quotes
hold together what has commas or colons in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import msgspec

When = Literal["connect", "before", "instead", "inside", "after"]
Stream = Literal["upstream", "downstream"]
Per = Literal["", "connection", "client", "account", "argument"]
Value = bool | int | float | str

JOINED = frozenset({"UID", "AUTHINFO", "SITE"})
"""Words that make one command with the word after them."""
WRITTEN_ELSEWHERE = frozenset({"kind", "service", "command", "argument", "account", "client", "attributes"})
"""Fields that a line tells before its options."""

COUNTS = frozenset({"n", "first", "every", "times"})
"""Options that say how often, from 1 on: a record's 0 is for those that are not given, and no line means that by 0."""


class FaultError(ValueError):
    """A fault that cannot work; says why, and what would."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One fault. Without any of `n` to `probability` it strikes always; several of them must all agree."""

    kind: str
    name: str = ""
    service: str = "*"
    """A glob over names of services and protocols; behind a `=`, over names of services alone."""
    command: str = ""
    """A glob over commands: HTTP's are its methods; `.` is the end of a message in SMTP. "": none is named."""
    argument: str = ""
    """What the argument looks like: a glob, a /regular expression/, or a text that is in it. HTTP's is path and query."""
    account: str = "*"
    client: str = "*"
    """A glob over the client's address."""
    when: When | None = None
    """None: as the kind has it."""
    attributes: dict[str, Value] = {}
    stream: Stream = "downstream"
    """What bytes a fault of the network is about: the client's (upstream) or the server's (downstream)."""
    toxicity: float = 1.0
    """The part of the connections that a fault of the network strikes."""
    n: int = 0
    """Only this time: the n-th."""
    first: int = 0
    """Only the first so many times."""
    every: int = 0
    """Only every n-th time."""
    skip: int = 0
    """Not the first so many times; counting begins after them."""
    times: int = 0
    """At most so many strokes."""
    sequence: str = ""
    """1 strikes and 0 does not, one after the other; then never, or from the start again if it ends in `...`."""
    probability: float = 1.0
    seed: int | None = None
    """What chance grows from: the same seed strikes the same times. None: made from the world's seed and the name."""
    per: Per = ""
    """What is counted for itself: each connection, client, account or argument. "": all together."""
    enabled: bool = True

    def __str__(self) -> str:
        return written(self)


OPTIONS = frozenset(Fault.__struct_fields__) - WRITTEN_ELSEWHERE
"""Fields that stand among a line's options."""


def is_on(fault: Fault, count: int, strokes: int, chance: float) -> bool:
    """Whether the fault strikes at its `count`-th chance (from 1), having struck so often; `chance` is from [0, 1)."""
    turn = count - fault.skip
    if turn <= 0 or chance >= fault.probability:
        return False
    agreed = (
        not fault.n or turn == fault.n,
        not fault.first or turn <= fault.first,
        not fault.every or turn % fault.every == 0,
        not fault.times or strokes < fault.times,
        not fault.sequence or _in_sequence(fault.sequence, turn - 1),
    )
    return all(agreed)


def _in_sequence(sequence: str, at: int) -> bool:
    steps = sequence.removesuffix("...")
    if steps != sequence:
        at %= len(steps)
    return at < len(steps) and steps[at] == "1"


def looks_like(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern wants it: a glob, a /regular expression/, or a text that is in it; case is no matter."""
    if not pattern or pattern == "*":
        return True
    if len(pattern) > 1 and pattern[0] == pattern[-1] == "/" and not pattern.endswith("\\/") and len(pattern) > 2:
        try:
            return re.search(pattern[1:-1], text, re.IGNORECASE) is not None
        except re.error:
            return False
    pattern, text = pattern.casefold(), text.casefold()
    if any(magic in pattern for magic in "*?["):
        return fnmatchcase(text, pattern)
    return pattern in text


# -- reading


def read(given: Fault | str | Mapping[str, Any], **more: Any) -> Fault:
    """A fault from a record, a line or plain values; FaultError. `more` goes before what is given."""
    try:
        if isinstance(given, Fault):
            return msgspec.structs.replace(given, **more) if more else given
        plain = parse(given) if isinstance(given, str) else _of_table(given)
        return msgspec.convert({**plain, **more}, Fault, strict=False)
    except (msgspec.ValidationError, TypeError) as error:
        raise FaultError(f"{_shown(given)}: {_explained(str(error))}") from None


def _of_table(given: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping; one with a line under `fault` is that line, and more."""
    plain = dict(given)
    line = plain.pop("fault", None)
    return plain if line is None else {**parse(str(line)), **plain}


def _explained(message: str) -> str:
    if "unknown field" in message:
        return f"{message}; there are {', '.join(Fault.__struct_fields__)}"
    for name, words in (("when", When), ("stream", Stream), ("per", Per)):
        if f"$.{name}`" in message:
            return f"{message}; {name} is one of {', '.join(filter(None, get_args(words)))}"
    return message


def _shown(given: object) -> str:
    return repr(given) if isinstance(given, str) else "a fault"


def parse(line: str) -> dict[str, Any]:
    """A line of text as plain values of a fault; FaultError. What an option is called says whether it is an attribute."""
    where, colon, what = _split_once(line, ":")
    if not colon or not what.strip():
        raise FaultError(f"{line!r} is no fault: write WHERE: KIND, OPTIONS, as in 'imap FETCH: reset, n=2'")
    plain: dict[str, Any] = {"attributes": {}, **_where(where)}
    first, *options = _split(what, ",")
    words = _split(first.strip(), " ")
    plain["kind"] = words[0].strip()
    for text in _value_and_options(plain["kind"], words[1:], options):
        name, equals, value = _split_once(text, "=")
        name = name.strip()
        if not equals:
            if name in ("always", ""):
                continue
            raise FaultError(f"{line!r}: {text.strip()!r} is not NAME=VALUE")
        if name in COUNTS and value.strip() == "0":
            raise FaultError(f"{line!r}: {name} is a number from 1 on; for a fault that never strikes, set none")
        if name in Fault.__struct_fields__ and name != "attributes":
            plain[name] = _value(_unquoted(value)) if name == "enabled" else _unquoted(value)
        else:
            plain["attributes"][name] = _attribute(plain["kind"], name, _unquoted(value))
    return plain


def _attribute(kind: str, name: str, text: str) -> Value:
    """An attribute's value, as the kind has it."""
    from .catalogue import KINDS

    attribute = KINDS[kind].attributes.get(name) if kind in KINDS else None
    is_text = attribute is not None and isinstance(attribute.default, str)
    return text if is_text else _value(text)


def _value_and_options(kind: str, words: list[str], options: list[str]) -> Iterator[str]:
    """The options behind a kind: one without a name is the kind's own first attribute."""
    from .catalogue import KINDS, no_kind

    unnamed: list[str] = []
    row = KINDS.get(kind)
    if row is None and words:
        raise no_kind(kind)
    takes_text = row is not None and row.principal == "text"
    for word in words:
        name = word.partition("=")[0]
        known = row is not None and name in (*row.attributes, *Fault.__struct_fields__)
        if "=" in word and not unnamed and (known or not takes_text):
            yield word
        elif name in OPTIONS and "=" in word:
            raise FaultError(f"{kind} {' '.join(words)}: put a comma before {word}, or quotation marks around the text")
        elif word:
            unnamed.append(word)
    if unnamed:
        own = row.principal if row is not None else ""
        if not own:
            raise FaultError(f"{kind} {' '.join(unnamed)}: write the options of {kind} as NAME=VALUE")
        yield f"{own}={' '.join(unnamed)}"
    yield from options


def _where(where: str) -> dict[str, str]:
    """`imap "UID FETCH" account=alice`."""
    found: dict[str, str] = {}
    plain: list[str] = []
    for word in filter(None, _split(where.strip(), " ")):
        name, equals, value = _split_once(word, "=")
        if equals and name in ("account", "client", "service", "command", "argument", "when"):
            found[name] = _unquoted(value)
        else:
            plain.append(_unquoted(word))
    if len(plain) > 2 and plain[1].upper() in JOINED:
        plain[1:3] = [f"{plain[1]} {plain[2]}"]
    names = ("service", "command")
    found |= dict(zip(names, plain, strict=False))
    if len(plain) > len(names):
        found["argument"] = " ".join(plain[len(names) :])
    return found


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator is not inside quotes."""
    parts, quoted = [""], False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    if quoted:
        raise FaultError(f"{text!r}: a quotation mark is not closed")
    return parts


def _split_once(text: str, separator: str) -> tuple[str, str, str]:
    first, *rest = _split(text, separator)
    return first, separator if rest else "", separator.join(rest)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text.replace('"', "")


def _value(text: str) -> Value:
    """A number or a yes or no where it looks like one; times may be told as `2s` or `300ms`."""
    if text in ("true", "yes", "false", "no"):
        return text in ("true", "yes")
    number = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)(ms|s)?", text)
    if number is None:
        return text
    value = float(number[1]) * (1000 if number[2] == "s" else 1)
    return int(value) if value.is_integer() else value


# -- writing


def written(fault: Fault) -> str:
    """The fault as a line that `read` reads back."""
    service = fault.service.removeprefix("=")
    where = ["=" * (service != fault.service) + _quoted(service, " :=")]
    if fault.command or fault.argument:
        where.append(_quoted(fault.command or "*", " :="))
    if fault.argument:
        where.append(_quoted(fault.argument, " :="))
    where += [
        f"{name}={_quoted(getattr(fault, name), ' :')}" for name in ("account", "client") if getattr(fault, name) != "*"
    ]
    what = [fault.kind, *(f"{name}={_told(value)}" for name, value in fault.attributes.items())]
    defaults = {field.name: field.default for field in msgspec.structs.fields(Fault)}
    for name in Fault.__struct_fields__:
        value = getattr(fault, name)
        if name not in WRITTEN_ELSEWHERE and value != defaults[name]:
            what.append(f"{name}={_told(value)}")
    return f"{' '.join(where)}: {', '.join(what)}"


def _told(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _quoted(str(value), ",:=")


def _quoted(text: str, special: str) -> str:
    return f'"{text}"' if not text or any(character in text for character in special) else text
