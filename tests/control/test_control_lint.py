"""The lint and HAR over the control API, and on the page."""

from __future__ import annotations

import asyncio
import http.client
import json
import smtplib
from pathlib import Path

import pytest
from browser import dom, needs_browser
from control_client import Client
from endings import all_over

from minternet import Internet
from minternet.control.resources.lint import findings_of
from minternet.lint import RULES, lint
from minternet.world.changes import UseRoute

LETTER = b"From: a@example.net\r\nSubject: <script>document.title='OWNED'</script>\r\n\r\n" + b"y" * 1200 + b"\r\n"
HAR = {"log", "version", "creator", "pages", "entries"}


def send(net: Internet, *letters: bytes) -> int:
    """Send them, a connection for each; the number of the last conversation, which is over."""
    for letter in letters:
        with smtplib.SMTP(*net.smtp.address) as client:
            client.sendmail("a@example.net", ["alice@example.test"], letter)
        net.call(all_over(net))
    return net.conversations("smtp")[-1].number


def fetch(net: Internet, *paths: str) -> int:
    """GET them on one connection; the number of the conversation, which is over."""
    connection = http.client.HTTPConnection(*net.http.address)
    for path in paths:
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()
    net.call(all_over(net))
    return net.conversations("http")[-1].number


def test_findings_of_a_conversation(api: Client, net: Internet) -> None:
    number = send(net, LETTER)
    told = api.get(f"/transcripts/{number}/lint")
    assert told["judged"] is True
    assert [each["rule"] for each in told["findings"]] == ["line-too-long", "message-no-date", "message-no-id"]
    long = told["findings"][0]
    assert (long["conversation"], long["service"], long["severity"], long["count"]) == (number, "smtp", "error", 1)
    assert long["peer"] == api.get(f"/transcripts/{number}")["peer"]
    assert long["line"].startswith("yyy")
    assert "RFC 5321 section 4.5.3.1.6" in long["reference"]
    assert (long["wrong"], long["advice"]) == (RULES["line-too-long"].wrong, RULES["line-too-long"].advice)
    piece = api.get(long["url"].removeprefix("/api/v1"))["said"][long["piece"]]
    assert (piece["side"], piece["at"]) == ("C", long["at"])
    assert "yyy" in piece["text"]
    errors = api.get(f"/transcripts/{number}/lint?level=error")["findings"]
    assert errors == [long]
    assert api.problem("GET", f"/transcripts/{number}/lint?level=bad", 422).errors[0].pointer == "#query/level"
    api.problem("GET", "/transcripts/999999/lint", 404)


def test_a_conversation_without_rules_or_beginning_is_not_judged(api: Client, net: Internet) -> None:
    net.call(open_and_drop(net))
    one, other = api.get("/transcripts?limit=2")["transcripts"]
    assert api.get(f"/transcripts/{one['number']}/lint") == {"findings": [], "judged": False}
    assert api.get(f"/transcripts/{other['number']}/lint") == {"findings": [], "judged": False}
    assert api.get(f"/lint?since={other['number'] - 1}") == {
        "findings": [],
        "conversations": 0,
        "skipped": 1,
        "complete": True,
    }


async def open_and_drop(net: Internet) -> None:
    for service in ("echo", "smtp"):
        transcript = net.transcripts.open(service, ("127.0.0.1", 1), ("127.0.0.1", 2))
        transcript.server(b"220 here\r\n")
        transcript.client(b"anything\n")
        transcript.close()
    transcript.drop_oldest()


def test_findings_of_all_conversations_newest_first(api: Client, net: Internet) -> None:
    since = net.transcripts.opened
    first = send(net, LETTER)
    last = send(net, LETTER)
    fetch(net, "/get")
    told = api.get(f"/lint?since={since}")
    assert [each["conversation"] for each in told["findings"]] == [last] * 3 + [first] * 3
    assert (told["conversations"], told["skipped"], told["complete"]) == (3, 0, True)
    assert api.get(f"/lint?since={first}&service=smtp&level=error")["findings"] == [told["findings"][0]]
    assert api.get(f"/lint?since={since}&service=http")["findings"] == []
    few = api.get(f"/lint?since={since}&limit=3")
    assert few["findings"] == told["findings"][:3]
    assert few["complete"] is False
    assert api.get(f"/lint?since={first}&limit=3")["complete"] is True


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("service=smpt", "#query/service", "there are no rules for 'smpt'; there are for http"),
        ("service=echo", "#query/service", "there are no rules for 'echo'"),
        ("level=off", "#query/level", ""),
        ("limit=0", "#query/limit", ""),
        ("since=-1", "#query/since", ""),
        ("rule=x", "#query/rule", ""),
    ],
)
def test_what_cannot_be_asked(api: Client, query: str, pointer: str, words: str) -> None:
    problem = api.problem("GET", f"/lint?{query}", 422)
    assert problem.errors[0].pointer == pointer
    assert words in problem.detail


