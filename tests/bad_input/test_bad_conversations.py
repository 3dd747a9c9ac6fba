"""Wrong commands, wrong passwords, and clients that vanish in the middle of handing something over."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable

import pytest
from bad_clients import ask, at_least, connected, exchange, forgets, heard, plain, reset, to_the_end

from minternet import Internet
from minternet.bench import AccountHandle

NUMBERS = itertools.count(1)
VANISH = pytest.mark.parametrize("vanish", [socket.socket.close, reset], ids=["close", "reset"])
Vanish = Callable[[socket.socket], None]


@pytest.fixture
def me(net: Internet) -> AccountHandle:
    return net.add_account(f"vanishing{next(NUMBERS)}", "opensesame")


def greeted(net: Internet, service: str) -> socket.socket:
    connection = connected(net, service)
    connection.settimeout(10)
    heard(connection)
    return connection


# -- wrong commands ---------------------------------------------------------------------------------------------------

WRONG = {
    "smtp": [
        (b"MAIL FROM:<a@example.test>", b"503"),
        (b"RCPT TO:<alice@example.test>", b"503"),
        (b"DATA", b"503"),
        (b"BDAT 0 LAST", b"503"),
        (b"HELO", b"501"),
        (b"XYZZY", b"500"),
        (b"", b"500"),
        (b"HELO x", b"250"),
        (b"RCPT TO:<alice@example.test>", b"503"),
        (b"DATA", b"503"),
        (b"MAIL FROM:", b"501"),
        (b"MAIL FROM:<a@example.test> SIZE=nought", b"5"),
        (b"MAIL FROM:<a@example.test>", b"250"),
        (b"MAIL FROM:<a@example.test>", b"503"),
        (b"RCPT TO:<@>", b"5"),
        (b"DATA", b"5"),
        (b"LHLO x", b"5"),
        (b"QUIT", b"221"),
    ],
    "lmtp": [(b"EHLO x", b"5"), (b"MAIL FROM:<a@example.test>", b"503"), (b"LHLO x", b"250")],
    "imap": [
        (b"a SELECT INBOX", b"a BAD"),
        (b"a FETCH 1 FLAGS", b"a BAD"),
        (b"a XYZZY", b"a BAD"),
        (b"a", b"a BAD"),
        (b"", b"* BAD"),
        (b"+ NOOP", b"* BAD"),
        (b"a LOGIN alice", b"a BAD"),
        (b"a LOGIN alice wonderland", b"a OK"),
        (b"a LOGIN alice wonderland", b"a BAD"),
        (b"a FETCH 1 FLAGS", b"a BAD"),
        (b"a SELECT nowhere", b"a NO"),
        (b"a STATUS INBOX", b"a BAD"),
        (b"a APPEND INBOX {99999999999}", b"a NO"),
        (b"a NOOP", b"a OK"),
    ],
    "pop3": [
        (b"STAT", b"-ERR"),
        (b"RETR 1", b"-ERR"),
        (b"PASS x", b"-ERR"),
        (b"XYZZY", b"-ERR"),
        (b"", b"-ERR"),
        (b"USER alice", b"+OK"),
        (b"PASS wonderland", b"+OK"),
        (b"USER alice", b"-ERR"),
        (b"RETR", b"-ERR"),
        (b"RETR 0", b"-ERR"),
        (b"RETR 99999999999999999999", b"-ERR"),
        (b"TOP 1", b"-ERR"),
        (b"DELE -1", b"-ERR"),
        (b"NOOP", b"+OK"),
    ],
    "nntp": [
        (b"ARTICLE", b"412"),
        (b"NEXT", b"412"),
        (b"GROUP", b"501"),
        (b"GROUP no.such.group", b"411"),
        (b"XYZZY", b"500"),
        (b"AUTHINFO PASS x", b"482"),
        (b"IHAVE nonsense", b"501"),
        (b"GROUP local.test", b"211"),
        (b"ARTICLE 99999", b"423"),
        (b"ARTICLE <no@such>", b"430"),
        (b"OVER x-y", b"501"),
        (b"NEWNEWS * 1 1", b"501"),
        (b"DATE", b"111"),
    ],
    "ftp": [
        (b"LIST", b"530"),
        (b"PASS x", b"503"),
        (b"XYZZY", b"500"),
        (b"USER alice", b"331"),
        (b"PASS wonderland", b"230"),
        (b"RNTO x", b"503"),
        (b"PORT 127,0,0,1,0", b"501"),
        (b"PORT 8,8,8,8,0,53", b"5"),
        (b"EPRT |1|8.8.8.8|53|", b"5"),
        (b"REST x", b"501"),
        (b"TYPE Q", b"5"),
        (b"RETR nothing", b"425"),
        (b"SIZE nothing", b"550"),
        (b"CWD /../../etc", b"550"),
        (b"NOOP", b"200"),
    ],
}


@pytest.mark.parametrize("service", WRONG)
def test_wrong_commands(net: Internet, service: str) -> None:
    with greeted(net, service) as connection:
        for command, expected in WRONG[service]:
            said = ask(connection, command)
            while said[3:4] == b"-" or (said.startswith((b"* ", b"+ ")) and not said.startswith((b"* BAD", expected))):
                said = heard(connection)
            assert said.startswith(expected), (command, said)


# -- wrong passwords --------------------------------------------------------------------------------------------------

LOGIN = {
    "imap": ([b"a LOGIN alice wrong"], b"a NO [AUTHENTICATIONFAILED]"),
    "imaps": ([b'a LOGIN {5+}\r\nalice "wrong"'], b"a NO [AUTHENTICATIONFAILED]"),
    "pop3": ([b"USER alice", b"PASS wrong"], b"-ERR [AUTH]"),
    "pop3s": ([b"APOP alice 00000000000000000000000000000000"], b"-ERR [AUTH]"),
    "nntp": ([b"AUTHINFO USER alice", b"AUTHINFO PASS wrong"], b"481"),
    "submission": ([b"AUTH PLAIN AGFsaWNlAHdyb25n"], b"535 5.7.8"),
    "ftp": ([b"USER alice", b"PASS wrong"], b"530"),
}


@pytest.mark.parametrize("service", LOGIN)
def test_wrong_passwords_are_slowed_and_counted(net: Internet, service: str) -> None:
    lines, refused = LOGIN[service]
    delay, most = net.settings.limits.login_delay, net.settings.limits.login_failures
    with greeted(net, service) as connection, at_least(delay * sum(range(1, most + 1)) * 0.9):
        if service == "submission":
            connection.sendall(b"EHLO x\r\n")
            heard(connection, b"250 HELP\r\n")
        for failure in range(1, most + 1):
            said = b""
            for line in lines:
                said = ask(connection, line)
            assert said.startswith(refused if failure < most else (refused, b"* BYE", b"400", b"421"))
        assert to_the_end(connection).count(b"\n") <= 1, "it hangs up, with a word or without"


# -- what is handed over whole or not at all --------------------------------------------------------------------------


@VANISH
@pytest.mark.parametrize("service", ["imap", "imaps"])
def test_vanishing_in_a_literal_appends_nothing(net: Internet, me: AccountHandle, service: str, vanish: Vanish) -> None:
    with greeted(net, service) as connection:
        ask(connection, f"a LOGIN {me.login} {me.password}".encode())
        assert ask(connection, b"b APPEND INBOX {20+}\r\nSubject: whole\r\n\r\nx\r\n").startswith((b"b OK", b"* "))
        connection.sendall(b"c APPEND INBOX {100000}\r\n")
        assert b"+ " in heard(connection, b"+ ") + heard(connection)
        connection.sendall(b"Subject: half\r\n\r\n" + b"x" * 50_000)
        vanish(connection)
    forgets(net, service)
    assert [letter.subject for letter in me.inbox] == ["whole"]


@VANISH
@pytest.mark.parametrize("chunked", [False, True], ids=["DATA", "BDAT"])
@pytest.mark.parametrize("service", ["smtp", "lmtp"])
def test_vanishing_in_data_delivers_nothing(
    net: Internet, me: AccountHandle, service: str, chunked: bool, vanish: Vanish
) -> None:
    envelope = b"RSET\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<%b>\r\n" % me.address.encode()
    with greeted(net, service) as connection:
        connection.sendall((b"LHLO x\r\n" if service == "lmtp" else b"HELO x\r\n") + envelope)
        connection.sendall(b"BDAT 20 LAST\r\nSubject: whole\r\n\r\nx\r\n" if chunked else b"DATA\r\n")
        if not chunked:
            heard(connection, b"\r\n354 ")
            connection.sendall(b"Subject: whole\r\n\r\nx\r\n.\r\n")
        connection.sendall(envelope + (b"BDAT 9000 LAST\r\n" if chunked else b"DATA\r\n"))
        connection.sendall(b"Subject: half\r\n\r\n" + b"x" * 5000 + b"\r\n.\r")
        me.inbox.wait_for(subject="whole", timeout=10)
        vanish(connection)
    forgets(net, service)
    assert [letter.subject for letter in me.inbox] == ["whole"]


@VANISH
@pytest.mark.parametrize("service", ["nntp", "nntps"])
def test_vanishing_in_an_article_posts_nothing(net: Internet, service: str, vanish: Vanish) -> None:
    group, before = net.newsgroup("local.test"), net.cursor()
    article = b"From: a@example.test\r\nNewsgroups: local.test\r\nSubject: %b\r\n\r\nx\r\n"
    with greeted(net, service) as connection:
        assert ask(connection, b"POST").startswith(b"340")
        assert ask(connection, article % b"whole" + b".").startswith(b"240")
        assert ask(connection, b"POST").startswith(b"340")
        connection.sendall(article % b"half" + b".\r")
        vanish(connection)
    forgets(net, service)
    group.wait_for(subject="whole", since=before)
    group.assert_none(subject="half", since=before, within=0.0)


@VANISH
@pytest.mark.parametrize("service", ["ftp"])
def test_resets_in_an_upload_store_nothing(net: Internet, me: AccountHandle, service: str, vanish: Vanish) -> None:
    net.files.write(f"{me.home}/there.bin", b"as it was")
    with greeted(net, service) as connection:
        assert ask(connection, b"USER " + me.login.encode()).startswith(b"331")
        assert ask(connection, b"PASS " + me.password.encode()).startswith(b"230")
        for command in (b"STOR new.bin", b"STOR there.bin", b"APPE there.bin"):
            port = int(ask(connection, b"EPSV").split(b"|")[3])
            with socket.create_connection(("127.0.0.1", port), 10) as data:
                assert ask(connection, command).startswith((b"150", b"125"))
                data.sendall(b"half of it" * 10_000)
                reset(data)
            assert heard(connection).startswith(b"426")
        port = int(ask(connection, b"EPSV").split(b"|")[3])
        with socket.create_connection(("127.0.0.1", port), 10) as data:
            assert ask(connection, b"STOR new.bin").startswith((b"150", b"125"))
            data.sendall(b"half of it")
            vanish(connection)
            forgets(net, service)  # the upload goes with its control connection
    forgets(net, service)
    assert net.files.list(me.home) == ["there.bin"]
    assert net.files.read(f"{me.home}/there.bin") == b"as it was"


@VANISH
@pytest.mark.parametrize("service", ["http", "https"])
def test_vanishing_in_a_body(net: Internet, service: str, vanish: Vanish) -> None:
    for head in (b"Content-Length: 100000", b"Transfer-Encoding: chunked"):
        for path in (b"/post", b"/upload", b"/anything", b"/status/200"):
            with connected(net, service) as connection:
                connection.sendall(
                    b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (path, head) + b"1000\r\n" + b"x" * 2000
                )
                vanish(connection)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
        b"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 100_000),
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
        b"GET /../../../etc/passwd HTTP/1.0\r\n\r\n",
        b"GET /files/%2e%2e/%2e%2e/etc/passwd HTTP/1.0\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda request_: request_[:40].decode("latin-1") if isinstance(request_, bytes) else None,
)
@pytest.mark.parametrize("service", ["http", "control"])
def test_bad_requests_are_refused(net: Internet, service: str, request_: bytes) -> None:
    with plain(net, service) as connection:
        said = exchange(connection, request_)
    assert said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b"HTTP/1.0 4")), said[:100]
    assert b"root:" not in said
    assert said.lower().count(b"\r\ndate: ") == 1, "one answer"
    assert not said.startswith(b"HTTP/1.1 500")


@pytest.mark.parametrize("service", ["http"])
def test_slow_heads_do_not_keep_others_out(net: Internet, service: str) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(100):
            slow.enter_context(plain(net, service)).sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
        with plain(net, service) as connection:
            connection.sendall(b"GET /get HTTP/1.1\r\nHost: x\r\n\r\n")
            assert heard(connection).startswith(b"HTTP/1.1 200 ")
    forgets(net, service)
