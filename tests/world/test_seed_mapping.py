"""Fixtures given as a dict, or as one file: the same world as the folder they stand for."""

from __future__ import annotations

import base64
import json
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.world.records import SEEN
from minternet.world.seed import FixtureError, check, load
from minternet.world.world import World

ADA = {"accounts": {"ada": "lovelace"}}


def raw(world: World, owner: str, mailbox: str) -> list[bytes]:
    return [bytes(message.content.bytes()) for message in world.mail.get(owner, mailbox)]


def letter() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("hällo\n")
    return message


def test_everything_a_dict_can_say(tmp_path: Path) -> None:
    (tmp_path / "bell.bin").write_bytes(b"\0bell")
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs/one.txt").write_text("la")
    world = load(
        {
            "world": {"domain": "engine.test", "start": "2024-06-03T08:30:00Z"},
            "world.toml": {"mail": {"catch_all": "ada"}},
            "accounts": {"ada": "lovelace", "charles": {"password": "engine", "name": "Charles"}},
            "aliases": {"info@engine.test": ["ada@engine.test"]},
            "mail": {
                "ada": {
                    "INBOX": ["Subject: Notes\n\nG?\n", letter(), {"message": b"\r\nexact\n", "flags": [SEEN]}],
                    "Projects/2024": [],
                    "Named": {"1.eml": "\nx", "mailbox.toml": {"special_use": "\\Archive"}},
                },
            },
            "mail/charles/INBOX/1.eml": "\nby path",
            "news": {"local.test": ["From: a@b.test\nSubject: Hi\n\nyo\n"]},
            "files": {"/pub/a.txt": "text", "pub": {"bell.bin": tmp_path / "bell.bin", "empty": {}}, "songs": tmp_path / "songs"},
            "site": {"index.html": {"base64": base64.b64encode(b"<p>hi").decode()}},
            "routes": [{"name": "bell", "path": "/bell", "replies": [{"status": 503}]}],
            "faults": ["imap FETCH: reset, n=2"],
        }
    )  # fmt: skip
    assert world.accounts.get("charles").address == "charles@engine.test"
    assert world.accounts.catch_all == "ada"
    assert raw(world, "ada", "INBOX") == [b"Subject: Notes\r\n\r\nG?\r\n", letter().as_bytes().replace(b"\n", b"\r\n"), b"\r\nexact\n"]  # fmt: skip
    assert [SEEN in message.flags for message in world.mail.get("ada", "INBOX")] == [False, False, True]
    assert raw(world, "ada", "Projects/2024") == []
    assert world.mail.get("ada", "Named").special_use == "\\Archive"
    assert raw(world, "charles", "INBOX") == [b"\r\nby path"]
    (article,) = world.news.articles.values()
    assert article.message_id == "<1.local.test@fixture.invalid>"
    assert {path: entry.is_folder for path, entry in world.files.walk() if path.startswith(("/pub", "/songs"))} == {
        "/pub": True,
        "/pub/a.txt": False,
        "/pub/bell.bin": False,
        "/pub/empty": True,
        "/songs": True,
        "/songs/one.txt": False,
    }
    assert world.files.content("/pub/bell.bin").bytes() == b"\0bell"
    assert world.site.tree.content("/index.html").bytes() == b"<p>hi"
    assert [route.name for route in world.site.routes.values()] == ["bell"]
    assert world.fixture_faults == ("imap FETCH: reset, n=2",)
    assert world.snapshots() == ("seed",)


@given(st.lists(st.binary(max_size=200) | st.text(max_size=50), max_size=12))
def test_a_list_of_messages_keeps_its_order_and_octets(messages: list[bytes | str]) -> None:
    world = load({**ADA, "mail": {"ada": {"INBOX": messages}}})
    octets = [message if isinstance(message, bytes) else message.encode() for message in messages]
    assert raw(world, "ada", "INBOX") == [each if b"\r\n" in each else each.replace(b"\n", b"\r\n") for each in octets]


def test_one_file_says_the_same(tmp_path: Path) -> None:
    told = {**ADA, "mail": {"ada": {"INBOX": ["Subject: One\n\n"]}}}
    (tmp_path / "world.json").write_text(json.dumps(told))
    (tmp_path / "world.toml").write_text('accounts = {ada = "lovelace"}\n[mail.ada]\nINBOX = ["Subject: One\\n\\n"]\n')
    for name in ("world.json", "world.toml"):
        assert raw(load(tmp_path / name), "ada", "INBOX") == [b"Subject: One\r\n\r\n"]


