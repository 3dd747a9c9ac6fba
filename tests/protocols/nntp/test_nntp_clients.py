"""Clients over sockets: every public method of nntplib, streaming by hand, compression by zlib, TLS."""

from __future__ import annotations

import datetime
import io
import nntplib
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from nntp_play import article, fill
from small_world import small_world

from minternet import Internet
from minternet.settings import Settings

SECONDS = 20


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    folder = tmp_path_factory.mktemp("authority")
    settings = Settings(ephemeral=True, services=("nntp", "nntps"), authority=str(folder), drain=0.5)
    with Internet(settings=settings, world=small_world()) as internet:
        yield internet


@pytest.fixture
def news(net: Internet) -> Iterator[nntplib.NNTP]:
    net.reset()
    with nntplib.NNTP(*net.nntp.address, readermode=True, timeout=SECONDS) as client:
        yield client


def raw(net: Internet) -> socket.socket:
    connection = socket.create_connection(net.nntp.address, timeout=SECONDS)
    assert connection.recv(1000).startswith(b"200 ")
    return connection


def test_session_methods(news: nntplib.NNTP) -> None:
    assert news.getwelcome().startswith("200 ")
    capabilities = news.getcapabilities()
    assert {"READER", "POST", "OVER", "HDR", "STARTTLS", "COMPRESS"} <= set(capabilities)
    assert capabilities["OVER"] == ["MSGID"]
    assert news.nntp_version == 2
    assert news.nntp_implementation is not None
    assert any("GROUP" in line for line in news.help()[1])
    assert news.date()[1] == datetime.datetime(2024, 5, 1, 12)
    news.set_debuglevel(0)
    assert news.quit().startswith("205 ")


def test_group_methods(news: nntplib.NNTP) -> None:
    assert news.group("local.test")[1:] == (3, 1, 3, "local.test")
    listed: list[Any] = [*news.list()[1], *news.list("*.test")[1]]
    assert listed.pop() == nntplib.GroupInfo("local.test", "3", "1", "y")
    assert [info.group for info in listed] == ["local.test", "local.moderated", "local.announce"]
    assert news.description("local.test") == "The group local.test"
    assert news.descriptions("local.*")[1]["local.announce"] == "The group local.announce"
    since = datetime.datetime(2024, 1, 1)
    assert len(news.newgroups(since)[1]) == 3
    assert news.newnews("local.announce", since)[1] == ["<welcome@example.test>"]
    with pytest.raises(nntplib.NNTPTemporaryError, match="411"):
        news.group("no.such")


def test_article_methods(news: nntplib.NNTP) -> None:
    news.group("local.test")
    assert news.stat()[1:] == (1, "<hello@example.test>")
    assert news.next()[1:] == (2, "<re-hello@example.test>")
    assert news.last()[1:] == (1, "<hello@example.test>")
    assert news.head(3)[1].lines[3] == b"Subject: Welcome"
    assert news.body("<hello@example.test>")[1].lines == [b"Hello, everybody."]
    kept = io.BytesIO()
    number, identifier, _ = news.article(2, file=kept)[1]
    assert (number, identifier) == (2, "<re-hello@example.test>")
    assert kept.getvalue().endswith(b"Hello, Alice.\r\n")
    overviews = news.over((1, None))[1]
    assert [fields["subject"] for _, fields in overviews] == ["Hello", "Re: Hello", "Welcome"]
    assert overviews[1][1]["xref"] == "news.example.test local.test:2"
    assert overviews[1][1][":lines"] == "3"
    assert news.over("<hello@example.test>")[1][0][0] == 0
    assert news.xover(2, 3)[1][0][0] == 2
    subjects: list[Any] = [*news.xhdr("subject", "1-2")[1]]
    assert subjects == [("1", "Hello"), ("2", "Re: Hello")]
    with pytest.raises(nntplib.NNTPTemporaryError, match="423"):
        news.article(99)


