"""Accounts, mailboxes and messages by the API."""

from __future__ import annotations

import imaplib
import smtplib

import pytest
from control_client import Client

from minternet import Internet

LETTER = b"From: Dora <dora@example.net>\nTo: alice@example.test\nSubject: Gr\xc3\xbc\xc3\x9fe\nX-Ticket: 77\n\nCode 493817\nhttp://example.net/confirm?x=1\n"
INBOX = "/accounts/alice/mailboxes/INBOX"


def test_accounts_are_listed_made_changed_and_removed(api: Client, net: Internet) -> None:
    assert [each["login"] for each in api.get("/accounts")["accounts"]] == ["alice", "bob", "carol", "catchall"]
    made = api.ask("POST", "/accounts", {"login": "dora", "password": "crumb"})
    assert (made.status, made.headers["location"]) == (201, "/api/v1/accounts/dora")
    assert made.json["address"] == "dora@example.test"
    imap = imaplib.IMAP4(*net.imap.address)
    assert imap.login("dora", "crumb")[0] == "OK"
    imap.logout()
    changed = api.send("PUT", "/accounts/dora", {"password": "bun", "name": "Dora", "disabled": True})
    assert (changed["password"], changed["disabled"]) == ("bun", True)
    api.send("DELETE", "/accounts/dora", status=204)
    assert api.problem("GET", "/accounts/dora", 404).type == "urn:minternet:account-missing"


def test_accounts_that_cannot_be(api: Client) -> None:
    assert api.problem("POST", "/accounts", 409, {"login": "alice"}).type == "urn:minternet:account-exists"
    problem = api.problem("POST", "/accounts", 422, {"login": "x", "quota": {"storage": -1}})
    assert [fault.pointer for fault in problem.errors] == ["/quota/storage"]
    assert api.problem("POST", "/accounts", 422, {"login": "x", "colour": 1}).errors[0].pointer == "/colour"
    assert api.problem("POST", "/accounts", 422, {"password": "x"}).errors[0].pointer == "/login"
    assert api.problem("PUT", "/accounts/bob", 409, {"address": "alice@example.test"})
    api.problem("POST", "/accounts", 409, {"login": "x", "home": "/pub/readme.txt"})
    assert api.problem("GET", "/accounts/x", 404)


def test_an_account_who_was_the_catch_all_leaves_none(api: Client) -> None:
    api.send("DELETE", "/accounts/catchall", status=204)
    assert api.get("/catch-all") == {"login": None}
    assert api.send("PUT", "/catch-all", {"login": "bob@example.test"}) == {"login": "bob"}
    assert api.problem("PUT", "/catch-all", 422, {"login": "nobody"}).errors[0].pointer == "/login"


def test_tokens_and_quota(api: Client) -> None:
    token = api.send("POST", "/accounts/bob/tokens", {"expires": "2030-01-01T00:00:00Z", "scopes": ["imap"]}, 201)
    assert token["value"]
    assert token in api.get("/accounts/bob/tokens")
    api.problem("POST", "/accounts/alice/tokens", 409, {"value": token["value"]})
    assert api.send("POST", "/accounts/bob/tokens", status=201)["expires"] is None
    api.send("DELETE", f"/accounts/bob/tokens/{token['value']}", status=204)
    api.problem("DELETE", f"/accounts/bob/tokens/{token['value']}", 404)
    assert api.send("PUT", "/accounts/bob/quota", {"messages": 17})["messages"] == 17
    assert api.get("/accounts/bob/quota")["used_messages"] >= 1
    full = api.problem("POST", "/accounts/bob/mailboxes/INBOX/messages", 409, LETTER, "message/rfc822")
    assert full.type == "urn:minternet:quota-exceeded"


