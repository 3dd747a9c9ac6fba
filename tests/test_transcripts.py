"""Conversations: linked from what they made, as text, JSON and HAR, and by `minternet log`."""

from __future__ import annotations

import base64
import ftplib
import http.client
import imaplib
import json
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from minternet import Internet, Settings, ready
from minternet.cli import main

SERVICES = ("smtp", "imap", "nntp", "ftp", "http", "control")
MAIL = (
    "From: a@example.net\r\nDate: Mon, 6 May 2024 10:00:00 +0000\r\nMessage-ID: <1@x.test>\r\nSubject: {}\r\n\r\nhi\r\n"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    authority = str(tmp_path_factory.mktemp("authority"))
    with Internet(settings=Settings(ephemeral=True, services=SERVICES, authority=authority)) as net:
        yield net


@pytest.fixture
def net(running: Internet) -> Internet:
    running.reset()
    return running


@pytest.fixture
def target(net: Internet, tmp_path: Path) -> Path:
    path = tmp_path / "ready.json"
    ready.write(net.ready(), path)
    return path


def send(net: Internet, subject: str) -> None:
    with smtplib.SMTP(*net.smtp.address) as client:
        client.sendmail("a@example.net", ["alice@example.test"], MAIL.format(subject))


# -- from what was made to who made it


def test_a_message_that_came_by_smtp(net: Internet) -> None:
    send(net, "first")
    send(net, "second")
    letter = net.account("alice").inbox.wait_for(subject="second")
    assert letter.conversation is not None
    assert letter.conversation.service == "smtp"
    assert b"Subject: second\r\n" in letter.conversation.said()
    assert b"Subject: first" not in letter.conversation.said()


def test_a_message_that_was_appended_or_copied(net: Internet) -> None:
    with imaplib.IMAP4(*net.imap.address) as client:
        client.login("alice", "wonderland")
        client.append("Drafts", "", "", MAIL.format("appended").encode())
        client.select("Drafts")
        client.copy("*", "INBOX")
    for mailbox in ("Drafts", "INBOX"):
        conversation = net.account("alice").mailbox(mailbox).find(subject="appended")[-1].conversation
        assert conversation is not None
        assert conversation.service == "imap"
        assert b"APPEND Drafts" in conversation.said()


def test_a_message_of_the_fixtures_or_the_test_has_none(net: Internet) -> None:
    inbox = net.account("alice").inbox
    assert inbox[0].conversation is None
    assert inbox.add(b"Subject: added\r\n\r\n").conversation is None


def test_an_article_that_was_posted(net: Internet) -> None:
    article = b"From: a@example.net\r\nNewsgroups: local.test\r\nSubject: posted\r\n\r\nhi\r\n.\r\n"
    with socket.create_connection(net.nntp.address) as client, client.makefile("rb") as replies:
        replies.readline()
        for line in (b"POST\r\n", article, b"QUIT\r\n"):
            client.sendall(line)
            replies.readline()
    posting = net.newsgroup("local.test").wait_for(subject="posted")
    assert posting.conversation is not None
    assert b"Subject: posted\r\n" in posting.conversation.said()
    assert net.newsgroup("local.test").articles[0].conversation is None


def test_a_file_that_was_uploaded(net: Internet) -> None:
    with ftplib.FTP() as client:
        client.connect(*net.ftp.address)
        client.login("alice", "wonderland")
        client.storbinary("STOR up.txt", BytesIO(b"up"))
        client.rename("up.txt", "renamed.txt")
    stored = net.files.conversation("/home/alice/up.txt")
    assert stored is not None
    assert stored.service == "ftp"
    assert stored == net.files.conversation("/home/alice/renamed.txt")
    assert "wonderland" not in stored.text()
    assert "wonderland" in stored.text(masked=False)


def test_a_request(net: Internet) -> None:
    since = net.cursor()
    with_credentials = {"Authorization": "Basic " + base64.b64encode(b"alice:wonderland").decode()}
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("PUT", "/files/home/alice/put.txt", b"put", with_credentials)
    assert connection.getresponse().read() == b""
    connection.close()
    received = net.web.wait_for(method="PUT", since=since)
    assert received.conversation is not None
    assert received.conversation == net.files.conversation("/home/alice/put.txt")
    secret = with_credentials["Authorization"].split()[1]
    assert secret not in received.conversation.text()
    assert secret in received.conversation.text(masked=False)


def test_every_event_has_the_number_of_its_conversation(net: Internet) -> None:
    cursor = net.cursor()
    send(net, "numbered")
    (event,) = net.world.journal.since(cursor)
    assert net.transcripts.find(event.conversation) is not None
    net.account("alice").inbox.clear()
    *_, cleared = net.world.journal.since(cursor)
    assert cleared.conversation == 0


# -- what there is, and its forms


def test_conversations_by_service_and_since(net: Internet) -> None:
    send(net, "before")
    since = net.transcripts.opened
    send(net, "after")
    (conversation,) = net.conversations(since=since)
    assert conversation in net.conversations("smtp")
    assert conversation.number > since
    assert net.conversations("imap", since=since) == []


def test_text_and_json(net: Internet) -> None:
    since = net.transcripts.opened
    with imaplib.IMAP4(*net.imap.address) as client:
        client.login("alice", "wonderland")
    (conversation,) = net.conversations(since=since)
    assert "LOGIN alice **********" in conversation.text().replace('"', "")
    told = json.loads(conversation.json())
    assert (told["number"], told["service"]) == (conversation.number, "imap")
    assert told["said"][0]["side"] == "S"
    assert told["said"][0]["text"].startswith("* OK")
    assert "wonderland" not in json.dumps(told)
    assert "wonderland" in conversation.json(masked=False)


def test_har(net: Internet) -> None:
    since = net.transcripts.opened
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("GET", "/gzip?a=1&b=", headers={"Cookie": "one=1; two=2"})
    connection.getresponse().read()
    connection.request("POST", "/post", iter([b"in ", b"pieces"]), {"Content-Type": "text/plain"}, encode_chunked=True)
    connection.getresponse().read()
    connection.request("HEAD", "/get")
    connection.getresponse().read()
    connection.request("GET", "/bytes/20")
    octets = connection.getresponse().read()
    connection.close()
    (conversation,) = net.conversations(since=since)
    har = conversation.har()
    assert har["log"]["version"] == "1.2"
    zipped, posted, head, binary = har["log"]["entries"]
    assert zipped["request"]["url"] == f"{net.http.url.rstrip('/')}/gzip?a=1&b="
    assert zipped["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]
    assert [cookie["value"] for cookie in zipped["request"]["cookies"]] == ["1", "2"]
    assert json.loads(zipped["response"]["content"]["text"])["gzipped"] is True
    assert zipped["response"]["content"]["compression"] > 0
    assert posted["request"]["postData"] == {"mimeType": "text/plain", "params": [], "text": "in pieces"}
    assert posted["request"]["bodySize"] > len("in pieces")
    assert (head["response"]["status"], head["response"]["content"]["size"]) == (200, 0)
    content = binary["response"]["content"]
    assert (base64.b64decode(content["text"]) if "encoding" in content else content["text"].encode()) == octets
    for entry in har["log"]["entries"]:
        assert entry["time"] == pytest.approx(sum(entry["timings"].values()))
        assert entry["startedDateTime"].endswith("+00:00")


def test_har_is_for_http(net: Internet) -> None:
    send(net, "no request")
    with pytest.raises(ValueError, match="HAR is for HTTP"):
        net.conversations("smtp")[-1].har()


# -- minternet log


def test_log(net: Internet, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, "logged")
    number = net.conversations("smtp")[-1].number
    assert main(["log", "--target", str(target), "--service", "smtp"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"smtp #{number} C: Subject: logged" in lines
    assert any(line.startswith(f"smtp #{number} S: 220 ") for line in lines)
    assert not [line for line in lines if not line.startswith("smtp #")]


def test_log_as_json(net: Internet, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    send(net, "as json")
    assert main(["log", "--target", str(target), "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any("Subject: as json" in each.get("text", "") and each["side"] == "C" for each in said)


def test_log_follows(net: Internet, target: Path) -> None:
    command = [sys.executable, "-m", "minternet", "log", "--follow", "--target", str(target), "--service", "imap"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == f"minternet: following {net.control.url}\n"
            send(net, "of another service")
            with imaplib.IMAP4(*net.imap.address) as client:
                client.login("alice", "wonderland")
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if line.endswith("# closed\n"):
                    break
        finally:
            process.terminate()
    assert all(line.startswith("imap #") for line in lines)
    assert any("LOGIN alice" in line for line in lines)
    assert "wonderland" not in "\n".join(lines)
    assert any(" S: * BYE" in line for line in lines)


def test_log_where_control_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Internet(settings=Settings(ephemeral=True, services=("echo",))) as net:
        ready.write(net.ready(), tmp_path / "ready.json")
    assert main(["log", "--target", str(tmp_path / "ready.json")]) == 1
    assert "runs without its control service" in capsys.readouterr().err
    assert main(["log", "--target", str(tmp_path / "no.json")]) == 1
    assert "no internet is running by" in capsys.readouterr().err


def test_log_where_control_has_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Internet(settings=Settings(ephemeral=True, services=("control",))) as net:
        ready.write(net.ready(), tmp_path / "ready.json")
    assert main(["log", "--target", str(tmp_path / "ready.json")]) == 1
    assert "does not answer" in capsys.readouterr().err


# -- by the control API


def test_the_stream_tells_conversations_from_a_number_on(net: Internet) -> None:
    since = net.transcripts.opened
    send(net, "streamed")
    connection = http.client.HTTPConnection(*net.control.address, timeout=20)
    connection.request("GET", f"/api/v1/transcripts/stream?since={since}&service=smtp")
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    said = []
    for line in response:
        if line.startswith(b"data: "):
            said.append(json.loads(line[6:]))
            if said[-1].get("closed"):
                break
    response.close()
    connection.close()
    assert {each["number"] for each in said} == {since + 1}
    texts = "".join(each["text"] for each in said if each.get("side") == "C")
    assert texts == net.conversations(since=since)[0].said().decode()


def test_events_tell_their_conversation(net: Internet) -> None:
    cursor = net.cursor()
    send(net, "told")
    connection = http.client.HTTPConnection(*net.control.address, timeout=20)
    connection.request("GET", f"/api/v1/events?since={cursor}")
    (event,) = json.loads(connection.getresponse().read())["events"]
    connection.close()
    assert event["conversation"] == net.conversations("smtp")[-1].number
