"""xml.etree.ElementTree on the documents that HTTP serves."""
# mypy: disable-error-code="arg-type, attr-defined, comparison-overlap, misc, type-var, union-attr, unused-ignore, var-annotated"
# (typeshed knows less than the module does)

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from stdlib.parts import Sites

CATALOG = "{urn:mallow:catalog}"
PRICE = "{urn:mallow:price}"
SPACES = {"c": "urn:mallow:catalog", "p": "urn:mallow:price", "t": "urn:mallow:tart"}
SMALL = "<root a='1'>text<child/>tail<child b='2'>inner</child><!--note--><?do it?></root>"


@pytest.fixture(scope="module")
def content(default_world: None, web: Sites) -> bytes:
    """The bakery's catalogue: namespaces, entities, CDATA."""
    return web.get("/catalog.xml")


@pytest.fixture(scope="module")
def catalog(content: bytes) -> ET.Element:
    return ET.fromstring(content)


def small(*, comments: bool = False) -> ET.Element:
    builder = ET.TreeBuilder(insert_comments=comments, insert_pis=comments)
    return ET.fromstring(SMALL, ET.XMLParser(target=builder))


# -- reading


def test_namespaces_and_attributes(catalog: ET.Element) -> None:
    assert catalog.tag == f"{CATALOG}catalog"
    assert catalog.get(f"{PRICE}currency") == "GBP"
    assert catalog.attrib["{http://www.w3.org/XML/1998/namespace}lang"] == "en"
    assert catalog.findtext("c:shop", namespaces=SPACES) == "Crumb & Daughters"
    assert [bun.get("id") for bun in catalog.findall("c:bun", SPACES)] == ["b1", "b2", "b3"]
    assert catalog.findtext("t:tart/t:name", "", SPACES) == "Rhubarb"
    assert catalog.findtext("loaf/name") == "In no namespace"
    assert catalog.findtext("no/such") is None
    assert catalog.findtext("no/such", "default") == "default"


def test_paths(catalog: ET.Element) -> None:
    def one(path: str) -> ET.Element:
        (found,) = catalog.findall(path, SPACES)
        return found

    assert one("c:bun[@id='b2']/c:warning").text == "Not for "
    assert one("c:bun[c:name='Plain']").get("id") == "b1"
    assert one("c:bun[3]/c:name").text == "<Contentious> & proud"
    assert one("c:bun[last()]").get("id") == "b3"
    assert one(".//c:warning/..").get("id") == "b2"
    assert one("c:bun[@id!='b1'][2]").get("id") == "b2"  # a position is one among all of that name
    assert one("{urn:mallow:tart}*").tag == "{urn:mallow:tart}tart"
    assert [each.tag for each in catalog.iterfind("{}*")] == ["loaf"]
    assert len(catalog.findall(".//{*}name")) == 6
    assert catalog.find("c:bun", SPACES) is catalog.findall("c:bun", SPACES)[0]
    with pytest.raises(SyntaxError):
        catalog.find("c:bun", {})
    with pytest.raises(SyntaxError):
        catalog.findall("/c:bun", SPACES)


def test_text_and_tails(catalog: ET.Element) -> None:
    warning = catalog.find(".//c:warning", SPACES)
    assert warning is not None
    assert "".join(warning.itertext()) == "Not for ducks, please."
    assert (warning[0].tag, warning[0].tail) == ("{http://www.w3.org/1999/xhtml}b", ", please.")


def test_the_tree_from_a_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "catalog.xml"
    path.write_bytes(content)
    tree = ET.parse(path)
    root = tree.getroot()
    assert root.tag == f"{CATALOG}catalog"
    assert tree.findtext("c:shop", namespaces=SPACES) == "Crumb & Daughters"
    assert [each.get("id") for each in tree.iterfind("c:bun", SPACES)] == ["b1", "b2", "b3"]
    assert len(tree.findall("c:bun", SPACES)) == sum(1 for _ in tree.iter(f"{CATALOG}bun")) == 3
    assert tree.find("loaf") is root.find("loaf")
    assert ET.ElementTree(file=io.BytesIO(content)).getroot().tag == root.tag
    fresh = ET.ElementTree()
    assert fresh.parse(io.BytesIO(content)).tag == root.tag


def test_feeds_and_maps_of_the_site(default_world: None, web: Sites) -> None:
    feed = ET.fromstring(web.get("/feed.xml"))
    assert (feed.tag, feed.get("version")) == ("rss", "2.0")
    assert all(item.findtext("title") or item.findtext("description") for item in feed.iterfind("channel/item"))
    atom = ET.fromstring(web.get("/atom.xml"))
    assert atom.tag == "{http://www.w3.org/2005/Atom}feed"
    assert len(atom.findall("{http://www.w3.org/2005/Atom}entry")) > 0
    locations = ET.fromstring(web.get("/sitemap.xml")).findall(".//{*}loc")
    assert locations
    assert all((location.text or "").startswith("http") for location in locations)