def test_aliases_and_lists(api: Client) -> None:
    for kind in ("aliases", "lists"):
        assert (
            api.send("PUT", f"/{kind}/New@example.test", {"targets": ["bob@example.test"]})["address"]
            == "new@example.test"
        )
        assert api.get(f"/{kind}/new@example.test")["targets"] == ["bob@example.test"]
        assert "new@example.test" in [each["address"] for each in api.get(f"/{kind}")["addresses"]]
        assert api.problem("PUT", f"/{kind}/x@example.test", 422, {"targets": []}).errors[0].pointer == "/targets"
        api.problem("PUT", f"/{kind}/alice@example.test", 409, {"targets": ["bob@example.test"]})
        api.problem("PUT", f"/{kind}/nothing", 422, {"targets": ["bob@example.test"]})
        api.send("DELETE", f"/{kind}/new@example.test", status=204)
        api.problem("DELETE", f"/{kind}/new@example.test", 404)


def test_mailboxes(api: Client) -> None:
    assert "Projects/2024" in [each["name"] for each in api.get("/accounts/alice/mailboxes")["mailboxes"]]
    assert api.get("/accounts/alice/mailboxes/Projects%2F2024%2FBridge")["messages"] == 3
    assert api.get("/accounts/alice@example.test/mailboxes/inbox")["name"] == "INBOX"
    made = api.ask("POST", "/accounts/bob/mailboxes", {"name": "A/B"})
    assert (made.status, made.headers["location"]) == (201, "/api/v1/accounts/bob/mailboxes/A%2FB")
    moved = api.send(
        "PATCH", "/accounts/bob/mailboxes/A%2FB", {"name": "C", "special_use": "\\Junk", "subscribed": False}
    )
    assert (moved["name"], moved["special_use"], moved["subscribed"]) == ("C", "\\Junk", False)
    assert api.send("PATCH", "/accounts/bob/mailboxes/C", {"special_use": None})["special_use"] is None
    api.problem("PATCH", "/accounts/bob/mailboxes/C", 409, {"name": "INBOX"})
    api.send("DELETE", "/accounts/bob/mailboxes/C", status=204)
    api.problem("DELETE", "/accounts/bob/mailboxes/INBOX", 409)
    api.problem("POST", "/accounts/bob/mailboxes", 409, {"name": "Inbox"})
    assert api.problem("POST", "/accounts/bob/mailboxes", 422, {"name": "a//b"}).errors[0].pointer == "/name"
    api.problem("GET", "/accounts/bob/mailboxes/C", 404)


def test_a_message_put_in_is_told_to_idle_clients_and_read_back(api: Client, net: Internet) -> None:
    imap = imaplib.IMAP4(*net.imap.address)
    imap.login("alice", "wonderland")
    imap.select("INBOX")
    imap.send(b"a1 IDLE\r\n")
    assert imap.readline().startswith(b"+")
    stored = api.mail(f"{INBOX}/messages?flag=%5CFlagged&flag=$Work&date=2024-02-03T04:05:06Z", LETTER)
    told = imap.readline()
    while b"EXISTS" not in told:
        told = imap.readline()
    imap.send(b"DONE\r\n")
    while not imap.readline().startswith(b"a1 OK"):
        pass
    imap.logout()
    letter = api.get(stored["url"].removeprefix("/api/v1"))
    assert (letter["subject"], letter["from"], letter["flags"]) == (
        "Grüße",
        "Dora <dora@example.net>",
        ["$Work", "\\Flagged"],
    )
    assert letter["date"] == "2024-02-03T04:05:06Z"
    assert letter["links"] == ["http://example.net/confirm?x=1"]
    assert "493817" in letter["codes"]
    assert ["X-Ticket", "77"] in letter["headers"]
    raw = api.ask("GET", f"{INBOX}/messages/{stored['uid']}/raw")
    assert raw.body == LETTER.replace(b"\n", b"\r\n")
    assert raw.headers["content-type"] == "message/rfc822"
    assert raw.headers["content-security-policy"].startswith("sandbox")
    assert raw.headers["content-disposition"].startswith("attachment")


