"""Fixtures: what a folder becomes, and what is told of one that is wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from minternet.world.records import ANSWERED, FLAGGED, SEEN
from minternet.world.seed import FixtureError, check, load

WORLD = """\
[world]
start = 2024-06-03T08:30:00Z

[[accounts]]
login = "alice"
password = "wonderland"
"""
MESSAGE = "From: a@example.test\nSubject: one\nDate: Sat, 1 Jun 2024 10:00:00 +0200\n\nhello\n"
ARTICLE = "Path: x\nFrom: a@example.test\nNewsgroups: a.b\nSubject: s\nDate: Sat, 1 Jun 2024 10:00:00 +0000\nMessage-ID: <1@x>\n\nhi\n"


def folder(tmp_path: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in {"world.toml": WORLD, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
    return tmp_path


def test_the_least_there_can_be(tmp_path: Path) -> None:
    world = load(folder(tmp_path, {}))
    assert world.accounts.get("alice").address == "alice@example.test"
    assert [box.name for box in world.mail.mailboxes("alice")] == [
        "Archive",
        "Drafts",
        "INBOX",
        "Junk",
        "Sent",
        "Trash",
    ]
    assert world.files.get("/home/alice").is_folder
    assert world.snapshots() == ("seed",)


def test_messages_with_flags_dates_and_line_ends(tmp_path: Path) -> None:
    crlf = b"Subject: two\r\n\r\nbare\nfeed\r\n"
    world = load(
        folder(
            tmp_path,
            {
                "mail/alice/INBOX/1.eml": MESSAGE,
                "mail/alice/INBOX/2.eml": crlf,
                "mail/alice/INBOX/mailbox.toml": """\
                    uidvalidity = 77
                    [messages."2.eml"]
                    flags = ["\\\\Seen", "$Label"]
                    date = 2020-02-29T00:00:00Z
                """,
                "mail/alice/Größe/日本/3.eml": MESSAGE,
                "mail/alice/Empty/.keep": "",
            },
        )
    )
    inbox = world.mail.get("alice", "INBOX")
    first, second = inbox
    assert (inbox.uidvalidity, first.uid, second.uid) == (77, 1, 2)
    assert first.content.bytes() == MESSAGE.replace("\n", "\r\n").encode()
    assert first.internal_date.isoformat() == "2024-06-01T10:00:00+02:00"
    assert (second.content.bytes(), second.flags, second.internal_date.year) == (crlf, {SEEN, "$Label"}, 2020)
    assert len(world.mail.get("alice", "Größe/日本")) == 1
    assert world.mail.find("alice", "Größe") is None
    assert len(world.mail.get("alice", "Empty")) == 0


def test_mbox_and_maildir(tmp_path: Path) -> None:
    mbox = "From a Sat Jun  1 10:00:00 2024\nSubject: 1\nStatus: RO\n\n>From me\n\nFrom b Sat Jun  1 10:00:00 2024\nSubject: 2\n\nx\n\n"
    world = load(
        folder(
            tmp_path,
            {
                "mail/alice/Old.mbox": mbox,
                "mail/alice/Dir/cur/2.host:2,RF": "Subject: c\n\nx\n",
                "mail/alice/Dir/new/1.host": "Subject: n\n\nx\n",
                "mail/alice/Dir/tmp/.keep": "",
                "mail/alice/Dir/.Sub.Deep/cur/1.host:2,S": "Subject: d\n\nx\n",
            },
        )
    )
    old = list(world.mail.get("alice", "Old"))
    assert [message.content.bytes() for message in old] == [
        b"Subject: 1\r\nStatus: RO\r\n\r\nFrom me\r\n",
        b"Subject: 2\r\n\r\nx\r\n",
    ]
    assert [message.flags for message in old] == [{SEEN}, set()]
    assert [message.flags for message in world.mail.get("alice", "Dir")] == [{ANSWERED, FLAGGED}, set()]
    assert [message.flags for message in world.mail.get("alice", "Dir/Sub/Deep")] == [{SEEN}]


def test_news_is_posted_in_the_order_of_dates(tmp_path: Path) -> None:
    later = ARTICLE.replace("<1@x>", "<2@x>").replace("1 Jun", "2 Jun").replace("a.b\n", "a.b,c.d,not.here\n")
    world = load(
        folder(
            tmp_path,
            {
                "news/a.b/group.toml": 'description = "one"\nstatus = "m"\nmoderator = "alice@example.test"\n',
                "news/a.b/0-later.eml": later,
                "news/a.b/1-sooner.eml": ARTICLE,
                "news/c.d/group.toml": "",
            },
        )
    )
    group = world.news.group("a.b")
    assert [article.message_id for article in group.articles.values()] == ["<1@x>", "<2@x>"]
    assert (group.status, group.moderator, group.low, group.high) == ("m", "alice@example.test", 1, 2)
    assert world.news.article("<2@x>").places == (("a.b", 2), ("c.d", 1))


def test_trees_with_times_and_hidden_keep(tmp_path: Path) -> None:
    world = load(
        folder(
            tmp_path,
            {
                "world.toml": WORLD + '[files]\nmodified = {"pub/a b.txt" = 1999-12-31T23:59:59Z}\n',
                "files/pub/a b.txt": "hi",
                "files/incoming/.keep": "",
                "files/home/alice/x": b"\x00\xff",
                "site/index.html": "<p>hi",
            },
        )
    )
    assert world.files.get("/pub/a b.txt").modified == 946684799
    assert world.files.list("/incoming") == []
    assert world.files.get("/home/alice/x").owner == world.files.get("/home/alice").owner == "alice"
    assert world.files.get("/home").owner == ""  # all homes are in it
    assert world.site.tree.content("/index.html").bytes() == b"<p>hi"


def test_a_large_file_is_kept_in_a_file(tmp_path: Path) -> None:
    world = load(folder(tmp_path, {"files/pub/big": bytes(3 << 20)}))
    assert world.files.content("/pub/big").path is not None
    world.close()


WRONG: dict[str, tuple[dict[str, str | bytes], str]] = {
    "no account": ({"world.toml": "[world]\n"}, "world.toml:1: there is no account; write an [[accounts]] table"),
    "not toml": ({"world.toml": WORLD + "oops\n"}, "world.toml:7: is not TOML"),
    "unknown key": (
        {"world.toml": WORLD + 'passwort = "x"\n'},
        "world.toml:7: 'passwort' is no key here; write one of login, password",
    ),
    "missing key": (
        {"world.toml": WORLD + '\n[[accounts]]\nlogin = "bob"\n'},
        "world.toml:8: 'password' is missing; write password = ...",
    ),
    "wrong type": ({"world.toml": WORLD.replace('"wonderland"', "5")}, "world.toml:6: expected `str`, got `int`"),
    "same login": ({"world.toml": WORLD + WORLD[WORLD.index("[[") :]}, "world.toml:8: there is an account 'alice'"),
    "catch-all": ({"world.toml": WORLD + '[mail]\ncatch_all = "nobody"\n'}, "world.toml:8: no account 'nobody'"),
    "alias": (
        {"world.toml": WORLD + '[aliases]\n"x@example.test" = ["nobody@example.test"]\n'},
        "world.toml:8: 'nobody@example.test' is nobody",
    ),
    "time of no file": ({"world.toml": WORLD + '[files]\nmodified = {"pub/x" = 2024-01-01}\n'}, "world.toml:8:"),
    "stray part": ({"posts/x": ""}, "posts:1: is no part of a fixture; move it"),
    "stray account": ({"mail/bob/INBOX/1.eml": MESSAGE}, "mail/bob:1: is no account's folder; name it after a login"),
    "stray message": ({"mail/alice/1.eml": MESSAGE}, "mail/alice/1.eml:1: is in no mailbox; move it"),
    "stray file": ({"mail/alice/INBOX/1.txt": MESSAGE}, "mail/alice/INBOX/1.txt:1: is no message; name it .eml"),
    "flags of none": (
        {"mail/alice/X/mailbox.toml": '\n[messages."2.eml"]\n'},
        "mail/alice/X/mailbox.toml:2: '2.eml' is not in",
    ),
    "no such flag": (
        {"mail/alice/X/1.eml": MESSAGE, "mail/alice/X/mailbox.toml": '[messages."1.eml"]\nflags = ["\\\\Sean"]\n'},
        "mailbox.toml:1: \\Sean is no flag",
    ),
    "bad status": ({"news/a.b/group.toml": 'status = "x"\n'}, "news/a.b/group.toml:1: status 'x' is none; write \"y\""),
    "stray article": ({"news/1.eml": ARTICLE}, "news/1.eml:1: is in no group"),
    "article without": (
        {"news/a.b/1.eml": ARTICLE.replace("Date", "X-Date")},
        "news/a.b/1.eml:1: the article has no Date; write Date: ...",
    ),
    "article elsewhere": (
        {"news/a.b/1.eml": ARTICLE.replace("a.b\n", "c.d\n")},
        "news/a.b/1.eml:3: Newsgroups does not name a.b",
    ),
    "article twice": (
        {"news/a.b/1.eml": ARTICLE, "news/a.b/2.eml": ARTICLE},
        "news/a.b/2.eml:1: the article <1@x> is here already",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_by_file_and_line(tmp_path: Path, name: str) -> None:
    files, expected = WRONG[name]
    problems = [str(problem) for problem in check(folder(tmp_path, files))]
    assert any(expected in problem for problem in problems), problems
    with pytest.raises(FixtureError, match="to mend"):
        load(tmp_path)


def test_all_problems_are_told_in_one_go(tmp_path: Path) -> None:
    found = check(folder(tmp_path, {"mail/alice/1.eml": MESSAGE, "news/1.eml": ARTICLE, "posts/x": ""}))
    assert len(found) == 3


def test_a_folder_without_a_world(tmp_path: Path) -> None:
    assert [str(problem) for problem in check(tmp_path)] == [
        "world.toml:1: is not there; write a world.toml with at least one [[accounts]] table"
    ]


def test_links_are_not_followed(tmp_path: Path) -> None:
    there = folder(tmp_path, {"files/pub/x": "x"})
    (there / "files" / "pub" / "out").symlink_to("/etc")
    assert [str(problem) for problem in check(there)] == [
        "files/pub/out:1: is a symbolic link; put the file itself there"
    ]
