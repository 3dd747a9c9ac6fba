"""The page: it loads what it needs from here only, and shows the world in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import dom, needs_browser, opened
from control_client import Client

from minternet import Internet
from minternet.control.pages import FOLDER, TYPES

HOSTILE = b"""\
From: "<img src=x onerror=alert(1)>" <evil@example.net>
To: alice@example.test
Subject: <script>document.title='OWNED'</script>
Content-Type: text/html; charset=utf-8

<h1>hello</h1><script>parent.document.title='OWNED'</script><img src=x onerror="parent.document.title='OWNED'">
<a href="javascript:parent.document.title='OWNED'">x</a><iframe src="http://evil.test/"></iframe>
<img src="http://evil.test/pixel.png"><style>@import url(http://evil.test/x.css)</style>
"""


def test_the_page_loads_its_own_files_only(api: Client) -> None:
    page = api.ask("GET", "//")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    text = page.body.decode()
    assert "<script>" not in text
    assert not re.search(r"\son\w+=", text)
    assets = re.findall(r'(?:src|href)="(/[^"]*)"', text)
    assert {"/static/main.js", "/static/page.css", "/static/icon.svg"} <= set(assets)
    for asset in assets:
        loaded = api.ask("GET", "/" + asset)
        assert loaded.status == 200
        assert loaded.body


@pytest.mark.parametrize("path", sorted(path.name for path in FOLDER.iterdir()))
def test_files_of_the_page(api: Client, path: str) -> None:
    loaded = api.ask("GET", f"//static/{path}")
    assert loaded.headers["content-type"] == TYPES[Path(path).suffix]
    text = loaded.body.decode()
    for used in re.findall(r'from "\./([\w.]+)"', text):
        assert (FOLDER / used).is_file()
    assert "innerHTML" not in text
    assert "insertAdjacentHTML" not in text
    assert "eval(" not in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)[a-z]", text.replace("http://evil", "")), (
        "nothing from elsewhere"
    )
    again = api.ask("GET", f"//static/{path}", headers={"If-None-Match": loaded.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@needs_browser
def test_a_browser_shows_a_hostile_message_and_nothing_of_it_runs(api: Client, net: Internet, tmp_path: Path) -> None:
    uid = api.mail("/accounts/alice/mailboxes/INBOX/messages", HOSTILE)["uid"]
    seen = dom(api.port, f"/mail/alice/INBOX/{uid}", tmp_path / "profile")
    assert "&lt;script&gt;document.title='OWNED'&lt;/script&gt;" in seen
    assert "<title>Mail · minternet</title>" in seen
    frame = re.search(r"<iframe [^>]*>", seen)
    assert frame is not None
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame[0]
    assert "hello" in frame[0]
    for hostile in ("OWNED", "evil.test/pixel", "onerror", "javascript:"):
        assert hostile not in frame[0]
    assert api.get(f"/accounts/alice/mailboxes/INBOX/messages/{uid}")["flags"] == ["\\Seen"]


@needs_browser
def test_a_browser_shows_all_mail_newest_first(api: Client, net: Internet, tmp_path: Path) -> None:
    letter = b"From: Shop <a@example.net>\nSubject: %b\n\nhi\n"
    api.mail("/accounts/bob/mailboxes/Archive/messages", letter % b"<i>first</i>")
    to_nobody = api.mail("/messages?recipient=user-81@shop.example", letter % b"second")["messages"][0]
    place = f"all/catchall/INBOX/{to_nobody['uid']}"
    seen = dom(api.port, f"/{place}", tmp_path / "profile")
    total = api.get("/messages?limit=1")["total"]
    assert f"<h1>All mail <small>{total}</small></h1>" in seen
    rows = re.findall(r'<a class="message[^"]*" href="#/(all/[^"]*)".*?<span class="tag">([^<]*)</span>', seen)
    assert rows[0] == (place, "catchall/INBOX")
    assert rows[1][1] == "bob/Archive"
    assert len(rows) == 50 < total
    assert ">Older messages</button>" in seen
    assert "&lt;i&gt;first&lt;/i&gt;" in seen
    assert "<dt>Came</dt>" in seen  # the letter itself
    assert 'href="#/all" aria-current="page"' in seen


@needs_browser
def test_all_mail_is_live(api: Client, net: Internet, tmp_path: Path) -> None:
    rows = "[...document.querySelectorAll('.messages .subject')].map((each) => each.textContent)"
    live = "document.querySelector('.live.live') && document.querySelector('.messages')"
    with opened(api.port, "/all", tmp_path / "profile") as once:
        once(f"Boolean({live})")
        once("(document.querySelector('.list-head input').value = 'half a wo', 1)")
        once("(document.querySelector('button.more').click(), 1)")
        assert len(once(f"{rows}.length > 50 && {rows}")) == 100
        api.mail("/messages?recipient=team@example.test", b"Subject: To the team\n\nhi\n")
        newest = once(f"{rows}[0] === 'To the team' && {rows}")
        assert newest.count("To the team") == 3
        assert len(newest) == 100  # as many as were shown
        assert once("document.querySelector('.list-head input').value") == "half a wo"  # who types goes on
        assert once("document.querySelector('.list-head small').textContent") == str(len(net.mail))
        once("(document.querySelector('button.more').click(), 1)")
        assert len(once(f"document.querySelector('button.more').hidden && {rows}")) == len(net.mail)
        net.mail.clear()
        once("document.querySelector('.list .empty')?.textContent === 'No messages here.'")
