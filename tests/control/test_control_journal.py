"""Events, waits and the stream: let go by what really happens."""

from __future__ import annotations

import http.client
import json
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from control_client import Client

from minternet import Internet, Settings

LETTER = b"From: a@example.net\r\nTo: alice@example.test\r\nSubject: Welcome\r\n\r\nHello\r\n"


def deliver(net: Internet, subject: str = "Welcome") -> None:
    with smtplib.SMTP(*net.smtp.address) as smtp:
        smtp.sendmail("a@example.net", ["alice@example.test"], LETTER.replace(b"Welcome", subject.encode()))


def meanwhile(work: Callable[[], Any], act: Callable[[], None], net: Internet) -> Any:
    """What comes of a request that waits, when something is done once it waits."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    hub = net.supervisor.supervised["control"].running.front.application.hub  # type: ignore[union-attr]
    deadline = time.monotonic() + 10
    while not hub.waits.taken and time.monotonic() < deadline:
        net.call(_a_turn())
    act()
    thread.join(20)
    assert found
    return found[0]


async def _a_turn() -> None:
    import asyncio

    await asyncio.sleep(0.002)


def test_events_since_a_cursor_and_by_kind(api: Client, net: Internet) -> None:
    cursor = api.get("/events?limit=1")["last"]
    deliver(net)
    api.send("PUT", "/trees/files/content/incoming/x", b"x", 201, "text/plain")
    page = api.get(f"/events?since={cursor}")
    assert [each["kind"] for each in page["events"]] == ["deliver", "store-file"]
    event = page["events"][0]
    assert (event["account"], event["subject"]) == ("alice", "Welcome")
    assert "alice/INBOX" in event["text"]
    assert event["arrived"][0]["uid"] > 46
    assert [each["kind"] for each in api.get(f"/events?since={cursor}&kind=store-file")["events"]] == ["store-file"]
    assert api.get(f"/events?since={page['next']}")["events"] == []
    first = api.get(f"/events?since={cursor}&limit=1")
    assert api.get(f"/events?since={first['next']}")["events"][0]["kind"] == "store-file"
    assert api.problem("GET", "/events?kind=nothing", 422).errors[0].pointer == "#query/kind"


def test_a_long_poll_is_let_go_by_what_happens(api: Client, net: Internet) -> None:
    cursor = api.get("/events")["last"]
    page = meanwhile(lambda: api.get(f"/events?since={cursor}&kind=deliver&timeout=15"), lambda: deliver(net), net)
    assert [each["kind"] for each in page["events"]] == ["deliver"]


def test_a_long_poll_ends_with_nothing(api: Client) -> None:
    cursor = api.get("/events")["last"]
    assert api.get(f"/events?since={cursor}&timeout=0.05") == {
        "events": [],
        "last": cursor,
        "next": cursor,
        "dropped": 0,
    }


def test_a_wait_is_let_go_by_a_delivery(api: Client, net: Internet) -> None:
    wanted = {
        "account": "alice",
        "subject": {"glob": "Wel*"},
        "from": "a@",
        "timeout": 15,
        "since": api.get("/events")["last"],
    }
    found = meanwhile(lambda: api.send("POST", "/wait", wanted), lambda: deliver(net), net)
    assert found["what"] == "message"
    assert found["message"]["mailbox"] == "INBOX"
    assert found["event"] >= wanted["since"] + 1


def test_a_wait_in_vain_tells_what_came(api: Client, net: Internet) -> None:
    cursor = api.get("/events")["last"]
    deliver(net, "Other")
    wanted = {"subject": {"equals": "Welcome"}, "since": cursor, "timeout": 0.05}
    problem = api.problem("POST", "/wait", 408, wanted)
    assert problem.type == "urn:minternet:nothing-matched"
    assert "1 others were there or came" in problem.detail
    assert "Other" in problem.came[0]


def test_a_wait_in_vain_tells_what_came_to_others(api: Client, net: Internet) -> None:
    cursor = api.get("/events")["last"]
    deliver(net, "Welcome")
    problem = api.problem(
        "POST", "/wait", 408, {"account": "bob", "subject": "Welcome", "since": cursor, "timeout": 0.05}
    )
    assert "is as wanted, but came elsewhere" in problem.came[0]


def test_a_wait_without_an_account_is_for_all_mailboxes(api: Client, net: Internet) -> None:
    cursor = api.get("/events")["last"]
    wanted = {"subject": "Hello 81", "to": "user-81@", "since": cursor, "timeout": 15}

    def act() -> None:
        deliver(net, "Other")
        api.mail("/messages?recipient=user-81@shop.example", b"To: user-81@shop.example\nSubject: Hello 81\n\nhi\n")

    found = meanwhile(lambda: api.send("POST", "/wait", wanted), act, net)
    assert (found["message"]["account"], found["message"]["mailbox"]) == ("catchall", "INBOX")
    api.mail("/accounts/bob/mailboxes/Archive/messages", b"Subject: Hello 82\n\nhi\n")
    there = api.send("POST", "/wait", {"subject": "Hello 8"})["message"]  # without a cursor, what came first is first
    assert (there["account"], there["subject"]) == ("catchall", "Hello 81")
    problem = api.problem("POST", "/wait", 408, {"subject": "Hello 83", "since": cursor, "timeout": 0.05})
    assert problem.detail.startswith("no message with subject 'Hello 83' in any mailbox within 0.05 s; 3 others")
    assert "in bob/Archive: 'Hello 82'" in problem.came[-1]


def test_an_unknown_field_is_told_with_those_there_are(api: Client) -> None:
    assert "; there are what, account, " in api.problem("POST", "/wait", 422, {"subjct": "x"}).detail
    assert "did you mean 'subject'?" in api.problem("POST", "/wait", 422, {"subjct": "x"}).detail
    assert "did you mean 'subject'?" in api.problem("GET", "/messages?subjetc=x", 422).detail
    route = {"path": "/x", "replies": [{"statsu": 503}]}
    assert "; there are status, headers, " in api.problem("PUT", "/routes/x", 422, route).detail


def test_waits_for_articles_requests_and_files(api: Client, net: Internet) -> None:
    cursor = api.get("/events")["last"]
    api.mail("/articles", b"From: a@b.test\nNewsgroups: local.test\nSubject: Buns\n\nx\n")
    api.send("PUT", "/trees/site/content/new.html", b"x", 201, "text/html")
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("GET", "/get?a=1", headers={"X-Test": "yes"})
    connection.getresponse().read()
    connection.close()
    article = api.send("POST", "/wait", {"what": "article", "group": "local.test", "subject": "Buns", "since": cursor})
    assert article["article"]["subject"] == "Buns"
    request = api.send(
        "POST", "/wait", {"what": "request", "path": "/get", "headers": {"X-Test": "yes"}, "since": cursor}
    )
    assert request["request"]["target"] == "/get?a=1"
    file = api.send("POST", "/wait", {"what": "file", "tree": "site", "path": {"glob": "*.html"}, "since": cursor})
    assert file["file"]["path"] == "/new.html"
    assert api.send("POST", "/wait", {"what": "file", "path": "readme"})["file"]["tree"] == "files"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"what": "file", "subject": "x"}, 422, "/subject"),
        ({"what": "wish"}, 422, "/what"),
        ({"mailbox": "INBOX"}, 422, "/account"),
        ({"timeout": 1e9}, 422, "/timeout"),
        ({"account": "nobody"}, 404, ""),
        ({"account": "alice", "mailbox": "None"}, 404, ""),
        ({"what": "article", "group": "no.such"}, 404, ""),
    ],
)
def test_waits_that_cannot_be(api: Client, body: dict[str, object], status: int, pointer: str) -> None:
    problem = api.problem("POST", "/wait", status, body)
    assert [fault.pointer for fault in problem.errors] == ([pointer] if pointer else [])


# -- the stream


class Stream:
    """A client of the event stream."""

    def __init__(self, port: int, path: str = "", **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.connection.request("GET", f"/api/v1/events/stream{path}", headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        assert self.response.getheader("content-type") == "text/event-stream"

    def events(self) -> Iterator[dict[str, str]]:
        fields: dict[str, str] = {}
        for line in iter(self.response.readline, b""):
            text = line.decode().rstrip("\n")
            if not text:
                if "data" in fields:
                    yield fields
                fields = {}
            elif not text.startswith(":"):
                name, _, value = text.partition(": ")
                fields[name] = value

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def test_the_stream_tells_what_happens_and_resumes(api: Client, net: Internet) -> None:
    stream = Stream(api.port)
    deliver(net)
    event = next(stream.events())
    stream.close()
    assert event["event"] == "deliver"
    assert json.loads(event["data"])["number"] == int(event["id"])
    api.send("PUT", "/trees/files/content/incoming/x", b"x", 201, "text/plain")
    api.send("PUT", "/trees/files/content/incoming/y", b"y", 201, "text/plain")
    resumed = Stream(api.port, **{"Last-Event-ID": event["id"]})
    events = resumed.events()
    assert [json.loads(next(events)["data"])["path"] for _ in range(2)] == ["/incoming/x", "/incoming/y"]
    resumed.close()


def test_the_stream_by_kind(api: Client, net: Internet) -> None:
    stream = Stream(api.port, "?kind=store-file")
    deliver(net)
    api.send("PUT", "/trees/files/content/incoming/x", b"x", 201, "text/plain")
    assert next(stream.events())["event"] == "store-file"
    stream.close()
    api.problem("GET", "/events/stream?kind=nothing", 422)


def test_places_are_bounded_and_given_back(api: Client, net: Internet) -> None:
    hub = net.supervisor.supervised["control"].running.front.application.hub  # type: ignore[union-attr]
    hub.streams.number, before = 2, hub.streams.number
    try:
        streams = [Stream(api.port), Stream(api.port)]
        assert api.ask("GET", "/events/stream").status == 503
        for stream in streams:
            stream.close()
        for _ in range(500):
            net.call(_a_turn())
            if hub.streams.taken == 0:
                break
        assert hub.streams.taken == 0
        Stream(api.port).close()
    finally:
        hub.streams.number = before


def test_transcripts(api: Client, net: Internet) -> None:
    with smtplib.SMTP(*net.smtp.address) as smtp:
        smtp.noop()
    newest = api.get("/transcripts?service=smtp&limit=1")["transcripts"][0]
    whole = api.get(f"/transcripts/{newest['number']}")
    assert (whole["service"], whole["peer"]) == ("smtp", newest["peer"])
    assert (
        "".join(piece["text"] for piece in whole["said"] if piece["side"] == "C").startswith("ehlo")
        or whole["pieces"] > 0
    )
    assert [each["number"] for each in api.get(f"/transcripts?peer={newest['peer']}")["transcripts"]] == [
        newest["number"]
    ]
    assert api.get(f"/transcripts?since={newest['number']}")["transcripts"] == []
    api.problem("GET", "/transcripts/99999999", 404)
    assert not api.get("/transcripts?service=control")["transcripts"]


def test_the_end_lets_go_of_those_who_wait() -> None:
    with Internet(settings=Settings(ephemeral=True, services=("echo", "control"))) as net:
        api = Client(net.control.port)
        stream = Stream(api.port)
        answers: list[int] = []
        waiting = threading.Thread(
            target=lambda: answers.append(
                api.ask("POST", "/wait", {"timeout": 60, "since": 0, "what": "article"}).status
            )
        )
        waiting.start()
        hub = net.supervisor.supervised["control"].running.front.application.hub  # type: ignore[union-attr]
        while not hub.waits.taken:
            net.call(_a_turn())
        began = time.monotonic()
    took = time.monotonic() - began
    waiting.join(10)
    assert answers == [503]
    assert took < 2.5
    assert list(stream.events()) == []
    stream.close()