def test_delivery_by_smtp_links_to_its_transcript(api: Client, net: Internet) -> None:
    cursor = api.get("/events")["last"]
    with smtplib.SMTP(*net.smtp.address) as smtp:
        smtp.sendmail("shop@example.net", ["info@example.test"], LETTER)
    found = api.send(
        "POST", "/wait", {"account": "alice", "mailbox": "INBOX", "headers": {"X-Ticket": "77"}, "since": cursor}
    )
    letter = found["message"]
    assert letter["envelope"]["sender"] == "shop@example.net"
    assert letter["envelope"]["recipients"][0]["address"] == "info@example.test"
    said = api.get(letter["transcript"].removeprefix("/api/v1"))
    assert any("MAIL FROM" in piece["text"].upper() for piece in said["said"] if piece["side"] == "C")
    text = api.ask("GET", letter["transcript"].removeprefix("/api/v1") + "/text?times=true")
    assert b"C: " in text.body


def test_delivery_by_the_api_goes_by_alias_and_list(api: Client) -> None:
    delivered = api.mail(
        "/messages?recipient=team@example.test&recipient=info@example.test&sender=x@example.net", LETTER
    )
    assert sorted(each["account"] for each in delivered["messages"]) == ["alice", "bob", "carol"]
    letter = api.get(delivered["messages"][0]["url"].removeprefix("/api/v1"))
    assert letter["envelope"]["sender"] == "x@example.net"
    api.problem("POST", "/messages", 422, LETTER, "message/rfc822")
    api.problem("POST", "/messages?recipient=nobody", 422, LETTER, "message/rfc822")


def test_parts_are_decoded(api: Client) -> None:
    letter = api.get(f"{INBOX}/messages/8")
    assert letter["attachments"] == len(letter["files"]) >= 4
    names = [each["filename"] for each in letter["files"]]
    assert any(name.endswith(".pdf") for name in names)
    for each in letter["files"]:
        part = api.ask("GET", each["url"].removeprefix("/api/v1"))
        assert part.status == 200
        assert part.headers["content-type"].startswith(each["type"])
        assert part.headers["content-disposition"].startswith("attachment")
    pdf = next(each for each in letter["files"] if each["type"] == "application/pdf")
    assert api.ask("GET", pdf["url"].removeprefix("/api/v1")).body.startswith(b"%PDF")
    for section in ("99", "x", "1.1.1.1", "1..1", "0"):
        api.problem("GET", f"{INBOX}/messages/8/parts/{section}", 404)


def test_every_message_of_the_fixtures_can_be_read(api: Client) -> None:
    page = api.get("/messages?limit=500")
    assert len(page["messages"]) == page["total"] > 100
    for each in page["messages"]:
        mailbox = each["mailbox"].replace("/", "%2F")
        from urllib.parse import quote

        letter = api.get(f"/accounts/{each['account']}/mailboxes/{quote(mailbox, safe='%')}/messages/{each['uid']}")
        assert letter["size"] == each["size"]


def test_flags(api: Client) -> None:
    url = f"{INBOX}/messages/1"
    assert api.send("PATCH", url, {"replace": ["\\seen", "$A"]})["flags"] == ["$A", "\\Seen"]
    assert api.send("PATCH", url, {"add": ["\\Flagged"], "remove": ["$A"]})["flags"] == ["\\Flagged", "\\Seen"]
    api.problem("PATCH", url, 422, {"add": ["\\Recent"]})
    api.problem("PATCH", url, 422, {"add": ["two words"]})
    api.problem("PATCH", url, 422, {"add": ["$A"], "replace": []})
    api.problem("PATCH", f"{INBOX}/messages/9999", 404, {"add": ["$A"]})


