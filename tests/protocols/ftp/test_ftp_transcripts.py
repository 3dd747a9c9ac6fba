"""What the transcript of a control connection holds: the octets as they came and went, passwords masked."""

from __future__ import annotations

import random
import re
import socket

import pytest
from ftp_place import FTPS, Place, Talk, place, until
from small_world import small_world

from minternet.lint import lint
from minternet.wire.tls import Authority
from minternet.wire.transcript import Transcript

SYNCH = b"\xff\xf4\xff\xf2"


def last(ftp: Place) -> Transcript:
    """The newest conversation, when it is over."""
    transcript = ftp.context.transcripts.conversations()[-1]
    until(lambda: transcript.closed is not None)
    return transcript


def said(transcript: Transcript, side: str = "C", masked: bool = False) -> bytes:
    return b"".join(piece.data for piece in transcript.pieces(masked=masked) if piece.side == side)


def rules(transcript: Transcript) -> set[str]:
    return {finding.rule.name for finding in lint(transcript)}


def everything(talk: Talk) -> bytes:
    """All that is still to be heard."""
    return talk.file.read()


@pytest.mark.parametrize(
    "octets",
    [
        b"noop\r\nNOOP\nQUIT\r\n",
        b"NOOP\r\n" + SYNCH + b"ABOR\r\nP\xff\xfb\x01WD\r\nQUIT\r\n",
        b"\r\n\n\r\r\nNOOP \t\r\nQUIT\n",
        b"CWD " + b"x" * 9000 + b"\r\nQUIT\r\n",
        b"NOOP\r\nQUIT\r\nNOOP\r\n",
        b"\x00\x80\xc3\r\nQUIT\r\nhalf a line",
    ],
)
def test_what_came_and_went_is_there_octet_by_octet(ftp: Place, octets: bytes) -> None:
    for pieces in (octets,), (octets[at : at + 1] for at in range(len(octets))):
        with ftp.talk() as talk:
            heard = talk.file.readline()
            for piece in pieces:
                talk.sock.sendall(piece)
            talk.sock.shutdown(socket.SHUT_WR)
            heard += everything(talk)
        transcript = last(ftp)
        assert said(transcript) == octets
        assert said(transcript, "S") == heard
        if len(octets) > 1000:
            break  # octet by octet, it takes its time and shows no more


def test_random_octets_are_there(ftp: Place) -> None:
    octets = random.Random(11).randbytes(5000) + b"\r\nQUIT\r\n"
    with ftp.talk() as talk:
        heard = talk.file.readline()
        talk.sock.sendall(octets)
        heard += everything(talk)
    transcript = last(ftp)
    assert octets.startswith(said(transcript))
    assert said(transcript, "S") == heard


def test_pipelined_commands_stand_before_the_replies(ftp: Place) -> None:
    with ftp.talk() as talk:
        talk.read()
        talk.send("USER alice", "PASS wonderland", "PWD", "QUIT")
        everything(talk)
    sides = [piece.side for piece in last(ftp).pieces() if piece.side != "*"]
    assert sides[:2] == ["S", "C"]
    assert set(sides[2:]) == {"S"}


def test_what_comes_before_tls_and_after_it(ftp: Place, authority: Authority) -> None:
    with ftp.talk() as talk:
        talk.read()
        talk.send("AUTH TLS", "USER alice", "PASS wonderland")
        talk.read()
        talk.secure(authority.client_context())
        assert talk.codes("USER alice", "PASS wonderland", "CCC") == ["331", "230", "200"]
        plain = talk.sock.unwrap()  # type: ignore[attr-defined]
        plain.sendall(b"NOOP\nQUIT\r\n")
        assert plain.makefile("rb").read().startswith(b"200")
        plain.close()
    transcript = last(ftp)
    login = b"USER alice\r\nPASS wonderland\r\n"
    assert said(transcript) == b"AUTH TLS\r\n" + login + login + b"CCC\r\nNOOP\nQUIT\r\n"
    assert [piece.data for piece in transcript.pieces() if piece.side == "*"][-1] == b"TLS ended"
    assert rules(transcript) == {"after-starttls", "bare-lf"}
    assert "wonderland" not in transcript.text()


