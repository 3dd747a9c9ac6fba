"""email on every letter of the fixtures: read, written, built, and carried by SMTP, IMAP and POP3 octet for octet."""
# mypy: disable-error-code="arg-type, assignment, attr-defined, call-arg, comparison-overlap, index, type-var, union-attr, unused-ignore, var-annotated"
# (typeshed knows less than the module does)

from __future__ import annotations

import copy
import email
import email.policy
import imaplib
import io
import poplib
import re
import smtplib
import ssl
from datetime import UTC, datetime, timedelta, timezone
from email import (
    charset,
    contentmanager,
    encoders,
    errors,
    generator,
    header,
    headerregistry,
    iterators,
    parser,
    policy,
    utils,
)
from email.message import EmailMessage, Message
from email.mime.application import MIMEApplication
from email.mime.audio import MIMEAudio
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest
from stdlib.parts import TIMEOUT, Imap, Maildrops, content_of, imap_login, service

from minternet.ready import Credentials, Ready

UNREADABLE = {"19-binary.eml"}
"""What cannot be rewritten alike: octets in a part that a line end decides about."""


def octets(path: Path) -> bytes:
    """A letter as the world has it: see docs/fixtures.md on line ends."""
    content = path.read_bytes()
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def letters(fixtures: Path) -> dict[str, bytes]:
    """All letters of the fixtures by their path."""
    folder = fixtures / "mail"
    return {str(path.relative_to(folder)): octets(path) for path in sorted(folder.rglob("*.eml"))}


@pytest.fixture
def nested(letters: dict[str, bytes]) -> EmailMessage:
    content = next(content for name, content in letters.items() if "15-nested" in name)
    return email.message_from_bytes(content, policy=policy.default)


def named(letters: dict[str, bytes], name: str, rules: Any = policy.default) -> Any:
    (content,) = (content for path, content in letters.items() if name in path)
    return email.message_from_bytes(content, policy=rules)


# -- carried


def test_the_seeded_letters_are_the_fixtures(letters: dict[str, bytes], imap: Imap) -> None:
    for mailbox in ("INBOX", "Curiosities", "Sent", "Archive"):
        imap.select(mailbox, readonly=True)
        _, data = imap.fetch("1:*", "(BODY.PEEK[])")
        seen = {part[1] for part in data if isinstance(part, tuple)}
        seen |= {b""} if any(b'""' in part for part in data if isinstance(part, bytes)) else set()
        wanted = {name: content for name, content in letters.items() if name.startswith(f"alice/{mailbox}/")}
        assert wanted
        assert [name for name, content in wanted.items() if content not in seen] == []
        imap.unselect()


def test_by_smtp_then_imap_and_pop3(
    ready: Ready,
    letters: dict[str, bytes],
    other: Credentials,
    tls: ssl.SSLContext,
    maildrops: Maildrops,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poplib, "_MAXLINE", 1 << 20)  # poplib's own 2,048 octets are fewer than letters have in a line
    sent = {
        b"X-Token: %b-%d" % (token.encode(), number): content
        for number, content in enumerate(letters.values())
        # where a bare LF stands before a dot, smtplib stuffs what is no line's beginning
        if not re.search(rb"(?<!\r)\n\.", content)
    }
    assert len(sent) > 100
    where = service(ready, "smtp")
    with maildrops.alone(other):
        with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as client:
            for tag, content in sent.items():
                client.sendmail("a@example.test", other.address, tag + b"\r\n" + content, ["BODY=8BITMIME", "SMTPUTF8"])
        wanted = {
            tag: content if content.endswith(b"\r\n") or not content else content + b"\r\n"
            for tag, content in sent.items()
        }
        assert _by_imap(ready, other, tls, token) == wanted
        # poplib takes a bare LF for a line's end
        broken = {tag: re.sub(rb"(?<!\r)\n", b"\r\n", content) for tag, content in wanted.items()}
        assert _by_pop3(ready, other, token, len(wanted)) == broken


def _by_imap(ready: Ready, account: Credentials, tls: ssl.SSLContext, token: str) -> dict[bytes, bytes]:
    with imap_login(ready, account, tls) as client:
        client.select("INBOX", readonly=True)
        _, (found,) = client.uid("SEARCH", "HEADER", "X-Token", token)
        _, data = client.uid("FETCH", found.decode().replace(" ", ","), "(BODY.PEEK[])")
    return dict(_parted(part[1]) for part in data if isinstance(part, tuple))


