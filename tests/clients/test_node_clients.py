"""nodemailer, imapflow and toxiproxy-node-client, where Node.js and they are installed (prepare.sh says where)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from client_machine import Machine

from minternet.bench import AccountHandle

SCRIPT = Path(__file__).with_name("mail.cjs")
TOXICS = Path(__file__).with_name("toxics.cjs")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
MODULES = Path(os.environ.get("NODE_PATH") or CACHE / "minternet-ci" / "node_modules")


def test_nodemailer_sends_and_imapflow_reads(machine: Machine, me: AccountHandle) -> None:
    machine.has("node")
    if not (MODULES / "imapflow").is_dir() or not (MODULES / "nodemailer").is_dir():
        pytest.skip("nodemailer and imapflow are not installed")
    net = machine.net
    told = {"login": me.login, "password": me.password, "address": me.address}
    ports = {"submission": net.submission.port, "smtps": net.smtps.port, "imaps": net.imaps.port}
    mail = json.dumps(told | ports)
    ran = machine.run("node", SCRIPT, MAIL=mail, NODE_PATH=str(MODULES), NODE_EXTRA_CA_CERTS=net.ca_file)
    seen = json.loads(ran.text)
    letter = me.inbox[0]
    assert seen == {
        "accepted": [me.address, "bob@example.test"],
        "wrong": "EAUTH",
        "subject": "Grüße von Node",
        "parts": ["multipart/alternative", "application/octet-stream"],
        "octets": len(letter.raw),
        "found": [1],
        "copied": 1,
        "appended": 2,
        "exists": 2,
        "boxes": ["Ordner", "Ordner/Ü"],
    }
    assert (letter.text, letter.html) == ("Hallo\r\n.\r\n", "<b>Hallo</b>")
    assert letter.attachments == {"ü.bin": b"\x00\xff\r\n"}
    assert letter.flags == {"\\Flagged", "$Work"}
    assert [each.subject for each in me.mailbox("Ordner/Ü")] == ["Grüße von Node", "appended"]
    assert [each.subject for each in me.inbox] == ["Grüße von Node"]


def test_toxiproxy_node_client(machine: Machine) -> None:
    machine.has("node")
    if not (MODULES / "toxiproxy-node-client").is_dir():
        pytest.skip("toxiproxy-node-client is not installed")
    ran = machine.run("node", TOXICS, CONTROL=machine.net.control.url, NODE_PATH=str(MODULES))
    seen = json.loads(ran.text)
    assert seen.pop("version").startswith("2.")
    assert seen.pop("down") in ("", "ECONNRESET")
    assert seen == {
        "populated": ["echo"],
        "late": True,
        "updated": {
            "name": "late",
            "type": "latency",
            "stream": "upstream",
            "toxicity": 1,
            "attributes": {"latency": 10, "jitter": 0},
        },
        "missing": "Request failed with status code 404",
        "short": "hell",
        "enabled": False,
        "reset": "hello",
        "removed": True,
        "again": "hello",
    }