PASSES = [
    b"PASS secret word\r\n",
    b"pass secret word\n",
    SYNCH + b"PASS secret word\r\n",
    b"PASS secret word",
    b"PASS \t secret word\r\n",
    b"PASS secret word\r" + b"x" * 5000 + b"\r\n",
    b"NOOP\r\nUSER bob\r\nPASS secret word\r\n",
]


@pytest.mark.parametrize("octets", PASSES)
def test_a_password_is_masked_from_its_first_octet_on(ftp: Place, octets: bytes) -> None:
    """Whether its line is whole, obeyed, or waits for something."""
    with ftp.talk() as talk:
        talk.read()
        talk.ask("USER alice")
        talk.sock.sendall(octets)
        transcript = ftp.context.transcripts.conversations()[-1]
        until(lambda: said(transcript).endswith(octets))
        assert b"secret" not in said(transcript, masked=True)
        assert b"word" not in said(transcript, masked=True)
        assert re.search(rb"PASS[ \t]+\*+", said(transcript, masked=True), re.IGNORECASE)
    assert b"secret" in said(last(ftp))
    assert b"secret" not in said(last(ftp), masked=True)


def test_what_anonymous_says_is_no_secret(ftp: Place) -> None:
    with ftp.talk() as talk:
        talk.read()
        talk.send("USER Anonymous", "PASS me@example.test", "QUIT")
        everything(talk)
    assert b"PASS me@example.test" in said(last(ftp), masked=True)


def test_a_bare_line_feed_is_found(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        talk.sock.sendall(b"NOOP\n")
        talk.read()
        talk.ask("QUIT")
    findings = [finding for finding in lint(last(ftp)) if finding.rule.name == "bare-lf"]
    assert [(finding.line, finding.count) for finding in findings] == [("NOOP", 1)]


def test_a_line_that_is_too_long_is_found_and_the_rest_is_judged(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        assert talk.ask("CWD " + "x" * 4197).startswith("500")
        assert talk.ask("CWD " + "x" * 4196).startswith("553")
        assert talk.ask("RNTO x").startswith("503")
        talk.ask("QUIT")
    findings = {finding.rule.name: finding for finding in lint(last(ftp))}
    assert set(findings) == {"password-in-clear", "command-too-long", "ftp-order"}
    assert findings["command-too-long"].count == 1


def test_a_client_of_tls_at_the_wrong_port_breaks_no_rule(ftp: Place, authority: Authority) -> None:
    with ftp.talk() as talk, pytest.raises(OSError, match=r".*"):
        talk.sock = authority.client_context().wrap_socket(talk.sock, server_hostname="localhost")
    assert rules(last(ftp)) == set()


@pytest.mark.parametrize("tls", [False, True])
def test_a_crowd_is_told_that_there_are_too_many(authority: Authority, tls: bool) -> None:
    """Under TLS as well; who does not shake hands has so long and no longer, and not everybody at once is told."""
    options = {"service": FTPS} if tls else {}
    with place(authority, limits={"connections": 0, "handshake": 0.3}, world=small_world(), **options) as ftp:
        for _ in range(3):
            with ftp.talk() as talk:
                if tls:
                    talk.secure(authority.client_context())
                talk.send("USER alice")
                assert talk.read() == "421 Too many."
                assert talk.read() == ""
        silent = [ftp.talk() for _ in range(80)]
        heard = [talk.sock.recv(100) for talk in silent] if tls else [talk.file.read() for talk in silent]
        assert set(heard) <= {b"", b"421 Too many.\r\n"}
        for talk in silent:
            talk.close()
        assert (ftp.running.accepted, ftp.running.refused) == (0, 83)  # type: ignore[attr-defined]
        assert ftp.running.connections == 0
        until(lambda: not ftp.running._turned_away)  # type: ignore[attr-defined]
        assert rules(last(ftp)) == set()