def _by_pop3(ready: Ready, account: Credentials, token: str, count: int) -> dict[bytes, bytes]:
    where, found = service(ready, "pop3"), {}
    client = poplib.POP3(where.host, where.port, timeout=TIMEOUT)
    client.user(account.login)
    client.pass_(account.password)
    for number in range(client.stat()[0], 0, -1):
        content = b"".join(line + b"\r\n" for line in client.retr(number)[1])
        if b"\nX-Token: " + token.encode() in content or content.startswith(b"X-Token: " + token.encode()):
            found.update([_parted(content)])
            client.dele(number)
        if len(found) == count:
            break
    client.quit()
    return found


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """The tag, and all after it."""
    match = re.search(rb"^(X-Token: \S+)\r\n", content, re.MULTILINE)
    assert match
    return match[1], content[match.end() :]


def test_by_append(letters: dict[str, bytes], imap: Imap, box: str) -> None:
    chosen = [content for name, content in letters.items() if content and "INBOX" in name]
    for content in chosen:
        imap.append(box, None, None, content)
    imap.select(box)
    for number, content in enumerate(chosen, 1):
        kept = content_of(imap.fetch(str(number), "(BODY.PEEK[])")[1])
        assert kept == imaplib.MapCRLF.sub(imaplib.CRLF, content)  # imaplib's own change


def test_built_sent_and_read(ready: Ready, account: Credentials, imap: Imap, token: str) -> None:
    built = built_letter(account.address, token)
    where = service(ready, "smtp")
    with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as client:
        client.send_message(built, to_addrs=[account.address])
    imap.select("INBOX")
    _, (found,) = imap.uid("SEARCH", "HEADER", "Message-ID", f"<{token}@example.test>")
    _, data = imap.uid("FETCH", found.decode(), "(BODY.PEEK[])")
    read: Any = email.message_from_bytes(content_of(data), policy=policy.default)
    assert [part.get_content_type() for part in read.walk()] == [part.get_content_type() for part in built.walk()]
    assert read["Subject"] == built["Subject"] == "Grüße 🦆"
    data_part, table, inner = read.iter_attachments()
    assert (data_part.get_content(), data_part.get_filename()) == (bytes(range(256)), "Übersicht.bin")
    assert (table.get_content().replace("\r\n", "\n"), table.get_filename()) == ("a,b\n1,2\n", "table.csv")
    assert inner.get_content()["Subject"] == "inner"
    imap.uid("STORE", found.decode(), "+FLAGS.SILENT", r"(\Deleted)")
    imap.uid("EXPUNGE", found.decode())


def built_letter(address: str, token: str) -> EmailMessage:
    built = EmailMessage()
    built["From"] = headerregistry.Address("Grüße, Ämter & Co.", addr_spec=address)
    built["To"] = headerregistry.Group("friends", (headerregistry.Address("Bob", "bob", "example.test"),))
    built["Subject"] = "Grüße 🦆"
    built["Message-ID"] = f"<{token}@example.test>"
    built.set_content("Brücke\n" * 3)
    built.add_alternative("<p>Brücke <img src='cid:x'></p>", subtype="html")
    built.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<x>")
    built.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="Übersicht.bin")
    built.add_attachment("a,b\n1,2\n", subtype="csv", filename="table.csv")
    built.add_attachment(email.message_from_string("Subject: inner\n\nx\n", policy=policy.default))
    return built


# -- read


@pytest.mark.parametrize(
    "rules", [policy.compat32, policy.default, policy.SMTPUTF8], ids=["compat32", "default", "SMTPUTF8"]
)
def test_every_letter_can_be_read(letters: dict[str, bytes], rules: Any) -> None:
    for name, content in letters.items():
        read = email.message_from_bytes(content, policy=rules)
        for part in read.walk():
            assert part.get_content_type().count("/") == 1, name
            assert part.get_payload(decode=True) is None or not part.is_multipart()
            for key in part.keys():  # noqa: SIM118 - a method under test
                assert part[key] is not None or "Curiosities" in name


def test_every_letter_of_ascii_lines_is_written_alike(letters: dict[str, bytes]) -> None:
    """With compat32, which keeps header fields as they came."""
    rules = policy.compat32.clone(linesep="\r\n", max_line_length=0)
    alike = 0
    for name, content in letters.items():
        if not name.startswith("alice/INBOX") or Path(name).name in UNREADABLE:
            continue
        written = email.message_from_bytes(content, policy=rules).as_bytes(policy=rules)
        alike += written == content
    assert alike >= 40


