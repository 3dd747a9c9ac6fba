"""Faults by the API: set, struck by standard-library clients, told of, taken back; and toxics by Toxiproxy's names."""

from __future__ import annotations

import http.client
import imaplib
import smtplib
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser import dom, needs_browser
from control_client import Client
from test_control_openapi import check

from minternet import Internet
from minternet.faults.catalogue import KINDS
from minternet.faults.toxics import TOXICS

WELL = "OK"


def fetched(net: Internet, times: int) -> list[str]:
    """What so many FETCHes of one connection are answered with."""
    client = imaplib.IMAP4(*net.imap.address)
    client.login("alice", "wonderland")
    client.select(readonly=True)
    answers = [client.fetch("1", "(FLAGS)")[0] for _ in range(times)]
    client.logout()
    return answers


def status(net: Internet, path: str = "/") -> int:
    client = http.client.HTTPConnection(*net.http.address, timeout=10)
    try:
        client.request("GET", path)
        return client.getresponse().status
    finally:
        client.close()


# -- faults


def test_a_line_strikes_is_told_of_and_is_taken_back(api: Client, net: Internet) -> None:
    assert api.get("/faults") == {"faults": []}
    cursor = api.get("/events?limit=1")["last"]
    line = "imap FETCH: reply NO [UNAVAILABLE] Try again later, n=2"
    answer = api.ask("POST", "/faults", {"line": line})
    assert answer.status == 201
    name = answer.json["name"]
    assert answer.headers["location"] == "/api/v1/faults/" + quote(name)
    assert (answer.json["n"], answer.json["strokes"], answer.json["conversations"]) == (2, 0, [])
    assert fetched(net, 3) == [WELL, "NO", WELL]
    told = api.get(f"/faults/{quote(name)}")
    assert (told["strokes"], told["uses"]) == (1, 3)
    assert "UNAVAILABLE" in api.ask("GET", f"/transcripts/{told['conversations'][0]}/text").body.decode()
    (event,) = api.get(f"/events?kind=fault-struck&since={cursor}")["events"]
    assert (event["name"], event["conversation"]) == (name, told["conversations"][0])
    api.send("DELETE", f"/faults/{quote(name)}", status=204)
    assert api.get("/faults") == {"faults": []}
    assert fetched(net, 3) == [WELL] * 3
    assert "there are none" in api.problem("DELETE", f"/faults/{quote(name)}", 404).detail


def test_fields_are_the_same_as_a_line(api: Client, net: Internet) -> None:
    fields: dict[str, Any] = {"kind": "reply", "service": "http", "command": "GET", "argument": "/late", "first": 1}
    api.send("POST", "/faults", {**fields, "name": "late", "attributes": {"text": "503 later"}}, 201)
    assert [status(net, "/late"), status(net, "/late")] == [503, 404]
    line = api.get("/faults/late")["line"]
    api.send("DELETE", "/faults/late", status=204)
    assert api.send("POST", "/faults", {"line": line}, 201)["line"] == line
    assert [status(net, "/late"), status(net, "/late")] == [503, 404]


def test_put_replaces_and_counts_anew(api: Client, net: Internet) -> None:
    body = {"line": "http GET: reply 500 x, first=1"}
    assert api.ask("PUT", "/faults/mine", body).status == 201
    assert [status(net), status(net)] == [500, 200]
    again = api.ask("PUT", "/faults/mine", {**body, "attributes": {"text": "502 y"}})
    assert (again.status, again.json["strokes"]) == (200, 0)
    assert [status(net), status(net)] == [502, 200]
    assert [each["name"] for each in api.get("/faults")["faults"]] == ["mine"]
    assert "PUT" in api.problem("POST", "/faults", 409, {**body, "name": "mine"}).detail


