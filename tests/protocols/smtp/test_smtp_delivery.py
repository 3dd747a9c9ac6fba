"""Who gets a message, what is kept with it, and what its sender is told."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from small_world import empty_world
from smtp_talk import QUIET, Talk

from minternet.settings import Settings
from minternet.world.changes import AddAccount, RemoveAccount, SetQuota, SetRule
from minternet.world.records import Account, Quota, Recipient, SmtpEnvelope
from minternet.world.world import World

REFUSING = Settings(trace_headers=False, unknown_recipients="refuse")


def with_quota(world: World, login: str, **quota: int) -> World:
    world.commit_now(SetQuota(login, Quota(**quota)))
    return world


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def status_of(content: bytes) -> list[dict[str, str]]:
    """The groups of fields in a notification's machine-readable part, the one about the message first."""
    message = parsed(content)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    part = list(message.iter_parts())[1]
    return [dict(group.items()) for group in part.get_payload()]  # type: ignore[union-attr]


class TestWhoGetsIt:
    def test_each_account_gets_one_copy(self) -> None:
        talk = Talk()
        talk.send("<alice@example.test>", "<alice+lists@example.test>", "<info@example.test>", "<team@example.test>")
        assert [len(talk.inbox(login)) for login in ("alice", "bob", "carol")] == [1, 1, 0]

    def test_copies_share_their_content(self) -> None:
        talk = Talk()
        talk.send("<team@example.test>", "<carol@example.test>")
        contents = {id(talk.inbox(login)[0].content) for login in ("alice", "bob", "carol")}
        assert len(contents) == 1

    def test_unknown_recipients_are_caught(self) -> None:
        talk = Talk()
        talk.send("<nobody@anywhere.test>")
        assert len(talk.inbox("catchall")) == 1

    def test_one_commit_for_all_recipients(self) -> None:
        talk = Talk()
        before = talk.world.journal.last
        talk.send("<team@example.test>", "<carol@example.test>", "<nobody@anywhere.test>")
        assert talk.world.journal.last == before + 1

    def test_the_acknowledgement_comes_after_the_commit(self) -> None:
        talk = Talk()
        talk.begin("<alice@example.test>")
        talk.say("DATA")
        said: list[bytes] = []
        wire = talk.conversation.wire
        talk.world.watch(lambda event: said.append(bytes(wire.sent)), ("mailbox", "alice", "INBOX"))
        assert talk.raw(b".\r\n").startswith(b"250")
        assert said == [b""]

    def test_an_account_that_goes_meanwhile_is_unknown(self) -> None:
        talk = Talk(settings=REFUSING)
        talk.begin("<carol@example.test>")
        talk.say("DATA")
        talk.world.commit_now(RemoveAccount("carol"))
        assert talk.raw(b".\r\n") == b"550 5.1.1 User unknown\r\n"


class TestEnvelope:
    def test_all_of_it_is_kept_with_the_message(self) -> None:
        talk = Talk(service="submission")
        talk.say("AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=")
        talk.send(
            "<bob@example.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Bob@example.test",
            "<hidden@example.test>",
            sender="<alice@example.test> SIZE=12 BODY=8BITMIME RET=HDRS ENVID=x+2By",
        )
        assert talk.inbox("bob")[0].envelope == SmtpEnvelope(
            sender="alice@example.test",
            recipients=(
                Recipient("bob@example.test", ("FAILURE", "DELAY"), "rfc822;Bob@example.test"),
                Recipient("hidden@example.test"),
            ),
            helo="test",
            peer="memory",
            protocol="ESMTPA",
            login="alice",
            body="8BITMIME",
            size=12,
            ret="HDRS",
            envid="x+y",
            transcript=1,
        )

    def test_the_null_sender_is_empty(self) -> None:
        talk = Talk()
        talk.send("<bob@example.test>", sender="<>")
        envelope = talk.inbox("bob")[0].envelope
        assert envelope is not None
        assert envelope.sender == ""

    def test_secrets_of_the_log_in_are_masked_in_the_transcript(self) -> None:
        talk = Talk(service="submission")
        talk.say("AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=")
        text = talk.context.transcripts.conversations()[0].text()
        assert "AUTH PLAIN ***" in text
        assert "AGFsaWNl" not in text