def test_defects_are_told(letters: dict[str, bytes]) -> None:
    def defects(name: str) -> set[str]:
        read = named(letters, name)
        return {type(defect).__name__ for part in read.walk() for defect in part.defects}

    assert "CloseBoundaryNotFoundDefect" in defects("10-missing-closing-boundary")
    assert "NoBoundaryInMultipartDefect" in defects("12-no-boundary-parameter")
    assert "MissingHeaderBodySeparatorDefect" in defects("23-line-without-colon")
    assert "FirstHeaderLineIsContinuationDefect" in defects("24-starts-with-folded-line")
    broken = named(letters, "14-broken-base64")
    for part in broken.walk():
        if not part.is_multipart():
            part.get_payload(decode=True)
    assert any("Base64" in type(defect).__name__ for part in broken.walk() for defect in part.defects)


def test_strict_policies_raise(letters: dict[str, bytes]) -> None:
    (content,) = (content for path, content in letters.items() if "10-missing-closing-boundary" in path)
    with pytest.raises(errors.CloseBoundaryNotFoundDefect):
        email.message_from_bytes(content, policy=policy.strict)
    with pytest.raises(errors.MessageDefect):
        email.message_from_bytes(content, policy=policy.default + policy.strict)


def test_headers_of_letters(letters: dict[str, bytes]) -> None:
    duck = named(letters, "02-duck-on-pier-three")
    assert duck["From"].addresses[0].addr_spec.endswith("@example.test")
    assert duck["Date"].datetime.tzinfo is not None
    assert duck["Message-ID"].startswith("<")
    groups = named(letters, "30-address-groups")
    assert {"Sopranos", "Altos", "Basses"} <= {group.display_name for group in groups["Cc"].groups}
    words = named(letters, "27-encoded-words")
    assert not str(words["Subject"]).isascii()
    assert "=?" not in words["Subject"]
    assert "=?" in named(letters, "27-encoded-words", policy.compat32)["Subject"]


def test_charsets_of_letters(letters: dict[str, bytes]) -> None:
    for name, letter in (
        ("20-iso-2022-jp", "日本"),
        ("21-koi8-r", "мо"),
        ("22-iso-8859-1", "ü"),
        ("24-gb18030", "桥"),
        ("16-base64-utf8", ""),
        ("17-quoted-printable", ""),
        ("26-utf-7", ""),
    ):
        read = named(letters, name)
        body = read.get_body(("plain",))
        text = body.get_content()
        assert "\ufffd" not in text
        assert letter in text or not text.isascii(), name
        assert body.get_content_charset() in body.get_charsets()


def test_attachments_of_letters(letters: dict[str, bytes]) -> None:
    plans = named(letters, "08-plans-attached")
    names = [part.get_filename() for part in plans.iter_attachments()]
    assert len(names) >= 4
    assert all(part.is_attachment() for part in plans.iter_attachments())
    assert any(not name.isascii() for name in names)
    assert all(part.get_content_disposition() == "attachment" for part in plans.iter_attachments())
    postcard = named(letters, "07-postcard-inline")
    assert postcard.get_body(("related", "html")).get_content_type() in ("multipart/related", "text/html")
    assert any(part.get_content_maintype() == "image" for part in postcard.walk())


def test_the_structure_of_a_letter(nested: EmailMessage) -> None:
    stream = io.StringIO()
    iterators._structure(nested, stream)  # type: ignore[attr-defined]
    assert stream.getvalue().count("multipart/") >= 5
    assert [part.get_content_type() for part in iterators.walk(nested)] == [
        part.get_content_type() for part in nested.walk()
    ]
    assert list(iterators.typed_subpart_iterator(nested, "text"))
    assert all(isinstance(line, str) for line in iterators.body_line_iterator(nested))
    assert list(nested.iter_parts())


def test_messages_within_messages(letters: dict[str, bytes]) -> None:
    forwarded = named(letters, "13-forwarded.eml")
    inner = next(part for part in forwarded.walk() if part.get_content_type() == "message/rfc822")
    assert inner.get_content()["Subject"]
    report = named(letters, "10-bounce")
    assert report.get_content_type() == "multipart/report"
    status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    assert all(isinstance(block, Message) for block in status.get_payload())
    digest = named(letters, "12-digest")
    (within,) = (part for part in digest.walk() if part.get_content_type() == "multipart/digest")
    assert within.get_payload(0).get_content_type() == "message/rfc822"
    assert within.get_payload(0).get_default_type() == "message/rfc822"


