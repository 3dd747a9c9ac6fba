"""html.parser on the pages of the site, well-formed and not."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from stdlib.parts import Sites

pytestmark = pytest.mark.usefixtures("default_world")


class Recorder(HTMLParser):
    """Writes down what it is told, and lets the original do its part, too."""

    def __init__(self, *, convert_charrefs: bool = True) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.events: list[tuple[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        self.events.append(("start", (tag, attrs)))

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        self.events.append(("end", tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append(("empty", tag))
        super().handle_startendtag(tag, attrs)

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        self.events.append(("data", data))

    def handle_entityref(self, name: str) -> None:
        super().handle_entityref(name)
        self.events.append(("entity", name))

    def handle_charref(self, name: str) -> None:
        super().handle_charref(name)
        self.events.append(("character", name))

    def handle_comment(self, data: str) -> None:
        super().handle_comment(data)
        self.events.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        super().handle_decl(decl)
        self.events.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        super().handle_pi(data)
        self.events.append(("instruction", data))

    def unknown_decl(self, data: str) -> None:
        super().unknown_decl(data)
        self.events.append(("unknown", data))

    def all(self, kind: str) -> list[Any]:
        """What was told of one kind."""
        return [what for which, what in self.events if which == kind]

    @property
    def text(self) -> str:
        return "".join(self.all("data"))


def parsed(page: bytes, *, convert_charrefs: bool = True) -> Recorder:
    parser = Recorder(convert_charrefs=convert_charrefs)
    parser.feed(page.decode())
    parser.close()
    return parser


@pytest.fixture(scope="module")
def index(web: Sites) -> Recorder:
    return parsed(web.get("/"))


def test_the_first_page(index: Recorder) -> None:
    assert index.events[0] == ("declaration", "DOCTYPE html")
    assert ("start", ("html", [("lang", "en")])) in index.events
    assert index.all("start").count(("main", [])) == index.all("end").count("main") == 1
    assert "Mallow-on-Wire" in index.text


def test_its_links_are_there(index: Recorder, web: Sites) -> None:
    links = {dict(attributes).get("href") for tag, attributes in index.all("start") if tag == "a"}
    local = [link for link in links if link and ":" not in link and not link.startswith(("/", "#", ".."))]
    assert {"tables.html", "forms.html", "lists.html"} <= set(local)
    for link in local[:5]:
        assert web.get(f"/{link}")


def test_tables(web: Sites) -> None:
    page = parsed(web.get("/tables.html"))
    rows = [tag for tag, _ in page.all("start")].count("tr")
    assert rows > 5
    assert page.all("end").count("table") == [tag for tag, _ in page.all("start")].count("table") > 1


def test_forms(web: Sites) -> None:
    page = parsed(web.get("/forms.html"))
    fields = [dict(attributes) for tag, attributes in page.all("start") if tag == "input"]
    assert {"type": "hidden", "name": "order", "value": "CD-1024"} in fields
    assert {"type": "checkbox", "name": "topping", "value": "crème", "checked": None} in fields
    assert {"type": "search", "name": "q", "value": "bün"} in fields
    forms = {dict(attributes)["id"]: dict(attributes) for tag, attributes in page.all("start") if tag == "form"}
    assert forms["upload"]["enctype"] == "multipart/form-data"


def test_links_with_every_character(web: Sites) -> None:
    page = parsed(web.get("/links.html"))
    links = [dict(attributes).get("href") for tag, attributes in page.all("start") if tag == "a"]
    assert "/get?emoji=🦆&euro=%E2%82%AC&latin1=%FC" in links
    assert "http://www.example.test/a\tb\nc" in links
    assert None in links  # an anchor without an address


def test_entities_converted_or_told(web: Sites) -> None:
    page = web.get("/entities.html")
    converted, told = parsed(page), parsed(page, convert_charrefs=False)
    assert not converted.all("entity")
    assert not converted.all("character")
    assert "amp" in told.all("entity")
    assert told.all("character")
    assert "&" in converted.text


def test_malformed_pages_come_to_an_end(web: Sites) -> None:
    content = web.get("/malformed.html")
    page = parsed(content)
    assert len(page.events) > 20
    assert page.getpos()[0] >= content.count(b"\n") - 1


def test_one_character_at_a_time(web: Sites) -> None:
    for path in ("/", "/lists.html", "/forms.html"):
        content = web.get(path)
        whole, pieces = parsed(content, convert_charrefs=False), Recorder(convert_charrefs=False)
        for character in content.decode():
            pieces.feed(character)
        pieces.close()
        assert pieces.text == whole.text
        assert pieces.all("start") == whole.all("start")


def test_everything_between_angles() -> None:
    page = parsed(
        b"<!DOCTYPE html [<!ELEMENT a (b)>]><?php echo 1 ?><!-- note --><!bogus><![CDATA[x]]></3>"
        b"<br/><img src=a.png alt='b'/><script>if (a < b) '</p>'</script><style>p > a {}</style><P CLASS=Big>&lt;</P>"
    )
    assert page.all("declaration")[0].startswith("DOCTYPE html")
    assert page.all("instruction") == ["php echo 1 ?"]
    assert page.all("comment")[:2] == [" note ", "bogus"]
    assert page.all("empty") == ["br", "img"]
    assert "if (a < b) '</p>'" in page.text
    assert ("p", [("class", "Big")]) in page.all("start")
    assert page.text.endswith("<")


def test_marked_sections() -> None:
    page = Recorder()
    page.feed("<![if IE]>old<![endif]>")
    page.close()
    assert page.text == "old"
    # later versions take them for comments, as HTML says
    assert page.all("unknown") == ["if IE", "endif"] or page.all("comment") == ["[if IE]", "[endif]"]


def test_a_conditional_section_in_a_declaration() -> None:
    page = Recorder()
    page.feed('<!DOCTYPE html [<!ENTITY a "b"><!ATTLIST x y CDATA #IMPLIED><!NOTATION n SYSTEM "s">]><p>')
    page.close()
    assert ("p", []) in page.all("start")


def test_position_text_of_the_tag_and_reset() -> None:
    seen: list[tuple[str | None, tuple[int, int]]] = []

    class Positions(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append((self.get_starttag_text(), self.getpos()))

    parser = Positions()
    parser.feed("<p>\n  <A  HREF = 'x' >")
    assert seen == [("<p>", (1, 0)), ("<A  HREF = 'x' >", (2, 2))]
    parser.reset()
    assert (parser.getpos(), parser.rawdata) == ((1, 0), "")


def test_a_declaration_of_sgml() -> None:
    """What HTMLParser inherits and HTML itself has no use for."""
    parser = Recorder()
    parser.rawdata = '<!DOCTYPE html [<!ELEMENT a (b)><!ENTITY c "d">]>after'
    assert parser.parse_declaration(0) == parser.rawdata.index("after")
    assert parser.all("declaration") == ['DOCTYPE html [<!ELEMENT a (b)><!ENTITY c "d">]']
    parser.rawdata = "<![if IE]>after"
    assert parser.parse_marked_section(0) == parser.rawdata.index("after")
    assert parser.all("unknown") == ["if IE"]


def test_an_unfinished_page() -> None:
    page = Recorder()
    page.feed("text <a href='unfinish")
    assert page.all("start") == []
    page.close()
    assert page.text.startswith("text ")