def test_one_that_is_not_enabled_does_nothing(api: Client, net: Internet) -> None:
    api.send("PUT", "/faults/off", {"line": "http GET: reply 500 x", "enabled": False}, 201)
    assert status(net) == 200
    api.send("PUT", "/faults/off", {"line": "http GET: reply 500 x"})
    assert status(net) == 500


def test_faults_of_python_are_the_same_ones_and_all_go_at_once(api: Client, net: Internet) -> None:
    net.faults.add("smtp RCPT: reply 550 5.1.1 Nobody", name="a")
    api.send("PUT", "/faults/b", {"line": "http: latency 1"}, 201)
    assert [each["name"] for each in api.get("/faults")["faults"]] == ["a", "b"]
    assert [report.fault.name for report in net.faults.reports] == ["a", "b"]
    with smtplib.SMTP(*net.smtp.address) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.sendmail("a@example.net", ["alice@example.test"], "x")
    assert api.send("DELETE", "/faults") == {"removed": 2}
    assert net.faults.reports == []


def test_a_reset_takes_them_back(api: Client, net: Internet) -> None:
    api.send("POST", "/faults", {"line": "http GET: reply 500 x"}, 201)
    api.send("POST", "/reset")
    assert api.get("/faults") == {"faults": []}
    assert status(net) == 200


