"""POP3 beside its conversations: poplib over sockets, what is big, what is broken, and what must never happen."""

from __future__ import annotations

import ast
import hashlib
import inspect
import logging
import poplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from conversation_player import Line, MemoryLine, Opener, run_at_once
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import DOTS, LUNCH, PARTS, append, crlf, small_world
from stage import Served, Stage, serving

from minternet.protocols import pop3
from minternet.protocols.pop3.authorization import apop_digest
from minternet.protocols.pop3.languages import FRENCH, GERMAN
from minternet.protocols.pop3.session import TABLE
from minternet.protocols.pop3.top import end_of_top
from minternet.settings import Limits, Settings
from minternet.wire.dots import dot_stuffed, stuffed_pieces
from minternet.wire.memory_wire import Conversation
from minternet.wire.tls import Authority
from minternet.world.blobs import LARGE
from minternet.world.changes import RemoveAccount

LOG_IN = b"USER alice\r\nPASS wonderland\r\n"


@pytest.fixture
def stage(authority: Authority) -> Iterator[Stage]:
    stage = Stage(small_world(), Settings(), authority)
    yield stage
    stage.world.close()


def connect(stage: Stage, service: str = "pop3") -> Conversation:
    line: list[Line] = []

    async def work() -> None:
        line.append(await Opener(stage).in_memory(service))

    run_at_once(work())
    assert isinstance(line[0], MemoryLine)
    return line[0].conversation


def logged_in(stage: Stage) -> Conversation:
    conversation = connect(stage)
    assert conversation.say(LOG_IN).count(b"+OK") == 2
    return conversation


# -- a client that others wrote


@pytest.fixture(scope="module")
def served(authority: Authority) -> Iterator[Served]:
    with serving("pop3", "pop3s", authority=authority) as served:
        yield served


def test_poplib_does_all_it_can(served: Served) -> None:
    client = poplib.POP3("127.0.0.1", served.ports["pop3"], timeout=10)
    assert client.getwelcome().startswith(b"+OK")
    capabilities = client.capa()
    assert set(capabilities) >= {"TOP", "UIDL", "SASL", "STLS", "PIPELINING", "UTF8", "LANG"}
    client.utf8()
    client.apop("alice", "wonderland")
    assert client.stat() == (3, 921)
    assert client.list()[1] == [b"1 167", b"2 173", b"3 581"]
    assert bytes(client.list(2)) == b"+OK 2 173"  # type: ignore[arg-type]
    for number, text in enumerate((LUNCH, DOTS, PARTS), 1):
        assert b"\r\n".join(client.retr(number)[1]) + b"\r\n" == crlf(text)
    assert client.top(1, 1)[1][-1] == b"At noon?"
    ids = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(ids)) == 3
    assert client.uidl(3).split()[-1] == ids[2]
    client.noop()
    client.dele(1)
    client.rset()
    assert client.stat() == (3, 921)
    assert client.quit().startswith(b"+OK")


def test_poplib_over_tls(served: Served) -> None:
    context = served.authority.client_context()
    client = poplib.POP3_SSL("localhost", served.ports["pop3s"], timeout=10, context=context)
    assert "STLS" not in client.capa()
    client.user("bob")
    client.pass_("builder")
    assert client.stat() == (0, 0)
    client.quit()


def test_poplib_with_rpop(served: Served) -> None:
    client = poplib.POP3("127.0.0.1", served.ports["pop3"], timeout=10)
    for user in ("alice", "nobody"):
        client.user("carol")
        with pytest.raises(poplib.error_proto, match="wrong"):
            client.rpop(user)
    client.user("carol")
    assert client.rpop("carol").startswith(b"+OK")
    client.quit()


def test_poplib_with_stls(served: Served) -> None:
    client = poplib.POP3("localhost", served.ports["pop3"], timeout=10)
    client.stls(context=served.authority.client_context())
    assert "STLS" not in client.capa()
    client.user("carol@example.test")
    client.pass_("christmas")
    client.quit()


def test_what_is_pipelined_behind_stls_is_dropped(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.ports["pop3"]), 10) as plain:
        plain.recv(1000)
        plain.sendall(b"STLS\r\nUSER bob\r\nPASS builder\r\nDELE 1\r\n")
        assert plain.recv(1000) == b"+OK begin the TLS handshake\r\n"
        with served.authority.client_context().wrap_socket(plain, server_hostname="localhost") as secured:
            secured.sendall(b"STAT\r\n")
            assert secured.recv(1000) == b"-ERR STAT is not for this state: log in first\r\n"


def test_a_client_that_vanishes_leaves_the_maildrop_free(served: Served) -> None:
    for _ in range(3):
        gone = socket.create_connection(("127.0.0.1", served.ports["pop3"]), 10)
        gone.recv(1000)
        gone.sendall(b"USER bob\r\nPASS builder\r\nRETR ")
        gone.close()
        again = poplib.POP3("127.0.0.1", served.ports["pop3"], timeout=10)
        for _ in range(1000):
            again.user("bob")
            try:
                again.pass_("builder")
                break
            except poplib.error_proto as error:
                if b"IN-USE" not in error.args[0]:
                    raise
        again.quit()


