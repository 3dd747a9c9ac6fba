"""urllib.parse on the links of the site, and round trips of what it quotes through HTTP."""
# mypy: disable-error-code="attr-defined, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import json
from html.parser import HTMLParser
from urllib import parse

import pytest
from stdlib.parts import Sites


class Links(HTMLParser):
    """Collects the addresses of links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.extend(value for name, value in attrs if tag == "a" and name == "href" and value is not None)


@pytest.fixture(scope="module")
def links(default_world: None, web: Sites) -> list[str]:
    """Every odd kind of link, from the site's page of them."""
    parser = Links()
    parser.feed(web.get("/links.html").decode())
    return parser.found


BASE = "http://www.example.test/links.html"
ODD = {
    "./forms.html": "http://www.example.test/forms.html",
    "../../../index.html": "http://www.example.test/index.html",
    "/": "http://www.example.test/",
    "notes/../lists.html": "http://www.example.test/lists.html",
    "?page=2": "http://www.example.test/links.html?page=2",
    "#top": "http://www.example.test/links.html#top",
    "": "http://www.example.test/links.html",
    "//www.example.test/protocol-relative": "http://www.example.test/protocol-relative",
    "https://www.example.test:443/": "https://www.example.test:443/",
    "a%2Fb%3Fc%23d": "http://www.example.test/a%2Fb%3Fc%23d",
    "/a/./b/../c": "http://www.example.test/a/c",
    "mailto:info@example.test": "mailto:info@example.test",
    "urn:isbn:0-0000-0000-0": "urn:isbn:0-0000-0000-0",
    "g:h": "g:h",
}
"""A link of the page -> where it leads from there."""


def test_links_lead_where_they_should(links: list[str]) -> None:
    assert len(links) > 70
    assert set(ODD) <= set(links)
    assert {link: parse.urljoin(BASE, link) for link in ODD} == ODD


def test_links_of_the_site_are_there(links: list[str], web: Sites) -> None:
    base = f"{web.base}/links.html"
    for link in ("tables.html", "./forms.html", "notes/../lists.html", "notes/gr%C3%BC%C3%9Fe.txt", "lists.html#town"):
        joined = parse.urljoin(base, link)
        assert link in links
        assert web.get(parse.urlsplit(joined).path)


def test_taking_apart_and_putting_together(links: list[str]) -> None:
    """Only what is equivalent may change: case of the scheme, and delimiters with nothing after them."""
    changed = []
    for link in links:
        try:
            parts = parse.urlsplit(link)
        except ValueError:
            changed.append(link)
            continue
        assert parse.urlunsplit(parts) == parts.geturl()
        assert parse.urlunparse(parse.urlparse(link)) == parse.urlparse(link).geturl()
        if parts.geturl() != link:
            changed.append(link)
            assert parse.urlsplit(parts.geturl()).geturl() == parts.geturl()
    plain = [link for link in links if link.isascii() and link.strip() == link and link[:1].islower() and "://" in link]
    assert len(set(plain) - set(changed)) > 15


def test_every_part_of_a_link(links: list[str]) -> None:
    link = "https://alice:s%40fe@www.example.test/private?x=1#y"
    assert link in links
    parts = parse.urlsplit(link)
    assert tuple(parts) == ("https", "alice:s%40fe@www.example.test", "/private", "x=1", "y")
    assert (parts.username, parse.unquote(parts.password or ""), parts.hostname, parts.port) == (
        "alice",
        "s@fe",
        "www.example.test",
        None,
    )
    shouted = parse.urlsplit("HTTP://WWW.Example.TEST:80/Case")
    assert (shouted.scheme, shouted.hostname, shouted.port, shouted.path) == ("http", "www.example.test", 80, "/Case")
    assert parse.urlsplit("http://[::1]/").hostname == "::1"
    with pytest.raises(ValueError):
        _ = parse.urlsplit("http://www.example.test:99999/port-too-high").port
    assert parse.urlsplit("http://www.example.test:/no-port").port is None
    assert parse.urlsplit("http://user@other.example@www.example.test/").hostname == "www.example.test"


def test_parameters_of_a_path() -> None:
    parsed = parse.urlparse("ftp://ftp.example.test/pub/readme.txt;type=a")
    assert (parsed.path, parsed.params) == ("/pub/readme.txt", "type=a")
    assert parsed._replace(params="type=i").geturl() == "ftp://ftp.example.test/pub/readme.txt;type=i"
    assert parse.urlsplit("ftp://ftp.example.test/pub/readme.txt;type=a").path == "/pub/readme.txt;type=a"