def test_what_httpbin_serves(web: Sites) -> None:
    root = ET.fromstring(web.get("/xml"))
    assert root.tag == "slideshow"
    assert [slide.get("type") for slide in root.findall("slide")] == ["all", "all"]


def test_pictures(default_world: None, web: Sites) -> None:
    assert ET.fromstring(web.get("/images/bell.svg")).tag == "{http://www.w3.org/2000/svg}svg"


# -- reading piece by piece


def test_iterparse(content: bytes) -> None:
    names: list[str | None] = []
    events = ET.iterparse(io.BytesIO(content), ("start", "end", "start-ns", "end-ns", "comment", "pi"))
    kinds = set()
    for kind, what in events:
        kinds.add(kind)
        if kind == "end" and what.tag == f"{CATALOG}bun":
            names.append(what.findtext(f"{CATALOG}name"))
            what.clear()
            assert (len(what), what.attrib, what.text) == (0, {}, None)
    assert kinds == {"start", "end", "start-ns", "end-ns", "comment", "pi"}
    assert names == ["Plain", "Currant", "<Contentious> & proud"]
    assert events.root.tag == f"{CATALOG}catalog"
    with pytest.raises(ValueError, match="unknown event"):
        ET.iterparse(io.BytesIO(content), ("sometimes",))


def test_pull_parser(content: bytes) -> None:
    parser = ET.XMLPullParser(("end",))
    heard = []
    for at in range(0, len(content), 7):
        parser.feed(content[at : at + 7])
        heard += [element.tag for _, element in parser.read_events()]
    parser.close()
    heard += [element.tag for _, element in parser.read_events()]
    assert heard == [element.tag for _, element in ET.iterparse(io.BytesIO(content))]
    if hasattr(parser, "flush"):
        flushing = ET.XMLPullParser(("start",))
        flushing.feed("<root>")
        flushing.flush()
        assert [kind for kind, _ in flushing.read_events()] == ["start"]


def test_parser_with_a_target_of_its_own(content: bytes) -> None:
    class Depth:
        deepest = depth = 0

        def start(self, tag: str, attributes: dict[str, str]) -> None:
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)

        def end(self, tag: str) -> None:
            self.depth -= 1

        def close(self) -> int:
            return self.deepest

    parser = ET.XMLParser(target=Depth())
    for line in content.splitlines(keepends=True):
        parser.feed(line)
    if hasattr(parser, "flush"):
        parser.flush()
    assert parser.close() == 4


@pytest.mark.parametrize("text", ["", "<a>", "<a></b>", "<a/><b/>", "<a b=c/>", "&amp;", "<a>&nbsp;</a>", "<a:b/>"])
def test_what_is_not_well_formed(text: str) -> None:
    with pytest.raises(ET.ParseError) as caught:
        ET.fromstring(text)
    assert isinstance(caught.value, SyntaxError)
    assert len(caught.value.position) == 2
    assert caught.value.code > 0


def test_other_ways_in() -> None:
    assert ET.fromstringlist(["<a>", "b", "</a>"]).text == "b"
    tree, by_id = ET.XMLID("<a><b id='x'/><c id='y'>z</c></a>")
    assert (tree.tag, sorted(by_id), by_id["y"].text) == ("a", ["x", "y"], "z")
    assert ET.XML("<a/>").tag == "a"
    assert ET.iselement(tree)
    assert not ET.iselement("a")


# -- making and changing


def test_building_a_tree() -> None:
    builder = ET.TreeBuilder(insert_comments=True, insert_pis=True)
    builder.start("a", {"b": "c"})
    builder.data("text")
    builder.comment(" note ")
    builder.pi("do", "it")
    builder.start("d", {})
    builder.end("d")
    builder.end("a")
    assert ET.tostring(builder.close()) == b'<a b="c">text<!-- note --><?do it?><d /></a>'


def test_elements_are_lists_and_mappings() -> None:
    root = ET.Element("root", {"a": "1"}, b="2")
    first = ET.SubElement(root, "first", x="y")
    second = root.makeelement("second", {})
    root.append(second)
    root.insert(0, ET.Element("zeroth"))
    root.extend([ET.Element("third"), ET.Element("fourth")])
    assert [child.tag for child in root] == ["zeroth", "first", "second", "third", "fourth"]
    root.remove(second)
    assert (len(root), root[1] is first, root[-1].tag) == (4, True, "fourth")
    root[1:3] = [ET.Element("only")]
    assert [child.tag for child in root.iter()] == ["root", "zeroth", "only", "fourth"]
    root.set("c", "3")
    assert (sorted(root.keys()), dict(root.items())) == (["a", "b", "c"], {"a": "1", "b": "2", "c": "3"})
    with pytest.raises(ValueError):
        root.remove(second)
    with pytest.raises(TypeError):
        root.append("text")  # type: ignore[arg-type]


