"""The tester's bench: what a test sees, changes and waits for."""

from __future__ import annotations

import asyncio
import re
import smtplib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from minternet import Internet, Settings
from minternet.bench import MailboxHandle, NothingMatched, SomethingMatched
from minternet.world.changes import Expunge, Move
from minternet.world.errors import (
    AccountMissing,
    EntryMissing,
    GroupMissing,
    MailboxMissing,
    QuotaExceeded,
    WorldError,
)

LOGINS = ("alice", "bob", "carol", "catchall")
SETTINGS = Settings(ephemeral=True, services=("smtp", "http"))


@pytest.fixture(scope="module")
def running() -> Iterator[Internet]:
    with Internet(settings=SETTINGS) as net:
        yield net


@pytest.fixture
def net(running: Internet) -> Internet:
    running.reset()
    return running


def send(
    net: Internet, subject: str, text: str = "hello", to: str = "alice@example.test", bcc: str | None = None
) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.net", to, subject
    message.set_content(text)
    with smtplib.SMTP(*net.smtp.address) as server:
        server.send_message(message, to_addrs=[to, *([bcc] if bcc else [])])


def boxes(net: Internet, login: str) -> list[MailboxHandle]:
    return list(net.account(login).mailboxes.values())


class TestMail:
    def test_what_was_sent_is_found_at_once(self, net: Internet) -> None:
        alice, before = net.account("alice"), net.cursor()
        send(net, "Grüße", "Your code is 493817.\nhttps://shop.example.test/reset?t=1&x=2.\n", bcc="bob@example.test")
        letter = alice.inbox.wait_for(subject="Grüße", since=before)
        assert (letter.subject, letter.sender, letter.codes) == ("Grüße", "shop@example.net", ["493817"])
        assert letter.links == ["https://shop.example.test/reset?t=1&x=2"]
        assert letter.envelope is not None
        assert [each.address for each in letter.envelope.recipients] == ["alice@example.test", "bob@example.test"]
        assert net.account("bob").inbox.wait_for(subject="Grüße", since=before).raw == letter.raw

    def test_without_a_cursor_what_is_there_counts(self, net: Internet) -> None:
        net.account("alice").inbox.add(b"Subject: here already\r\n\r\n")
        assert net.account("alice").inbox.wait_for(subject="here already").uid

    @pytest.mark.parametrize(
        "wanted",
        [
            {"subject": "invoice 7"},
            {"subject": re.compile(r"invoice \d$")},
            {"subject": str.islower},
            {"sender": "shop@", "text": "hello"},
            {"x_shop": "yes"},
            {"to": "alice@"},
        ],
    )
    def test_ways_to_say_what_is_wanted(self, net: Internet, wanted: dict[str, object]) -> None:
        inbox, before = net.account("alice").inbox, net.cursor()
        inbox.add(b"From: x\r\nSubject: OTHER\r\n\r\nbye\r\n")
        inbox.add(b"From: shop@x\r\nTo: alice@x\r\nX-Shop: yes\r\nSubject: invoice 7\r\n\r\nhello\r\n")
        assert inbox.wait_for(since=before, **wanted).subject == "invoice 7"  # type: ignore[arg-type]

    def test_a_wait_is_let_go_by_what_comes(self, net: Internet) -> None:
        inbox, before = net.account("alice").inbox, net.cursor()
        waiting = threading.Event()
        found: list[str] = []

        def wait() -> None:
            waiting.set()
            found.append(inbox.wait_for(subject="later", since=before, timeout=20).subject)

        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait(10)
        send(net, "later")
        thread.join(20)
        assert found == ["later"]

    def test_a_timeout_tells_what_came_and_why_not(self, net: Internet) -> None:
        inbox, before = net.account("alice").inbox, net.cursor()
        inbox.add(b"From: shop@x\r\nSubject: Your order\r\n\r\n")
        with pytest.raises(NothingMatched) as failure:
            inbox.wait_for(subject="Welcome", sender="shop", since=before, timeout=0.01)
        text = str(failure.value)
        assert text.startswith(
            "no message with subject 'Welcome', sender 'shop' in alice/INBOX within 0.01 s; 1 others"
        )
        assert "subject is 'Your order', not 'Welcome'" in text

    def test_nothing_came_is_told_too(self, net: Internet) -> None:
        with pytest.raises(NothingMatched, match="nothing came"):
            net.account("alice").inbox.wait_for(since=net.cursor(), timeout=0.01)

    def test_mail_that_went_to_somebody_else_is_told(self, net: Internet) -> None:
        inbox, before = net.account("alice").inbox, net.cursor()
        send(net, "Welcome", to="alcie@example.test")
        with pytest.raises(NothingMatched, match=r"in catchall/INBOX: 'Welcome' .* is as wanted, but came elsewhere"):
            inbox.wait_for(subject="Welcome", since=before, timeout=0.01)
        with pytest.raises(NothingMatched, match=r"elsewhere came <Letter [0-9]+ in catchall/INBOX: 'Welcome'"):
            inbox.wait_for(subject="Goodbye", since=before, timeout=0.01)

    def test_a_cursor_that_was_taken_too_late_is_told(self, net: Internet) -> None:
        inbox = net.account("alice").inbox
        send(net, "Welcome")
        with pytest.raises(
            NothingMatched, match=r"'Welcome' from 'shop@example.net'> is as wanted, but came before the cursor"
        ):
            inbox.wait_for(subject="Welcome", since=net.cursor(), timeout=0.01)

    @pytest.mark.parametrize(
        ("wrong", "right"), [("subjct", "subject"), ("from_", "sender"), ("body", "text"), ("recipient", "to")]
    )
    def test_words_that_mean_others_are_refused(self, net: Internet, wrong: str, right: str) -> None:
        inbox = net.account("alice").inbox
        for ask in (inbox.wait_for, inbox.assert_none, inbox.find):
            given: dict[str, Any] = {wrong: "x"}
            with pytest.raises(TypeError, match=f"a message has no '{wrong}' to wait for; did you mean '{right}'"):
                ask(**given)
        inbox.assert_none(x_subject="x", cc="x", status="x", within=0.01)
        with pytest.raises(TypeError, match="did you mean 'path'"):
            net.web.assert_none(url="/x")
        with pytest.raises(TypeError, match="did you mean 'text'"):
            net.newsgroup("local.test").assert_none(body="x")

    def test_the_files_beside_the_one_that_is_missing_are_told(self, net: Internet) -> None:
        with pytest.raises(
            NothingMatched, match=r"no file /pub/readme\.md within .*\n(.*\n)*  /pub/readme\.txt: another path"
        ):
            net.files.wait_for("/pub/readme.md", timeout=0.01)
        assert net.files.wait_for("/pub/readme.txt", timeout=0.01)
        with pytest.raises(NothingMatched, match="nothing came"):
            net.files.wait_for("/pub/readme.txt/x", timeout=0.01)

    def test_a_message_may_be_a_text_and_a_flag_stand_alone(self, net: Internet) -> None:
        letter = net.account("alice").inbox.add("Subject: ü\n\nhi\n", flags="\\Seen")
        assert (letter.raw, set(letter.flags)) == ("Subject: ü\r\n\r\nhi\r\n".encode(), {"\\Seen"})

    def test_what_is_missing_is_told_with_what_there_is(self, net: Internet) -> None:
        with pytest.raises(AccountMissing, match=r"no account 'alcie'; there are .*alice"):
            net.account("alcie")
        with pytest.raises(MailboxMissing, match=r"'bob' has no mailbox 'Inbox2'; there are .*INBOX"):
            net.account("bob").mailbox("Inbox2")
        with pytest.raises(GroupMissing, match=r"no such newsgroup: local\.tset; there are .*local\.test"):
            net.newsgroup("local.tset")
        with pytest.raises(ValueError, match="a route's path begins with /"):
            net.web.route("price", 503)
        with pytest.raises(TypeError, match="freeze at a datetime"):
            net.clock.freeze("2030-01-01")  # type: ignore[arg-type]

    def test_a_block_that_is_not_entered_warns(self, net: Internet) -> None:
        with pytest.warns(RuntimeWarning, match=r"during\(\) does nothing without `with`"):
            net.faults.during("smtp RCPT: close")
        with pytest.warns(RuntimeWarning, match=r"frozen\(\) does nothing without `with`"):
            net.clock.frozen()

    def test_after_the_end_it_says_so(self) -> None:
        with Internet(settings=Settings(ephemeral=True, services=("smtp",))) as net:
            inbox = net.account("alice").inbox
        with pytest.raises(RuntimeError, match="this internet has stopped"):
            inbox.wait_for(subject="x")

    def test_assert_none(self, net: Internet) -> None:
        inbox, before = net.account("alice").inbox, net.cursor()
        inbox.assert_none(since=before, within=0.01)
        inbox.add(b"Subject: spam\r\n\r\n")
        inbox.assert_none(subject="ham", since=before, within=0.01)
        with pytest.raises(SomethingMatched, match="subject 'spam' in alice/INBOX came, and should not have"):
            inbox.assert_none(subject="spam", since=before, within=5)

    def test_looking_at_and_changing_a_mailbox(self, net: Internet) -> None:
        carol = net.account("carol@example.test")
        assert (carol.login, carol.password, carol.home) == ("carol", "christmas", "/home/carol")
        box = carol.create_mailbox("Test/Box")
        letter = box.add(b"Subject: a\r\n\r\n", flags=["\\Seen"])
        box.add(EmailMessage())
        assert box.flag(letter, "$Label").flags == {"\\Seen", "$Label"}
        assert box.unflag(letter.uid, "\\Seen").flags == {"$Label"}
        assert ([each.uid for each in box], len(box), box[-1].uid, bool(box)) == ([1, 2], 2, 2, True)
        assert [each.uid for each in box.find(subject="a")] == [1]
        box.remove(1)
        assert (box.clear(), len(box)) == (1, 0)
        assert "Test/Box" in carol.mailboxes
        carol.delete_mailbox("Test/Box")
        with pytest.raises(MailboxMissing):
            carol.mailbox("Test/Box")

    def test_quota_and_new_accounts(self, net: Internet) -> None:
        dave = net.add_account("dave", "secret")
        dave.set_quota(messages=1)
        dave.inbox.add(b"\r\n")
        with pytest.raises(QuotaExceeded):
            dave.inbox.add(b"\r\n")
        net.reset()
        with pytest.raises(AccountMissing):
            net.account("dave")

    def test_attachments_html_and_unsubscribing(self, net: Internet) -> None:
        message = EmailMessage()
        message["List-Unsubscribe"] = "<mailto:out@x>, <https://x.example/out>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(
            "<style>x</style><p>Hi <a href='https://a.example/?q=1&amp;r=2'>there</a></p>", subtype="html"
        )
        message.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="ü.pdf")
        letter = net.account("bob").inbox.add(message)
        assert letter.attachments == {"ü.pdf": b"\x00\x01"}
        assert (letter.text, letter.links) == ("Hi\nthere", ["https://a.example/?q=1&r=2"])
        assert (letter.unsubscribe, letter.one_click) == (["mailto:out@x", "https://x.example/out"], True)

    def test_text_attachments_are_no_body(self, net: Internet) -> None:
        message = EmailMessage()
        message.add_attachment("not the body", filename="a.txt")
        message.attach(EmailMessage())
        letter = net.account("bob").inbox.add(message)
        assert "not the body" not in letter.text

    def test_the_reset_code_of_the_default_world_is_found(self, net: Internet) -> None:
        letter = next(each for each in net.account("alice").inbox if "493817" in each.text)
        assert "493817" in letter.codes
        assert letter.links