def test_octets_as_well_as_text() -> None:
    split = parse.urlsplit(b"http://www.example.test/a?b=1#c")
    assert (split.geturl(), split.hostname) == (b"http://www.example.test/a?b=1#c", b"www.example.test")
    assert split.decode().geturl() == "http://www.example.test/a?b=1#c"
    assert parse.urlparse(b"http://x/a;p").geturl() == b"http://x/a;p"
    assert parse.urlparse(b"http://x/a;p").decode("ascii").params == "p"
    assert parse.urlsplit("http://x/a").encode("ascii") == parse.urlsplit(b"http://x/a")
    assert parse.urlparse("http://x/a").encode() == parse.urlparse(b"http://x/a")
    with pytest.raises(TypeError):
        parse.urljoin("http://x/", b"y")  # type: ignore[type-var]


def test_fragments() -> None:
    found = parse.urldefrag("lists.html?q=a+b#frag?not=query")
    assert (found.url, found.fragment, found.geturl()) == (
        "lists.html?q=a+b",
        "frag?not=query",
        "lists.html?q=a+b#frag?not=query",
    )
    octets = parse.urldefrag(b"lists.html#town")
    assert (octets.geturl(), octets.decode().fragment) == (b"lists.html#town", "town")
    assert found.encode().fragment == b"frag?not=query"


def test_brackets_that_hold_no_address() -> None:
    with pytest.raises(ValueError):
        parse.urlsplit("http://[::1/")


PAIRS = [("a", "1"), ("a", "2"), ("b", ""), ("q", "Grüße & 🦆"), ("+", "a b+c"), ("", "no name")]


def test_queries_through_http(web: Sites) -> None:
    query = parse.urlencode(PAIRS)
    assert query == "a=1&a=2&b=&q=Gr%C3%BC%C3%9Fe+%26+%F0%9F%A6%86&%2B=a+b%2Bc&=no+name"
    told = json.loads(web.get(f"/get?{query}"))
    assert told["args"] == {"a": ["1", "2"], "b": "", "q": "Grüße & 🦆", "+": "a b+c", "": "no name"}
    assert parse.parse_qsl(parse.urlsplit(told["url"]).query, keep_blank_values=True) == PAIRS


def test_queries_of_sequences() -> None:
    assert parse.urlencode({"a": [1, 2], "b": "x y"}, doseq=True, quote_via=parse.quote) == "a=1&a=2&b=x%20y"
    assert parse.urlencode({b"k": b"\xff"}) == "k=%FF"
    assert parse.urlencode([("a", "/")], safe="/") == "a=/"


def test_queries_taken_apart() -> None:
    assert parse.parse_qs("a=1&a=2&b=&c") == {"a": ["1", "2"]}
    assert parse.parse_qs("a=1&b=&c", keep_blank_values=True) == {"a": ["1"], "b": [""], "c": [""]}
    assert parse.parse_qsl("a=1;b=2", separator=";") == [("a", "1"), ("b", "2")]
    assert parse.parse_qsl("latin1=%FC", encoding="latin-1") == [("latin1", "ü")]
    with pytest.raises(ValueError, match="bad query field"):
        parse.parse_qs("a", strict_parsing=True)
    with pytest.raises(ValueError, match="number of fields"):
        parse.parse_qsl("a=1&a=2&a=3", max_num_fields=2)


def test_the_query_of_a_letter(links: list[str]) -> None:
    link = next(each for each in links if each.startswith("mailto:alice@"))
    letter = parse.urlsplit(link)
    assert (letter.path, parse.parse_qs(letter.query)) == (
        "alice@example.test",
        {"subject": ["Hello there"], "cc": ["bob@example.test"], "body": ["a\r\nb"]},
    )


@pytest.mark.parametrize("text", ["plain", "a/b?c#d", "Grüße 橋 🦆", "100% + 1", "~._-", "\x00\x7f"])
def test_quoting_through_http(web: Sites, text: str) -> None:
    assert parse.unquote(parse.quote(text, safe="")) == text
    assert parse.unquote_plus(parse.quote_plus(text)) == text
    told = json.loads(web.get(f"/get?text={parse.quote_plus(text)}"))
    assert told["args"] == {"text": text}
    path = web.get(f"/base64/encode/{parse.quote('x' + text.replace('%', '').replace('+', ''), safe='')}")
    assert path


def test_quoting_octets() -> None:
    assert parse.quote_from_bytes(b"\xfc /~") == "%FC%20/~"
    assert parse.quote("ü", encoding="latin-1") == parse.quote(b"\xfc") == "%FC"
    assert parse.unquote_to_bytes("a%fcb%zz") == b"a\xfcb%zz"
    assert parse.unquote("%FC", encoding="latin-1") == "ü"
    assert parse.unquote("%FC", errors="replace") == "\ufffd"
    assert parse.unquote(b"%41%42") == "AB"
    assert parse.quote_plus("a b/c", safe="/") == "a+b/c"
    with pytest.raises(TypeError):
        parse.quote(b"x", encoding="utf-8")  # type: ignore[call-overload]
    with pytest.raises(UnicodeEncodeError):
        parse.quote("橋", encoding="latin-1", errors="strict")