# -- parsers and generators

LETTER = "From: a@x.test\nTo: b@x.test\nSubject: plain\n\nBody\nFrom here\n"


def test_ways_in(tmp_path: Path) -> None:
    path = tmp_path / "letter.eml"
    path.write_text(LETTER)
    with path.open() as text, path.open("rb") as binary:
        found = [email.message_from_file(text), email.message_from_binary_file(binary)]
    found += [email.message_from_string(LETTER), email.message_from_bytes(LETTER.encode())]
    with path.open() as text, path.open("rb") as binary:
        found += [parser.Parser().parse(text), parser.BytesParser().parse(binary)]
    found += [parser.Parser().parsestr(LETTER), parser.BytesParser().parsebytes(LETTER.encode())]
    assert {each.as_string() for each in found} == {LETTER}
    with path.open() as text, path.open("rb") as binary:
        heads = [parser.HeaderParser().parse(text), parser.BytesHeaderParser().parse(binary)]
    heads += [parser.HeaderParser().parsestr(LETTER), parser.BytesHeaderParser().parsebytes(LETTER.encode())]
    assert {(each["Subject"], each.get_payload()) for each in heads} == {("plain", "Body\nFrom here\n")}
    with path.open() as text:
        assert parser.Parser().parse(text, headersonly=True)["Subject"] == "plain"


def test_feeding_piece_by_piece(letters: dict[str, bytes]) -> None:
    (content,) = (content for path, content in letters.items() if "15-nested" in path)
    feeder = parser.BytesFeedParser(policy=policy.default)
    for at in range(0, len(content), 13):
        feeder.feed(content[at : at + 13])
    whole = email.message_from_bytes(content, policy=policy.default)
    assert feeder.close().as_bytes() == whole.as_bytes()
    texts = parser.FeedParser(_factory=EmailMessage, policy=policy.default)
    for character in LETTER:
        texts.feed(character)
    assert texts.close().get_content() == "Body\nFrom here\n"


def test_ways_out() -> None:
    letter = email.message_from_string(LETTER)
    letter.set_unixfrom("From a@x.test Mon Jun  3 10:00:00 2024")
    assert letter.get_unixfrom() == "From a@x.test Mon Jun  3 10:00:00 2024"
    text = io.StringIO()
    generator.Generator(text, mangle_from_=True, maxheaderlen=0).flatten(letter, unixfrom=True)
    assert text.getvalue().startswith("From a@x.test Mon")
    assert text.getvalue().endswith("\nBody\n>From here\n")
    binary = io.BytesIO()
    writer = generator.BytesGenerator(binary, mangle_from_=False, policy=policy.SMTP)
    writer.flatten(letter, linesep="\r\n")
    assert binary.getvalue().endswith(b"\r\n\r\nBody\r\nFrom here\r\n")
    twin = generator.Generator(text).clone(io.StringIO())
    twin.write("x")
    assert twin._fp.getvalue() == "x"  # type: ignore[attr-defined]
    assert letter.as_string(unixfrom=True).startswith("From a@x.test")
    assert bytes(letter) == letter.as_bytes()
    assert str(letter) == letter.as_string()


def test_what_people_can_read(letters: dict[str, bytes]) -> None:
    text = io.StringIO()
    plans = named(letters, "08-plans-attached", policy.compat32)
    generator.DecodedGenerator(text, fmt="[%(type)s: %(filename)s]").flatten(plans)
    assert "[application/pdf: " in text.getvalue()


# -- EmailMessage


def test_content_of_every_kind() -> None:
    letter = EmailMessage()
    letter.set_content("text\n", subtype="enriched", charset="latin-1", cte="quoted-printable")
    assert (letter.get_content_type(), letter["Content-Transfer-Encoding"]) == ("text/enriched", "quoted-printable")
    assert letter.get_content() == "text\n"
    with pytest.raises(KeyError):
        letter.set_content(object())
    letter.clear_content()
    assert "Content-Type" not in letter
    letter.set_content(b"\0\1", "application", "x-bytes", disposition="attachment", filename="x.bin", params={"a": "b"})
    assert (letter.get_content(), letter.get_filename(), letter.get_param("a")) == (b"\0\1", "x.bin", "b")
    letter.clear()
    assert (letter.keys(), letter.get_payload()) == ([], None)
    inner = EmailMessage()
    inner.set_content("inner")
    letter.set_content(inner)
    assert letter.get_content_type() == "message/rfc822"
    with pytest.raises(ValueError):
        EmailMessage().set_content("ü", cte="7bit")
    strange = email.message_from_string("Content-Type: message/partial; id=x\n\nSubject: a\n\nb", policy=policy.default)
    assert isinstance(strange.get_content(), (str, bytes, EmailMessage))