def test_deleting_and_clearing(api: Client) -> None:
    before = api.get(INBOX)["messages"]
    api.send("DELETE", f"{INBOX}/messages/1", status=204)
    assert api.problem("GET", f"{INBOX}/messages/1", 404).type == "urn:minternet:message-missing"
    assert api.send("DELETE", f"{INBOX}/messages") == {"removed": before - 1}
    assert api.get(f"{INBOX}/messages")["messages"] == []


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("q=493817", {"Reset your password"}),
        ("flag=%5CFlagged&no_flag=%5CSeen", None),
        ("header=List-Id:", None),
        ("size_min=100000", None),
        ("before=1999-01-01T00:00:00Z", None),
        ("from=dora&subject=TART", None),
        ("account=bob&mailbox=INBOX", None),
    ],
)
def test_searching(api: Client, query: str, subjects: set[str] | None) -> None:
    """Each filter finds something, and less than everything."""
    page = api.get(f"/messages?limit=500&{query}")
    everything = api.get("/messages?limit=1")["total"]
    if subjects is None:
        assert 0 <= len(page["messages"]) < everything
    else:
        assert page["messages"], query


def test_searching_holds_what_it_says(api: Client) -> None:
    api.mail("/accounts/bob/mailboxes/INBOX/messages?flag=$Odd&date=2001-01-01T00:00:00Z", LETTER)
    api.mail("/accounts/bob/mailboxes/INBOX/messages?date=2001-01-02T00:00:00Z", LETTER.replace(b"493817", b"nothing"))

    def count(query: str) -> int:
        page = api.get(f"/messages?account=bob&after=2001-01-01T00:00:00Z&before=2001-01-03T00:00:00Z&{query}")
        return len(page["messages"])

    assert count("") == 2
    assert count("flag=$odd") == 1
    assert count("no_flag=$odd") == 1
    assert count("text=CODE%20493817") == 1
    assert count("header=X-Ticket:%2077&header=Subject:gr%C3%BC") == 2
    assert count("header=X-Ticket:78") == 0
    assert count("header=X-Other:") == 0
    assert count("subject=GR%C3%9CSSE") == 2
    assert count("from=dora@") == 2
    assert count("to=alice") == 2
    assert count("q=dora") == 2
    assert count("size_max=10") == 0
    assert count("message_id=x") == 0


def test_pages_follow_each_other(api: Client) -> None:
    for order in ("newest", "oldest"):
        seen: list[tuple[str, str, int]] = []
        cursor = ""
        while True:
            page = api.get(f"/messages?order={order}&limit=40&cursor={cursor}")
            seen += [(each["account"], each["mailbox"], each["uid"]) for each in page["messages"]]
            if page["next"] is None:
                break
            cursor = page["next"]
        assert len(seen) == len(set(seen)) == page["total"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "#query/limit"),
        ("limit=x", "#query/limit"),
        ("colour=red", "#query/colour"),
        ("cursor=%21", "#query/cursor"),
        ("after=0001-01-01T00:00:00Z", "#query/after"),
        ("header=x", "#query/header/0"),
        ("order=best", "#query/order"),
    ],
)
def test_a_wrong_parameter_is_named(api: Client, query: str, parameter: str) -> None:
    assert api.problem("GET", f"{INBOX}/messages?{query}", 422).errors[0].pointer == parameter


def test_wrong_bodies(api: Client) -> None:
    api.problem("POST", f"{INBOX}/messages", 415, LETTER, "text/plain")
    api.problem("POST", "/accounts", 415, b"{}", "text/plain")
    api.problem("POST", "/accounts", 400, b"{", "application/json")
    api.problem("POST", "/accounts", 400, b"\xff", "application/json")
    api.problem("POST", "/accounts", 413, b" " * (5 << 20), "application/json")
    api.problem("POST", f"{INBOX}/messages?flag=%5CNo", 422, LETTER, "message/rfc822")
    api.problem("GET", f"{INBOX}/messages?q=%ff", 400)
    api.problem("GET", f"{INBOX}/messages?q=1&q=2", 422)