def test_the_rules(api: Client) -> None:
    told = api.get("/lint/rules")["rules"]
    assert {each["name"]: each["wrong"] for each in told} == {rule.name: rule.wrong for rule in RULES.values()}
    assert told[0]["protocols"][0] == "SMTP"
    assert all(each["reference"] and each["advice"] and each["severity"] for each in told)


def test_a_large_conversation_is_judged_in_a_thread(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    number = send(net, LETTER)
    large = send(net, LETTER + b"z" * 70 * 2000 + b"\r\n")
    handed: list[object] = []

    async def to_thread(function: object, *arguments: object) -> object:
        handed.append(arguments[0])
        return lint(arguments[0])  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    for each in (number, large):
        transcript = net.transcripts.find(each)
        assert transcript is not None
        found = net.call(findings_of(transcript, asyncio.Semaphore(1)))
        assert "line-too-long" in {finding.rule.name for finding in found}
        assert handed == ([transcript] if each == large else [])


# -- HAR


def test_har(api: Client, net: Internet) -> None:
    since = net.transcripts.opened
    assert api.get(f"/transcripts.har?since={since}")["log"]["entries"] == []
    first = fetch(net, "/gzip", "/get?a=1")
    second = fetch(net, "/bytes/10")
    smtp = send(net, LETTER)
    answer = api.ask("GET", f"/transcripts/{first}/har")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="minternet-{first}.har"'
    conversation = next(each for each in net.conversations("http") if each.number == first)
    assert answer.json == json.loads(json.dumps(conversation.har()))
    assert set(answer.json) | set(answer.json["log"]) == HAR
    entries = api.get(f"/transcripts.har?since={since}")["log"]["entries"]
    assert [entry["connection"] for entry in entries] == [str(first), str(first), str(second)]
    assert api.get(f"/transcripts.har?since={first}&service=http")["log"]["entries"] == entries[2:]
    assert api.get(f"/transcripts.har?since={since}&service=https")["log"]["entries"] == []
    head = api.ask("HEAD", f"/transcripts.har?since={since}")
    assert (head.status, head.body) == (200, b"")
    assert "HAR is for HTTP" in api.problem("GET", f"/transcripts/{smtp}/har", 409).detail
    problem = api.problem("GET", "/transcripts.har?service=smtp", 422)
    assert (problem.errors[0].pointer, "HAR is for HTTP" in problem.detail) == ("#query/service", True)
    api.problem("GET", "/transcripts/999999/har", 404)


def test_har_masks_secrets(api: Client, net: Internet) -> None:
    since = net.transcripts.opened
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("GET", "/get", headers={"Authorization": "Bearer very-secret"})
    connection.getresponse().read()
    connection.close()
    net.call(all_over(net))
    assert b"very-secret" not in api.ask("GET", f"/transcripts.har?since={since}").body


def test_a_har_of_much_comes_in_blocks(api: Client, net: Internet) -> None:
    since = net.transcripts.opened
    fetch(net, *("/bytes/100000?seed=1",) * 6)
    entries = api.get(f"/transcripts.har?since={since}")["log"]["entries"]
    assert [entry["response"]["content"]["size"] for entry in entries] == [100_000] * 6


def test_a_route_that_is_used_knows_its_conversation(api: Client, net: Internet) -> None:
    cursor = net.cursor()
    api.send("PUT", "/routes/hello", {"path": "/hello", "replies": [{"body": "hi"}]}, 201)
    number = fetch(net, "/hello")
    (used,) = [each for each in net.world.journal.since(cursor) if isinstance(each.change, UseRoute)]
    assert used.conversation == number
    assert api.get(f"/events?since={cursor}&kind=use-route")["events"][0]["conversation"] == number


# -- the page


@needs_browser
def test_a_browser_shows_findings(api: Client, net: Internet, tmp_path: Path) -> None:
    number = send(net, LETTER.replace(b"From:", b"<img src=x onerror=alert(1)>\r\nFrom:"))
    seen = dom(api.port, f"/transcripts/{number}", tmp_path / "profile")
    assert "<strong>line-too-long</strong>" in seen
    assert "RFC 5321 section 4.5.3.1.6" in seen
    assert '<pre class="raw">&lt;img src=x onerror=alert(1)&gt;</pre>' in seen