class TestTrace:
    @pytest.mark.parametrize(("service", "name"), [("smtp", "ESMTP"), ("lmtp", "LMTP"), ("smtps", "ESMTPSA")])
    def test_received_names_the_protocol(self, service: str, name: str) -> None:
        talk = Talk(settings=Settings(), service=service)
        if service == "smtps":
            talk.say("AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=")
        talk.send("<bob@example.test>", sender="<a@b.test>")
        message = parsed(talk.texts("bob")[0])
        assert message["Return-Path"] == "<a@b.test>"
        assert f" with {name} id " in message["Received"]
        assert "\tfor <bob@example.test>;" in message["Received"]

    def test_other_recipients_are_not_named(self) -> None:
        talk = Talk(settings=Settings())
        talk.send("<bob@example.test>", "<secret@example.test>")
        assert b"secret" not in talk.texts("bob")[0]

    def test_a_strange_client_name_does_no_harm(self) -> None:
        talk = Talk(settings=Settings())
        talk.say("EHLO (evil);<x>")
        talk.send("<bob@example.test>")
        assert b"from _evil___x_ (" in talk.texts("bob")[0]

    def test_missing_fields_go_before_a_message_without_header(self) -> None:
        talk = Talk(settings=Settings(trace_headers=False, submission_login=False), service="submission")
        talk.send("<bob@example.test>", text=b"\r\nDate: no field\r\n")
        first, _, rest = talk.texts("bob")[0].partition(b"\r\n\r\n")
        assert first.startswith(b"Date: Wed, 01 May 2024 12:00:00 +0000\r\nMessage-ID: <")
        assert rest == b"Date: no field\r\n"


