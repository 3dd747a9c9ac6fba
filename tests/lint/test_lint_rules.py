"""Every rule: broken by one dialogue, kept by a near one."""

from __future__ import annotations

import random

import pytest
from lint_dialogues import CASES, FTP, HELLO, IMAP, LOGIN, LOGOUT, QUIT, Case, findings, mail, names, pieces_of

from minternet.lint import RULES, at_least, judged, lint, lint_pieces
from minternet.wire.transcript import Piece, TranscriptRing

SECURED = "C: t STARTTLS\nS: t OK\n*: TLSv1.3, TLS_AES_256_GCM_SHA384\n"


def label(case: Case) -> str:
    return f"{case.rule}-{case.service}"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_it_is_found_where_it_is_broken(case: Case) -> None:
    assert case.rule in names(case.service, case.bad)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_it_is_not_found_where_it_is_kept(case: Case) -> None:
    assert case.rule not in names(case.service, case.good)


def test_every_rule_has_a_dialogue() -> None:
    assert {case.rule for case in CASES} == set(RULES)


@pytest.mark.parametrize("service", ["smtp", "imap"])
def test_a_good_conversation_is_clean(service: str) -> None:
    good = {"smtp": mail("C:\nC: hi"), "imap": IMAP + SECURED + LOGIN + LOGOUT}
    assert names(service, good[service]) == set()


def test_replies_of_ftp_that_overtake_others_are_taken_for_nobody_elses() -> None:
    """Only line ends are judged then."""
    ahead = "C: RETR x\nC: STOR logo.png\nC- ABOR\\x0a\nS: 150 ok\nS: 426 aborted\nS: 226 ok\nS: 425 no\n"
    during = "C: RETR logo.png\nS: 150 ok\nC- NOOP\\x0a\nS: 200 ok\nS: 226 ok\n"
    refused = "C: AUTH TLS\nS: 234 go\nC- \\x16\\x03\\x01\\x0a\n"
    assert [names("ftp", FTP + each + QUIT) for each in (ahead, during)] == [{"bare-lf"}, {"bare-lf"}]
    assert names("ftp", FTP + refused) == names("ftp", FTP + "C- \\x16\\x03\\x01\\x0a\n") == set()


def test_a_finding_tells_where_and_why() -> None:
    (finding,) = [each for each in findings("smtp", mail("C:\nC: .hidden"), number=7) if each.severity == "error"]
    assert (finding.conversation, finding.line, finding.count) == (7, ".hidden", 1)
    assert finding.at == pytest.approx(0.22)
    assert str(finding).startswith("error: dot-stuffing in smtp #7 at 0.220 s: ")
    said = pieces_of(mail("C:\nC: .hidden"))
    assert said[finding.piece].data == b".hidden\r\n"
    assert b"".join(each.data for each in said if each.side == "C")[finding.octet :].startswith(b".hidden\r\n")
    assert "RFC 5321 section 4.5.2" in str(finding)


def test_a_rule_broken_often_is_told_once() -> None:
    (finding,) = findings("smtp", HELLO + "C- NOOP\\x0a\nS: 250 ok\n" * 3 + QUIT)
    assert finding.count == 3
    assert "(3 times)" in str(finding)


def test_secrets_are_not_quoted() -> None:
    ring = TranscriptRing()
    transcript = ring.open("imap", ("127.0.0.1", 1), ("127.0.0.1", 143))
    for piece in pieces_of(IMAP + LOGIN + LOGOUT):
        (transcript.client if piece.side == "C" else transcript.server)(piece.data)
    transcript.conceal(b"secret")
    (finding,) = lint(transcript)
    assert (finding.rule.name, finding.line) == ("password-without-tls", "a LOGIN alice ******")


def test_an_open_conversation_may_still_say_quit() -> None:
    assert names("smtp", HELLO, closed=False) == set()
    assert names("smtp", HELLO, closed=True) == {"no-quit"}


