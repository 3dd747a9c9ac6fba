"""Eight workers of pytest-xdist at the same moment, each with faults of its own on the same services."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

WORKERS = 8
PATIENT = 60.0
"""Seconds for the slowest worker to come; two cores start eight."""

SUITE = '''
import imaplib
import json
import os
import smtplib
import socket

import pytest

from minternet import Settings


@pytest.fixture(scope="session")
def minternet_settings():
    return Settings(ephemeral=True, services=("smtp", "imap"))


@pytest.fixture(scope="module")
def meet(worker_id):
    """Tell the others something, and wait until all have."""
    with socket.create_connection(("127.0.0.1", int(os.environ["MEETING"])), 60) as link, link.makefile("rw") as lines:

        def tell(**what):
            print(json.dumps({"worker": worker_id, **what}), file=lines, flush=True)
            assert lines.readline() == "go\\n"

        yield tell


def send(net, subject):
    with smtplib.SMTP(*net.smtp.address) as client:
        return client.sendmail("a@example.test", ["bob@example.test"], f"Subject: {subject}\\r\\n\\r\\nhi\\r\\n".encode())


@pytest.mark.minternet(faults=["smtp RCPT: reply 450 4.2.0 Later, first=1, name=every worker's"])
def test_each_sees_its_own(minternet, meet, worker_id):
    net, number = minternet, int(worker_id.removeprefix("gw"))
    inbox, before = net.account("bob").inbox, net.cursor()
    mine = net.faults.add(f"imap NOOP: reply NO [X-OF-{worker_id}] No, n={number + 1}", name=worker_id)
    twice = net.faults.add(f"smtp RCPT: reply 45{number} 4.2.0 {worker_id}, n=2", name=f"{worker_id} again")
    meet(ports=[net.smtp.port, net.imap.port], pid=os.getpid())

    with pytest.raises(smtplib.SMTPRecipientsRefused, match="Later"):
        send(net, "too early")
    meet()
    with pytest.raises(smtplib.SMTPRecipientsRefused, match=f"45{number}.*{worker_id}"):
        send(net, "too early again")
    send(net, worker_id)
    assert inbox.wait_for(subject="gw", since=before).subject == worker_id
    meet()

    client = imaplib.IMAP4(*net.imap.address)
    client.login("bob", "builder")
    replies = [client.noop() for _ in range(8)]
    assert [status for status, _ in replies].index("NO") == number
    assert worker_id.encode() in replies[number][1][0]
    client.logout()
    meet()

    assert [letter.subject for letter in inbox.find() if letter.subject.startswith(("gw", "too"))] == [worker_id]
    assert [each.fault for each in net.faults.struck] == ["every worker's", twice.name, mine.name]
    assert (net.faults.uses(mine), net.faults.strokes(mine)) == (8, 1)
    assert len(net.faults.reports) == 3
    delivered = [event for event in net.world.journal.since(before) if type(event.change).__name__ == "Deliver"]
    assert len(delivered) == 1
    said = "".join(each.text() for each in net.conversations())
    assert worker_id in said
    assert not any(f"gw{other}" in said for other in range(8) if other != number)
    meet()
'''
MEETINGS = 5


@pytest.fixture
def meeting() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENT)
        yield listening


def host(listening: socket.socket) -> list[list[dict[str, Any]]]:
    """Let all workers go on when all have come, each time; what they told."""
    with ExitStack() as stack:
        links = [stack.enter_context(listening.accept()[0]) for _ in range(WORKERS)]
        for link in links:
            link.settimeout(PATIENT)
        lines = [stack.enter_context(link.makefile("rw")) for link in links]
        told = []
        for _ in range(MEETINGS):
            told.append([json.loads(line.readline()) for line in lines])
            for line in lines:
                print("go", file=line, flush=True)
        return told


def test_eight_workers_do_not_see_each_others_faults(tmp_path: Path, meeting: socket.socket) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    plugins = ["-p", "xdist", "-p", "minternet.pytest_plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), "--dist", "each", *plugins]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # eight times all that is installed takes half a minute
    environment["MEETING"] = str(meeting.getsockname()[1])
    running = subprocess.Popen(
        [*command, str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told = host(meeting)
        output, _ = running.communicate(timeout=PATIENT)
    except (OSError, ValueError):
        running.kill()
        pytest.fail(f"not all came: {running.communicate()[0]}")
    assert running.returncode == 0, output
    assert f"{WORKERS} passed" in output
    for all_told in told:
        assert sorted(each["worker"] for each in all_told) == [f"gw{number}" for number in range(WORKERS)]
    ports = [port for each in told[0] for port in each["ports"]]
    assert len(set(ports)) == 2 * WORKERS
    assert len({each["pid"] for each in told[0]}) == WORKERS
