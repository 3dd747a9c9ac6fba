"""Whatever arrives there is a reply or a close: never a traceback, never an internal error, never silence."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imap_play import Dialogue, context_of, converse
from small_world import small_world

from minternet.protocols.imap import TABLE

NAMES = sorted(row.name for row in TABLE if row.name not in {"LOGOUT", "STARTTLS", "COMPRESS"})
WORDS = st.sampled_from(
    [b"1", b"1:*", b"*", b"$", b"0", b"4294967296", b"INBOX", b"Trash", b"Users/bob/INBOX", b"&AOQ-", b"&bad", b'""', b'"a b"',
     b"(\\Seen $Work)", b"(FLAGS BODY[1.2.MIME]<0.5>)", b"BODY[HEADER.FIELDS (A B)]", b"BINARY.SIZE[1]", b"ALL", b"PREVIEW (LAZY)",
     b"+FLAGS.SILENT", b"FLAGS", b"(UNCHANGEDSINCE 3)", b"(CHANGEDSINCE 1 VANISHED)", b"(QRESYNC (1 1))", b"(CONDSTORE)",
     b"RETURN (MIN SAVE COUNT)", b"RETURN (PARTIAL -1:-5)", b"CHARSET", b"UTF-8", b"OR", b"NOT", b"HEADER", b"SUBJECT", b"caf\xc3\xa9",
     b"SINCE", b"1-Feb-2024", b"UID", b"MODSEQ", b"(REVERSE DATE)", b"REFERENCES", b"(MESSAGES SIZE)", b"*%", b"(SUBSCRIBED RECURSIVEMATCH)",
     b"RETURN (STATUS (UNSEEN))", b"{3+}\r\nabc", b"~{2+}\r\n\x00\x01", b'" 1-Feb-2024 10:00:00 +0100"', b"CATENATE (URL /INBOX/;UID=1)",
     b"(USE (\\Sent))", b"(/private/comment NIL)", b"/shared/a", b"(STORAGE 5)", b"bob", b"+lrs", b"NIL", b"(((((", b")", b"[", b"DONE",
     b"SET", b"NONE", b"STATUS", b"(SELECTED (MessageNew (UID BODY[]) MessageExpunge FlagChange))", b"(SUBTREE (A B) (MailboxName Foo))",
     b"(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"]
)  # fmt: skip
LINES = st.builds(
    lambda name, words, spoil: b" ".join([b"t", name.encode(), *words]) + spoil,
    st.sampled_from(NAMES),
    st.lists(WORDS, max_size=5),
    st.sampled_from([b"", b"", b"", b" ", b" {5+}", b" {99999999999}", b'"', b"\x00", b"\xff", b"\n"]),
)
NOISE = st.binary(max_size=60).map(lambda octets: octets.replace(b"{", b"("))


@pytest.fixture(autouse=True)
def _no_internal_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.one_of(LINES, LINES, NOISE), min_size=1, max_size=8),
    state=st.sampled_from(["", "in", "selected", "enabled"]),
)
def test_always_a_reply_or_a_close(lines: list[bytes], state: str) -> None:
    dialogue = Dialogue(small_world())
    if state:
        dialogue.log_in(mailbox="" if state == "in" else "INBOX")
    if state == "enabled":
        dialogue.ok("ENABLE QRESYNC UTF8=ACCEPT IMAP4rev2")
    conversation = dialogue.conversation
    for line in lines:
        said = conversation.say(line + b"\r\n")
        for rest in (b"xx\r\nDONE\r\n", b"*\r\n", b"abcde\r\n\r\n"):
            # A literal, an IDLE or a SASL exchange may want more.
            said += b"" if conversation.closed else conversation.say(rest)
        assert b"SERVERBUG" not in said, said
        assert said or conversation.closed
        if conversation.closed:
            return
    assert b"z OK" in conversation.say(b"\r\nz NOOP\r\n") or conversation.closed


@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=300))
def test_noise_before_log_in(noise: bytes) -> None:
    conversation = converse(context_of(small_world()))
    said = conversation.say(noise + b"\r\n\r\nz NOOP\r\n")
    assert conversation.closed or said
    assert b"SERVERBUG" not in said


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_how_octets_arrive_makes_no_difference(cuts: list[int]) -> None:
    script = (
        b"a LOGIN {5}\r\nalice {10+}\r\nwonderland\r\nb SELECT INBOX\r\nc APPEND INBOX (\\Seen) {9+}\r\nA: b\r\n\r\nc\r\n"
        b"d SEARCH CHARSET UTF-8 SUBJECT {5+}\r\nCaf\xc3\xa9 UNSEEN\r\ne FETCH 1:* (UID BODY.PEEK[TEXT])\r\nf LOGOUT\r\n"
    )
    whole = converse(context_of(small_world())).say(script)
    places = sorted({min(cut, len(script)) for cut in cuts})
    conversation = converse(context_of(small_world()))
    said = b""
    for start, end in zip([0, *places], [*places, len(script)], strict=True):
        said += conversation.say(script[start:end])
    assert said == whole
    assert conversation.closed