def test_making_multiparts() -> None:
    letter = EmailMessage()
    letter.set_content("one")
    letter.make_related()
    letter.make_alternative()
    letter.make_mixed(boundary="===")
    assert [part.get_content_type() for part in letter.walk()] == [
        "multipart/mixed", "multipart/alternative", "multipart/related", "text/plain",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="Cannot convert"):
        letter.make_related()
    letter.add_attachment(b"x", "a", "b")
    with pytest.raises(ValueError, match="Cannot convert"):
        letter.add_related("x")
    assert letter.get_boundary() == "==="
    assert letter.get_body(("plain",)).get_content() == "one\n"  # type: ignore[union-attr]


def test_a_content_manager_of_ones_own() -> None:
    manager = contentmanager.ContentManager()
    manager.add_get_handler("text/duck", lambda part: part.get_payload().upper())
    manager.add_set_handler(int, lambda part, number: part.set_payload("quack " * number))
    letter = EmailMessage()
    letter.set_content(2, content_manager=manager)
    letter["Content-Type"] = "text/duck"
    assert letter.get_content(content_manager=manager) == "QUACK QUACK "
    assert manager.get_content(letter) == "QUACK QUACK "
    manager.set_content(letter, 1)
    with pytest.raises(KeyError):
        manager.get_content(EmailMessage())
    assert contentmanager.raw_data_manager.get_content(email.message_from_string("\n\nx", policy=policy.default))


# -- Message


def test_header_fields_are_a_mapping() -> None:
    letter = Message()
    letter["Received"] = "one"
    letter["received"] = "two"
    letter.add_header("X-Parameters", "value", one="1", two_words="a b", flag=None, text=("utf-8", "de", "ü"))
    assert (len(letter), "RECEIVED" in letter, letter["received"]) == (3, True, "one")
    assert letter.get_all("Received") == ["one", "two"]
    assert (letter.get("none", "default"), letter.get_all("none", [])) == ("default", [])
    assert letter["X-Parameters"] == 'value; one="1"; two-words="a b"; flag; text*=utf-8\'de\'%C3%BC'
    letter.replace_header("Received", "new")
    assert letter.items()[0] == ("Received", "new")
    assert (letter.keys()[1], letter.values()[1]) == ("received", "two")
    assert list(letter) == letter.keys()
    with pytest.raises(KeyError):
        letter.replace_header("none", "x")
    del letter["received"]
    assert letter.keys() == ["X-Parameters"]
    letter.set_raw("X-Raw", "raw")
    assert dict(letter.raw_items())["X-Raw"] == "raw"


def test_parameters() -> None:
    letter = Message()
    assert (letter.get_content_type(), letter.get_content_maintype(), letter.get_content_subtype()) == (
        "text/plain", "text", "plain",
    )  # fmt: skip
    letter.set_default_type("message/rfc822")
    assert letter.get_content_type() == letter.get_default_type() == "message/rfc822"
    letter.set_type("multipart/mixed")
    letter.set_boundary("==")
    letter.set_param("charset", "utf-8")
    letter.set_param("title", "Grüße", charset="utf-8", language="de")
    assert letter.get_params()[0] == ("multipart/mixed", "")  # type: ignore[index]
    assert letter.get_param("title")[:2] == ("utf-8", "de")  # type: ignore[index]
    assert utils.collapse_rfc2231_value(letter.get_param("title")) == "Grüße"  # type: ignore[arg-type]
    assert (letter.get_boundary(), letter.get_content_charset()) == ("==", "utf-8")
    letter.del_param("title")
    assert letter.get_param("title", "gone") == "gone"
    with pytest.raises(errors.HeaderParseError):
        Message().set_boundary("x")
    with pytest.raises(ValueError):
        letter.set_type("nonsense")


