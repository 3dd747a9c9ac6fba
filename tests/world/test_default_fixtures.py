"""The default fixtures as raw files: every promised kind of content is there, and is what its name says.

Nothing of minternet is imported: this file judges the fixtures with the standard library alone.
"""

from __future__ import annotations

import email
import email.header
import email.message
import email.policy
import html.parser
import json
import mailbox
import re
import tomllib
import urllib.robotparser
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "default"
MAIL, NEWS, FILES, SITE = (FIXTURES / name for name in ("mail", "news", "files", "site"))
INBOX, CURIOSITIES = MAIL / "alice" / "INBOX", MAIL / "alice" / "Curiosities"
EML = sorted(MAIL.rglob("*.eml"))
ARTICLES = sorted(NEWS.rglob("*.eml"))
RESERVED = (".example", ".test", ".invalid", "localhost")
NAMESPACES = {"www.w3.org", "purl.org", "www.sitemaps.org"}
"""Hosts that stand in XML namespace names only; nothing is fetched from them."""

Check = Callable[[bytes, email.message.Message], object]


def parsed(content: bytes) -> email.message.Message:
    return email.message_from_bytes(content)


def types(message: email.message.Message) -> list[str]:
    return [part.get_content_type() for part in message.walk()]


def header(message: email.message.Message, name: str) -> str:
    """A header with its encoded words decoded."""
    return str(email.header.make_header(email.header.decode_header(str(message[name]))))


def text(message: email.message.Message) -> str:
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode(message.get_content_charset("ascii"))


def file_names(message: email.message.Message) -> list[str]:
    return [name for part in message.walk() if (name := part.get_filename())]


def bare_line_feeds(content: bytes) -> int:
    return content.count(b"\n") - content.count(b"\r\n")


def longest_line(content: bytes) -> int:
    return max(len(line) for line in content.splitlines())


