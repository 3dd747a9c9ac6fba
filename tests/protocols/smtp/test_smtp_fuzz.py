"""Whatever a client sends: a reply or a close, never a traceback, and the server goes on."""

from __future__ import annotations

import logging
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smtp_talk import Talk

from minternet.settings import Limits, Settings

WORDS = (
    "EHLO x|HELO x|LHLO x|MAIL FROM:<a@example.test>|MAIL FROM:<>|RCPT TO:<bob@example.test>|RCPT TO:<team@example.test>"
    "|DATA|BDAT 3|BDAT 3 LAST|BDAT 0 LAST|BDAT 99999999|RSET|NOOP|VRFY bob|EXPN team|HELP|HELP MAIL|AUTH PLAIN|AUTH LOGIN"
    "|AUTH CRAM-MD5|AUTH SCRAM-SHA-256 biws|AUTH XOAUTH2 =|STARTTLS|QUIT|.|*|=|SIZE=10|SMTPUTF8|BODY=BINARYMIME|RET=FULL"
    '|ENVID=x|NOTIFY=SUCCESS|ORCPT=rfc822;x|ORCPT=utf-8;\\x{110000}|<|>|"|\\|@|:|ü|+2B|+zz|[127.0.0.1]|Subject: x'
)
PIECE = st.one_of(
    st.sampled_from([word.encode() for word in WORDS.split("|")]),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b" ", b"\n", b"\r", b"\x00", b"\r\n.\r\n"]),
    st.binary(max_size=6),
)
STREAM = st.lists(PIECE, max_size=60).map(b"".join)
REPLY = re.compile(rb"(?:[2345][0-9]{2}[ -][^\r\n]*\r\n)*\Z")
LIMITS = Limits(login_delay=0.0, message=2000)


@pytest.mark.parametrize("service", ["smtp", "lmtp", "submission"])
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=STREAM, mail_begun=st.booleans())
def test_anything(service: str, stream: bytes, mail_begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    caplog.clear()
    talk = Talk(settings=Settings(submission_login=False, limits=LIMITS), service=service)
    if mail_begun:
        talk.begin("<bob@example.test>")
    said = talk.raw(stream)
    assert REPLY.match(said), said
    said += talk.conversation.hang_up()
    assert REPLY.match(said), said
    assert talk.conversation.closed
    assert not caplog.records


@settings(deadline=None, max_examples=150)
@given(
    argument=st.one_of(st.text(max_size=40), st.text(alphabet='<>"\\@:,.[]a1 =+;', max_size=40)), verb=st.integers(0, 1)
)
def test_any_path(argument: str, verb: int) -> None:
    talk = Talk()
    if verb:
        talk.begin()
    line = ("RCPT TO:" if verb else "MAIL FROM:") + re.sub(r"[\r\n]", "", argument)
    reply = talk.raw(line.encode("utf-8", "surrogatepass") + b"\r\n")
    assert re.match(rb"(250 2|501 5\.5\.4|553 5|555 5|552 5)", reply), reply
    assert talk.say("NOOP") == "250 2.0.0 Ok\r\n"


@pytest.mark.parametrize(
    "text", ['"' + "\\" * 4000, "(" * 4000, "a." * 2000, "-" * 4000, "a-" * 2000, "@a," * 1300, "[" * 4000]
)
def test_long_nonsense_costs_no_time(text: str) -> None:
    talk = Talk()
    began = time.perf_counter()
    for path in (f"<{text}>", f"<{text}", f"<a@{text}>", f"<{text}@x>"):
        assert talk.say(f"MAIL FROM:{path[:4000]}")[:1] == "5"
    assert time.perf_counter() - began < 1
