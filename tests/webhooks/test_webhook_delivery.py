"""Events at receivers over real sockets: all of them, in order, whatever the receiver does."""

from __future__ import annotations

import asyncio
import http.client
import logging
import smtplib
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from webhook_receiver import PATIENCE, Action, Receiver, answer, drip, flood, hang, reset, say

from minternet import Internet, Settings, StartError
from minternet.bench import NothingMatched
from minternet.settings import Limits
from minternet.webhooks.errors import WebhookError, WebhookExists, WebhookMissing
from minternet.webhooks.records import Webhook
from minternet.world.changes import Append, Copy, SetAlias
from minternet.world.records import NewMessage

SHORT = 0.3
"""Seconds that a receiver which never answers is given."""


def happen(net: Internet, number: int) -> list[int]:
    """So many events; their numbers."""
    before = net.cursor()
    for each in range(number):
        net.commit(SetAlias(f"a{each}@example.test", ("alice@example.test",)))
    return list(range(before + 1, before + 1 + number))


def test_events_arrive_signed_in_order_on_one_connection(net: Internet) -> None:
    with Receiver() as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 30)
        net.webhooks.wait_delivered(webhook)
        assert receiver.numbers == numbers
        assert len(receiver.came) == 30
        assert receiver.connections == 1
        first = receiver.came[0]
        assert first.line == "POST /hook HTTP/1.1"
        assert first.fields["content-type"] == "application/json"
        assert first.fields["user-agent"].startswith("minternet/0.")
        assert first.fields["host"] == f"127.0.0.1:{receiver.port}"
        assert first.json["kind"] == "set-alias"
        assert abs(int(first.fields["webhook-timestamp"]) - time.time()) < 60
        assert "." not in first.identity
        assert all(came.signed_by(webhook.secret) for came in receiver.came)
        assert len({came.identity for came in receiver.came}) == 30
        report = net.webhooks.report(webhook)
        assert (report.cursor, report.pending, report.delivered, report.last_status) == (numbers[-1], 0, 30, 200)


@pytest.mark.parametrize(
    "failure",
    [
        answer(500),
        answer(404, body=b"who?"),
        answer(204 + 196),
        answer(429, "Retry-After: 0"),
        answer(503, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", "Connection: close"),
        answer(302, "Location: http://127.0.0.1:1/"),
        answer(304),
        reset,
        hang,
        drip,
        say(b""),
        say(b"220 mail.example.test ESMTP\r\n"),
        say(b"HTTP/1.1 200 OK\r\nContent-Le"),
        say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
        say(b"HTTP/1.1 100 Continue\r\n\r\n"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
        flood(b"HTTP/1.1 200 OK\r\nX: "),
        flood(b"HTTP/1.1 500 Oops\r\n\r\n"),
        flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000),
        flood(b""),
    ],
)
def test_a_failure_is_tried_again_by_the_same_id(net: Internet, failure: Action) -> None:
    with Receiver(failure, failure) as receiver:
        webhook = net.webhooks.add(receiver.url, timeout=SHORT if failure in (hang, drip) else None)
        numbers = happen(net, 3)
        receiver.wait(3)
        net.webhooks.change(webhook, timeout=PATIENCE)
        net.webhooks.wait_delivered(webhook, timeout=PATIENCE)
        assert receiver.numbers == numbers
        assert len({came.identity for came in receiver.came[:3]}) == 1
        assert all(came.signed_by(webhook.secret) for came in receiver.came)
        report = net.webhooks.report(webhook)
        assert (report.failures, report.last_error, report.delivered) == (0, "", 3)


@pytest.mark.parametrize(
    "success",
    [
        answer(201, body=b"made"),
        answer(204, "Connection: close"),
        say(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"),
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nno more"),
        flood(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ],
)
def test_a_status_of_2xx_is_enough(net: Internet, success: Action) -> None:
    with Receiver(success, success) as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 3)
        net.webhooks.wait_delivered(webhook, timeout=PATIENCE)
        assert [came.json["number"] for came in receiver.came] == numbers


def test_a_second_reply_to_one_request_does_not_pass_for_the_next(net: Internet) -> None:
    """The connection is given up, and the next event goes out on another, where it fails as it should."""
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2

    def act(channel: socket.socket) -> bool:
        channel.sendall(twice)
        return True

    with Receiver(act, answer(500)) as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 2)
        net.webhooks.wait_delivered(webhook)
        assert [came.json["number"] for came in receiver.came] == [numbers[0], numbers[1], numbers[1]]
        assert receiver.connections >= 2


def test_a_connection_closed_while_idle_is_no_failure(net: Internet) -> None:
    def act(channel: socket.socket) -> bool:
        channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return False

    with Receiver(*[act] * 5) as receiver:
        webhook = net.webhooks.add(receiver.url)
        for _ in range(5):
            happen(net, 1)
            net.webhooks.wait_delivered(webhook)
        assert len(receiver.numbers) == 5
        assert receiver.connections == 5


def test_no_redirect_is_followed(net: Internet) -> None:
    with Receiver() as other, Receiver(answer(307, f"Location: {other.url}")) as receiver:
        webhook = net.webhooks.add(receiver.url)
        happen(net, 1)
        net.webhooks.wait_delivered(webhook)
        assert len(receiver.came) == 2
        assert other.connections == 0


def test_one_that_is_down_at_first(net: Internet) -> None:
    with Receiver(opened=False) as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 5)
        with pytest.raises(NothingMatched, match=r"5 events after number .* cannot connect to port"):
            net.webhooks.wait_delivered(webhook, timeout=0.1)
        report = net.webhooks.report(webhook)
        assert (report.cursor, report.pending, report.last_status) == (numbers[0] - 1, 5, 0)
        assert report.failures
        receiver.open()
        net.webhooks.wait_delivered(webhook, timeout=PATIENCE)
        assert receiver.numbers == numbers