def test_comments_and_instructions() -> None:
    root = ET.Element("root")
    root.append(ET.Comment(" kept "))
    root.append(ET.ProcessingInstruction("target", "text"))
    root.append(ET.PI("only-a-target"))
    assert ET.tostring(root) == b"<root><!-- kept --><?target text?><?only-a-target?></root>"
    assert [child.tag for child in root] == [ET.Comment, ET.ProcessingInstruction, ET.ProcessingInstruction]
    assert [child.tag for child in small()] == ["child", "child"]
    assert len(small(comments=True)) == 4


def test_qualified_names() -> None:
    name = ET.QName("urn:x", "y")
    assert (name.text, str(name), name == ET.QName("{urn:x}y")) == ("{urn:x}y", "{urn:x}y", True)
    ET.register_namespace("mallow", "urn:x")
    assert ET.tostring(ET.Element(name)) == b'<mallow:y xmlns:mallow="urn:x" />'
    with pytest.raises(ValueError, match="reserved"):
        ET.register_namespace("ns1", "urn:y")


# -- writing


def test_writing_and_reading_again(catalog: ET.Element) -> None:
    for encoding in ("utf-8", "us-ascii", "utf-16", "iso-8859-1"):
        again = ET.fromstring(ET.tostring(catalog, encoding, xml_declaration=True))
        assert ET.canonicalize(ET.tostring(again)) == ET.canonicalize(ET.tostring(catalog))
    assert "".join(ET.tostringlist(catalog, "unicode")) == ET.tostring(catalog, "unicode")
    assert "Rosinenbrötchen" in ET.tostring(catalog, "unicode")
    assert b"Rosinenbr&#246;tchen" in ET.tostring(catalog)


def test_writing_files(catalog: ET.Element, tmp_path: Path) -> None:
    tree, path = ET.ElementTree(catalog), tmp_path / "out.xml"
    tree.write(path, "utf-8", xml_declaration=True, default_namespace=None, short_empty_elements=False)
    assert path.read_bytes().startswith(b"<?xml version='1.0' encoding='utf-8'?>\n")
    assert b"left></" in path.read_bytes()
    stream = io.StringIO()
    ET.ElementTree(small()).write(stream, "unicode", method="text")
    assert stream.getvalue() == "texttailinner"
    page = ET.ElementTree(ET.fromstring("<p>a<br/>b</p>"))
    page.write(html := io.BytesIO(), method="html")
    assert html.getvalue() == b"<p>a<br>b</p>"
    with pytest.raises(ValueError, match="c14n"):  # a remnant of lxml's, never filled in
        page.write_c14n(io.BytesIO())
    with pytest.raises(ValueError, match="unknown method"):
        page.write(io.BytesIO(), method="json")


def test_indentation(capsys: pytest.CaptureFixture[str]) -> None:
    root = ET.fromstring("<a><b><c/></b></a>")
    ET.indent(root, "  ")
    assert ET.tostring(root) == b"<a>\n  <b>\n    <c />\n  </b>\n</a>"
    ET.dump(root)
    assert capsys.readouterr().out == "<a>\n  <b>\n    <c />\n  </b>\n</a>\n"


def test_the_canonical_form(catalog: ET.Element, content: bytes) -> None:
    text = ET.canonicalize(content)
    assert text.startswith("<?xml-stylesheet")
    assert "<!--" not in text
    assert ET.canonicalize(content, with_comments=True).count("<!--") == 1
    assert ET.canonicalize("<a  z='1'   b='2'/>") == '<a b="2" z="1"></a>'
    assert ET.canonicalize("<a> <b> c </b> </a>", strip_text=True) == "<a><b>c</b></a>"
    assert ET.canonicalize("<a x='1' y='2'/>", exclude_attrs=["x"]) == '<a y="2"></a>'
    assert ET.canonicalize("<a><b/><c/></a>", exclude_tags=["b"]) == "<a><c></c></a>"
    renamed = ET.canonicalize("<p:a xmlns:p='urn:x'/>", rewrite_prefixes=True)
    assert renamed == '<n0:a xmlns:n0="urn:x"></n0:a>'


def test_the_writer_of_the_canonical_form(content: bytes) -> None:
    written: list[str] = []
    parser = ET.XMLParser(target=ET.C14NWriterTarget(written.append, with_comments=True))
    parser.feed(content)
    parser.close()
    assert "".join(written) == ET.canonicalize(content, with_comments=True)
    qualified: list[str] = []
    names = ET.C14NWriterTarget(qualified.append, qname_aware_attrs=["type"])
    parser = ET.XMLParser(target=names)
    parser.feed("<a xmlns:x='urn:x' type='x:y'>\n<b/></a>")
    parser.close()
    assert "".join(qualified) == '<a xmlns:x="urn:x" type="x:y">\n<b></b></a>'