def test_post_and_ihave(news: nntplib.NNTP) -> None:
    assert news.post(io.BytesIO(article(message_id="<p@q>") + b".dotted\r\n.\r\n")).startswith("240 ")
    assert news.body("<p@q>")[1].lines == [b"Text.", b".dotted", b"."]
    fed = article(message_id="<i@q>", path="peer", date="Wed, 1 May 2024 12:00:00 +0000").splitlines()
    assert news.ihave("<i@q>", fed).startswith("235 ")
    with pytest.raises(nntplib.NNTPTemporaryError, match="435"):
        news.ihave("<i@q>", fed)
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"441 .* missing"):
        news.post(b"Subject: x\r\n\r\nText.\r\n")


def test_login_and_tls(net: Internet, news: nntplib.NNTP) -> None:
    with pytest.raises(nntplib.NNTPTemporaryError, match="481"):
        news.login("alice", "wrong", usenetrc=False)
    news.starttls(net.ssl_context())
    assert "STARTTLS" not in news.getcapabilities()
    news.login("alice", "wonderland", usenetrc=False)
    assert "AUTHINFO" not in news.getcapabilities()
    with nntplib.NNTP_SSL(
        "localhost", net.nntps.port, "bob", "builder", ssl_context=net.ssl_context(), timeout=SECONDS
    ) as secure:
        assert secure.group("local.test")[1] == 3


def test_a_stream_of_articles(net: Internet) -> None:
    """CHECKs and TAKETHISes sent in one go, replies read afterwards."""
    net.reset()
    identifiers = [b"<%d@stream>" % number for number in range(500)]
    fed = article(path="peer", date="Wed, 1 May 2024 12:00:00 +0000", message_id="<ID>")
    with raw(net) as connection, connection.makefile("rb") as replies:
        connection.sendall(b"MODE STREAM\r\n" + b"".join(b"CHECK %b\r\n" % each for each in identifiers))
        assert replies.readline().startswith(b"203 ")
        assert [replies.readline() for _ in identifiers] == [b"238 %b\r\n" % each for each in identifiers]
        connection.sendall(
            b"".join(b"TAKETHIS %b\r\n%b.\r\n" % (each, fed.replace(b"<ID>", each)) for each in identifiers)
        )
        assert [replies.readline() for _ in identifiers] == [b"239 %b\r\n" % each for each in identifiers]
        connection.sendall(b"GROUP local.test\r\nQUIT\r\n")
        assert replies.readline() == b"211 503 1 503 local.test\r\n"
        assert replies.readline().startswith(b"205 ")


def test_compression_by_hand(net: Internet) -> None:
    """What is pipelined behind COMPRESS is deflated already; a long reply comes whole."""
    net.reset()
    net.call(filled(net, 2000))
    deflate, inflate = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
    with raw(net) as connection:
        commands = deflate.compress(b"GROUP local.test\r\nOVER 1-\r\nQUIT\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH)
        connection.sendall(b"COMPRESS DEFLATE\r\n" + commands)
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
    plain, _, deflated = received.partition(b"\r\n")
    said = inflate.decompress(deflated)
    assert plain.startswith(b"206 ")
    assert said.startswith(b"211 2003 1 2003 local.test\r\n224 ")
    assert said.count(b"\r\n") == 1 + 1 + 2003 + 1 + 1
    assert said.endswith(b"\r\n.\r\n205 Goodbye\r\n")
    assert len(deflated) * 4 < len(said)


async def filled(net: Internet, count: int) -> None:
    fill(net.world, count)


def test_a_reset_says_farewell(net: Internet) -> None:
    with raw(net) as connection:
        net.reset()
        assert connection.recv(1000) == b"400 the world was reset\r\n"
        assert connection.recv(1000) == b""


def test_an_overview_of_many_stays_out_of_memory(net: Internet) -> None:
    """A client that asks for much and reads nothing costs a piece, not the reply."""
    net.reset()
    net.call(filled(net, 20_000))
    with raw(net) as slow, nntplib.NNTP(*net.nntp.address, timeout=SECONDS) as other:
        slow.sendall(b"GROUP local.test\r\n" + b"OVER 1-\r\n" * 5)
        assert other.group("local.test")[1] == 20_003  # the server serves others meanwhile
        received = bytearray()
        while received.count(b"\r\n.\r\n") < 5 and (piece := slow.recv(1 << 20)):
            received += piece
    assert received.count(b"\r\n") == 1 + 5 * (20_003 + 2)