class TestAllMail:
    """Whoever does not know where a message lands looks everywhere."""

    @pytest.mark.parametrize(
        ("to", "where"),
        [
            ("carol@example.test", {("carol", "INBOX")}),
            ("info@example.test", {("alice", "INBOX")}),  # an alias
            ("team@example.test", {("alice", "INBOX"), ("bob", "INBOX"), ("carol", "INBOX")}),  # a list
            ("user-81@shop.example", {("catchall", "INBOX")}),  # nobody
        ],
    )
    def test_mail_is_found_wherever_it_landed(self, net: Internet, to: str, where: set[tuple[str, str]]) -> None:
        before = net.cursor()
        send(net, "Welcome", to=to)
        letter = net.mail.wait_for(subject="Welcome", to=to, since=before)
        assert (letter.owner, letter.mailbox) in where
        assert {(each.owner, each.mailbox) for each in net.mail.find(subject=re.compile("^Welcome$"))} == where

    def test_every_way_into_a_mailbox_counts(self, net: Internet) -> None:
        box, before = net.account("carol").create_mailbox("Filed/Here"), net.cursor()
        letter = box.add(b"Subject: filed\r\n\r\n")
        assert net.mail.wait_for(subject="filed", since=before).mailbox == "Filed/Here"
        before = net.cursor()
        net.commit(Move("carol", "Filed/Here", (letter.uid,), "carol", "Trash", net.clock.now))
        assert net.mail.wait_for(subject="filed", since=before).mailbox == "Trash"
        assert net.mail.wait_for(subject="filed", timeout=0.01).mailbox == "Trash"  # without a cursor: it is there

    def test_the_newest_is_the_last_whatever_the_clock_says(self, net: Internet) -> None:
        held = len(net.mail)
        with net.clock.frozen(1_000_000_000):  # long before the fixtures' mail
            for login in ("carol", "alice", "bob", "alice"):
                net.account(login).inbox.add(f"Subject: to {login}\n\n")
        net.account("bob").mailbox("Archive").add(b"Subject: old\r\n\r\n", date=datetime(1999, 1, 1, tzinfo=UTC))
        flagged = net.account("carol").inbox
        flagged.flag(flagged[-1], "\\Flagged")  # a change is no arrival
        came = ["to carol", "to alice", "to bob", "to alice", "old"]
        assert [each.subject for each in list(net.mail)[held:]] == came
        assert (net.mail[-1].subject, net.mail[-1].owner, len(net.mail)) == ("old", "bob", held + 5)

    def test_what_the_fixtures_hold_goes_by_internal_date(self, net: Internet) -> None:
        dates = [each.date for each in net.mail]
        assert dates == sorted(dates)
        assert {each.owner for each in net.mail} == {"alice", "bob", "carol", "catchall"}
        assert len(dates) == len(net.mail) == sum(len(box) for each in LOGINS for box in boxes(net, each)) > 100

    def test_order_after_a_reset_and_a_restore(self, net: Internet) -> None:
        alice, bob = net.account("alice").inbox, net.account("bob").inbox
        for box, subject in ((bob, "one"), (alice, "two"), (bob, "three")):
            box.add(f"Subject: {subject}\n\n")
        net.snapshot("mine")
        net.reset()
        held = len(net.mail)
        for box, subject in ((alice, "four"), (bob, "five")):
            box.add(f"Subject: {subject}\n\n")
        assert [each.subject for each in net.mail][held:] == ["four", "five"]
        net.restore("mine")
        assert [each.subject for each in net.mail][held:] == ["one", "two", "three"]

    def test_a_timeout_tells_what_came_and_where(self, net: Internet) -> None:
        before = net.cursor()
        send(net, "Other", to="nobody@shop.example")
        with pytest.raises(NothingMatched) as failure:
            net.mail.wait_for(subject="Welcome", since=before, timeout=0.01)
        lines = str(failure.value).splitlines()
        assert lines[0].startswith("no message with subject 'Welcome' in any mailbox within 0.01 s; 1 others")
        assert re.match(r"  <Letter \d+ in catchall/INBOX: 'Other' .*subject is 'Other', not 'Welcome'", lines[1])
        with pytest.raises(NothingMatched, match=r"'Other' .* is as wanted, but came before the cursor"):
            net.mail.wait_for(subject="Other", since=net.cursor(), timeout=0.01)
        with pytest.raises(TypeError, match="did you mean 'subject'"):
            net.mail.find(subjct="x")

    def test_assert_none_is_about_every_mailbox(self, net: Internet) -> None:
        before = net.cursor()
        net.mail.assert_none(since=before, within=0.01)
        send(net, "spam", to="carol@example.test")
        net.mail.assert_none(subject="ham", since=before, within=0.01)
        with pytest.raises(SomethingMatched, match=r"'spam' in any mailbox came, and should not have: .* carol/INBOX"):
            net.mail.assert_none(subject="spam", since=before, within=5)

    def test_clearing_all_of_it(self, net: Internet) -> None:
        held, before = len(net.mail), net.cursor()
        assert (net.mail.clear(), len(net.mail), bool(net.mail), list(net.mail)) == (held, 0, True, [])
        assert len(net.account("carol").inbox) == 0
        events = list(net.world.journal.since(before))
        assert all(isinstance(event.change, Expunge) and event.result.uids for event in events)
        assert (net.mail.clear(), net.cursor()) == (0, events[-1].number)


