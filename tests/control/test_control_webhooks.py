"""Webhooks by the API: put in, told of, changed, tried, taken out; and what they are told is what /events tells."""

from __future__ import annotations

import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from control_client import Client
from test_control_openapi import check
from webhook_receiver import Receiver, answer

from minternet import Internet, Settings
from minternet.control import openapi
from minternet.control.routes import ROWS

SECRET = "whsec_" + "QUFB" * 8


@pytest.fixture(autouse=True)
def no_webhooks_left(net: Internet) -> Iterator[None]:
    yield
    net.webhooks.clear()


def make(api: Client, receiver: Receiver, **more: Any) -> Any:
    return api.send("POST", "/webhooks", {"url": receiver.url, **more}, 201)


def delivered(api: Client, net: Internet) -> None:
    """An event happens, and is delivered."""
    api.mail("/messages?recipient=info@example.test", b"Subject: Hi\n\nHi.\n")
    net.webhooks.wait_delivered()


def test_what_is_told_is_what_events_tell(api: Client, net: Internet) -> None:
    with Receiver() as receiver:
        cursor = api.get("/events?limit=1")["last"]
        made = make(api, receiver, name="ci")
        delivered(api, net)
        told = [came.json for came in receiver.came]
        assert told == api.get(f"/events?since={cursor}")["events"]
        assert told[0]["arrived"][0]["subject"] == "Hi"
        assert all(came.signed_by(made["secret"]) for came in receiver.came)
        document = json.loads(json.dumps(openapi.build(ROWS, "1", token=False)))
        check(told[0], {"$ref": "#/components/schemas/EventView"}, document, "event")


def test_a_webhook_is_made_told_of_and_taken_out(api: Client, net: Internet) -> None:
    with Receiver() as receiver:
        answered = api.ask("POST", "/webhooks", {"url": receiver.url, "secret": SECRET})
        assert answered.status == 201
        name = answered.json["name"]
        assert answered.headers["location"] == f"/api/v1/webhooks/{name}"
        assert answered.json["secret"] == SECRET
        delivered(api, net)
        told = api.get(f"/webhooks/{name}")
        assert told["secret"] == "whsec_****" + SECRET[-4:]
        assert told["delivered"] == len(receiver.came) >= 1
        assert (told["pending"], told["failures"], told["last_status"], told["dropped"]) == (0, 0, 200, 0)
        assert told["cursor"] == api.get("/events?limit=1")["last"]
        assert told["last_attempt"]
        assert api.get("/webhooks") == {"webhooks": [told]}
        api.send("DELETE", f"/webhooks/{name}", status=204)
        assert "there are none" in api.problem("GET", f"/webhooks/{name}", 404).detail
        assert api.send("DELETE", "/webhooks") == {"removed": 0}


def test_put_goes_on_where_it_was(api: Client, net: Internet) -> None:
    with Receiver(opened=False) as down, Receiver() as up:
        first = api.send("PUT", "/webhooks/it", {"url": down.url}, 201)
        api.mail("/messages?recipient=info@example.test", b"Subject: Hi\n\nHi.\n")
        assert api.get("/webhooks/it")["pending"] == 1
        again = api.send("PUT", "/webhooks/it", {"url": up.url, "name": "it"})
        assert again["secret"] == first["secret"]
        net.webhooks.wait_delivered()
        assert [came.json["kind"] for came in up.came] == ["deliver"]
        api.send("PUT", "/webhooks/it", {"url": up.url, "since": 0, "events": ["deliver"]})
        net.webhooks.wait_delivered()
        assert up.came[-1].identity == up.came[0].identity
        assert api.problem("PUT", "/webhooks/it", 422, {"url": up.url, "name": "other"}).errors[0].pointer == "/name"
        assert api.problem("PUT", "/webhooks/a.b", 422, {"url": up.url}).errors[0].pointer == "#path/webhook"


def test_patch_disables_and_enables(api: Client, net: Internet) -> None:
    with Receiver(answer(410)) as receiver:
        name = make(api, receiver)["name"]
        api.mail("/messages?recipient=info@example.test", b"Subject: Hi\n\nHi.\n")
        receiver.wait(1)
        told = api.send("PATCH", f"/webhooks/{name}", {"enabled": True})
        assert told["enabled"]
        assert told["secret"].startswith("whsec_****")
        net.webhooks.wait_delivered()
        api.send("PATCH", f"/webhooks/{name}", {"enabled": False})
        api.mail("/messages?recipient=info@example.test", b"Subject: Hi\n\nHi.\n")
        assert api.get(f"/webhooks/{name}")["pending"] == 1
        assert api.send("PATCH", f"/webhooks/{name}", {"secret": SECRET})["secret"] == SECRET
        api.problem("PATCH", "/webhooks/nobody", 404, {"enabled": True})