def test_payloads_and_charsets() -> None:
    letter = Message()
    letter.set_payload("Grüße", "utf-8")
    assert (letter["Content-Transfer-Encoding"], letter.get_payload(decode=True)) == ("base64", "Grüße".encode())
    assert str(letter.get_charset()) == "utf-8"
    letter.set_charset(None)
    assert letter.get_charset() is None
    letter.set_charset("latin-1")
    outer = MIMEMultipart("mixed", "b1", [letter], name="x")
    outer.attach(MIMEText("two"))
    assert (outer.is_multipart(), len(outer.get_payload())) == (True, 2)
    assert outer.get_charsets() == [None, "latin-1", "us-ascii"] or outer.get_charsets()[1] == "iso-8859-1"
    assert copy.deepcopy(outer).as_string() == outer.as_string()
    with pytest.raises(TypeError):
        outer.set_charset(object())  # type: ignore[arg-type]
    fancy = EmailMessage()
    fancy["Subject"] = "x" * 200
    assert max(map(len, fancy.as_string(maxheaderlen=60).splitlines())) <= 201
    assert fancy.as_bytes().isascii()


def test_mime_classes() -> None:
    text = MIMEText("Grüße", "plain", "utf-8")
    image = MIMEImage(b"\x89PNG\r\n\x1a\n....", "png", name="x.png")
    sound = MIMEAudio(b"RIFF....WAVE", "x-wav", encoders.encode_base64)
    data = MIMEApplication(b"\0\1\2", "x-duck", encoders.encode_noop)
    inner = MIMEMessage(email.message_from_string("Subject: inner\n\nx"))
    outer = MIMEMultipart("mixed", None, (text, image, sound, data, inner))
    assert [part.get_content_type() for part in outer.walk()][1:6] == [
        "text/plain", "image/png", "audio/x-wav", "application/x-duck", "message/rfc822",
    ]  # fmt: skip
    assert isinstance(outer, MIMEBase)
    assert isinstance(text, MIMENonMultipart)
    with pytest.raises(errors.MultipartConversionError):
        data.attach(text)
    with pytest.raises(TypeError):
        MIMEMessage("no message")  # type: ignore[arg-type]
    assert outer["MIME-Version"] == "1.0"


def test_encoders() -> None:
    def encoded(encoder: Any, payload: Any) -> Message:
        letter = Message()
        letter.set_payload(payload)
        encoder(letter)
        return letter

    assert encoded(encoders.encode_base64, b"\0\1")["Content-Transfer-Encoding"] == "base64"
    assert encoded(encoders.encode_quopri, b"a=b")["Content-Transfer-Encoding"] == "quoted-printable"
    assert encoded(encoders.encode_7or8bit, "ascii")["Content-Transfer-Encoding"] == "7bit"
    assert encoded(encoders.encode_noop, "x").keys() == []


# -- header fields


def test_header() -> None:
    field = header.Header("Grüße", "utf-8", header_name="Subject", maxlinelen=40)
    field.append(" and more", "us-ascii")
    text = field.encode()
    assert "".join(part for part in str(header.make_header(header.decode_header(text)))).startswith("Grüße")
    assert header.decode_header("=?koi8-r?b?0NLJ18XU?= x") == [("привет".encode("koi8-r"), "koi8-r"), (b" x", None)]
    assert str(field).startswith("Grüße")
    assert header.Header("a") == "a"
    with pytest.raises(errors.HeaderParseError):
        header.decode_header("=?utf-8?b?a?=")
    with pytest.raises(UnicodeDecodeError):
        header.Header(b"\xff", "utf-8")
    assert len(header.Header("word " * 80, maxlinelen=50).encode().split("\n")) >= 8