# -- content


def test_large_messages_go_out_in_pieces(authority: Authority) -> None:
    world = small_world()
    text = b"Subject: Large\r\n\r\n" + b".\r\n..\r\nline that is somewhat longer\r\n" * (2 * LARGE // 34)
    append(world, "bob", "INBOX", text)
    with serving("pop3", authority=authority, world=world) as served:
        client = poplib.POP3("127.0.0.1", served.ports["pop3"], timeout=10)
        client.user("bob")
        client.pass_("builder")
        _, lines, _ = client.retr(1)
        assert b"\r\n".join(lines) + b"\r\n" == text
        assert client.top(1, 2)[1] == [b"Subject: Large", b"", b".", b".."]
        assert len(client.top(1, 10**9)[1]) == len(lines)
        client.quit()


@given(
    content=st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"a"]), max_size=12).map(b"".join), data=st.data()
)
@settings(max_examples=300, deadline=None)
def test_stuffing_in_pieces_is_stuffing(content: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4)))
    pieces = [content[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert b"".join(stuffed_pieces(pieces)) == dot_stuffed(content)


@pytest.mark.parametrize(
    ("content", "lines", "top"),
    [
        (b"A: b\r\n\r\none\r\ntwo\r\n", 0, b"A: b\r\n\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 1, b"A: b\r\n\r\none\r\n"),
        (b"A: b\r\n\r\none\r\ntwo", 2, b"A: b\r\n\r\none\r\ntwo"),
        (b"A: b\r\n\r\none\r\ntwo", 10**30, b"A: b\r\n\r\none\r\ntwo"),
        (b"A: b\n\none\ntwo\n", 1, b"A: b\n\none\n"),
        (b"A: b\r\n\n\r\n", 0, b"A: b\r\n\n"),
        (b"A: b\r\n", 5, b"A: b\r\n"),
        (b"\r\nbody\r\n", 0, b"\r\n"),
        (b"\nbody\n", 1, b"\nbody\n"),
        (b"", 1, b""),
    ],
)
def test_top(content: bytes, lines: int, top: bytes) -> None:
    assert content[: end_of_top(content, lines)] == top


def test_listings_of_large_maildrops(stage: Stage) -> None:
    for number in range(5000):
        append(stage.world, "bob", "INBOX", b"Subject: %d\r\n\r\n" % number)
    conversation = connect(stage)
    conversation.say(b"USER bob\r\nPASS builder\r\n")
    listed = conversation.say(b"LIST\r\n").split(b"\r\n")
    assert len(listed) == 5003
    assert listed[-2:] == [b".", b""]
    unique = conversation.say(b"UIDL\r\n").split(b"\r\n")[1:-2]
    assert len({line.split()[1] for line in unique}) == 5000


def test_unique_ids_are_never_given_twice(stage: Stage) -> None:
    append(stage.world, "alice", "INBOX", b"Subject: one\r\n\r\n")
    before = logged_in(stage).say(b"UIDL\r\nQUIT\r\n").splitlines()
    stage.world.put_back("seed")
    append(stage.world, "alice", "INBOX", b"Subject: two\r\n\r\n")
    after = logged_in(stage).say(b"UIDL\r\nQUIT\r\n").splitlines()
    assert before[1:4] == after[1:4]
    assert before[4] != after[4]


def test_a_reset_world_loses_nothing_to_an_old_session(stage: Stage) -> None:
    """A message of today is not taken for the one of yesterday that had its UID."""
    append(stage.world, "alice", "INBOX", b"Subject: one\r\n\r\n")
    session = logged_in(stage)
    session.say(b"DELE 4\r\n")
    stage.world.put_back("seed")
    append(stage.world, "alice", "INBOX", b"Subject: two\r\n\r\n")
    assert session.say(b"QUIT\r\n") == b"+OK goodbye\r\n"
    assert len(stage.world.mail.get("alice", "INBOX")) == 4


# -- state


def test_marks_seen_only_where_the_setting_says_so(authority: Authority) -> None:
    for marks, unseen in ((False, 2), (True, 1)):
        stage = Stage(small_world(), Settings(pop3_marks_seen=marks), authority)
        logged_in(stage).say(b"RETR 1\r\nRETR 2\r\nTOP 3 1000\r\n")
        assert stage.world.mail.get("alice", "INBOX").unseen == unseen
        stage.world.close()


def test_passwords_are_masked_in_transcripts(stage: Stage) -> None:
    conversation = connect(stage)
    conversation.say(b"USER alice\r\nPASS wonder\r\nAUTH PLAIN AGFsaWNlAHdvbmRlcg==\r\nAUTH PLAIN\r\n")
    conversation.say(b"AGFsaWNlAHdvbmRlcmxhbmQ=\r\n")
    said = stage.transcripts.conversations()[0].text()
    assert "PASS ******" in said
    assert "wonder\n" not in said
    assert "AGFsaWNl" not in said


def test_wrong_passwords_are_slowed(stage: Stage) -> None:
    conversation = connect(stage)
    for _ in range(3):
        conversation.say(b"USER alice\r\nPASS wrong\r\n")
    assert conversation.wire.paused == pytest.approx(0.1 + 0.2 + 0.3)


def test_accounts_and_mailboxes_that_go(stage: Stage) -> None:
    stage.world.commit_now(RemoveAccount("bob"))
    conversation = connect(stage)
    assert b"-ERR [AUTH]" in conversation.say(b"USER bob\r\nPASS builder\r\n")
    session = logged_in(stage)
    stage.world.commit_now(RemoveAccount("alice"))
    assert b"-ERR message 1 is gone" in session.say(b"RETR 1\r\n")
    assert session.say(b"DELE 1\r\nQUIT\r\n").endswith(b"+OK goodbye\r\n")


def test_an_account_without_inbox(stage: Stage) -> None:
    # No change deletes an INBOX; a broken world may lack one all the same.
    stage.world.mail.writable_store("bob").mailboxes.pop("INBOX")
    conversation = connect(stage)
    assert conversation.say(b"USER bob\r\nPASS builder\r\n").endswith(b"-ERR [SYS/PERM] the account has no INBOX\r\n")


def test_an_unexpected_error_is_one_reply(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    session = logged_in(stage)
    del session.session._maildrop.messages  # type: ignore[attr-defined]
    with caplog.at_level(logging.ERROR, "minternet.stage"):
        assert session.say(b"RETR 1\r\nNOOP\r\n") == b"-ERR [SYS/TEMP] internal error\r\n+OK\r\n"
    assert [record.message for record in caplog.records] == ["POP3 command RETR failed"]


def test_apop_vector_of_rfc_1939() -> None:
    assert apop_digest(b"<1896.697170952@dbc.mtview.ca.us>", b"tanstaaf") == b"c4c9334bac560ecc979e58001b3e22fb"
    assert hashlib.md5(b"<1896.697170952@dbc.mtview.ca.us>tanstaaf").hexdigest() == "c4c9334bac560ecc979e58001b3e22fb"


# -- the tables


def test_every_command_says_what_it_is() -> None:
    names = "CAPA USER PASS RPOP APOP AUTH STLS UTF8 LANG STAT NOOP LIST UIDL RETR TOP DELE RSET QUIT"
    assert {row.name for row in TABLE} == set(names.split())
    for row in TABLE:
        assert row.help, row.name
        assert row.rfc.startswith("RFC "), row.name


def test_every_text_has_its_translations() -> None:
    """Every text that a handler replies with, in every language, with the same places for values."""
    texts = set()
    for source in Path(inspect.getfile(pop3)).parent.glob("*.py"):
        tree = ast.parse(source.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                text = node.args[0]
                if node.func.attr in ("ok", "refusal", "in_language") and isinstance(text, ast.Constant):
                    texts.add(text.value)
    texts -= {"%s"}
    texts |= {"%s is not for this state: log in first", "%s is not for this state: you are logged in"}
    assert len(texts) > 30
    for language in (GERMAN, FRENCH):
        assert set(language.texts) == texts
        for english, translated in language.texts.items():
            assert [*_places(english)] == [*_places(translated)], translated


def _places(text: str) -> Iterator[str]:
    yield from (text[at : at + 2] for at in range(len(text)) if text[at] == "%")


# -- fuzz

WORDS = [
    *(row.name.encode() for row in TABLE),
    *(b" ", b"\r\n", b"\n", b"1", b"2", b"3", b"0", b"-1", b"99999999999", b"alice", b"wonderland", b"bob", b"builder"),
    *(
        b"PLAIN",
        b"LOGIN",
        b"CRAM-MD5",
        b"SCRAM-SHA-256",
        b"OAUTHBEARER",
        b"=",
        b"*",
        b"AGFsaWNlAHdvbmRlcmxhbmQ=",
        b"de",
        b"\0",
    ),
    *(b"\xff", b"AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n", b"USER alice\r\nPASS wonderland\r\n", b"x" * 600),
]
noise = st.one_of(st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join), st.binary(max_size=200))


@given(said=st.lists(noise, max_size=5))
@settings(max_examples=150, deadline=None)
def test_always_a_reply_or_a_close(said: list[bytes]) -> None:
    stage = Stage(small_world(), Settings(limits=Limits(bad_commands=8)), Authority())
    conversation = connect(stage)
    for data in said:
        _well_formed(conversation.say(data))
    if not conversation.closed:
        # Whatever it was in the middle of, an end of line and `*` end it; then it answers again.
        _well_formed(conversation.say(b"\r\n*\r\n"))
        assert conversation.closed or conversation.say(b"QUIT\r\n") != b""
    conversation.hang_up()
    assert conversation.closed
    assert not any(stage._locks.values())
    stage.world.close()


def _well_formed(replies: bytes) -> None:
    assert replies == b"" or replies.endswith(b"\r\n")
    assert b"internal error" not in replies
    if replies:
        assert replies.startswith((b"+OK", b"-ERR", b"+ "))
