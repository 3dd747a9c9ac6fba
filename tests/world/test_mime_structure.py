"""The tree of parts and its offsets, on well-formed and on malformed messages."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minternet.world import mime
from minternet.world.mime.structure import _Parser

FIXTURES = Path(__file__).parents[2] / "fixtures" / "default"


def outline(part: mime.Part) -> str:
    """A tree on one line: type, then what is inside."""
    inside = part.parts or ((part.message,) if part.message else ())
    return f"{part.type}/{part.subtype}" + (f"({' '.join(map(outline, inside))})" if inside else "")


def bodies(content: bytes, part: mime.Part) -> list[bytes]:
    return [content[leaf.body_start : leaf.end] for leaf in mime.leaves(part)]


def walk(part: mime.Part) -> Iterator[mime.Part]:
    yield part
    for inside in part.parts or ((part.message,) if part.message else ()):
        yield from walk(inside)


def lines(*given: str) -> bytes:
    return "\r\n".join(given).encode()


TEXT = "Content-Type: text/plain"
MIXED = "Content-Type: multipart/mixed; boundary=b"

MALFORMED = {
    "no closing delimiter": (
        lines(MIXED, "", "--b", TEXT, "", "one", "--b", TEXT, "", "two", ""),
        "multipart/mixed(text/plain text/plain)",
        [b"one", b"two\r\n"],
    ),
    "preamble and epilogue": (
        lines(MIXED, "", "before", "--b", "", "one", "--b--", "after", "--b", "no part"),
        "multipart/mixed(text/plain)",
        [b"one"],
    ),
    "text after the boundary on its line": (
        lines(MIXED, "", "--b and more", "", "one", "--bb", "", "two", "--b--x"),
        "multipart/mixed(text/plain text/plain)",
        [b"one", b"two"],
    ),
    "longest boundary wins": (
        lines(MIXED, "", "--b", "Content-Type: multipart/mixed; boundary=bb", "", "--bb", "", "in", "--b", "", "out"),
        "multipart/mixed(multipart/mixed(text/plain) text/plain)",
        [b"in", b"out"],
    ),
    "same boundary inside: the inner one has it": (
        lines(MIXED, "", "--b", MIXED, "", "--b", "", "in", "--b--", "x", "--b", "", "out", "--b--"),
        "multipart/mixed(multipart/mixed(text/plain) text/plain)",
        [b"in", b"out"],
    ),
    "boundary that ends in dashes": (
        lines("Content-Type: multipart/mixed; boundary=b--", "", "--b--", "", "one", "--b----", ""),
        "multipart/mixed(text/plain)",
        [b"one"],
    ),
    "outer delimiter closes all inside": (
        lines(MIXED, "", "--b", "Content-Type: multipart/mixed; boundary=x", "", "--x", "", "in", "--b", "", "out"),
        "multipart/mixed(multipart/mixed(text/plain) text/plain)",
        [b"in", b"out"],
    ),
    "boundary of a closed multipart is nothing any more": (
        lines(MIXED, "", "--b", "Content-Type: multipart/mixed; boundary=x", "", "--x--", "--x", "", "in", "--b--"),
        "multipart/mixed(multipart/mixed)",
        [],
    ),
    "no boundary parameter": (
        lines("Content-Type: multipart/mixed", "", "--b", "", "one", "--b--"),
        "multipart/mixed",
        [],
    ),
    "empty boundary": (
        lines('Content-Type: multipart/mixed; boundary=""', "", "--", "", "one", "--any", "", "two", "----"),
        "multipart/mixed(text/plain text/plain)",
        [b"one", b"two"],
    ),
    "boundary in numbered pieces": (
        lines("Content-Type: multipart/mixed; boundary*1=c; boundary*0=b", "", "--bc", "", "one", "--bc--"),
        "multipart/mixed(text/plain)",
        [b"one"],
    ),
    "boundary behind a doubled semicolon is lost": (
        lines("Content-Type: multipart/mixed;; boundary=b", "", "--b", "", "one"),
        "multipart/mixed",
        [],
    ),
    "no delimiter at all": (lines(MIXED, "", "only text"), "multipart/mixed", []),
    "multipart header without a body": (lines(MIXED, ""), "multipart/mixed", []),
    "delimiter ends a header": (
        lines(MIXED, "", "--b", "Content-Type: text/html", "--b", TEXT, "", "two", "--b--"),
        "multipart/mixed(text/html text/plain)",
        [b"", b"two"],
    ),
    "delimiter ends a multipart's header, so it has no parts": (
        lines(MIXED, "", "--b", "Content-Type: multipart/mixed; boundary=x", "--b", "", "--x", "text", "--b--"),
        "multipart/mixed(multipart/mixed text/plain)",
        [b"--x\r\ntext"],
    ),
    "delimiter after delimiter": (
        lines(MIXED, "", "--b", "--b", "--b--"),
        "multipart/mixed(text/plain text/plain)",
        [b"", b""],
    ),
    "last delimiter with nothing after its line": (
        lines(MIXED, "", "--b", "", "one", "--b", ""),
        "multipart/mixed(text/plain text/plain)",
        [b"one", b""],
    ),
    "last delimiter without a line end": (
        lines(MIXED, "", "--b", "", "one", "--b"),
        "multipart/mixed(text/plain)",
        [b"one"],
    ),
    "digest": (
        lines(
            "Content-Type: multipart/digest; boundary=b",
            "",
            "--b",
            "",
            "Subject: x",
            "",
            "hi",
            "--b",
            "Content-Type: text/html",
            "",
            "<p>",
            "--b--",
        ),
        "multipart/digest(message/rfc822(text/plain) text/html)",
        [b"hi", b"<p>"],
    ),
    "message inside a message": (
        lines("Content-Type: message/rfc822", "", "Content-Type: Message/RFC822", "", "Subject: in", "", "hi"),
        "message/rfc822(message/rfc822(text/plain))",
        [b"hi"],
    ),
    "message/global": (
        lines("Content-Type: message/global", "", "Subject: in", "", "hi"),
        "message/global(text/plain)",
        [b"hi"],
    ),
    "message cut by a delimiter in its header": (
        lines(MIXED, "", "--b", "Content-Type: message/rfc822", "", "Subject: in", "--b--"),
        "multipart/mixed(message/rfc822(text/plain))",
        [b""],
    ),
    "type without subtype": (lines("Content-Type: text", "", "hi"), "text/", [b"hi"]),
    "empty type": (lines("Content-Type:", "", "hi"), "/", [b"hi"]),
    "comments and folds in the type": (
        lines("Content-Type: (a) multipart (b (c)) / mixed (d);", "\tboundary = (e) b", "", "--b", "", "hi", "--b--"),
        "multipart/mixed(text/plain)",
        [b"hi"],
    ),
    "line without a colon": (
        lines("Subject: x", "no colon here", "Content-Type: text/html", "", "hi"),
        "text/html",
        [b"hi"],
    ),
    "space before the colon": (lines("Content-Type : text/html", "", "hi"), "text/html", [b"hi"]),
    "first of two types": (lines("Content-Type: text/html", "Content-Type: image/png", "", ""), "text/html", [b""]),
    "empty": (b"", "text/plain", [b""]),
    "one line end": (b"\r\n", "text/plain", [b""]),
    "body only": (b"\r\nhi", "text/plain", [b"hi"]),
    "header only": (b"Subject: x", "text/plain", [b""]),
}


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_messages_have_the_expected_structure(name: str, line_end: bytes) -> None:
    content, expected, leaf_bodies = MALFORMED[name]
    content = content.replace(b"\r\n", line_end)
    root = mime.parse(content)
    assert outline(root) == expected
    assert bodies(content, root) == [body.replace(b"\r\n", line_end) for body in leaf_bodies] or root.is_multipart
    if leaf_bodies:
        assert bodies(content, root) == [body.replace(b"\r\n", line_end) for body in leaf_bodies]


def test_offsets_sizes_and_lines_of_a_nested_message() -> None:
    inner = lines("Subject: in", "", "a", "b", "")
    content = lines(MIXED, "", "--b", TEXT, "", "one", "two", "--b", "Content-Type: message/rfc822", "", "") + inner
    content += b"\r\n--b--\r\nend\r\n"
    root = mime.parse(content)
    text, message = root.parts
    assert (root.header_start, root.body_start, root.end) == (0, content.index(b"--b"), len(content))
    assert (content[text.header_start : text.body_start], text.size, text.lines) == (f"{TEXT}\r\n\r\n".encode(), 8, 1)
    assert (content[message.body_start : message.end], message.lines) == (inner, 4)
    assert message.message is not None
    assert (message.message.header_start, message.message.end) == (message.body_start, message.end)
    assert (message.message.lines, message.message.body_start - message.message.header_start) == (2, 15)
    assert root.lines == content[root.body_start :].count(b"\n")


def test_an_empty_line_before_a_delimiter_belongs_to_the_delimiter() -> None:
    content = lines(MIXED, "", "--b", TEXT, "", "--b--")
    part = mime.parse(content).parts[0]
    assert (content[part.header_start : part.body_start], part.size) == (f"{TEXT}\r\n".encode(), 0)
    # ... but the boundary of the multipart that just begins is its own business.
    content = lines(MIXED, "", "--b", "Content-Type: multipart/mixed; boundary=x", "", "--x", "", "hi", "--b--")
    assert content[: mime.parse(content).parts[0].body_start].endswith(b"=x\r\n\r\n")


def test_content_fields_are_kept_as_given() -> None:
    root = mime.parse(
        lines(
            'Content-Type: IMAGE/PnG; Name="a \\"b\\""; x*0=one; x*1=two; y*1*=b; Y=z',
            "Content-ID: <id@x>",
            "Content-Description: long",
            " one",
            "Content-Transfer-Encoding: BASE64 (really)",
            "Content-MD5: Q2hlY2s=",
            "Content-Disposition: attachment",
            "Content-Disposition: Inline; filename*=utf-8''%e2%82%ac; size=3",
            "Content-Disposition: ignored; a=b",
            "Content-Language: en, de (German)",
            "Content-Location: http://a/",
            "Content-Location: http://b/",
            "",
            "",
        )
    )
    assert (root.type, root.subtype, root.raw_type, root.raw_subtype) == ("image", "png", b"IMAGE", b"PnG")
    assert root.parameters == ((b"Name", b'a "b"'), (b"Y", b"z"), (b"x", b"onetwo"), (b"y*1*", b"b"))
    assert (root.id, root.description, root.encoding, root.md5) == (b"<id@x>", b"long one", b"BASE64", b"Q2hlY2s=")
    assert root.disposition == b"Inline"
    assert root.disposition_parameters == ((b"size", b"3"), (b"filename*", b"utf-8''%e2%82%ac"))
    assert (root.language, root.location) == ((b"en", b"de"), b"http://a/")
    assert mime.filename(root) == "€"


def test_content_fields_need_mime_version_or_content_type_except_inside_a_multipart() -> None:
    fields = ("Content-ID: <a@b>", "Content-Transfer-Encoding: base64")
    assert mime.parse(lines(*fields, "", "")).encoding is None
    assert mime.parse(lines(*fields, "Mime-Version: 1.0", "", "")).encoding == b"base64"
    assert mime.parse(lines(MIXED, "", "--b", *fields, "", "x")).parts[0].id == b"<a@b>"
    assert mime.parse(lines(MIXED, "", "--b", "Content-Type: message/rfc822", "", *fields, "", "x")).parts[
        0
    ].message == (mime.Part(header_start=82, body_start=138, end=139, lines=0))


PARAMETERS = {
    "text/plain; a=b; c=d": [("a", "b"), ("c", "d")],
    "text/plain; a=b junk; c=d": [("a", "b"), ("c", "d")],
    "text/plain; a; c=d": [],
    "text/plain; a; b; c=d": [("c", "d")],
    "text/plain; a=; c=d": [("a", ""), ("c", "d")],
    "text/plain; a=": [("a", "")],
    'text/plain; a="open; c=d': [],
    "text/plain; name==?utf-8?q?x?=; c=d": [("name", "=?utf-8?q?x?="), ("c", "d")],
    "text/plain;": [],
    "text/plain a=b": [],
    "text/plain; a*=utf-8'en'x%20y": [("a*", "utf-8'en'x%20y")],
    "text/plain; a*0*=us-ascii''x; a*1=50%": [("a*", "us-ascii''x50%25")],
    "text/plain; a*0=x; a*1*=%20": [("a*", "''x%20")],
    "text/plain; a*99999999999999999999=x": [("a*99999999999999999999", "x")],
    'text/plain; a="b\r\n c"': [("a", "b c")],
    "text/plain; a=b (c); (d) e=f": [("a", "b"), ("e", "f")],
}


@pytest.mark.parametrize("value", PARAMETERS)
def test_parameters_come_out_as_bodystructure_shows_them(value: str) -> None:
    root = mime.parse(f"Content-Type: {value}\r\n\r\n".encode())
    assert [(name.decode(), given.decode()) for name, given in root.parameters] == PARAMETERS[value]


def test_decoded_parameters() -> None:
    root = mime.parse(
        b"Content-Type: a/b; name*0*=iso-8859-1''%e4; name*1=%; Title=\"=?utf-8?q?=C3=A9?=\"; raw=\xc3\xa9; x*1=y\r\n\r\n"
    )
    assert [mime.parameter(root, name) for name in ("NAME", "title", "raw", "x", "none")] == ["ä%", "é", "é", "y", None]


def test_section_numbers() -> None:
    content = lines(
        MIXED,
        "",
        "--b",
        "",
        "one",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "Subject: in",
        "Content-Type: multipart/mixed; boundary=x",
        "",
        "--x",
        "X: y",
        "",
        "deep",
        "--x--",
        "--b--",
    )
    root = mime.parse(content)

    def get(path: tuple[int, ...], what: mime.SectionName | None = None) -> bytes | None:
        found = mime.section(content, root, path, what)
        return None if found is None else content[slice(*found)]

    assert get(()) == content
    assert (get((), "HEADER") or b"") + (get((), "TEXT") or b"") == content
    assert get((), "MIME") is None
    assert (get((1,)), get((1,), "HEADER"), get((1,), "TEXT"), get((1, 1, 1))) == (b"one", None, None, None)
    assert get((1, 1)) == b"one"  # 1 is always a name for a non-multipart itself
    assert get((2,), "MIME") == b"Content-Type: message/rfc822\r\n\r\n"
    assert (get((2,), "HEADER") or b"").startswith(b"Subject: in")
    assert (get((2,), "HEADER") or b"") + (get((2,), "TEXT") or b"") == get((2,))
    assert (get((2, 1)), get((2, 1), "MIME")) == (b"deep", b"X: y\r\n\r\n")
    assert [get(path) for path in ((0,), (3,), (2, 2), (2, 1, 2))] == [None] * 4
    plain = mime.parse(b"Subject: x\r\n\r\nhi")
    assert mime.find_part(plain, (1,)) is plain
    assert mime.section(b"Subject: x\r\n\r\nhi", plain, (1,), "MIME") == (0, 14)
    assert [mime.find_part(plain, path) for path in ((2,), (1, 1))] == [None, None]
    forward = mime.parse(b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nhi")
    assert mime.find_part(forward, (1, 1)) is forward.message
    assert mime.locate(forward, (1,), "HEADER") is forward.message


# Limits


def nested(levels: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=x%d.\r\n\r\n--x%d.\r\n" % (n, n) for n in range(levels))


@pytest.mark.parametrize("content", [nested(5000), b"Content-Type: message/rfc822\r\n\r\n" * 5000])
def test_depth_is_limited_and_what_is_deeper_is_opaque(content: bytes) -> None:
    parts = list(walk(mime.parse(content)))
    assert len(parts) == mime.MAX_DEPTH
    assert [part.opaque for part in parts] == [False] * (mime.MAX_DEPTH - 1) + [True]
    assert (parts[-1].is_multipart, parts[-1].is_message) == (False, False)


def test_the_number_of_parts_is_limited_and_the_last_takes_the_rest() -> None:
    content = lines(MIXED, "", "") + b"--b\r\n\r\nx\r\n" * 20_000
    root = mime.parse(content)
    assert len(list(walk(root))) == mime.MAX_PARTS
    assert root.parts[-1].opaque
    assert (root.parts[-1].end, root.parts[-2].size) == (len(content), 1)


class _CountingBytes(bytes):
    """Bytes that count how often, and over how many octets, the parser searches them."""

    searched = 0

    def find(self, needle: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        found = super().find(needle, start, len(self) if end is None else end)
        self.searched += (len(self) if found < 0 else found) - start + 1
        return found


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "delimiters": lambda n: lines(MIXED, "", "") + b"--b\r\n" * n,
    "near delimiters": lambda n: lines(MIXED, "", "") + b"--c\r\n" * n,
    "headers without an end": lambda n: lines(MIXED, "", "") + b"--b\r\nx: y\r\n" * n,
    "a multipart in each part": lambda n: (
        lines(MIXED, "", "") + b"--b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" * n
    ),
    "nested multiparts": nested,
    "unclosed delimiter line": lambda n: lines(MIXED, "", "") + b"--b\r\n" * (n // 2) + b"--b" * n,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_structures_are_searched_in_linear_time(kind: str) -> None:
    def octets_searched(n: int) -> tuple[int, int]:
        content = _CountingBytes(HOSTILE[kind](n))
        _Parser(content).parse()
        return content.searched, len(content)

    searched, size = octets_searched(4000)
    assert searched < 8 * size


# Properties

FRAGMENTS = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r",
            b"--",
            b"--b",
            b"--b--",
            b"\r\n--b\r\n",
            b"\r\n--x--\r\n",
            b"\r\n\r\n",
            b": ",
            b";",
            b'"',
            b"(",
        ),
        *(
            MIXED.encode(),
            b"Content-Type: message/rfc822",
            b"Content-Type: multipart/digest; boundary=x",
            TEXT.encode(),
        ),
        *(b"Content-Transfer-Encoding: base64", b"boundary*0=b", b"\0", b"\xff", b"=?utf-8?q?x?=", b"<a@b>", b"text"),
    ]
)
MESSAGES = st.one_of(
    st.lists(FRAGMENTS, max_size=40).map(b"".join),
    st.lists(FRAGMENTS, max_size=30).map(b"\r\n".join),
    st.binary(max_size=300),
)


def check_geometry(content: bytes, part: mime.Part) -> None:
    assert 0 <= part.header_start <= part.body_start <= part.end <= len(content)
    assert part.lines == content.count(b"\n", part.body_start, part.end)
    position = part.body_start
    for inside in part.parts or ((part.message,) if part.message else ()):
        assert position <= inside.header_start
        assert inside.end <= part.end
        position = inside.end
        check_geometry(content, inside)
    if part.message:
        assert part.message.header_start == part.body_start
        # A header cut by a delimiter leaves its last line end to the message around it.
        assert content[part.message.end : part.end] in (b"", b"\n", b"\r\n")


@settings(max_examples=400, deadline=None)
@given(MESSAGES)
def test_parts_lie_inside_their_parents_in_order_and_nothing_raises(content: bytes) -> None:
    root = mime.parse(content)
    check_geometry(content, root)
    assert (root.header_start, root.end) == (0, len(content))
    assert root.body_start == mime.header_end(content)
    for part in walk(root):
        mime.envelope(content, part)
        mime.text(content, part)
        mime.filename(part)
        assert mime.select_headers(content, part, ()) == b"\r\n"
    mime.preview(content, root)
    mime.sent_date(content)


@settings(max_examples=200, deadline=None)
@given(MESSAGES)
def test_every_part_is_found_by_its_number(content: bytes) -> None:
    root = mime.parse(content)

    def visit(part: mime.Part, path: tuple[int, ...]) -> None:
        for number, inside in enumerate(part.parts, 1):
            assert mime.find_part(root, (*path, number)) is inside
            visit(inside, (*path, number))
        if part.message and path:
            if part.message.is_multipart:
                visit(part.message, path)
            else:
                assert mime.find_part(root, (*path, 1)) is part.message

    visit(root, ())


@st.composite
def built_messages(draw: st.DrawFn, depth: int = 2) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = draw(st.text("abc é日", max_size=10))
    words = st.text("abc é日.-\n", max_size=60)
    message.set_content(draw(words), cte=draw(st.sampled_from(["base64", "quoted-printable", "8bit"])))
    if draw(st.booleans()):
        message.add_alternative(draw(words), subtype="html")
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["octets", "text", "message"]))
        if kind == "octets":
            message.add_attachment(
                draw(st.binary(max_size=80)),
                maintype="application",
                subtype="x-test",
                filename=draw(st.text("aé", min_size=1, max_size=3)),
            )
        elif kind == "text" or not depth:
            message.add_attachment(draw(words), filename="a.txt")
        else:
            message.add_attachment(draw(built_messages(depth=depth - 1)))
    return message


def check_against_email(content: bytes, part: mime.Part, other: email.message.Message) -> None:
    assert f"{part.type}/{part.subtype}" == other.get_content_type()
    payload = other.get_payload()
    inside = part.parts or ((part.message,) if part.message else ())
    if isinstance(payload, list):
        assert len(inside) == len(payload)
        for ours, theirs in zip(inside, payload, strict=True):
            check_against_email(content, ours, theirs)
    else:
        assert not inside
        assert mime.decoded(content, part) == other.get_payload(decode=True)
        assert mime.filename(part) == other.get_filename()


@settings(max_examples=60, deadline=None)
@given(built_messages())
def test_generated_messages_parse_as_the_standard_library_parses_them(message: EmailMessage) -> None:
    content = message.as_bytes()
    root = mime.parse(content)
    check_against_email(content, root, email.message_from_bytes(content, policy=email.policy.default))
    subject = mime.first_header(content, b"subject")
    assert mime.decode_header(subject or b"").split() == message["Subject"].split()


# Fixtures


def fixture_files() -> list[Path]:
    return sorted([*FIXTURES.glob("mail/**/*.eml"), *FIXTURES.glob("news/**/*.eml")])


def same_shape(part: mime.Part, other: email.message.Message) -> bool:
    payload = other.get_payload()
    inside = part.parts or ((part.message,) if part.message else ())
    if not isinstance(payload, list):
        return not inside and not part.is_multipart
    return len(payload) == len(inside) and all(map(same_shape, inside, payload))


def test_fixtures_are_read_without_error_and_agree_with_the_standard_library() -> None:
    for path in fixture_files():
        content = path.read_bytes()
        content = content if b"\r\n" in content else content.replace(b"\n", b"\r\n")
        root = mime.parse(content)
        check_geometry(content, root)
        mime.envelope(content, root)
        assert len(mime.preview(content, root)) <= 200, path
        other = email.message_from_bytes(content)
        if other.defects or not same_shape(root, other):
            continue
        for part, theirs in zip(mime.leaves(root), (p for p in other.walk() if not p.is_multipart()), strict=True):
            if theirs.defects or part.encoding is None:
                continue
            theirs_decoded = theirs.get_payload(decode=True)
            if not theirs.defects:
                assert mime.decoded(content, part) in (theirs_decoded, None), path


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mutated_fixtures_never_raise(data: st.DataObject) -> None:
    files = fixture_files()
    content = files[data.draw(st.integers(0, len(files) - 1))].read_bytes()[:4000] if files else nested(3)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(FRAGMENTS) + content[at + data.draw(st.integers(0, 40)) :]
    root = mime.parse(content)
    check_geometry(content, root)
    mime.envelope(content, root)
    mime.preview(content, root)
