"""Sessions in memory: gaps, resets, long replies, bytes kept, and whatever a client may send."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nntp_play import Play, article, fill
from small_world import small_world

from minternet.protocols.nntp import TABLE
from minternet.protocols.nntp.groups import PROBES
from minternet.protocols.nntp.session import LINES, in_pieces
from minternet.protocols.nntp.table import arity
from minternet.settings import Limits, Settings
from minternet.world.changes import Cancel, Expire, RemoveGroup
from minternet.world.world import World

BODY_BYTES = st.binary(max_size=200).filter(lambda body: b"\0" not in body)


def test_gaps_are_423_and_430_and_are_stepped_over() -> None:
    play = Play()
    play.world.commit_now(Expire("local.test", (2,)))
    play.say(b"GROUP local.test")
    assert [play.code(command) for command in (b"STAT 2", b"STAT <re-hello@example.test>", b"OVER 2")] == [
        423,
        430,
        423,
    ]
    assert play.say(b"NEXT").startswith(b"223 3 ")
    assert play.say(b"LAST").startswith(b"223 1 ")
    assert play.say(b"LISTGROUP") == b"211 2 1 3 local.test list follows\r\n1\r\n3\r\n.\r\n"
    play.world.commit_now(Cancel("<hello@example.test>"))
    assert play.code(b"ARTICLE") == 420
    assert play.code(b"LAST") == 422
    assert play.say(b"NEXT").startswith(b"223 3 ")
    assert play.say(b"GROUP local.test").startswith(b"211 1 3 3 ")
    play.world.commit_now(Expire("local.test", (3,)))
    assert play.say(b"GROUP local.test").startswith(b"211 0 4 3 ")
    assert play.say(b"STAT <welcome@example.test>").startswith(b"223 0 ")


def test_wide_gaps_cost_nothing() -> None:
    play = Play()
    fill(play.world, PROBES * 3)
    last = play.world.news.group("local.test").high
    play.world.commit_now(Expire("local.test", tuple(range(4, last))))
    play.say(b"GROUP local.test", b"STAT 3")
    assert play.say(b"NEXT").startswith(b"223 %d " % last)
    assert play.say(b"LAST").startswith(b"223 3 ")
    assert play.say(b"LISTGROUP").count(b"\r\n") == 4 + 2
    assert play.say(b"OVER 1-9999999999999999").count(b"\r\n") == 4 + 2


def test_a_group_that_goes_is_selected_no_more() -> None:
    play = Play()
    play.say(b"GROUP local.test")
    play.world.commit_now(RemoveGroup("local.test"))
    assert [play.code(command) for command in (b"STAT", b"NEXT", b"OVER 1-", b"LISTGROUP")] == [412] * 4


def test_a_reset_leaves_a_kept_session_in_good_order() -> None:
    play = Play()
    assert play.post(article(message_id="<new@example.test>")).startswith(b"240 ")
    play.say(b"GROUP local.test")
    assert play.code(b"STAT 4") == 223
    play.world.put_back("seed")
    assert [play.code(command) for command in (b"STAT", b"STAT 4", b"STAT <new@example.test>")] == [420, 423, 430]
    assert play.post(article(message_id="<new@example.test>")).startswith(b"240 ")
    assert play.say(b"STAT 4").startswith(b"223 4 <new@example.test>")


@settings(max_examples=60, deadline=None)
@given(BODY_BYTES)
def test_bodies_are_kept_octet_for_octet(body: bytes) -> None:
    play = Play()
    identifier = play.post(article() + body + b"\r\n").split()[-1]
    sent = play.say(b"BODY " + identifier)
    heading, _, block = sent.partition(b"\r\n")
    assert heading == b"222 0 " + identifier
    assert (b"\r\n" + block).endswith(b"\r\n.\r\n")
    assert (b"\r\n" + block[:-3]).replace(b"\r\n..", b"\r\n.") == b"\r\nText.\r\n" + body + b"\r\n"


def test_large_articles_lie_in_files_and_come_back_whole() -> None:
    play = Play()
    lines = b"".join(b"..%d\r\n" % number for number in range(200_000))
    identifier = play.post(article() + lines).split()[-1]
    assert play.world.news.article(identifier.decode()).content.path is not None
    sent = play.say(b"BODY " + identifier).split(b"\r\n", 1)[1]
    assert (b"\r\n" + sent).replace(b"\r\n..", b"\r\n.") == b"\r\nText.\r\n" + lines + b".\r\n"
    assert play.say(b"HDR :lines " + identifier) == b"225 Headers follow\r\n0 200001\r\n.\r\n"
    assert play.say(b"HDR Subject " + identifier) == b"225 Headers follow\r\n0 Test\r\n.\r\n"
    play.world.close()


def test_long_replies_come_in_order() -> None:
    play = Play()
    fill(play.world, 3000)
    play.say(b"GROUP local.test")
    lines = play.say(b"OVER 4-").split(b"\r\n")
    assert [line.split(b"\t")[0] for line in lines[1:-2]] == [b"%d" % number for number in range(4, 3004)]
    lines = play.say(b"HDR Subject 4-").split(b"\r\n")
    assert lines[1:-2] == [b"%d Number %d" % (number + 4, number) for number in range(3000)]
    assert play.say(b"NEWNEWS * 20240501 000000 GMT").count(b"@fill.test>") == 3000


def test_lines_that_are_left_out_still_make_pieces() -> None:
    """Else a search that finds nothing would keep all others waiting to its end."""
    pieces = list(in_pieces(iter([b"a\r\n", *[b""] * (2 * LINES), b"z\r\n"])))
    assert pieces == [b"a\r\n", b"", b"z\r\n"]


def test_an_article_whose_sender_vanishes_is_not_there() -> None:
    play = Play()
    play.say(b"POST", *article(message_id="<half@example.test>").split(b"\r\n"))
    play.conversation.hang_up()
    assert not play.world.news.knows("<half@example.test>")


def test_passwords_are_not_in_the_transcript() -> None:
    play = Play()
    wire = play.conversation.wire
    wire.transcript = transcript = play.session.context.transcripts.open("nntp", wire.peer, wire.local)
    play.log_in(b"alice", b"wonderland")
    assert b"wonderland" not in b"".join(piece.data for piece in transcript.pieces())


def test_an_unexpected_error_is_403_and_the_session_lives_on() -> None:
    play = Play()
    play.say(b"GROUP local.test")
    play.session.number = "one"  # type: ignore[assignment]
    assert play.code(b"NEXT") == 403
    assert [record.getMessage() for record in play.log.records] == ["NNTP command NEXT failed"]
    assert play.code(b"DATE") == 111


def test_every_command_says_what_it_is_for() -> None:
    assert all(row.help.endswith((".", '(none)"')) and row.rfc and row.states for row in TABLE)
    helped = Play().say(b"HELP").decode()
    assert all(f"  {row.name}" in helped for row in TABLE)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("", (0, 0)), ("a", (1, 1)), ("[a]", (0, 1)), ("a b [c [d]]", (2, 4)), ("[a [b]]", (0, 2))],
)
def test_arity(arguments: str, expected: tuple[int, int]) -> None:
    assert arity(arguments) == expected


# -- whatever comes


WORDS = st.sampled_from(
    b"GROUP LISTGROUP NEXT LAST ARTICLE HEAD BODY STAT POST IHAVE CHECK TAKETHIS OVER XOVER HDR XHDR XPAT LIST MODE AUTHINFO "
    b"NEWNEWS NEWGROUPS DATE HELP CAPABILITIES COMPRESS STARTTLS READER STREAM ACTIVE SASL USER PASS PLAIN SCRAM-SHA-256 "
    b"local.test local.moderated 1 2 1- 1-3 99999999999999999 <hello@example.test> <new@x> * [ a,!b \\ Subject :lines Xref "
    b"20240501 120000 GMT . .. = From: Newsgroups: a@b \xff\xfe \x00 :".split()
)
LINE = st.lists(WORDS | st.binary(max_size=5), max_size=5).map(b" ".join)


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


@settings(max_examples=250, deadline=None)
@given(lines=st.lists(LINE, min_size=1, max_size=8), login=st.booleans())
def test_there_is_always_a_reply_or_an_end(world: World, lines: list[bytes], login: bool) -> None:
    limits = Limits(article=500, nntp_line=200, login_delay=0.0)
    play = Play(world, Settings(news_login=login, limits=limits))
    for line in lines:
        if play.conversation.closed or play.conversation.wire.compressed:
            return
        play.conversation.say(line + b"\r\n")
        assert not play.log.records
    for _ in range(2):  # out of an article, and out of a SASL exchange
        said = play.conversation.say(b"\r\n.\r\n*\r\nDATE\r\n")
    assert play.conversation.closed or play.conversation.wire.compressed or said.splitlines()[-1][:3].isdigit()