WRONG: dict[str, tuple[dict[Any, Any], str]] = {
    "nothing": ({}, "world.toml: there is no account; write an [[accounts]] table"),
    "unknown": ({"acounts": {}}, "acounts: is no part of a fixture; write one of world, accounts"),
    "no text": ({5: 6}, "5: is no part of a fixture"),
    "type in a table": ({"accounts": {"a": 1}}, "world.toml: expected `str`, got `int`; mend accounts[0].password"),
    "key in a table": ({"accounts": [{"login": "a", "pass": "x"}]}, "'pass' is no key in accounts[0]; write one of login"),
    "missing in a table": ({"accounts": [{"login": "a"}]}, "'password' is missing in accounts[0]; write password"),
    "no account": ({**ADA, "mail": {"bob": {}}}, "mail/bob: is no account's folder"),
    "no tree": ({**ADA, "mail": ["x"]}, "mail: cannot be a list; write a dict"),
    "no content": ({**ADA, "mail": {"ada": {"INBOX": [5]}}}, "mail/ada/INBOX/1.eml: cannot be a int; write a str"),
    "no file": ({**ADA, "files": {"x": ["a"]}}, "files/x: cannot be a list"),
    "no base64": ({**ADA, "files": {"x": {"base64": "%"}}}, "files/x: is not base64"),
    "out of it": ({**ADA, "files": {"../x": "a"}}, "files/../x: is no name of a file"),
    "nul": ({**ADA, "files": {"a\0b": "a"}}, "is no name of a file"),
    "no text in a name": ({**ADA, "files": {"a\ud800": "a"}}, "files/a\\ud800: is no name of a file"),
    "no text in a file": ({**ADA, "files": {"a": "\ud800"}}, "files/a: holds half of a surrogate pair"),
    "no text in a table": ({"accounts": {"a": "\udfff"}}, "world.toml: holds half of a surrogate pair"),
    "deep path": ({**ADA, "files": {"x/" * 500: "a"}}, "files/x: is deeper than 100 names"),
    "long": ({**ADA, "files": {"x" * 300: "a"}}, "cannot be laid out (File name too long)"),
    "not there": ({**ADA, "files": {"x": Path("/nowhere/at/all")}}, "files/x: cannot be laid out (No such file"),
    "flags": ({**ADA, "mail": {"ada": {"X": [{"message": "", "flags": ["\\Sean"]}]}}}, "mailbox.toml: \\Sean is no flag"),
    "article": ({**ADA, "news": {"a.b": ["x"]}}, "news/a.b/1.eml: the article has no From, Subject"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_by_its_place(name: str) -> None:
    told, expected = WRONG[name]
    problems = [str(problem) for problem in check(told)]
    assert any(expected in problem for problem in problems), problems
    with pytest.raises(FixtureError, match="fixtures in the dict given: 1 to mend"):
        load(told)


def test_a_file_that_is_wrong_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text('{"accounts":\n oops}')
    assert str(check(path)[0]).startswith(f"{path}:2: cannot be read")
    path.write_text("[]")
    assert "is no object" in str(check(path)[0])
    path = path.rename(tmp_path / "world.md")
    assert str(check(path)[0]) == f"{path}:1: is no fixture by its name; name a folder, or a file in .json or .toml"


def test_a_dict_that_holds_itself_is_told() -> None:
    endless: dict[str, Any] = {}
    endless |= {"a": endless, "b": endless}
    assert [str(problem) for problem in check({**ADA, "files": endless})] == [
        "files/a: is deeper than 100 names; write a dict that comes to an end"
    ]


@pytest.mark.parametrize(
    "written",
    [
        {"files/link/new.txt": "x"},
        {"files/link/old.txt": "x"},
        {"files/leaf": "x"},
        {"files/": {"link": {"old.txt": "x"}}},
        {"files/link": {"mailbox.toml": {}}},
    ],
)
def test_nothing_is_laid_out_through_a_link(tmp_path: Path, written: dict[str, Any]) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    for folder in (outside, tree):
        folder.mkdir()
    (outside / "old.txt").write_text("precious")
    (tree / "link").symlink_to(outside)
    (tree / "leaf").symlink_to(outside / "old.txt")
    assert check({**ADA, "files": tree, **written})
    assert [(each.name, each.read_text()) for each in outside.iterdir()] == [("old.txt", "precious")]


def test_a_pipe_is_neither_copied_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = [str(problem) for problem in check({**ADA, "files": tmp_path, "files/x": tmp_path / "pipe"})]
    assert found[0] == "files/pipe: is neither a file nor a folder; take it out"
    assert found[1].startswith("files/x: cannot be a PosixPath")


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/link").symlink_to("/etc/hostname")
    for files, where in ((tmp_path / "tree", "files/link"), ({"pub": tmp_path / "tree"}, "files/pub/link")):
        found = check({**ADA, "files": files})
        assert [str(problem) for problem in found] == [f"{where}: is a symbolic link; put the file itself there"]