@pytest.mark.parametrize(
    ("body", "would_work"),
    [
        ({"line": "imap FETCH"}, "write WHERE: KIND, OPTIONS"),
        ({"line": "imap FETCH: explode"}, "lying_literal"),
        ({"line": "gopher: reset"}, "there are echo, http, smtp, imap"),
        ({"line": "control: reset"}, "there are echo, http, smtp, imap"),
        ({"line": "imap: latency tempo=3"}, "it takes latency (ms), jitter (ms)"),
        ({"line": "imap: greylist"}, "there is smtp"),
        ({"line": "http GET: reply soon"}, "begins with a status of three digits"),
        ({"line": "imap FETCH /(/: reset"}, "no regular expression"),
        ({"line": f"imap FETCH /a{{{'9' * 30}}}/: reset"}, "a glob may do"),
        ({"kind": "explode"}, "lying_literal"),
        ({"kind": "truncate", "service": "imap", "command": "FETCH", "attributes": {"then": "sing"}}, "close, reset"),
        ({"kind": "latency", "attributes": {"latency": -1}}, "from 0 on"),
        ({"kind": "latency", "attributes": {"latency": 10**400}}, "from 0 on"),
        ({"kind": "reset", "sequence": "12"}, "of 1 and 0"),
        ({"kind": "reset", "when": "sometimes"}, "/when"),
        ({"kind": "reset", "probability": 2}, "/probability"),
        ({"kind": "reset", "colour": "red"}, "colour"),
        ({"kind": "reset", "name": "kinds"}, "another name"),
        ({}, "give a line"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(api: Client, body: dict[str, Any], would_work: str) -> None:
    assert would_work in api.problem("POST", "/faults", 422, body).detail
    assert api.get("/faults") == {"faults": []}


def test_a_put_that_contradicts_itself_is_refused(api: Client) -> None:
    api.problem("PUT", "/faults/a", 422, {"line": "http: latency 1", "name": "b"})
    api.problem("PUT", "/faults/" + "a" * 201, 422, {"line": "http: latency 1"})
    api.problem("PUT", "/faults/kinds", 405, {"line": "http: latency 1"})
    assert api.get("/faults") == {"faults": []}


def test_the_catalogue(api: Client, net: Internet) -> None:
    kinds = {each["name"]: each for each in api.get("/faults/kinds")["kinds"]}
    assert list(kinds) == list(KINDS)
    assert kinds["truncate"]["attributes"][1]["words"] == ["close", "reset", "half_close", "wait"]
    assert kinds["reset"]["seen"]["http"] == "ConnectionResetError"
    assert list(kinds["greylist"]["seen"]) == ["smtp"]


def test_what_is_answered_is_what_the_document_says(api: Client) -> None:
    document = api.get("/openapi.json")
    api.send("PUT", "/faults/slow", {"line": "imap: latency 1"}, 201)
    samples = {
        "/faults": "/faults",
        "/faults/kinds": "/faults/kinds",
        "/services/{service}/toxics": "/services/imap/toxics",
    }
    for path, url in samples.items():
        content = document["paths"]["/api/v1" + path]["get"]["responses"]["200"]["content"]["application/json"]
        check(api.get(url), content["schema"], document, url)


# -- toxics


def test_a_toxic_as_toxiproxy_has_it(api: Client, net: Internet) -> None:
    toxics = "/services/http/toxics"
    toxic = {"type": "latency", "stream": "downstream", "attributes": {"latency": 300, "jitter": 0}}
    added = api.send("POST", toxics, toxic)
    assert added == {**toxic, "name": "latency_downstream", "toxicity": 1.0}
    began = time.monotonic()
    assert status(net) == 200
    assert time.monotonic() - began >= 0.25
    assert api.get(toxics) == [added]
    changed = api.send("PATCH", toxics + "/latency_downstream", {"attributes": {"latency": 0}})
    assert changed["attributes"] == {"latency": 0, "jitter": 0}
    changed = api.send("POST", toxics + "/latency_downstream", {"toxicity": 0.5, "name": "latency_downstream"})
    assert (changed["toxicity"], changed["attributes"]["latency"]) == (0.5, 0)
    assert api.get(toxics + "/latency_downstream") == changed
    api.send("DELETE", toxics + "/latency_downstream", status=204)
    assert api.get(toxics) == []
    assert api.get("/faults") == {"faults": []}


def test_a_toxic_strikes_and_is_one_services_own(api: Client, net: Internet) -> None:
    for service in ("http", "imap"):
        api.send("POST", f"/services/{service}/toxics", {"name": "cut", "type": "reset_peer"})
    assert [each["name"] for each in api.get("/faults")["faults"]] == ["http: cut", "imap: cut"]
    with pytest.raises(ConnectionResetError):
        status(net)
    api.send("DELETE", "/services/http/toxics/cut", status=204)
    assert status(net) == 200
    with pytest.raises((ConnectionResetError, imaplib.IMAP4.abort)):
        imaplib.IMAP4(*net.imap.address)


def test_toxics_that_cannot_be(api: Client) -> None:
    toxics = "/services/imap/toxics"
    assert ", ".join(sorted(TOXICS)) in api.problem("POST", toxics, 422, {"type": "explode"}).detail
    assert (
        "it takes latency (ms)"
        in api.problem("POST", toxics, 422, {"type": "latency", "attributes": {"tempo": 1}}).detail
    )
    api.problem("POST", toxics, 422, {"type": "latency", "stream": "sideways"})
    api.problem("POST", "/services/control/toxics", 422, {"type": "latency"})
    api.problem("POST", "/services/gopher/toxics", 404, {"type": "latency"})
    api.problem("GET", toxics + "/none", 404)
    api.send("POST", toxics, {"type": "latency"})
    api.problem("POST", toxics, 409, {"type": "latency"})
    assert "remove" in api.problem("PATCH", toxics + "/latency_downstream", 422, {"type": "slicer"}).detail
    api.problem("PATCH", toxics + "/latency_downstream", 422, {"attributes": {"latency": "long"}})
    assert api.get(toxics)[0]["attributes"]["latency"] == 0


# -- the page


@needs_browser
def test_the_page_shows_them(api: Client, net: Internet, tmp_path: Path) -> None:
    api.send("POST", "/faults", {"line": "imap FETCH: reply NO <b>later</b>, n=1", "name": "hostile"}, 201)
    fetched(net, 1)
    seen = dom(api.port, "/faults", tmp_path / "profile")
    assert "NO &lt;b&gt;later&lt;/b&gt;" in seen
    assert '<span class="tag bad">1</span>' in seen
    assert "lying_literal" in seen