def test_localhost_is_tried_by_both_protocols(net: Internet) -> None:
    """::1 second: what listens there alone is found as well, and no name is looked up."""
    with Receiver() as receiver:
        webhook = net.webhooks.add(f"http://localhost:{receiver.port}/hook")
        happen(net, 1)
        net.webhooks.wait_delivered(webhook)
        assert receiver.came[0].fields["host"] == f"localhost:{receiver.port}"
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with socket.socket(socket.AF_INET6) as six:
        try:
            six.bind(("::1", 0))
        except OSError:
            pytest.skip("no ::1")
        six.listen()
        six.settimeout(PATIENCE)
        net.webhooks.add(f"http://localhost:{six.getsockname()[1]}/")
        happen(net, 1)
        with six.accept()[0] as channel:
            assert channel.recv(4) == b"POST"


def test_gone_disables_until_it_is_enabled(net: Internet) -> None:
    with Receiver(answer(200), answer(410)) as receiver:
        webhook = net.webhooks.add(receiver.url, name="gone")
        numbers = happen(net, 3)
        receiver.wait(2)
        with pytest.raises(NothingMatched):
            net.webhooks.wait_delivered(webhook, timeout=0.1)
        report = net.webhooks.report("gone")
        assert not report.webhook.enabled
        assert "410 Gone" in report.last_error
        assert (report.cursor, report.pending, len(receiver.came)) == (numbers[0], 2, 2)
        net.webhooks.change("gone", enabled=True)
        net.webhooks.wait_delivered("gone")
        assert receiver.numbers == numbers


def test_only_the_kinds_that_are_wanted(net: Internet) -> None:
    with Receiver() as receiver, Receiver() as other:
        net.webhooks.add(receiver.url, events=["deliver", "store-*"])
        net.webhooks.add(other.url, events="set-alias")
        happen(net, 2)
        with smtplib.SMTP(*net.smtp.address) as client:
            client.sendmail("a@example.net", ["alice@example.test"], "Subject: Hi\n\nHi.")
        net.files.write("/pub/x.txt", b"x")
        net.webhooks.wait_delivered()
        assert [came.json["kind"] for came in receiver.came] == ["deliver", "store-file"]
        assert [came.json["kind"] for came in other.came] == ["set-alias"] * 2
        assert receiver.came[0].json["arrived"][0]["subject"] == "Hi"
        assert {report.cursor for report in net.webhooks.reports} == {net.cursor()}


