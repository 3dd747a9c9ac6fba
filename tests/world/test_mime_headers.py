"""Header fields, addresses, envelopes, dates, subjects, identifiers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minternet.world import mime
from minternet.world.mime.addresses import _AddressParser, _plain_addresses

HEADER = b"Subject: one\r\nX-Long: a\r\n b\r\n\tc\r\nsubject : two\r\nno colon\r\nX-Empty:\r\n\r\nSubject: body\r\n"


def test_header_fields_keep_their_bytes_and_offsets() -> None:
    fields = mime.header_fields(HEADER)
    assert [field.name for field in fields] == [b"Subject", b"X-Long", b"subject", b"no colon", b"X-Empty"]
    assert fields[1].value == b" a\r\n b\r\n\tc"
    assert b"".join(HEADER[field.start : field.end] for field in fields) + b"\r\n" == HEADER[: mime.header_end(HEADER)]


@pytest.mark.parametrize("content", [b"A: b\r\n\r\nx", b"A: b\n\nx", b"A: b\n\r\nx", b"A: b\r\n\nx", b"\nx", b"\r\nx"])
def test_the_header_ends_at_the_first_empty_line(content: bytes) -> None:
    assert mime.header_end(content) == len(content) - 1


def test_a_header_without_an_empty_line_is_all_there_is() -> None:
    assert mime.header_end(b"A: b\r\nC: d") == 10
    assert mime.first_header(b"A: b\r\nC: d", b"c") == b"d"


def test_first_and_all_headers() -> None:
    assert mime.first_header(HEADER, b"SUBJECT") == b"one"
    assert mime.all_headers(HEADER, b"Subject") == (b"one", b"two")
    assert mime.first_header(HEADER, b"x-long") == b"a b\tc"
    assert mime.first_header(HEADER, b"X-Empty") == b""
    assert mime.first_header(HEADER, b"sub") is None
    assert mime.first_header(HEADER, b"no colon") is None
    assert mime.first_header(HEADER, b"Subject", start=14) == b"two"
    assert mime.first_header(b"X-Subject: a\r\nSubjects: b\r\n\r\n", b"subject") is None


@given(
    st.lists(
        st.sampled_from([b"A: b\r\n", b"B : c\r\n d\r\n", b"nothing\n", b"\tfold\r\n", b"a:\n", b"C:d\r"]), max_size=8
    )
)
def test_first_header_agrees_with_the_fields(pieces: list[bytes]) -> None:
    content = b"".join(pieces) + b"\r\n\r\nA: body"
    for name in (b"a", b"b", b"c"):
        fields = [field for field in mime.header_fields(content) if field.name.lower() == name]
        values = tuple(mime.unfold(field.value).strip(b" \t\r\n") for field in fields)
        assert mime.all_headers(content, name) == values
        assert mime.first_header(content, name) == (values[0] if values else None)


def test_selected_headers_are_exact_and_end_with_an_empty_line() -> None:
    root = mime.parse(HEADER)
    assert mime.select_headers(HEADER, root, [b"SUBJECT"]) == b"Subject: one\r\nsubject : two\r\n\r\n"
    assert mime.select_headers(HEADER, root, [b"x-long"]) == b"X-Long: a\r\n b\r\n\tc\r\n\r\n"
    assert mime.select_headers(HEADER, root, [], invert=True) == HEADER[: root.body_start]
    assert mime.select_headers(HEADER, root, [b"subject", b"x-long"], invert=True) == b"no colon\r\nX-Empty:\r\n\r\n"
    cut = b"A: b\r\nC: d"
    assert mime.select_headers(cut, mime.parse(cut), [b"c"]) == b"C: d\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"A: b\r\nC: d", b"C: d"),
        (b"A: b\r\nC: d\r\n", b"C: d\r\n"),
        (b"A: b\r\nC: d\r\n\r\n", b"C: d\r\n\r\n"),
        (b"A: b\r\n\r\nC: d", b"\r\n"),
        (b"x", b"x"),
        (b"\r\nx", b"\r\n"),
    ],
)
def test_headers_left_over_end_as_the_header_does(content: bytes, expected: bytes) -> None:
    assert mime.select_headers(content, mime.parse(content), [b"a"], invert=True) == expected


NAMES = (b"a", b"b", b"c", b"no-such")
PATTERN = mime.field_pattern(*NAMES)


@given(
    st.lists(
        st.sampled_from([b"A: b\r\n", b"a : c\r\n d\r\n", b"nothing\n", b"\tfold\r\n", b"b:\n", b"C:d\r", b"xa: y\n"]),
        max_size=8,
    )
)
def test_headers_found_in_one_look_are_those_found_one_by_one(pieces: list[bytes]) -> None:
    content = b"".join(pieces) + b"\r\n\r\nA: body"
    header = content[: mime.header_end(content)]
    found = mime.first_headers(header, PATTERN)
    assert found == {name: value for name in NAMES if (value := mime.first_header(content, name)) is not None}


# Addresses, each as (name, route, mailbox, host)

Quadruple = tuple[str | None, str | None, str | None, str | None]
GROUP_END: Quadruple = (None, None, None, None)
BOB: Quadruple = (None, None, "bob", "b.test")

ADDRESSES: dict[str, list[Quadruple]] = {
    "bob@b.test": [BOB],
    " <bob@b.test> ": [BOB],
    "Bob <bob@b.test>": [("Bob", *BOB[1:])],
    "Bob  B.\r\n Builder <bob@b.test>": [("Bob B. Builder", *BOB[1:])],
    '"Builder, Bob" <bob@b.test>, <c@c>': [("Builder, Bob", *BOB[1:]), (None, None, "c", "c")],
    r'"a \"b\" \\" <bob@b.test>': [('a "b" \\', *BOB[1:])],
    '"" <bob@b.test>': [BOB],
    '"Bob" B <bob@b.test>': [("Bob B", *BOB[1:])],
    "=?utf-8?q?B=C3=B6b?= <bob@b.test>": [("=?utf-8?q?B=C3=B6b?=", *BOB[1:])],
    "bob@b.test (Bob (the) Builder)": [("Bob (the) Builder", *BOB[1:])],
    "(x) bob (y) @ (z) b . (w) test": [("w", *BOB[1:])],
    "Bob (builder) <bob@b.test>": [("Bob", *BOB[1:])],
    '"b o b"@b.test': [(None, None, "b o b", "b.test")],
    "bob@[127.0.0.1]": [(None, None, "bob", "[127.0.0.1]")],
    "b..ob.@b.test": [(None, None, "b..ob.", "b.test")],
    "Bob <@a.test,@c.test:bob@b.test>": [("Bob", "@a.test,@c.test", "bob", "b.test")],
    "<@a.test @c.test : bob@b.test>": [(None, "@a.test,@c.test", "bob", "b.test")],
    "Team: bob@b.test, Carol <c@c>;, d@d": [
        (None, None, "Team", None),
        BOB,
        ("Carol", None, "c", "c"),
        GROUP_END,
        (None, None, "d", "d"),
    ],
    "undisclosed-recipients:;": [(None, None, "undisclosed-recipients", None), GROUP_END],
    "A Team: bob@b.test": [(None, None, "A Team", None), BOB, GROUP_END],
    "bob": [(None, None, "bob", "")],
    "<bob>": [(None, None, "bob", "")],
    "bob (Bob)": [("Bob", None, "bob", "")],
    "Bob Builder": [("Bob Builder", None, "", "")],
    '"Bob Builder"': [("Bob Builder", None, "", "")],
    "@b.test": [(None, None, "", "b.test")],
    "bob@": [(None, None, "bob", "")],
    "<>": [(None, None, "", "")],
    "": [],
    " (nobody) ": [],
    "bob@b.test; c@c": [BOB],
    "bob@b.test, ": [BOB],
    "bob@b.test,, c@c": [BOB, (None, None, "", ""), (None, None, "c", "c")],
}
BROKEN: dict[str, list[Quadruple]] = {
    "bob": [(None, None, "bob", "MISSING_DOMAIN")],
    "Bob Builder": [("Bob Builder", None, "MISSING_MAILBOX", "MISSING_DOMAIN")],
    "@b.test": [(None, None, "MISSING_MAILBOX", "b.test")],
    "Bob <bob@b.test": [("Bob", None, "bob", "SYNTAX_ERROR")],
    "<@a.test>": [(None, "INVALID_ROUTE", "MISSING_MAILBOX", "MISSING_DOMAIN")],
    "<bob@b.test (open": [(None, None, "bob", "SYNTAX_ERROR")],
    "bob(open": [(None, None, "MISSING_MAILBOX", "MISSING_DOMAIN")],
}


def quadruples(found: tuple[mime.Address, ...]) -> list[Quadruple]:
    def text(value: bytes | None) -> str | None:
        return None if value is None else value.decode()

    return [(text(a.name), text(a.route), text(a.mailbox), text(a.host)) for a in found]


@pytest.mark.parametrize("value", ADDRESSES)
def test_addresses(value: str) -> None:
    assert quadruples(mime.addresses(value.encode())) == ADDRESSES[value]


@pytest.mark.parametrize("value", BROKEN)
def test_placeholders_stand_for_what_an_envelope_must_have(value: str) -> None:
    assert quadruples(mime.addresses(value.encode(), placeholders=True)) == BROKEN[value]


ADDRESS_PIECES = st.sampled_from(
    [
        *(
            "bob",
            "@",
            "b.test",
            "<",
            ">",
            ",",
            ";",
            ":",
            ".",
            " ",
            '"',
            "(",
            ")",
            "\\",
            "\r\n ",
            "é",
            "[1]",
            "a@b",
            "\0",
        ),
        "a <b@c>",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ADDRESS_PIECES, max_size=14).map("".join))
def test_the_quick_way_reads_addresses_as_the_full_parser_does(value: str) -> None:
    plain = _plain_addresses(value.encode())
    parser = _AddressParser(value.encode(), placeholders=False)
    parser.parse()
    assert plain is None or plain == tuple(parser.found)
    mime.addresses(value.encode(), placeholders=True)


def test_group_markers_and_specs() -> None:
    start, member, end = mime.addresses(b"x: a@b;")
    assert (start.mailbox, start.host, end.mailbox, end.host) == (b"x", None, None, None)
    assert member.spec == b"a@b"


# Envelopes


def envelope(*fields: str) -> mime.Envelope:
    content = "\r\n".join([*fields, "", "body"]).encode()
    return mime.envelope(content, mime.parse(content))


def test_a_whole_envelope() -> None:
    found = envelope(
        "Date: Mon, 6 May 2024 10:00:00 +0000",
        "Subject:  two   words\t",
        "\tfolded",
        'From: "A  B" <a@a>',
        "Sender: s@s",
        "Reply-To: r@r",
        "To: t@t, u@u",
        "Cc: g: c@c;",
        "Bcc: b@b",
        "In-Reply-To: <i@i>",
        "Message-ID:",
        " <m@m>",
    )
    assert (found.date, found.subject) == (b"Mon, 6 May 2024 10:00:00 +0000", b"two words folded")
    assert found.from_ == (mime.Address(b"A B", None, b"a", b"a"),)
    assert [a.spec for a in (*found.sender, *found.reply_to, *found.to, *found.bcc)] == [
        b"s@s",
        b"r@r",
        b"t@t",
        b"u@u",
        b"b@b",
    ]
    assert [a.mailbox for a in found.cc] == [b"g", b"c", None]
    # A value that begins on the second line keeps the white space of its fold, as the reference has it.
    assert (found.in_reply_to, found.message_id) == (b"<i@i>", b" <m@m>")


def test_sender_and_reply_to_default_to_from() -> None:
    found = envelope("From: a@a", "Sender:", "To:")
    assert found.sender == found.reply_to == found.from_
    assert (found.to, found.date, found.subject, found.message_id) == ((), None, None, None)
    assert envelope("Subject:").subject == b""
    assert envelope("X: y") == mime.Envelope()


def test_a_repeated_field_counts_the_last_time_and_the_body_never() -> None:
    assert envelope("Subject: one", "Subject: two").subject == b"two"
    assert envelope("", "Subject: body").subject is None


def test_repeated_fields_of_addresses_add_up() -> None:
    found = envelope(
        "From: a@a", "To: b@b, c@c", "from: d@d", "Cc: e@e", "To: f@f", "Cc:", "Sender: g@g", "Sender: h@h"
    )
    specs = {
        name: [address.spec for address in getattr(found, name)] for name in ("from_", "to", "cc", "sender", "reply_to")
    }
    assert specs == {
        "from_": [b"a@a", b"d@d"],
        "to": [b"b@b", b"c@c", b"f@f"],
        "cc": [b"e@e"],
        "sender": [b"g@g", b"h@h"],
        "reply_to": [b"a@a", b"d@d"],
    }


# Dates

ZONE = timezone(timedelta(hours=2))
DATES = {
    "Mon, 6 May 2024 10:20:30 +0200": datetime(2024, 5, 6, 10, 20, 30, tzinfo=ZONE),
    "6 May 2024 10:20 +0200 (CEST)": datetime(2024, 5, 6, 10, 20, tzinfo=ZONE),
    " Mon ,6 May 2024 10:20:30 -0000": datetime(2024, 5, 6, 10, 20, 30, tzinfo=UTC),
    "Mon, 06 May 24 1:20:30 GMT": datetime(2024, 5, 6, 1, 20, 30, tzinfo=UTC),
    "6 May 99 10:20:30 UT": datetime(1999, 5, 6, 10, 20, 30, tzinfo=UTC),
    "6 May 103 10:20:30 UT": datetime(2003, 5, 6, 10, 20, 30, tzinfo=UTC),
    "Monday, 6-May-2024 10:20:30 EST": datetime(2024, 5, 6, 10, 20, 30, tzinfo=timezone(timedelta(hours=-5))),
    "6 May 2024 10:20:30 Z": datetime(2024, 5, 6, 10, 20, 30, tzinfo=UTC),
    "6 May 2024 10:20:30": datetime(2024, 5, 6, 10, 20, 30, tzinfo=UTC),
    "6 May 2024 10:20:60 +9999": datetime(2024, 5, 6, 10, 20, 59, tzinfo=UTC),
    "Mon May  6 10:20:30 2024": datetime(2024, 5, 6, 10, 20, 30, tzinfo=UTC),
    "2024-05-06T10:20:30+02:00": datetime(2024, 5, 6, 10, 20, 30, tzinfo=ZONE),
    "2024-05-06 10:20:30.5Z": datetime(2024, 5, 6, 10, 20, 30, tzinfo=UTC),
    "31 Feb 2024 10:20:30 +0000": None,
    "6 Mai 2024 10:20:30 +0000": None,
    "6 May 2024 25:20:30 +0000": None,
    "yesterday": None,
    "": None,
}


@pytest.mark.parametrize("value", DATES)
def test_dates(value: str) -> None:
    found = mime.sent_date(f"Date: {value}\r\n\r\n".encode())
    assert found == DATES[value]
    assert found is None or found.tzinfo is not None


def test_no_date() -> None:
    assert mime.sent_date(b"Subject: x\r\n\r\nDate: 6 May 2024 10:20:30 +0000") is None


# Subjects and identifiers

SUBJECTS = {
    "hello": ("hello", False),
    "Re: hello": ("hello", True),
    "RE : [x]: hello": ("hello", False),
    "re[2]: Fwd:FW: hello (fwd) (FWD) ": ("hello", True),
    "[list] Re: [list] hello": ("hello", True),
    "[a] [b] hello": ("hello", False),
    "[a] [b]": ("[b]", False),
    "[a] hello [b]": ("hello [b]", False),
    "[Fwd: Re: hello]": ("hello", True),
    "[fwd: [x]]": ("[x]", True),
    "Re:": ("", True),
    "  a\t b\r\n c ": ("a b c", False),
    "Regards: x": ("Regards: x", False),
    "re hello": ("re hello", False),
    "[open Re: hello": ("[open Re: hello", False),
    "": ("", False),
}


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if subject != "RE : [x]: hello"])
def test_base_subjects(subject: str) -> None:
    assert mime.base_subject(subject) == SUBJECTS[subject]


def test_message_ids() -> None:
    assert mime.message_ids(b"<a@b>\r\n\t<c@d> junk <nothing> <> < e @ f >") == (b"<a@b>", b"<c@d>", b"<e@f>")
    assert mime.message_ids(b'Your message of "today" <"a.b"@c>') == (b"<a.b@c>",)
    assert mime.message_ids(b"<open@x <a@b>") == (b"<a@b>",)


def test_casemap_folds_case_and_decomposes() -> None:
    assert mime.casemap("Hello") == "HELLO"
    assert mime.casemap("é") == mime.casemap("É") == mime.casemap("e\u0301") == "E\u0301"
    assert mime.casemap("ß") == "ß"
    assert mime.casemap("ﬁ") == "fi"
    assert mime.casemap("Σ") == mime.casemap("σ") == mime.casemap("ς")
