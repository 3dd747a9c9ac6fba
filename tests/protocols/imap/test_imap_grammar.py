"""Requests read, values written: the pure functions of IMAP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.protocols.imap import format as write
from minternet.protocols.imap.fetch_items import (
    Attribute,
    FetchModifiers,
    Preview,
    Section,
    label,
    read_fetch_items,
    read_fetch_modifiers,
)
from minternet.protocols.imap.names import InvalidName, decode_name, decode_utf7, encode_utf7, matches, simplified
from minternet.protocols.imap.names import matches_stepwise as stepwise
from minternet.protocols.imap.reader import DEPTH_LIMIT, Literal, Malformed, Reader, literal_mark
from minternet.protocols.imap.search_keys import BadCharset, Every, HasFlag, HeaderHas, Not, TextHas, read_search
from minternet.protocols.imap.sequence import (
    SequenceSet,
    compact,
    holds,
    parse_sequence_set,
    read_sequence_set,
    within,
)


def reader(text: bytes) -> Reader:
    return Reader((text,))


# --- strings, numbers, dates


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"abc", b"abc"),
        (b"a]b", b"a]b"),
        (b'"a b"', b"a b"),
        (b'"a\\"b\\\\c"', b'a"b\\c'),
        (b'""', b""),
        (b'"\xc3\xa9"', b"\xc3\xa9"),
    ],
)
def test_astrings(text: bytes, value: bytes) -> None:
    taken = reader(text)
    assert taken.astring() == value
    assert taken.at_end()


@pytest.mark.parametrize(
    "text", [b"", b"(", b"{", b'"', b'"a', b'"a\\b"', b'"\\', b"%", b"*", b"\xff", b"\x00", b'"\x00"']
)
def test_what_is_no_astring(text: bytes) -> None:
    with pytest.raises(Malformed):
        reader(text).astring()


def test_literals_stand_between_pieces() -> None:
    taken = Reader((b"a ", b" (", b")"), (Literal(b"x\r\n{3}", 6), Literal(b"", 0)))
    assert taken.astring() == b"a"
    taken.space()
    assert taken.at_literal()
    assert taken.astring() == b"x\r\n{3}"
    taken.space()
    assert taken.list_of(taken.string) == [b""]
    taken.end()


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        (b"a {12}", (2, 12, True, False)),
        (b"{12+}", (0, 12, False, False)),
        (b"~{0}", (0, 0, True, True)),
        (b"a {12", None),
        (b"a {}", None),
        (b"a {-1}", None),
        (b"a {1}x", None),
        (b'"{1}"', None),
    ],
)
def test_literal_marks(line: bytes, mark: tuple[int, int, bool, bool] | None) -> None:
    found = literal_mark(line)
    assert (found and (found.start, found.size, found.synchronizing, found.binary)) == mark


def test_dates() -> None:
    assert str(reader(b"1-Feb-1994").date()) == "1994-02-01"
    assert str(reader(b'"01-feb-1994"').date()) == "1994-02-01"
    moment = reader(b'" 7-Feb-1994 21:52:25 -0800"').date_time()
    assert moment == datetime(1994, 2, 7, 21, 52, 25, tzinfo=timezone(timedelta(hours=-8)))
    for wrong in (b"1-Foo-1994", b"31-Feb-1994", b"1-2-1994", b'"1-Feb-1994'):
        with pytest.raises(Malformed):
            reader(wrong).date()


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_dates_come_back(moment: datetime, minutes: int) -> None:
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)) if minutes else UTC)
    assert reader(write.date_time(aware)).date_time() == aware


@given(st.binary(max_size=80))
def test_strings_come_back(value: bytes) -> None:
    written = write.string(value)
    if written.startswith(b"{"):
        head, _, rest = written.partition(b"\r\n")
        assert head == b"{%d}" % len(value)
        assert rest == value.replace(b"\0", b"\x80")
    else:
        assert reader(written).string() == value


@given(
    st.lists(
        st.sampled_from([b" ", b"(", b")", b'"', b"\\", b"a", b"{1}", b"*", b"1:2", b"NIL", b"[", b"]", b"<"]),
        max_size=30,
    )
)
def test_readers_end_or_refuse(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    for read in (read_fetch_items, read_sequence_set, read_search, read_fetch_modifiers):
        try:
            read(reader(text))
        except (Malformed, BadCharset):
            continue


def test_nesting_is_bounded() -> None:
    deep = b"(" * 10_000
    with pytest.raises(Malformed, match="deeply"):
        read_search(reader(deep))
    with pytest.raises(Malformed, match="deeply"):
        read_search(reader(b"NOT " * (DEPTH_LIMIT + 1) + b"ALL"))
    read_search(reader(b"NOT " * 10 + b"ALL"))


# --- sets

RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6)


def one_by_one(ranges: list[tuple[int, int]], maximum: int) -> set[int]:
    """What a set means, said plainly."""
    return {
        number
        for first, second in ranges
        for number in range(min(first or maximum, second or maximum), max(first or maximum, second or maximum) + 1)
    }


@given(RANGES, st.integers(1, 40))
def test_sets_mean_their_ranges(ranges: list[tuple[int, int]], maximum: int) -> None:
    text = b",".join(b"%b:%b" % (b"%d" % low if low else b"*", b"%d" % high if high else b"*") for low, high in ranges)
    resolved = parse_sequence_set(text).resolve(maximum)
    meant = one_by_one(ranges, maximum)
    assert {number for low, high in resolved for number in range(low, high + 1)} == meant
    assert within(range(1, 45), resolved) == sorted(number for number in meant if number < 45)
    assert all(holds(resolved, number) == (number in meant) for number in range(1, 45))
    assert all(one[1] + 1 < other[0] for one, other in pairwise(resolved))


@given(st.sets(st.integers(1, 60)))
def test_compact_sets_come_back(numbers: set[int]) -> None:
    text = compact(sorted(numbers))
    assert not text if not numbers else within(range(1, 61), parse_sequence_set(text).resolve(60)) == sorted(numbers)


@pytest.mark.parametrize("text", [b"0", b"1:", b":1", b"1,,2", b",", b"1:2:3", b"4294967296", b"01", b"**", b""])
def test_what_is_no_set(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse_sequence_set(text)


def test_the_saved_result() -> None:
    assert read_sequence_set(reader(b"$")) == SequenceSet(saved=True)


# --- mailbox names


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", b"INBOX"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("a&b", b"a&-b"),
        ("台北/日本語", b"&U,BTFw-/&ZeVnLIqe-"),
        ("😀", b"&2D3eAA-"),
    ],
)
def test_modified_utf7(name: str, encoded: bytes) -> None:
    assert encode_utf7(name) == encoded
    assert decode_utf7(encoded) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_modified_utf7_comes_back(name: str) -> None:
    assert decode_utf7(encode_utf7(name)) == name


@pytest.mark.parametrize("name", [b"&", b"&abc", b"&AGE-", b"&&-", b"&2D0-", b"a&*-", b"&AOQ-&AOQ-", b"\x80"])
def test_what_is_no_modified_utf7(name: bytes) -> None:
    with pytest.raises(InvalidName):
        decode_utf7(name)


def test_inbox_is_inbox_in_any_case() -> None:
    assert decode_name(b"inBOX", utf8=False) == "INBOX"
    assert decode_name(b"inbox/Sub", utf8=False) == "INBOX/Sub"
    assert decode_name(b"inboxes", utf8=False) == "inboxes"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [("*", "a/b", True), ("%", "a", True), ("%", "a/b", False), ("a/%", "a/b", True), ("a*", "a/b/c", True), ("%/%", "a/b", True),
     ("%/%", "a/b/c", False), ("*c", "a/b/c", True), ("inbox", "INBOX", True), ("", "a", False), ("a%c*e", "abc/d/e", True)],
)  # fmt: skip
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=10))
def test_both_ways_to_match_agree(pattern: str, name: str) -> None:
    assert matches(pattern, name) == stepwise(simplified(pattern), name)


def test_hostile_patterns_take_no_time() -> None:
    assert not matches("*a" * 400 + "b", "a" * 1000)


# --- FETCH and SEARCH


def test_fetch_items() -> None:
    items = read_fetch_items(
        reader(b'(flags BODY.PEEK[1.2.header.fields (To "a b")]<5.10> RFC822.TEXT BINARY.SIZE[2] PREVIEW (LAZY))')
    )
    assert items == (
        Attribute("FLAGS"),
        Section("BODY", (1, 2), "HEADER.FIELDS", (b"To", b"a b"), (5, 10), True),
        Section("BODY", text="TEXT", label=b"RFC822.TEXT"),
        Section("BINARY.SIZE", (2,), peek=True),
        Preview(lazy=True),
    )
    assert [label(item) for item in items if isinstance(item, Section)] == [
        b'BODY[1.2.HEADER.FIELDS (TO "A B")]<5>',
        b"RFC822.TEXT",
        b"BINARY.SIZE[2]",
    ]


def test_fetch_macros_and_modifiers() -> None:
    assert read_fetch_items(reader(b"FAST")) == tuple(map(Attribute, ("FLAGS", "INTERNALDATE", "RFC822.SIZE")))
    modifiers = read_fetch_modifiers(reader(b" (CHANGEDSINCE 12 VANISHED PARTIAL -1:-30)"))
    assert modifiers == FetchModifiers(12, True, (-1, -30))


@pytest.mark.parametrize(
    "text", [b"(FLAGS", b"FLAGSX", b"BODY[", b"BODY[0]", b"BODY[1.]", b"BODY[TEXT]<1>", b"(ALL FAST)", b"BODY[]<1.0>"]
)
def test_what_is_no_fetch_item(text: bytes) -> None:
    taken = reader(text)

    def read() -> None:
        read_fetch_items(taken)
        taken.end()

    with pytest.raises(Malformed):
        read()


def test_search_programs() -> None:
    program = read_search(reader(b'CHARSET utf-8 NOT SEEN (SUBJECT "caf\xc3\xa9" BODY x) HEADER X-A ""')).program
    assert program == Every(
        (
            Not(HasFlag("\\Seen", True)),
            Every((HeaderHas("Subject", "café"), TextHas("BODY", "x"))),
            HeaderHas("X-A", ""),
        )
    )