def test_faults_excuse_what_is_about_order() -> None:
    assert names("smtp", HELLO + "*: fault 'slow': latency at NOOP\nC: NOOP\nC: NOOP\nS: 250 ok\nS: 250 ok\n") == set()


def test_nothing_is_said_where_the_beginning_is_gone() -> None:
    ring = TranscriptRing()
    transcript = ring.open("smtp", ("127.0.0.1", 1), ("127.0.0.1", 25))
    for piece in pieces_of(mail("C:\nC: .hidden")):
        (transcript.client if piece.side == "C" else transcript.server)(piece.data)
    assert lint(transcript)
    transcript.drop_oldest()
    assert lint(transcript) == []


def test_levels() -> None:
    found = findings("smtp", mail("C:\nC: .hidden", header="C: Subject: x\n"))
    assert {each.severity for each in at_least(found, "note")} == {"note", "warning", "error"}
    assert {each.rule.name for each in at_least(found, "warning")} == {
        "message-no-from",
        "message-no-date",
        "dot-stuffing",
    }
    assert {each.rule.name for each in at_least(found, "error")} == {"dot-stuffing"}


def test_other_services_have_no_rules() -> None:
    assert not judged("echo")
    assert lint_pieces("echo", [Piece(0.0, "C", b"anything\n")]) == []


def test_lmtp_answers_once_for_each_recipient() -> None:
    talk = mail("C:\nC: hi").replace("EHLO", "LHLO").replace("C: DATA", "C: RCPT TO:<c@x.test>\nS: 250 ok\nC: DATA")
    assert names("lmtp", talk.replace("C: .\nS: 250 ok", "C: .\nS: 250 one\nS: 250 two")) == set()


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3", "nntp", "ftp", "http"])
def test_broken_conversations_are_no_trouble(service: str) -> None:
    """Cut off, with pieces missing, in the wrong order, or of another protocol: findings or none, never an error."""
    chance = random.Random(service)
    everything = [pieces_of(dialogue) for case in CASES for dialogue in (case.bad, case.good)]
    for pieces in everything:
        lint_pieces(service, pieces)
        lint_pieces(service, pieces[: chance.randrange(len(pieces) + 1)])
        lint_pieces(service, [piece for piece in pieces if chance.random() < 0.8])
        lint_pieces(service, chance.sample(pieces, len(pieces)))
        spoiled = [Piece(each.time, each.side, each.data[: chance.randrange(len(each.data) + 1)]) for each in pieces]
        lint_pieces(service, spoiled)


def test_a_tag_used_again_is_not_answered_by_the_reply_before() -> None:
    """A client may say `a` before every command, as long as it waits for each reply."""
    append = "C: a APPEND INBOX {6}\nS: + go\nC: x: y\nC:\nS: a OK done\n"
    assert names("imap", IMAP + SECURED + LOGIN + append * 2 + LOGOUT) == set()
    assert names("imap", IMAP + SECURED + LOGIN + "C: a APPEND INBOX {6}\nC: x: y\n") == set()
    refused = "C: a APPEND INBOX {6}\nS: a NO never\n"
    assert names("imap", IMAP + SECURED + LOGIN + refused * 2 + "C: a NOOP\nS: a OK\n" + LOGOUT) == set()


def test_what_the_server_offers_may_be_corrupt() -> None:
    """A fault may have changed octets of it."""
    said = [("S", b"220 x ESMTP\r\n"), ("C", b"EHLO y\r\n"), ("S", b"250-x\r\n250 AUTH \xd8LAIN\r\n")]
    said += [("C", b"AUTH PLAIN AGEAYg==\r\n"), ("S", b"235 ok\r\n")]
    (found, *_) = [
        each
        for each in lint_pieces("smtp", [Piece(float(at), side, data) for at, (side, data) in enumerate(said)])  # type: ignore[arg-type]
        if each.rule.name == "smtp-not-offered"
    ]
    assert found.why == "The mechanisms were \\xd8LAIN."