def test_since_resumes(net: Internet) -> None:
    numbers = happen(net, 4)
    with Receiver() as receiver, Receiver() as all_kept:
        net.webhooks.add(receiver.url, since=numbers[1])
        net.webhooks.add(all_kept.url, since=0)
        net.webhooks.wait_delivered()
        assert receiver.numbers == numbers[2:]
        assert all_kept.numbers[-4:] == numbers
        assert all_kept.came[0].json["number"] in (1, net.world.journal.dropped)  # a notice, where some were dropped


def test_a_reset_is_told_and_loses_nothing(net: Internet) -> None:
    with Receiver(answer(500)) as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 2)
        net.reset()
        after = happen(net, 1)
        net.webhooks.wait_delivered(webhook)
        assert receiver.numbers == [*numbers, numbers[-1] + 1, *after]
        assert [came.json["kind"] for came in receiver.came][-2:] == ["reset", "set-alias"]


def test_a_service_that_restarts_loses_nothing(net: Internet) -> None:
    with Receiver() as receiver:
        webhook = net.webhooks.add(receiver.url, events="receive-request")
        for _ in range(2):
            get(net, "/status/204")
            assert net.call(net.supervisor.restart("http"))
        net.webhooks.wait_delivered(webhook)
        assert [came.json["status"] for came in receiver.came if came.json["method"] == "GET"] == [204, 204]


def test_events_of_many_messages(net: Internet) -> None:
    """A thread tells of them; the order stays."""
    world = net.world
    now = datetime(2024, 5, 1, tzinfo=UTC)
    messages = tuple(NewMessage(world.blobs.of(b"Subject: %d\r\n\r\n" % each), now) for each in range(40))
    with Receiver() as receiver:
        webhook = net.webhooks.add(receiver.url)
        (first,) = happen(net, 1)
        appended = net.commit(Append("bob", "INBOX", messages, now))
        net.commit(Copy("bob", "INBOX", tuple(appended.uids), "bob", "INBOX", now))
        happen(net, 1)
        net.webhooks.wait_delivered(webhook)
        assert receiver.numbers == [first, first + 1, first + 2, first + 3]
        assert len(receiver.came[1].json["arrived"]) == len(receiver.came[2].json["arrived"]) == 40


# -- bounds


def test_what_the_journal_dropped_is_told_in_its_place(tmp_path: Path) -> None:
    settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), journal_events=10)
    with Internet(settings=settings) as net, Receiver(opened=False) as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 30)
        report = net.webhooks.report(webhook)
        assert report.pending + report.dropped == 30
        assert report.dropped
        receiver.open()
        net.webhooks.wait_delivered(webhook, timeout=PATIENCE)
        told = [came.json for came in receiver.came]
        (notice,) = [each for each in told if each["kind"] == "dropped"]
        kept = [each["number"] for each in told if each["kind"] != "dropped"]
        assert set(kept) | set(range(notice["from"], notice["to"] + 1)) == set(numbers)
        assert [each["number"] for each in told] == sorted(each["number"] for each in told)
        assert notice["count"] == notice["to"] - notice["from"] + 1 == net.webhooks.report(webhook).dropped
        assert "no longer kept" in notice["text"]


def test_a_hook_from_before_what_is_kept_is_told_so(tmp_path: Path) -> None:
    settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), journal_events=10)
    with Internet(settings=settings) as net, Receiver() as receiver:
        happen(net, 25)
        webhook = net.webhooks.add(receiver.url, since=3)
        net.webhooks.wait_delivered(webhook)
        assert (receiver.came[0].json["from"], receiver.came[0].json["to"]) == (4, 15)
        assert receiver.numbers[1:] == list(range(16, 26))


def test_there_are_only_so_many(tmp_path: Path) -> None:
    limits = Limits(webhooks=2)
    settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), limits=limits)
    with Internet(settings=settings) as net, Receiver() as receiver:
        net.webhooks.add(receiver.url, name="a")
        with pytest.raises(WebhookExists, match="'a'"):
            net.webhooks.add(receiver.url, name="a")
        net.webhooks.add(receiver.url)
        with pytest.raises(WebhookExists, match="2 webhooks"):
            net.webhooks.add(receiver.url)
        net.webhooks.remove("a")
        with pytest.raises(WebhookMissing, match="webhook-1"):
            net.webhooks.remove("a")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"name": "a.b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"events": ["delivr"]}, "events"),
        ({"secret": "guess"}, "secret"),
        ({"timeout": 0.0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": 61.0}, "timeout"),
    ],
)
def test_what_cannot_work_is_refused(net: Internet, fields: dict[str, object], field: str) -> None:
    with pytest.raises(WebhookError) as refused:
        net.webhooks.add(**{"url": "http://127.0.0.1:9/", **fields})  # type: ignore[arg-type]
    assert refused.value.field == field
    assert net.webhooks.reports == []