def test_structured_fields() -> None:
    letter = EmailMessage()
    letter["Date"] = moment = datetime(2024, 6, 3, 10, tzinfo=UTC)
    letter["Content-Type"] = 'text/plain; charset="utf-8"; format=flowed'
    letter["Content-Disposition"] = 'attachment; filename="a.txt"'
    letter["Content-Transfer-Encoding"] = "8BIT"
    letter["MIME-Version"] = "1.0 (comment)"
    letter["Message-ID"] = "<x@y>"
    letter["Sender"] = "a@x.test"
    letter["Cc"] = "A B <a@x.test>, friends: b@x.test, c@x.test;"
    assert letter["Date"].datetime == moment
    assert dict(letter["Content-Type"].params) == {"charset": "utf-8", "format": "flowed"}
    assert (letter["Content-Type"].maintype, letter["Content-Type"].subtype) == ("text", "plain")
    assert letter["Content-Disposition"].content_disposition == "attachment"
    assert letter["Content-Transfer-Encoding"].cte == "8bit"
    assert (letter["MIME-Version"].version, letter["MIME-Version"].major) == ("1.0", 1)
    assert letter["Sender"].address.username == "a"
    assert [group.display_name for group in letter["Cc"].groups] == [None, "friends"]
    assert len(letter["Cc"].addresses) == 3
    assert letter["Cc"].fold(policy=policy.default).startswith("Cc: A B <a@x.test>")
    with pytest.raises(ValueError, match=r"maximum|There may be at most"):
        letter["Date"] = moment
    with pytest.raises(ValueError, match=r"linefeed|newline|carriage"):
        letter["Subject"] = "a\nInjected: b"


def test_the_registry() -> None:
    registry = headerregistry.HeaderRegistry()
    registry.map_to_type("X-When", headerregistry.UniqueDateHeader)
    field = registry("x-when", "Mon, 03 Jun 2024 10:00:00 +0000")
    assert (field.name, field.datetime.year, field.max_count) == ("x-when", 2024, 1)
    bad = registry("Date", "not a date")
    assert [type(defect).__name__ for defect in bad.defects] in (["InvalidDateDefect"], [])
    assert isinstance(registry["To"], type)


def test_addresses() -> None:
    address = headerregistry.Address("Alice, A.", "alice", "example.test")
    assert (str(address), address.addr_spec) == ('"Alice, A." <alice@example.test>', "alice@example.test")
    assert headerregistry.Address(addr_spec='"a b"@x.test').username == "a b"
    assert str(headerregistry.Group("none")) == "none:;"
    assert str(headerregistry.Group(None, (address,))) == str(address)
    with pytest.raises(ValueError):
        headerregistry.Address("x\r\n", "a", "b")
    with pytest.raises(TypeError):
        headerregistry.Address(username="a", addr_spec="a@b")
    with pytest.raises((ValueError, errors.HeaderParseError)):
        headerregistry.Address(addr_spec="a b c")


def test_policies() -> None:
    mine = policy.EmailPolicy(max_line_length=40, refold_source="all", utf8=True)
    letter = email.message_from_string("Subject: " + "word " * 30 + "\n\n", policy=mine)
    assert max(map(len, letter.as_string().splitlines())) <= 40
    assert mine.clone(linesep="\r\n").linesep == "\r\n"
    assert (policy.SMTP + policy.strict).raise_on_defect
    assert mine.header_max_count("subject") == 1
    assert mine.header_source_parse(["Subject: a\n", " b\n"]) == ("Subject", "a\n b")
    assert mine.header_store_parse("Subject", "x")[1] == "x"
    assert mine.header_fetch_parse("Subject", "a\n b") == "a b"
    assert mine.fold("Subject", "x") == "Subject: x\n"
    assert mine.fold_binary("Subject", "ü") == "Subject: ü\n".encode()
    old = policy.Compat32()
    assert old.header_source_parse(["A: b\n"]) == ("A", "b")
    assert old.header_store_parse("A", "b") == ("A", "b")
    assert old.header_fetch_parse("A", "b") == "b"
    assert old.fold("A", "b") == "A: b\n"
    assert old.fold_binary("A", "b") == b"A: b\n"
    assert old.header_max_count("A") is None
    with pytest.raises(errors.MessageDefect):
        policy.strict.handle_defect(Message(), errors.MessageDefect("x"))
    letter = Message()
    old.handle_defect(letter, defect := errors.MessageDefect("y"))
    old.register_defect(letter, defect)
    assert letter.defects == [defect, defect]
    with pytest.raises(TypeError):
        mine.clone(nonsense=1)
    with pytest.raises(AttributeError):
        mine.utf8 = False