INBOX_KINDS: dict[str, Check] = {
    "03-minutes-flowed": lambda raw, m: m.get_param("format") == "flowed" and b" \n" in raw and b"\n From" in raw,
    "04-newsletter": lambda raw, m: (
        types(m) == ["multipart/alternative", "text/plain", "text/html"]
        and all(m[name] for name in ("List-Id", "List-Unsubscribe", "DKIM-Signature", "Authentication-Results"))
        and m["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    ),
    "05-order-confirmation": lambda raw, m: m.get_content_type() == "text/html" and "£22.00" in text(m),
    "06-password-reset": lambda raw, m: raw.count(b"493817") == 2 and types(m)[1:] == ["text/plain", "text/html"],
    "07-postcard-inline": lambda raw, m: b'src="cid:bridge@' in raw and types(m).count("image/png") == 2,
    "08-plans-attached": lambda raw, m: (
        {"application/pdf", "image/png", "application/zip", "text/csv"} <= set(types(m))
        and any(name.endswith("Pfeiler drei €.txt") for name in file_names(m))
    ),
    "09-calendar-invitation": lambda raw, m: "text/calendar" in types(m) and b"METHOD:REQUEST" in raw,
    "10-bounce": lambda raw, m: m.get_param("report-type") == "delivery-status" and m["Return-Path"] == "<>",
    "11-read-receipt": lambda raw, m: "message/disposition-notification" in types(m),
    "12-digest": lambda raw, m: "multipart/digest" in types(m) and types(m).count("message/rfc822") == 3,
    "13-forwarded": lambda raw, m: types(m).count("message/rfc822") == 1,
    "14-forwarded-twice": lambda raw, m: types(m) == ["message/rfc822", "message/rfc822", "text/plain"],
    "15-nested-five-deep": lambda raw, m: sum(kind.startswith("multipart/") for kind in types(m)) == 6,
    "16-base64-utf8": lambda raw, m: m["Content-Transfer-Encoding"] == "base64" and "🌉" in text(m),
    "17-quoted-printable": lambda raw, m: b"=C3=BC" in raw and "größer" in text(m),
    "18-eight-bit": lambda raw, m: m["Content-Transfer-Encoding"] == "8bit" and "Chère" in text(m),
    "19-binary": lambda raw, m: bytes(range(256)) * 3 in raw,
    "20-iso-2022-jp": lambda raw, m: "佐藤健二" in header(m, "From") and "七つ" in text(m),
    "21-koi8-r": lambda raw, m: header(m, "Subject") == "Мост, утка и семь яиц" and "Утка" in text(m),
    "22-iso-8859-1": lambda raw, m: "Kære" in text(m),
    "23-windows-1252": lambda raw, m: "“Smart” quotes" in text(m),
    "24-gb18030": lambda raw, m: "𠮷" in text(m) and "鸭子" in header(m, "Subject"),
    "25-big5": lambda raw, m: b"\\" in raw and "許、功、蓋" in text(m),
    "26-utf-7": lambda raw, m: "日本語" in text(m),
    "27-encoded-words": lambda raw, m: raw.count(b"=?") > 12 and "żółta kaczka" in header(m, "Subject"),
    "28-encoded-words-broken": lambda raw, m: b"=GGhex" in raw and b"=?utf-8?X?" in raw,
    "29-raw-utf8-headers": lambda raw, m: "Jürgen Brückner <jürgen@brücke.example>".encode() in raw,
    "30-address-groups": lambda raw, m: b"undisclosed-recipients:;" in raw and b"Sopranos:" in raw,
    "31-odd-addresses": lambda raw, m: b'"alice hartwell"@' in raw and b"<@relay.example,@other" in raw,
    "32-long-lines": lambda raw, m: longest_line(raw) > 10_000 and any(998 < len(x) < 9_999 for x in raw.splitlines()),
    "33-long-references": lambda raw, m: len(m["References"].split()) == 120 and len(m["References"]) > 4_000,
    "38-build-failed": lambda raw, m: file_names(m) == ["result.json", "build.log"],
    "40-dots-and-from-lines": lambda raw, m: b"\n.\n..\n" in raw and b"\nFrom dora@" in raw and b"\n>From " in raw,
    "41-pgp-signed": lambda raw, m: m.get_param("protocol") == "application/pgp-signature",
    "42-smime-signed": lambda raw, m: m.get_param("protocol") == "application/pkcs7-signature",
    "45-delsp-flowed": lambda raw, m: m.get_param("delsp") == "yes",
    "46-vcard-and-audio": lambda raw, m: {"text/vcard", "audio/x-wav", "message/partial"} <= set(types(m)),
}
CURIOUS_KINDS: dict[str, Check] = {
    "01-no-date": lambda raw, m: m["Date"] is None,
    "02-no-from": lambda raw, m: m["From"] is None,
    "03-no-message-id": lambda raw, m: m["Message-ID"] is None,
    "04-no-subject": lambda raw, m: m["Subject"] is None,
    "05-two-subjects": lambda raw, m: len(m.get_all("Subject", [])) == 2,
    "06-two-froms": lambda raw, m: len(m.get_all("From", [])) == 2,
    "07-many-received": lambda raw, m: len(m.get_all("Received", [])) == 24,
    "10-missing-closing-boundary": lambda raw, m: b"--never-closed--" not in raw and b"--never-closed\r\n" in raw,
    "11-boundary-prefix": lambda raw, m: b'boundary="pier"' in raw and b'boundary="pier-three"' in raw,
    "12-no-boundary-parameter": lambda raw, m: m.get_boundary() is None and "multipart/mixed" in m["Content-Type"],
    "13-unknown-encoding": lambda raw, m: m["Content-Transfer-Encoding"] == "x-knots",
    "14-broken-base64": lambda raw, m: b"!!!" in raw and b"QQ==Qg==" in raw,
    "15-bad-charset-names": lambda raw, m: b"charset=x-duck-16" in raw and b"\xff\xfe" in raw,
    "16-empty-multipart": lambda raw, m: raw.endswith(b"\r\n\r\n--nothing--\r\n"),
    "17-multipart-no-body": lambda raw, m: raw.endswith(b"\r\n\r\n") and b"--nowhere" not in raw,
    "18-odd-content-types": lambda raw, m: b"Content-Type: text\r\n" in raw,
    "20-header-without-body": lambda raw, m: b"\r\n\r\n" not in raw and raw.endswith(b"\r\n"),
    "21-header-and-blank-line": lambda raw, m: raw.endswith(b"\r\n\r\n") and m.get_payload() == "",
    "22-body-without-header": lambda raw, m: raw.startswith(b"\r\n") and not m.keys(),
    "23-line-without-colon": lambda raw, m: b"\r\nthis line has no colon" in raw,
    "24-starts-with-folded-line": lambda raw, m: raw.startswith(b" "),
    "25-one-octet-body": lambda raw, m: raw.endswith(b"\r\n\r\n!"),
    "26-empty": lambda raw, m: raw == b"",
    "27-one-octet": lambda raw, m: len(raw) == 1,
    "28-nul-in-body": lambda raw, m: raw.count(b"\0") == 4,
    "29-bare-cr-and-lf": lambda raw, m: bare_line_feeds(raw) > 2 and re.search(rb"\r[^\r\n]", raw),
    "30-control-characters": lambda raw, m: {7, 8, 12, 27, 127} <= set(raw),
    "31-eight-bit-undeclared": lambda raw, m: b"Jos\xe9" in raw and "MIME-Version" not in m,
    "50-html-hostile": lambda raw, m: b"<script>" in raw and b"onerror=" in raw,
}


@pytest.mark.parametrize(("folder", "kinds"), [(INBOX, INBOX_KINDS), (CURIOSITIES, CURIOUS_KINDS)])
def test_a_message_is_what_its_name_says(folder: Path, kinds: dict[str, Check]) -> None:
    wrong = []
    for name, check in kinds.items():
        raw = (folder / f"{name}.eml").read_bytes()
        if not check(raw, parsed(raw)):
            wrong.append(name)
    assert not wrong


def test_line_ends_are_all_lf_or_meant() -> None:
    """A file with a CRLF is taken exactly, so a bare LF in one must be there on purpose."""
    mixed = {path.name for path in EML if b"\r\n" in path.read_bytes() and bare_line_feeds(path.read_bytes())}
    assert mixed == {"19-binary.eml", "29-bare-cr-and-lf.eml"}


def test_signed_messages_are_kept_with_crlf() -> None:
    for path in INBOX.glob("4[12]-*-signed.eml"):
        assert bare_line_feeds(path.read_bytes()) == 0


def test_the_duck_thread_branches_and_misses_one_letter() -> None:
    found = [parsed(path.read_bytes()) for path in (MAIL / "alice").rglob("*duck*.eml")]
    parents = {m["Message-ID"]: m["In-Reply-To"] for m in found if str(m["Message-ID"]).startswith("<duck.")}
    assert len(parents) == 8
    assert list(parents.values()).count("<duck.1@example.test>") == 2
    assert set(parents.values()) - set(parents) - {None} == {"<duck.8@example.test>"}
    assert len(list((MAIL / "alice" / "Sent").glob("*duck*"))) == 3


def test_one_message_id_is_used_twice() -> None:
    first, second = (parsed(path.read_bytes()) for path in sorted(INBOX.glob("4?-same-message-id-*.eml")))
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Subject"] != second["Subject"]


def test_every_account_has_mail() -> None:
    count = {name: len(list((MAIL / name).rglob("*.eml"))) for name in ("alice", "bob", "carol", "catchall")}
    assert count["alice"] >= 45
    assert count["bob"] >= 10
    assert count["carol"] >= 8
    assert count["catchall"] >= 1


def test_mailbox_files_name_messages_that_are_there() -> None:
    tables = sorted(MAIL.rglob("mailbox.toml"))
    missing = [
        f"{path.parent.name}/{name}"
        for path in tables
        for name in tomllib.loads(path.read_text("utf-8")).get("messages", {})
        if not (path.parent / name).is_file()
    ]
    assert tables
    assert not missing


def test_most_messages_have_flags_or_dates() -> None:
    tables = [tomllib.loads(path.read_text("utf-8")).get("messages", {}) for path in MAIL.rglob("mailbox.toml")]
    flags = {flag for table in tables for message in table.values() for flag in message.get("flags", [])}
    assert {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"} <= flags
    assert {"$Important", "$Forwarded", "$Junk", "$NotJunk", "$MDNSent", "budget"} <= flags
    assert sum(len(table) for table in tables) > 0.9 * len(EML)


def test_special_nested_and_foreign_folders() -> None:
    alice = MAIL / "alice"
    uses = {
        folder: tomllib.loads((alice / folder / "mailbox.toml").read_text("utf-8"))["special_use"]
        for folder in ("Sent", "Drafts", "Trash", "Junk", "Archive")
    }
    assert uses == {name: f"\\{name}" for name in uses}
    assert tomllib.loads((alice / "Noticeboard" / "mailbox.toml").read_text("utf-8"))["subscribed"] is False
    assert not list((alice / "Waiting").glob("*.eml"))
    for name in ("Projects/2024/Bridge", "Entwürfe & Ideen", "日本語", "🦆"):
        assert list((alice / name).glob("*.eml")), name


def test_the_mbox_holds_four_letters() -> None:
    box = mailbox.mbox(MAIL / "alice" / "Old letters.mbox", create=False)
    try:
        letters = list(box)
        assert [letter.get_flags() for letter in letters] == ["ROA", "ROF", "O", ""]
        assert [letter.is_multipart() for letter in letters] == [False, True, False, False]
    finally:
        box.close()


def test_the_maildir_has_flags_and_a_subfolder() -> None:
    """Read by name: mailbox.Maildir would move what is new, and git keeps no empty folder."""
    workshop = MAIL / "bob" / "Workshop"
    letters = {path.name.rpartition(":2,")[2] for path in (workshop / "cur").iterdir()}
    assert letters == {"", "S", "FRS", "PST"}
    assert len([path for path in (workshop / "new").iterdir() if ":" not in path.name]) == 1
    assert (workshop / "tmp" / ".keep").is_file()
    assert len(list((workshop / ".Tools" / "cur").iterdir())) == 2


def test_articles_have_the_mandatory_header_fields() -> None:
    incomplete = [
        path.name
        for path in ARTICLES
        if any(
            len(parsed(path.read_bytes()).get_all(name, [])) != 1
            for name in ("From", "Newsgroups", "Subject", "Date", "Message-ID", "Path")
        )
    ]
    assert len(ARTICLES) >= 30
    assert not incomplete


def test_articles_have_ids_of_their_own_and_lie_in_their_group() -> None:
    heads = {path: parsed(path.read_bytes()) for path in ARTICLES}
    assert len({head["Message-ID"] for head in heads.values()}) == len(ARTICLES)
    groups = {path.parent.name for path in NEWS.glob("*/group.toml")}
    for path, head in heads.items():
        named = head["Newsgroups"].split(",")
        assert path.parent.name in named
        assert set(named) <= groups


def test_newsgroups_are_open_closed_and_moderated() -> None:
    status = {path.parent.name: tomllib.loads(path.read_text("utf-8"))["status"] for path in NEWS.glob("*/group.toml")}
    assert status["local.test"] == "y"
    assert status["local.announce"] == "n"
    assert status["local.moderated"] == "m"
    assert {"comp.lang.demo", "alt.bakery", "misc.unicode"} <= {name for name, value in status.items() if value == "y"}


def test_kinds_of_articles() -> None:
    contents = {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in ARTICLES}
    heads = [parsed(content) for content in contents.values()]
    assert {head["Newsgroups"].count(",") for head in heads} == {0, 1, 2}
    assert sum(head["References"] is not None for head in heads) >= 12
    assert contents["comp.lang.demo/08-faq-long"].count(b"\n") > 400
    assert b"\nbegin 644 bun.png\n" in contents["alt.bakery/07-picture-uuencoded"]
    assert b"=ybegin " in contents["alt.bakery/08-yenc-shape"]
    assert "Brücke, roh" in contents["misc.unicode/03-raw-header"].decode()
    assert "1998" in parsed(contents["alt.bakery/01-first-loaf"])["Date"]
    optional = parsed(contents["local.test/06-every-header"])
    wanted = (
        "Reply-To Followup-To Expires Distribution Organization Keywords Summary Approved Lines Xref Injection-Info"
    )
    assert all(optional[name] for name in wanted.split())


def test_files_are_what_their_names_say() -> None:
    pub = FILES / "pub"
    assert (pub / "bytes.bin").read_bytes() == bytes(range(256)) * 16
    assert (pub / "empty.txt").read_bytes() == b""
    assert (pub / "dos.txt").read_bytes() == (pub / "unix.txt").read_bytes().replace(b"\n", b"\r\n")
    assert (pub / "Brücke" / "grüße.txt").read_text("utf-8").startswith("Grüße")
    assert (pub / "a file with spaces.txt").is_file()
    assert (pub / "plans" / "2024" / "bridge" / "pier-three.txt").is_file()
    assert zipfile.ZipFile(pub / "papers.zip").testzip() is None
    assert [path.name for path in (FILES / "incoming").iterdir()] == [".keep"]
    for name in ("alice", "bob", "carol"):
        assert [path for path in (FILES / "home" / name).iterdir() if path.is_file()]


def test_world_file_dates_files_that_are_there() -> None:
    world = tomllib.loads((FIXTURES / "world.toml").read_text("utf-8"))
    assert {account["login"]: account["password"] for account in world["accounts"]} == {
        "alice": "wonderland",
        "bob": "builder",
        "carol": "christmas",
        "catchall": "catchall",
    }
    assert [name for name in world["files"]["modified"] if not (FILES / name).is_file()] == []


@pytest.mark.parametrize(
    ("name", "magic"),
    [
        ("images/bridge.png", b"\x89PNG\r\n\x1a\n"),
        ("images/sunset.jpg", b"\xff\xd8\xff\xe0"),
        ("images/duck.gif", b"GIF89a"),
        ("images/waves.webp", b"RIFF"),
        ("images/bell.svg", b"<?xml"),
        ("favicon.ico", b"\0\0\1\0"),
        ("utf16.html", b"\xff\xfe"),
    ],
)
def test_site_files_begin_with_their_magic(name: str, magic: bytes) -> None:
    assert (SITE / name).read_bytes().startswith(magic)


def test_site_data_parses() -> None:
    for path in SITE.glob("*.xml"):
        ElementTree.parse(path)
    catalog = ElementTree.parse(SITE / "catalog.xml").getroot()
    assert len(catalog.findall("c:bun", {"c": "urn:mallow:catalog"})) == 3
    assert json.loads((SITE / "data.json").read_text("utf-8"))["eggs"] == 7
    assert len([json.loads(line) for line in (SITE / "records.ndjson").read_text("utf-8").splitlines()]) == 25
    robots = urllib.robotparser.RobotFileParser()
    robots.parse((SITE / "robots.txt").read_text("utf-8").splitlines())
    assert str(robots.crawl_delay("*")) == "2"
    assert not robots.can_fetch("DuckBot", "http://www.example.test/index.html")
    assert robots.site_maps() == ["http://www.example.test/sitemap.xml"]


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        if tag == "a":
            self.links.append(found.get("href") or "")
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon"):
            self.loaded.append(found.get("href") or "")
        self.loaded += [found.get(name) or "" for name in ("src", "srcset", "poster") if found.get(name)]


def read_page(path: Path) -> _Tags:
    encoding = {"utf16.html": "utf-16", "latin1.html": "iso-8859-1"}.get(path.name, "utf-8")
    page = _Tags()
    page.feed(path.read_text(encoding))
    return page


def test_no_page_loads_anything_from_elsewhere() -> None:
    pages = {path.name: read_page(path) for path in SITE.rglob("*.html")}
    outside = {name: loaded for name, page in pages.items() for loaded in page.loaded if re.match(r"\w+:|//", loaded)}
    assert set(outside) <= {"gallery.html"}
    assert all(loaded.startswith("data:") for loaded in outside.values())
    assert not re.search(r"@import|url\(", (SITE / "style.css").read_text("utf-8"))


def test_the_index_links_to_every_page_and_every_link_leads_somewhere() -> None:
    links = {link for link in read_page(SITE / "index.html").links if not link.startswith("mailto:")}
    assert {path.name for path in SITE.glob("*.html")} - {"index.html"} <= links
    assert [link for link in links if not (SITE / link).exists()] == []


def test_pages_hold_what_html_parsers_are_tried_on() -> None:
    wanted = {
        "tables.html": {"caption", "colgroup", "tfoot"},
        "forms.html": {"fieldset", "optgroup", "textarea"},
        "lists.html": {"ul", "ol", "dl", "details"},
        "gallery.html": {"picture", "figure"},
        "malformed.html": {"script", "style", "custom-element"},
    }
    missing = {name: tags - read_page(SITE / name).tags for name, tags in wanted.items()}
    assert not any(missing.values()), missing
    schemes = {link.partition(":")[0].strip().lower() for link in read_page(SITE / "links.html").links if ":" in link}
    assert {"http", "https", "ftp", "mailto", "news", "data", "urn", "file", "javascript"} <= schemes
    malformed = (SITE / "malformed.html").read_bytes()
    assert b"<![CDATA[" in malformed
    assert b"\0" in malformed
    assert not list((SITE / "notes").glob("index.*"))


def test_only_reserved_names_are_used() -> None:
    """RFC 2606 and RFC 6761 names, documentation addresses, and nothing that somebody owns."""
    found = set()
    for path in (path for path in FIXTURES.rglob("*") if path.suffix in (".eml", ".html", ".xml", ".txt", ".toml")):
        content = path.read_text("iso-8859-1")
        found |= {
            host.lower() for host in re.findall(r"https?://(?:[^/\s\"'<>@]*@)?([A-Za-z][\w.-]*\.[A-Za-z]+)", content)
        }
        found |= {host.lower() for host in re.findall(r"[\w.+-]@([A-Za-z][\w-]*(?:\.[\w-]+)*\.[A-Za-z]+)\b", content)}
    assert len(found) > 20
    assert {host for host in found if not host.endswith(RESERVED)} <= NAMESPACES


def test_the_fixtures_stay_small() -> None:
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 600_000