def test_ping(api: Client) -> None:
    with Receiver(answer(503)) as receiver, Receiver(opened=False) as down:
        name = make(api, receiver)["name"]
        told = api.send("POST", f"/webhooks/{name}/ping")
        assert (told["status"], told["error"]) == (503, "")
        name = make(api, down)["name"]
        told = api.send("POST", f"/webhooks/{name}/ping")
        assert told["status"] == 0
        assert "cannot connect" in told["error"]
        api.problem("POST", "/webhooks/nobody/ping", 404)


def test_what_cannot_work_is_a_problem_that_says_what_would(api: Client, net: Internet) -> None:
    problem = api.problem("POST", "/webhooks", 422, {"url": "http://169.254.169.254/latest/meta-data"})
    assert problem.errors[0].pointer == "/url"
    assert "localhost" in problem.detail
    assert "/api/v1/events" in problem.detail
    for url in (net.control.url, f"http://localhost:{net.control.port}/api/v1/reset"):
        assert "own control service" in api.problem("POST", "/webhooks", 422, {"url": url}).detail
    local = "http://127.0.0.1:9/"
    assert "deliver" in api.problem("POST", "/webhooks", 422, {"url": local, "events": ["delivr"]}).detail
    assert "whsec_" in api.problem("POST", "/webhooks", 422, {"url": local, "secret": "guess"}).detail
    for body in (
        {},
        {"url": ""},
        {"url": local, "name": "a.b"},
        {"url": local, "name": "a\n"},
        {"url": local, "timeout": 0},
        {"url": local, "timeout": 61},
        {"url": local, "since": -1},
        {"url": local, "colour": "red"},
        {"url": local + "x" * 2000},
    ):
        api.problem("POST", "/webhooks", 422, body)
    api.send("POST", "/webhooks", {"url": local, "name": "it"}, 201)
    assert "'it'" in api.problem("POST", "/webhooks", 409, {"url": local, "name": "it"}).detail
    assert [each["name"] for each in api.get("/webhooks")["webhooks"]] == ["it"]


def test_there_are_only_so_many(api: Client) -> None:
    most = api.get("/settings")["limits"]["webhooks"]
    for _ in range(most):
        api.send("POST", "/webhooks", {"url": "http://127.0.0.1:9/"}, 201)
    assert "limits.webhooks" in api.problem("POST", "/webhooks", 409, {"url": "http://127.0.0.1:9/"}).detail
    assert api.send("DELETE", "/webhooks") == {"removed": most}


def test_the_settings_keep_secrets_to_themselves(tmp_path: Path) -> None:
    line = f"http://127.0.0.1:9/ name=ci secret={SECRET}"
    settings = Settings(ephemeral=True, services=("control",), authority=str(tmp_path), webhooks=(line,))
    with Internet(settings=settings) as net:
        client = Client(net.control.port)
        assert client.get("/settings")["webhooks"] == ["http://127.0.0.1:9/ name=ci secret=(set)"]
        assert client.get("/webhooks/ci")["url"] == "http://127.0.0.1:9/"


def test_a_webhook_from_the_command_line(tmp_path: Path) -> None:
    """The secret is told on standard error, and what happens is delivered before it stops."""
    with Receiver() as receiver:
        command = [sys.executable, "-m", "minternet", "up", "--ephemeral", "--json", "--services", "smtp"]
        command += ["--webhook", receiver.url, "--set", f"authority={tmp_path}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["services"]["smtp"]["port"]
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.sendmail("a@example.net", ["alice@example.test"], "Subject: Hi\n\nHi.")
        finally:
            process.terminate()
            _, said = process.communicate(timeout=30)
        secret = said.partition("its secret is ")[2].split()[0]
        assert [came.json["kind"] for came in receiver.came] == ["deliver"]
        assert receiver.came[0].signed_by(secret)


def test_nothing_of_webhooks_is_loaded_without_one(tmp_path: Path) -> None:
    source = (
        "import sys\nfrom minternet import Internet, Settings\n"
        f"with Internet(settings=Settings(ephemeral=True, authority={str(tmp_path)!r})):\n    pass\n"
        "assert not [name for name in sys.modules if 'webhooks' in name], sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, timeout=60)