class TestQuota:
    def test_a_full_mailbox_is_refused_at_rcpt(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", messages=0))
        assert talk.begin("<bob@example.test>", "<carol@example.test>") == [
            "452 4.2.2 Mailbox full\r\n",
            "250 2.1.5 Ok\r\n",
        ]

    def test_a_declared_size_that_can_never_fit_is_refused_for_good(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", storage=1000))
        replies = talk.begin("<bob@example.test>", sender="<a@b.test> SIZE=1001")
        assert replies == ["552 5.2.3 Message is larger than the mailbox may grow\r\n"]

    def test_a_message_that_fits_nobody_is_refused_at_its_end(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", storage=100))
        assert talk.send("<bob@example.test>", text=b"x" * 90 + b"\r\n").startswith("250")
        assert talk.send("<bob@example.test>", text=b"x" * 90 + b"\r\n") == "452 4.2.2 Mailbox full\r\n"
        assert len(talk.inbox("bob")) == 1

    def test_what_delivery_adds_counts_too(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", storage=100), settings=Settings())
        assert talk.send("<bob@example.test>", text=b"x" * 90 + b"\r\n").startswith("552 5.2.3")

    def test_a_message_that_fits_some_is_reported_for_the_others(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", storage=100))
        reply = talk.send(
            "<bob@example.test>", "<carol@example.test>", sender="<alice@example.test>", text=b"x" * 200 + b"\r\n"
        )
        assert reply.startswith("250 2.0.0")
        assert [len(talk.inbox(login)) for login in ("bob", "carol")] == [0, 1]
        bob = status_of(talk.texts("alice")[0])[1]
        assert bob["Final-Recipient"] == "rfc822; bob@example.test"
        assert (bob["Action"], bob["Status"]) == ("failed", "5.2.3")

    def test_lmtp_says_so_for_each_recipient(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", messages=0), service="lmtp")
        reply = talk.send("<bob@example.test>", "<carol@example.test>", sender="<alice@example.test>")
        assert [line[:9] for line in reply.splitlines()] == ["452 4.2.2", "250 2.0.0"]
        assert talk.inbox("alice") == []


class TestInquiry:
    def test_a_name_that_two_people_have_is_ambiguous(self) -> None:
        talk = Talk()
        for login in ("one", "two"):
            talk.world.commit_now(AddAccount(Account(login, f"{login}@example.test", "x", f"Jo {login} Smith"), 0.0))
        assert talk.say("VRFY jo smith") == "553 5.1.4 User ambiguous\r\n"
        assert talk.say("VRFY Smith Two") == "250 2.1.5 Jo two Smith <two@example.test>\r\n"

    def test_names_beyond_ascii_need_smtputf8(self) -> None:
        talk = Talk()
        talk.world.commit_now(AddAccount(Account("jo", "jo@example.test", "x", "Jö"), 0.0))
        talk.world.commit_now(AddAccount(Account("ü", "ü@example.test", "x", "Plain Name"), 0.0))
        assert talk.say("VRFY jo") == "250 2.1.5 <jo@example.test>\r\n"
        assert talk.say("VRFY jö SMTPUTF8") == "250 2.1.5 Jö <jo@example.test>\r\n"
        assert talk.say("VRFY plain name").startswith("550 5.6.7")


class TestNotifications:
    def failing(self, rule: str = "550 5.2.1 Mailbox disabled", settings: Settings = QUIET) -> Talk:
        world = empty_world()
        world.commit_now(SetRule("fail:bob@example.test", rule))
        return Talk(world, settings)

    def test_a_recipient_made_to_fail_is_reported(self) -> None:
        talk = self.failing()
        reply = talk.send(
            "<Bob@example.test> ORCPT=rfc822;bob+40old@example.test",
            sender="<alice@example.test> ENVID=id+20one",
            text=b"Subject: no\r\n\r\nThe \xff body.\r\n",
        )
        assert reply.startswith("250 2.0.0")
        assert talk.inbox("bob") == []
        about, bob = status_of(talk.texts("alice")[0])
        assert about["Reporting-MTA"] == f"dns; {talk.world.hostname}"
        assert about["Original-Envelope-Id"] == "id one"
        assert bob["Original-Recipient"] == "rfc822; bob@old@example.test"
        assert (bob["Final-Recipient"], bob["Action"]) == ("rfc822; Bob@example.test", "failed")
        assert (bob["Status"], bob["Diagnostic-Code"]) == ("5.2.1", "smtp; 550 5.2.1 Mailbox disabled")
        assert b"\r\n\r\nSubject: no\r\n\r\nThe \xff body.\r\n\r\n--" in talk.texts("alice")[0]

    def test_a_notification_has_the_null_sender(self) -> None:
        talk = self.failing()
        talk.send("<bob@example.test>", sender="<alice@example.test>")
        envelope = talk.inbox("alice")[0].envelope
        assert envelope is not None
        assert (envelope.sender, envelope.recipients) == ("", (Recipient("alice@example.test"),))

    def test_the_null_sender_is_never_notified(self) -> None:
        talk = self.failing()
        before = talk.world.journal.last
        assert talk.send("<bob@example.test> NOTIFY=SUCCESS,FAILURE", sender="<>").startswith("250")
        assert talk.world.journal.last == before

    @pytest.mark.parametrize(("notify", "reports"), [("NEVER", 0), ("SUCCESS", 0), ("DELAY", 0), ("FAILURE", 1)])
    def test_notify_says_whether(self, notify: str, reports: int) -> None:
        talk = self.failing()
        talk.send(f"<bob@example.test> NOTIFY={notify}", sender="<alice@example.test>")
        assert len(talk.inbox("alice")) == reports

    def test_others_get_the_message(self) -> None:
        talk = self.failing()
        talk.send("<bob@example.test>", "<carol@example.test> NOTIFY=SUCCESS", sender="<alice@example.test>")
        assert len(talk.inbox("carol")) == 1
        assert [status_of(text)[1]["Action"] for text in talk.texts("alice")] == ["failed", "delivered"]

    @pytest.mark.parametrize(("ret", "kind"), [("HDRS", "text/rfc822-headers"), ("FULL", "message/rfc822")])
    def test_ret_says_what_is_returned(self, ret: str, kind: str) -> None:
        talk = self.failing()
        talk.send(
            "<bob@example.test>",
            sender=f"<alice@example.test> RET={ret}",
            text=b"Subject: a\r\n\r\n" + b"x\r\n" * 30_000,
        )
        returned = list(parsed(talk.texts("alice")[0]).iter_parts())[2]
        assert returned.get_content_type() == kind

    def test_a_large_message_is_returned_without_its_body(self) -> None:
        talk = self.failing()
        talk.send("<bob@example.test>", sender="<alice@example.test>", text=b"Subject: a\r\n\r\n" + b"x\r\n" * 30_000)
        assert talk.inbox("alice")[0].size < 2000

    def test_a_sender_elsewhere_is_told_by_way_of_the_catch_all(self) -> None:
        talk = self.failing()
        talk.send("<bob@example.test>")
        assert len(talk.inbox("catchall")) == 1

    def test_a_sender_nobody_knows_is_not_told(self) -> None:
        talk = self.failing(settings=REFUSING)
        before = talk.world.journal.last
        assert talk.send("<bob@example.test>").startswith("250")
        assert talk.world.journal.last == before

    def test_a_full_sender_loses_the_notification_only(self) -> None:
        talk = self.failing()
        with_quota(talk.world, "alice", messages=0)
        assert talk.send("<bob@example.test>", "<carol@example.test>", sender="<alice@example.test>").startswith("250")
        assert len(talk.inbox("carol")) == 1

    def test_a_rule_that_is_no_reply_still_fails(self) -> None:
        talk = self.failing("out of order")
        talk.send("<bob@example.test>", sender="<alice@example.test>")
        assert status_of(talk.texts("alice")[0])[1]["Status"] == "5.0.0"

    def test_lmtp_answers_instead(self) -> None:
        world = empty_world()
        world.commit_now(SetRule("fail:bob@example.test", "550 5.2.1 Mailbox disabled"))
        talk = Talk(world, service="lmtp")
        reply = talk.send("<bob@example.test>", "<carol@example.test>", sender="<alice@example.test>")
        assert [line[:9] for line in reply.splitlines()] == ["550 5.2.1", "250 2.0.0"]
        assert talk.inbox("alice") == []

    def test_a_member_of_a_list_is_named_by_its_own_address(self) -> None:
        talk = Talk(with_quota(empty_world(), "bob", messages=0))
        talk.send("<team@example.test>", sender="<carol@example.test>")
        assert len(talk.inbox("alice")) == 1
        assert status_of(talk.texts("carol")[0])[1]["Final-Recipient"] == "rfc822; bob@example.test"
