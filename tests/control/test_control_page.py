"""The page: it loads what it needs from here only, and shows the world in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import dom, needs_browser
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
