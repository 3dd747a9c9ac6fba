"""What is taken of a poster and what is not, with the reason; cancels, control messages, moderation."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nntp_play import Play, article

from minternet.protocols.nntp.articles import Rejected, header_of, parse
from minternet.protocols.nntp.control import opens
from minternet.world.changes import CreateGroup, SetAlias

LONG = "x" * 992
"""With its name, its colon and its space, 1,000 octets."""


@pytest.mark.parametrize(
    "fields",
    [
        {"from_": "dora@example.test"},
        {"from_": "dora@example.test (Dora)"},
        {"from_": '"D. Ora" <dora@[127.0.0.1]>, eve@example.test'},
        {"from_": "=?utf-8?q?D=C3=B6ra?= <dora@example.test>"},
        {"subject": "Süßes"},
        {"date": "Wed, 1 May 2024 12:00:00 GMT"},
        {"date": "1 May 1984 12:00 +0200"},
        {"date": "Thu, 2 May 2024 11:59:59 +0000"},
        {"message_id": "<a.b+c$1@d>"},
        {"newsgroups": "local.test, local.test.not.here"},
        {"followup_to": "poster"},
        {"followup_to": "local.test,any.where"},
        {"distribution": "local"},
        {"path": "dora"},
        {"x_long": "x" * 900},
        {"summary": "a\r\n b\r\n\tc"},
        {"date": "Wed, 1 May 2024 12:00:00 GMT", "message_id": "<a@b>", "injection_date": "1 May 2024 12:00 GMT"},
    ],
)
def test_taken(fields: dict[str, str]) -> None:
    assert Play().post(article(**fields)).startswith(b"240 ")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"from_": ""}, "From missing"),
        ({"from_": "", "subject": ""}, "From, Subject missing"),
        ({"newsgroups": ""}, "Newsgroups missing"),
        ({"subject": " "}, "Subject missing"),
        ({"from_": "Dora"}, "no address"),
        ({"from_": "Dora <dora>"}, "no address"),
        ({"date": "yesterday"}, "Date is no date"),
        ({"date": "Thu, 2 May 2024 12:00:01 +0000"}, "a day ahead"),
        ({"message_id": "a@b"}, "no message-id"),
        ({"message_id": "<a>"}, "no message-id"),
        ({"message_id": "<a b@c>"}, "no message-id"),
        ({"message_id": f"<{'x' * 250}@y>"}, "no message-id"),
        ({"message_id": "<hello@example.test>"}, "taken"),
        ({"newsgroups": "no.such,nor.this"}, "no such newsgroup here: no.such, nor.this"),
        ({"newsgroups": "local.test,,local.announce"}, "nothing between its commas"),
        ({"newsgroups": "local.test,local.test"}, "twice"),
        ({"newsgroups": "local.test,.x"}, "no group"),
        ({"newsgroups": "local.test local.announce"}, "no group"),
        ({"newsgroups": "local.announce"}, "local.announce is read-only"),
        ({"newsgroups": ",".join(f"a.{n}" for n in range(101))}, "more than 100 groups"),
        ({"followup_to": "local.test,*"}, "Followup-To"),
        ({"xref": "here local.test:1"}, "Xref is the server's"),
        ({"injection_info": "here"}, "Injection-Info is the server's"),
        ({"nntp_posting_host": "here"}, "Nntp-Posting-Host is the server's"),
        ({"path": "news.example.test!.POSTED!dora"}, "earlier posting"),
        ({"injection_date": "1 May 2024 12:00 GMT"}, "Injection-Date comes with"),
        ({"subject": "a\r\nSubject: b"}, "more than one Subject"),
        ({"x_long": LONG}, "longer than 998"),
        ({"summary": "a\r\n " + "x" * 998}, "longer than 998"),
        ({"summary": "a\r\n \r\n b"}, "folded into an empty line"),
        ({"summary": "a\r\nno field"}, "a header line is not"),
        ({"summary": "a\r\nX:y"}, "wants a space"),
        ({"summary": "a\nb"}, "a header line is not"),
        ({"summary": "a\rb"}, "a header line is not"),
        ({"summary": "a\0b"}, "NUL"),
        ({"control": "dance"}, "no order"),
        ({"control": "cancel hello"}, "no message-id"),
        ({"control": "newgroup a..b"}, "no name"),
        ({"control": "newgroup new.group", "approved": "me@here"}, "not for you"),
        ({"supersedes": "<hello@example.test>"}, "not yours"),
        ({"x": "\r\n".join(f"{'y' * 900}\r\nX-{n}: z" for n in range(80))}, "longer than 65536"),
    ],
)
def test_refused(fields: dict[str, str], reason: str) -> None:
    play = Play()
    reply = play.post(article(**fields)).decode()
    assert reply.startswith("441 Posting failed: ")
    assert reason in reply
    assert play.code(b"GROUP local.test") == 211
    assert len(play.world.news.group("local.test")) == 3


@pytest.mark.parametrize("content", [b"", b"\r\n", b"Text.\r\n", b"From: a@b\r\nSubject: c\r\n", b"\r\nText.\r\n"])
def test_no_article(content: bytes) -> None:
    assert Play().post(content).startswith(b"441 ")


@given(st.binary(max_size=300))
def test_parse_reads_or_rejects(content: bytes) -> None:
    whole = content + b"\r\n\r\n"
    with contextlib.suppress(Rejected):
        draft = parse(whole)
        assert b"".join(field.raw for field in draft.fields) + b"\r\n" + draft.body == whole


@given(
    st.lists(st.sampled_from([b"X-A: b\r\n", b"Path: q\r\n", b"Xref: r\r\n", b"X-C: d\r\n e\r\n"]), max_size=5),
    st.binary(max_size=40).filter(lambda body: b"\0" not in body),
)
def test_only_path_and_xref_change(fields: list[bytes], body: bytes) -> None:
    head = header_of(parse(b"".join([b"From: a@b\r\n", *fields]) + b"\r\n" + body), b"us!q", (b"Date: now",))
    kept = [field for field in [b"From: a@b\r\n", *fields] if field[:2] != b"Xr"]
    expected = [b"Path: us!q\r\n" if field[:2] == b"Pa" else field for field in kept]
    assert head == b"".join([b"Path: us!q\r\n"] * (b"Path: q\r\n" not in fields) + expected + [b"Date: now\r\n"])


@pytest.mark.parametrize(
    ("keys", "locks", "fits"),
    [
        (b"sha256:sesame", b"sha256:0MBPSxlR5K6q7IIj7SA55ULzqugFpvp/bXlOWv/10nI=", True),
        (b"sha1:x SHA256:sesame", b"sha1:y sha256:0MBPSxlR5K6q7IIj7SA55ULzqugFpvp/bXlOWv/10nI=", True),
        (b"sha512:sesame", b"sha256:0MBPSxlR5K6q7IIj7SA55ULzqugFpvp/bXlOWv/10nI=", False),
        (b"sha256:other", b"sha256:0MBPSxlR5K6q7IIj7SA55ULzqugFpvp/bXlOWv/10nI=", False),
        (b"md9:x", b"md9:x", False),
        (b"", b"", False),
    ],
)
def test_cancel_locks(keys: bytes, locks: bytes, fits: bool) -> None:
    assert opens(keys, locks) is fits


def test_newsmasters_make_and_remove_groups() -> None:
    play = Play()
    play.world.commit_now(SetAlias("newsmaster@example.test", ("alice@example.test",)))
    play.log_in(b"alice", b"wonderland")
    new = (
        article(newsgroups="local.new", control="newgroup local.new moderated", approved="alice@example.test")
        + b"For your newsgroups file:\r\nlocal.new\t\tNew things\r\n"
    )
    assert play.post(article(newsgroups="local.new", control="newgroup local.new")).startswith(b"441 ")
    assert play.post(new).startswith(b"240 ")
    assert b"\nlocal.new\tNew things\r\n" in play.say(b"LIST NEWSGROUPS local.new")
    assert b"\nlocal.new 0 1 m\r\n" in play.say(b"LIST ACTIVE local.new")
    again = article(newsgroups="local.new", control="newgroup local.new", approved="alice@example.test")
    assert play.post(again).startswith(b"240 ")
    assert b"\nlocal.new 0 1 y\r\n" in play.say(b"LIST ACTIVE local.new")
    gone = article(newsgroups="local.new", control="rmgroup local.new", approved="alice@example.test")
    assert play.code(b"GROUP local.new") == 211
    assert play.post(gone).startswith(b"240 ")
    assert play.code(b"STAT 1") == 412
    assert play.post(gone).startswith(b"441 ")


def test_control_messages_are_filed_where_there_is_a_group_for_them() -> None:
    play = Play()
    play.world.commit_now(CreateGroup("control", 0.0))
    cancel = article(control="cancel <nobody@example.test>", message_id="<c@d>")
    assert play.post(cancel).startswith(b"240 ")
    assert play.say(b"GROUP control").startswith(b"211 1 1 1 ")
    assert b"Xref: news.example.test control:1\r\n" in play.say(b"HEAD <c@d>")