# -- TLS


def test_https_is_verified_by_the_authority(net: Internet) -> None:
    with Receiver(tls=net.authority.server_context()) as receiver:
        webhook = net.webhooks.add(receiver.url)
        numbers = happen(net, 3)
        net.webhooks.wait_delivered(webhook)
        assert receiver.numbers == numbers
        assert receiver.connections == 1


def test_a_certificate_of_nobodys_is_refused_unless_it_may_be(net: Internet) -> None:
    leaf = net.authority.flawed("self-signed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.chain_file, leaf.key_file)
    with Receiver(tls=context) as receiver:
        webhook = net.webhooks.add(receiver.url)
        happen(net, 1)
        pinged = net.webhooks.ping(webhook)
        assert pinged.status == 0
        assert "TLS failed" in pinged.error
        assert "certificate" in pinged.error
        net.webhooks.change(webhook, verify=False)
        net.webhooks.wait_delivered(webhook)
        assert len(receiver.came) == 1


# -- loops


def get(net: Internet, path: str) -> int:
    client = http.client.HTTPConnection(*net.http.address, timeout=PATIENCE)
    try:
        client.request("GET", path)
        return client.getresponse().status
    finally:
        client.close()


def settled_at(net: Internet, webhook: Webhook) -> int:
    """How many were delivered, when nothing more is owed."""
    net.webhooks.wait_delivered(webhook, timeout=PATIENCE)
    return net.webhooks.report(webhook).delivered


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_its_own_requests_are_not_told_on(net: Internet, scheme: str) -> None:
    """The http service journals each request, each use of a route and each stroke of a fault."""
    net.web.route("/hook", 200, "thank you")
    net.faults.add(f"{scheme}: latency, latency=1")
    webhook = net.webhooks.add(f"{getattr(net, scheme).url}/hook")
    happen(net, 3)
    before = settled_at(net, webhook)
    assert get(net, "/status/200") == 200
    happen(net, 1)
    others = [request for request in net.web.requests if request.method == "GET"]
    assert len(others) == 1
    told = settled_at(net, webhook)
    assert told <= before + 4  # the request, a stroke of the fault, and the change; but none of its own
    hooked = [request for request in net.web.requests if request.path == "/hook"]
    assert len(hooked) == told
    assert {request.method for request in hooked} == {"POST"}


def test_requests_of_other_senders_of_webhooks_are_told(net: Internet) -> None:
    with Receiver() as receiver:
        webhook = net.webhooks.add(receiver.url, events="receive-request")
        client = http.client.HTTPConnection(*net.http.address, timeout=PATIENCE)
        client.request("POST", "/post", b"{}", {"webhook-id": "msg_1", "User-Agent": "minternet/0.1.0"})
        client.getresponse().read()
        client.close()
        net.webhooks.wait_delivered(webhook)
        assert [came.json["path"] for came in receiver.came] == ["/post"]


def test_a_fault_that_closes_each_connection_makes_no_loop(net: Internet) -> None:
    with net.faults.during("http POST: reset, first=3"):
        webhook = net.webhooks.add(net.http.url + "/post")
        happen(net, 1)
        assert settled_at(net, webhook) == 1


# -- loops of the other kind


def test_on_the_standard_librarys_own_loop(tmp_path: Path) -> None:
    settings = Settings(ephemeral=True, services=("smtps",), authority=str(tmp_path), uvloop=False)
    with (
        Internet(settings=settings) as net,
        Receiver(reset, answer(200, "Connection: close"), opened=False) as plain,
        Receiver(say(b"?"), tls=net.authority.server_context()) as secure,
    ):
        webhook = net.webhooks.add(plain.url)
        net.webhooks.add(secure.url)
        numbers = happen(net, 4)
        with pytest.raises(NothingMatched):
            net.webhooks.wait_delivered(webhook, timeout=0.1)
        plain.open()
        net.webhooks.wait_delivered(timeout=PATIENCE)
        assert plain.numbers == secure.numbers == numbers


def test_no_name_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), uvloop=False)
    with Internet(settings=settings) as net, Receiver() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **more: asked.append(arguments))
        net.webhooks.add(f"http://localhost:{receiver.port}/")
        happen(net, 1)
        net.webhooks.wait_delivered()
        assert len(receiver.came) == 1
    assert asked == []