def test_policies_are_abstract() -> None:
    class Bare(policy.Policy):
        def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
            super().header_source_parse(sourcelines)  # type: ignore[safe-super]
            return ("", "")

        def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
            super().header_store_parse(name, value)  # type: ignore[safe-super]
            return (name, value)

        def header_fetch_parse(self, name: str, value: str) -> str:
            super().header_fetch_parse(name, value)  # type: ignore[safe-super]
            return value

        def fold(self, name: str, value: str) -> str:
            super().fold(name, value)  # type: ignore[safe-super]
            return value

        def fold_binary(self, name: str, value: str) -> bytes:
            super().fold_binary(name, value)  # type: ignore[safe-super]
            return b""

    bare = Bare()
    for call in (
        lambda: bare.header_source_parse([""]),
        lambda: bare.header_store_parse("a", "b"),
        lambda: bare.header_fetch_parse("a", "b"),
        lambda: bare.fold("a", "b"),
        lambda: bare.fold_binary("a", "b"),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_defects_of_headers() -> None:
    assert errors.HeaderDefect("why").args == ("why",)
    assert "non-printables" in str(errors.NonPrintableDefect("\x01"))
    assert errors.MessageDefect("line").line == "line"


# -- charsets


def test_charset() -> None:
    latin = charset.Charset("latin-1")
    assert (latin.input_charset, latin.get_output_charset(), latin.get_body_encoding()) == (
        "iso-8859-1", "iso-8859-1", "quoted-printable",
    )  # fmt: skip
    assert latin.header_encode("ü") == "=?iso-8859-1?q?=FC?="
    assert latin.body_encode("ü") == "=FC"
    assert charset.Charset("utf-8").header_encode_lines("Grüße " * 20, iter([40] * 100))
    charset.add_charset("x-duck", charset.BASE64, charset.QP, "utf-8")
    charset.add_alias("duck", "x-duck")
    charset.add_codec("x-duck", "utf-8")
    duck = charset.Charset("duck")
    assert (duck.input_charset, duck.get_body_encoding()) == ("x-duck", "quoted-printable")
    assert charset.Charset("us-ascii").get_body_encoding() is not None
    with pytest.raises(ValueError):
        charset.add_charset("x", body_enc=charset.SHORTEST)
    with pytest.raises(errors.CharsetError):
        charset.Charset("\xff".encode())  # type: ignore[arg-type]


# -- utils


def test_addresses_and_ids() -> None:
    assert utils.parseaddr("Alice (the one) <alice@x.test>")[1] == "alice@x.test"
    assert utils.formataddr(("Grüße", "a@x.test")) == "=?utf-8?b?R3LDvMOfZQ==?= <a@x.test>"
    assert utils.getaddresses(["A <a@x.test>, b@x.test"]) == [("A", "a@x.test"), ("", "b@x.test")]
    assert re.fullmatch(r"<[^@]+\.mark@x\.test>", utils.make_msgid("mark", "x.test"))
    assert utils.unquote('"a \\"b\\""') == 'a "b"'
    assert utils.quote('a"b') == 'a\\"b'


def test_dates() -> None:
    text = "Mon, 03 Jun 2024 10:00:00 +0200"
    moment = datetime(2024, 6, 3, 10, tzinfo=timezone(timedelta(hours=2)))
    assert utils.parsedate_to_datetime(text) == moment
    assert utils.format_datetime(moment) == text
    assert utils.format_datetime(moment.astimezone(UTC), usegmt=True) == "Mon, 03 Jun 2024 08:00:00 GMT"
    parsed = utils.parsedate_tz(text)
    assert parsed is not None
    assert (parsed[9], utils.mktime_tz(parsed)) == (7200, moment.timestamp())
    assert utils.parsedate(text)[:6] == (2024, 6, 3, 10, 0, 0)  # type: ignore[index]
    assert utils.formatdate(0) == "Thu, 01 Jan 1970 00:00:00 -0000"
    assert utils.formatdate(0, usegmt=True).endswith("GMT")
    assert utils.localtime(moment).utcoffset() is not None
    for none in ("", "no date", "99 Foo 2024"):
        assert utils.parsedate_tz(none) is None
        with pytest.raises((ValueError, TypeError)):
            utils.parsedate_to_datetime(none)


def test_parameters_of_rfc_2231() -> None:
    assert utils.decode_rfc2231("utf-8'de'%C3%BC") == ["utf-8", "de", "%C3%BC"]
    assert utils.encode_rfc2231("ü", "utf-8", "de") == "utf-8'de'%C3%BC"
    decoded = utils.decode_params([("x", "y"), ("a*0*", "utf-8''%C3"), ("a*1*", "%BC")])
    assert decoded[1][0] == "a"
    assert utils.collapse_rfc2231_value(decoded[1][1]) == '"ü"' or utils.collapse_rfc2231_value(decoded[1][1]) == "ü"
