"""Bytes to text: encoded words, transfer encodings, charsets, previews; and hostile input to every reader."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.world import mime

HEADERS = {
    b"plain": "plain",
    b"=?utf-8?q?caf=C3=A9?=": "café",
    b"=?UTF-8?B?Y2Fmw6k?=": "café",
    b"=?iso-8859-1?Q?a_b?= =?ISO-8859-1?q?=E9?=": "a bé",
    b"=?utf-8?q?a?=\r\n =?utf-8?q?b?= c =?utf-8?q?d?=": "ab c d",
    b"=?utf-8?b?w6k=?=x=?utf-8?q?y?=": "éxy",
    b"=?utf-8?b?4oI=?= =?utf-8?b?rA==?=": "€",
    b"=?utf-8*en?q?a?=": "a",
    b"=?x-none?q?a=E9?=": "a\ufffd",
    b"=?x-none?q?a=C3=A9?=": "aé",
    b"=?zlib?q?abc?=": "abc",
    b"=?utf-7?q?+2AA-?=": "\ufffd",
    b"=?utf-7?q?+2D3eAA-?=": "\U0001f600",
    b"=?unicode-1-1-utf-7?q?a+3gA-b?=": "a\ufffdb",
    b"=?idna?q?abc?=": "abc",
    b"=?utf-8?q?=ff?=": "\ufffd",
    b"=?utf-8?q?open": "=?utf-8?q?open",
    b"=?utf-8?x?a?=": "=?utf-8?x?a?=",
    b"=?gb2312?b?xOO6ww==?=": "你好",
    b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=": "日本",
    b"=?ks_c_5601-1987?b?sKGwog==?=": "가각",
    b"=?windows-1252?q?=80?=": "€",
    b"raw \xc3\xa9": "raw é",
    b"raw \xe9": "raw é",
    b"a\r\n b": "a b",
}


@pytest.mark.parametrize("value", HEADERS)
def test_header_values_are_decoded(value: bytes) -> None:
    assert mime.decode_header(value) == HEADERS[value]


@given(st.binary(max_size=200))
def test_nothing_makes_a_header_raise(value: bytes) -> None:
    mime.decode_header(b"=?utf-8?q?" + value + b"?= =?" + value + b"?b?" + value + b"?=")


@given(st.text(max_size=20), st.binary(max_size=20))
def test_no_charset_name_raises(name: str, data: bytes) -> None:
    mime.decode_bytes(data, name)


@pytest.mark.parametrize("name", ["base64", "rot13", "undefined", "unicode_escape", "punycode", "../x", "a" * 300])
def test_codecs_that_are_no_charsets_are_not_used(name: str) -> None:
    assert mime.codec_of(name) is None
    assert mime.decode_bytes(b"\\u0041", name) == "\\u0041"


TRANSFERS: list[tuple[bytes | None, bytes, bytes | None]] = [
    (None, b"a\0\xff", b"a\0\xff"),
    (b"8BIT", b"\xe9", b"\xe9"),
    (b" Binary ", b"a", b"a"),
    (b"base64", b"aGVs\r\nbG8=\r\n", b"hello"),
    (b"base64", b"aGVsbG8", b"hello"),
    (b"BASE64", b"!aGV*sbG8=garbage", b"hello"),
    (b"base64", b"aGVsbG8hA", b"hello!"),
    (b"base64", b"", b""),
    (b"quoted-printable", b"a=3Db=\r\nc=\n=E9=zz\r\n", b"a=bc\xe9=zz\r\n"),
    (b"x-uuencode", b"begin 644 a\r\n%:&5L;&\\\r\n`\r\nend\r\n", b"hello"),
    (b"x-uuencode", b"no begin", b""),
    (b"x-unknown", b"a", None),
]


@pytest.mark.parametrize(("encoding", "body", "expected"), TRANSFERS)
def test_transfer_encodings(encoding: bytes | None, body: bytes, expected: bytes | None) -> None:
    assert mime.decode_transfer(body, encoding) == expected


@given(st.binary(max_size=200), st.sampled_from([b"base64", b"quoted-printable", b"uuencode", b"x"]))
def test_no_body_makes_decoding_raise(body: bytes, encoding: bytes) -> None:
    mime.decode_transfer(body, encoding)
    mime.decode_transfer(b"begin 644 x\n" + body, encoding)


@given(st.binary(max_size=300))
def test_base64_comes_back(data: bytes) -> None:
    assert mime.decode_transfer(base64.encodebytes(data), b"base64") == data


def message(head: str, body: bytes) -> tuple[bytes, mime.Part]:
    content = head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body
    return content, mime.parse(content)


def test_text_uses_the_charset_of_the_part() -> None:
    qp = "\nContent-Transfer-Encoding: quoted-printable"
    assert mime.text(*message("Content-Type: text/plain; charset=iso-8859-15" + qp, b"=A4")) == "€"
    assert mime.text(*message("Content-Type: text/plain", b"\xc3\xa9")) == "é"
    assert mime.text(*message("Content-Type: text/plain\nContent-Transfer-Encoding: x", b"abc")) == "abc"
    assert mime.charset_of(message("Content-Type: text/plain; CharSet=UTF-8", b"")[1]) == "utf-8"
    assert mime.charset_of(message("X: y", b"")[1]) == "us-ascii"


ALTERNATIVE = (
    "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html</p>\n"
    "--b\nContent-Type: text/plain\n\nplain\n--b--"
)
PREVIEWS = {
    "plain": ("X: y\n\n  one\ttwo\n\n three \0\ufeff", "one two three"),
    "quoted lines are left out": ("X: y\n\n> old\nnew\n> older\n", "new"),
    "unless there is nothing else": ("X: y\n\n> old\n> older\n", "> old > older"),
    "plain before html": (ALTERNATIVE, "plain"),
    "html": (
        "Content-Type: text/html\n\n<!DOCTYPE html><html><head><title>t</title></head><body><!-- c -->a<b>b</b>&amp;"
        "<p>c</p><style>x</style><SCRIPT>y < z</SCRIPT>d &lt; e<blockquote>old</blockquote></body>",
        "ab& c d < e",
    ),
    "unclosed head": ("Content-Type: text/html\n\n<head><title>t<body>text", "text"),
    "broken html": ("Content-Type: text/html\n\na < b <1> c <!-- open", "a < b <1> c"),
    "no text": ("Content-Type: image/png\n\nabc", ""),
    "attachment": ("Content-Type: text/plain\nContent-Disposition: attachment\n\nabc", ""),
    "message inside": ("Content-Type: message/rfc822\n\nSubject: x\n\nin", "in"),
    "empty": ("", ""),
}


@pytest.mark.parametrize("name", PREVIEWS)
def test_previews(name: str) -> None:
    source, expected = PREVIEWS[name]
    content = source.replace("\n", "\r\n").encode()
    assert mime.preview(content, mime.parse(content)) == expected


def test_a_preview_has_at_most_its_limit_of_characters() -> None:
    content, root = message("Content-Type: text/plain; charset=utf-8", "é ".encode() * 500_000)
    assert len(mime.preview(content, root)) == 199  # a space at the cut goes
    assert mime.preview(content, root, limit=3) == "é é"


# Hostile input: four times as much may not take sixteen times as long.

Reader = Callable[[bytes], object]
CONTENT_TYPE: Reader = lambda value: mime.parse(b"Content-Type: " + value + b"\r\n\r\n")  # noqa: E731
PREVIEW: Reader = lambda value: mime.preview(*message("Content-Type: text/html", value))  # noqa: E731
SUBJECT: Reader = lambda value: mime.base_subject(value.decode())  # noqa: E731

HOSTILE: dict[str, tuple[Reader, Callable[[int], bytes]]] = {
    "header lines": (mime.header_fields, lambda n: b"A: b\r\n" * n),
    "names alike": (lambda value: mime.first_header(value, b"subject"), lambda n: b"Subjects: b\r\n" * n * 5),
    "content fields": (mime.parse, lambda n: b"Content-Type: a/b\r\n" * n),
    "folds": (lambda value: mime.first_header(value, b"a"), lambda n: b"A: b" + b"\r\n c" * n * 10),
    "parts": (mime.parse, lambda n: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * n),
    "parts without an empty line": (
        mime.parse,
        lambda n: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\nx: y\r\n" * n,
    ),
    "dashes below many boundaries": (
        mime.parse,
        lambda n: (
            b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (i, i) for i in range(50))
            + b"--x\r\n" * n
        ),
    ),
    "commas": (mime.addresses, lambda n: b"," * n),
    "comments": (mime.addresses, lambda n: b"(" * n * 10),
    "comments in addresses": (mime.addresses, lambda n: b"a@b (c)," * n),
    "quotes": (mime.addresses, lambda n: b'"' * n * 5 + b"a"),
    "words": (mime.addresses, lambda n: b"a " * n * 2),
    "groups": (mime.addresses, lambda n: b"a:b@c;," * n),
    "semicolons": (CONTENT_TYPE, lambda n: b"a/b" + b";" * n * 5),
    "parameters": (CONTENT_TYPE, lambda n: b"a/b" + b"; a*1=b" * n),
    "open quotes": (CONTENT_TYPE, lambda n: b"a/b" + b'; a="' * n * 10),
    "encoded words": (mime.decode_header, lambda n: b"=?utf-8?q?a?= " * n),
    "open encoded words": (mime.decode_header, lambda n: b"=?a?q?" * n * 20),
    "blobs": (SUBJECT, lambda n: b"[a]" * n * 5),
    "replies": (SUBJECT, lambda n: b"Re: [a]" * n),
    "forwards": (SUBJECT, lambda n: b"[fwd:" * n + b"]" * n),
    "identifiers": (mime.message_ids, lambda n: b"<a" * n * 20),
    "tags": (PREVIEW, lambda n: b"<" * n),
    "styles": (PREVIEW, lambda n: b"<style" * n),
    "blocks": (PREVIEW, lambda n: b"<title>" * n),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_takes_linear_time(name: str) -> None:
    read, make = HOSTILE[name]

    def seconds(n: int) -> float:
        value = make(n)
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            read(value)
            best = min(best, time.thread_time() - start)
        return best

    small, large = seconds(2000), seconds(8000)
    assert large < 9 * small + 0.005