class TestOthers:
    def test_files(self, net: Internet) -> None:
        before = net.cursor()
        net.files.write("/pub/new/x.txt", b"hi")
        assert net.files.wait_for("/pub/new/x.txt", since=before) == net.files.read("/pub/new/x.txt") == b"hi"
        assert ("/pub/new/x.txt" in net.files, net.files.list("/pub/new")) == (True, ["x.txt"])
        net.files.remove("/pub/new/x.txt")
        with pytest.raises(EntryMissing):
            net.files.read("/pub/new/x.txt")
        with pytest.raises(NothingMatched, match="no file /pub/none within"):
            net.files.wait_for("/pub/none", timeout=0.01)

    def test_news(self, net: Internet) -> None:
        group = net.newsgroup("local.test")
        assert len(group) == len(group.articles) > 5
        posting = group.wait_for(subject=re.compile("."))
        assert posting.message_id in {each.message_id for each in group}
        assert b"Xref: news.example.test" in posting.raw
        group.assert_none(subject="nobody writes this", within=0.01)

    def test_web(self, net: Internet) -> None:
        import urllib.request

        before = net.cursor()
        net.web.route("/api/thing", 503, {"thing": 1}, name="thing")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with pytest.raises(urllib.error.HTTPError, match="503"):
            opener.open(net.http.url + "/api/thing")
        with opener.open(urllib.request.Request(net.http.url + "/api/thing", headers={"X-Who": "me"})) as reply:
            assert reply.read() == b'{"thing":1}'
        received = net.web.wait_for(path="/api/thing", x_who="me", since=before)
        assert (received.method, received.status, net.web.routes["thing"].used) == ("GET", 200, 2)
        with opener.open(net.http.url + "/api/thing", data=b"sent") as reply:
            assert reply.status == 200
        assert [each.body for each in net.web.requests[-2:]] == [b"", b"sent"]
        net.web.remove("thing")
        net.web.assert_none(path="/never", since=before, within=0.01)
        net.reset()
        assert net.web.requests == []

    def test_clock_snapshot_and_events(self, net: Internet) -> None:
        net.clock.freeze(1_700_000_000)
        assert net.clock.advance(60).timestamp() == 1_700_000_060
        assert net.account("alice").inbox.add(b"\r\n").date.timestamp() == 1_700_000_060
        net.clock.resume()
        net.snapshot("mine")
        before, count = net.cursor(), len(net.account("alice").inbox)
        net.account("alice").inbox.clear()
        assert type(net.wait_for(lambda event: event.result.uids, since=before).change).__name__ == "Expunge"
        net.snapshot()
        net.restore("mine")
        assert len(net.account("alice").inbox) == count
        net.restore()
        assert len(net.account("alice").inbox) == 0
        with pytest.raises(WorldError, match="no snapshot 'other'; there are: seed, mine, snapshot"):
            net.restore("other")


def test_on_the_callers_own_loop() -> None:
    async def test() -> str:
        async with Internet(settings=SETTINGS) as net:
            inbox, before = net.account("alice").inbox, net.cursor()
            waiting = asyncio.create_task(inbox.wait_for_async(subject="async", since=before))
            await asyncio.to_thread(send, net, "async")
            letter = await waiting
            await inbox.assert_none_async(subject="other", since=before, within=0.01)
            everywhere = await net.mail.wait_for_async(subject="async", since=before)
            assert (everywhere.owner, everywhere.uid) == ("alice", letter.uid)
            await net.mail.assert_none_async(subject="other", since=before, within=0.01)
            assert net.mail[-1].raw == letter.raw
            with pytest.raises(RuntimeError, match="await the _async method"):
                inbox.wait_for(subject="async")
            net.reset()
            return letter.subject

    assert asyncio.run(test()) == "async"