def test_on_the_callers_loop(tmp_path: Path) -> None:
    async def play(receiver: Receiver) -> None:
        settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path))
        async with Internet(settings=settings) as net:
            webhook = net.webhooks.add(receiver.url)
            numbers = happen(net, 2)
            await net.webhooks.wait_delivered_async(webhook)
            assert receiver.numbers == numbers
            assert (await net.webhooks.ping_async(webhook)).status == 200
            assert net.webhooks.report(webhook).delivered == 2
            await net.webhooks.remove_async(webhook)
            await net.webhooks.clear_async()
            assert net.webhooks.reports == []

    with Receiver() as receiver:
        asyncio.run(play(receiver))


# -- changes and the end


def test_a_change_goes_on_where_it_was(net: Internet) -> None:
    with Receiver(opened=False) as old, Receiver() as new:
        webhook = net.webhooks.add(old.url)
        numbers = happen(net, 4)
        changed = net.webhooks.change(webhook, url=new.url)
        net.webhooks.wait_delivered(webhook)
        assert new.numbers == numbers
        assert changed.secret == webhook.secret
        net.webhooks.change(webhook, events=("set-list",))
        happen(net, 1)
        net.webhooks.wait_delivered(webhook)
        assert len(new.came) == 4
        with pytest.raises(WebhookError):
            net.webhooks.change(webhook, url="http://example.com/")
        assert net.webhooks.report(webhook).webhook.url == new.url


def test_a_ping_tells_what_the_receiver_said(net: Internet) -> None:
    with Receiver(answer(418)) as receiver:
        webhook = net.webhooks.add(receiver.url)
        pinged = net.webhooks.ping(webhook)
        assert (pinged.status, pinged.error) == (418, "")
        (came,) = receiver.came
        assert came.json["kind"] == "ping"
        assert came.signed_by(webhook.secret)
        assert net.webhooks.report(webhook).failures == 0
        with pytest.raises(WebhookMissing):
            net.webhooks.ping("nobody")


def test_during(net: Internet) -> None:
    with Receiver() as receiver:
        with net.webhooks.during(receiver.url) as webhook:
            happen(net, 1)
            net.webhooks.wait_delivered(webhook)
        happen(net, 1)
        assert len(receiver.came) == 1
        assert net.webhooks.reports == []


def test_a_removed_one_hears_no_more(net: Internet) -> None:
    with Receiver(hang) as receiver:
        webhook = net.webhooks.add(receiver.url)
        happen(net, 2)
        receiver.wait(1)
        net.webhooks.remove(webhook)
        assert len(receiver.came) == 1


def stopped(receiver: Receiver, tmp_path: Path, number: int, **more: float) -> None:
    """An internet that stops while it owes the receiver so many events."""
    settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), drain=0.5)
    with Internet(settings=settings) as net:
        net.webhooks.add(receiver.url, name="last", **more)
        happen(net, number)


def test_stopping_delivers_what_is_pending(tmp_path: Path) -> None:
    with Receiver() as receiver:
        stopped(receiver, tmp_path, 50)
        assert receiver.numbers == list(range(1, 51))


def test_stopping_waits_for_none_that_is_disabled(tmp_path: Path) -> None:
    with Receiver(answer(410)) as receiver:
        settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), drain=60)
        with Internet(settings=settings) as net:
            net.webhooks.add(receiver.url)
            happen(net, 2)
            receiver.wait(1)
            began = time.monotonic()
        assert time.monotonic() - began < PATIENCE
        assert len(receiver.came) == 1


def test_stopping_tries_one_in_its_pause_at_once(tmp_path: Path) -> None:
    with Receiver(answer(503, "Retry-After: 300")) as receiver:
        settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path))
        with Internet(settings=settings) as net:
            net.webhooks.add(receiver.url)
            happen(net, 2)
            receiver.wait(1)
        assert receiver.numbers == [1, 2]


@pytest.mark.parametrize("never", [answer(500), hang, reset])
def test_stopping_says_what_was_not_delivered(tmp_path: Path, never: Action, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "minternet.webhooks")
    with Receiver(answer(200)) as receiver:
        receiver.otherwise = never
        began = time.monotonic()
        stopped(receiver, tmp_path, 3, timeout=60.0)
        assert time.monotonic() - began < PATIENCE
    (said,) = [record.getMessage() for record in caplog.records]
    assert "webhook last: 2 events after number 1 were not delivered" in said


# -- settings


def test_from_the_start(tmp_path: Path) -> None:
    said: list[str] = []
    with Receiver() as receiver:
        line = f"{receiver.url} name=ci events=set-alias since=0"
        settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), webhooks=(line,))
        with Internet(settings=settings, say=said.append) as net:
            happen(net, 2)
            (report,) = net.webhooks.reports
            assert report.webhook.name == "ci"
            net.webhooks.wait_delivered()
        assert receiver.numbers == [1, 2]
        assert all(came.signed_by(report.webhook.secret) for came in receiver.came)
    assert said == [f"webhook ci is told of events at {receiver.url}; its secret is {report.webhook.secret}"]


@pytest.mark.parametrize("line", ["http://example.com/", "http://127.0.0.1:9/ events=nothing", "http://127.0.0.1:9/ x"])
def test_one_that_cannot_work_keeps_it_from_starting(tmp_path: Path, line: str) -> None:
    settings = Settings(ephemeral=True, services=("echo",), authority=str(tmp_path), webhooks=(line,))
    with pytest.raises(StartError, match="a webhook cannot work"), Internet(settings=settings):
        pass


def test_start_over_leaves_the_webhooks_of_the_settings_alone(tmp_path: Path) -> None:
    with Receiver() as receiver:
        settings = Settings(
            ephemeral=True, services=("echo",), authority=str(tmp_path), webhooks=(f"{receiver.url} name=kept",)
        )
        with Internet(settings=settings) as net:
            net.webhooks.add(receiver.url, name="later", events="deliver")
            net.clock.freeze(0)
            net.start_over()
            assert [report.webhook.name for report in net.webhooks.reports] == ["kept"]
            assert not net.clock.is_frozen
            net.webhooks.wait_delivered()


def test_start_over_makes_no_webhooks_where_there_are_none(tmp_path: Path) -> None:
    with Internet(settings=Settings(ephemeral=True, services=("echo",), authority=str(tmp_path))) as net:
        net.start_over()
        assert not net.supervisor.has_webhooks


def test_no_text_holds_up_what_comes_after_it(net: Internet) -> None:
    """A subject in UTF-7 may spell half of a surrogate pair, and so may a test: neither can be encoded."""
    with Receiver() as receiver:
        webhook = net.webhooks.add(receiver.url, events=("deliver", "set-alias"))
        with smtplib.SMTP(*net.smtp.address) as client:
            client.sendmail("a@b.test", ["alice@example.test"], b"Subject: =?utf-7?q?+2AA-?= x\r\n\r\nhi\r\n")
        net.commit(SetAlias("half\ud800@example.test", ("alice@example.test",)))
        numbers = happen(net, 1)
        net.webhooks.wait_delivered(webhook)
        assert [came.json["kind"] for came in receiver.came] == ["deliver", "set-alias", "set-alias"]
        assert receiver.came[0].json["subject"] == "\ufffd x"
        assert receiver.came[1].json["name"] == "half\ud800@example.test"
        assert receiver.numbers[-1:] == numbers


def test_a_change_takes_what_adding_takes(net: Internet) -> None:
    with Receiver() as receiver:
        webhook = net.webhooks.add(receiver.url, name="it", events="deliver")
        assert net.webhooks.change(webhook, events="set-alias").events == ("set-alias",)
        with pytest.raises(ValueError, match="'it' keeps its name"):
            net.webhooks.change(webhook, name="other")
        assert net.webhooks.change("it", name="it", events=["set-*"]).events == ("set-*",)
        numbers = happen(net, 2)
        net.webhooks.wait_delivered("it")
        assert receiver.numbers == numbers
