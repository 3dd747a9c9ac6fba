"""suck, rpost, tin and slrn: groups pulled whole, articles posted."""

from __future__ import annotations

import re

from client_machine import Machine

ARTICLE = b"From: a@example.test\nNewsgroups: local.test\nSubject: %s\n\nBody\n.\n..two\n"
QUITS = """
define quit_at_once () { call ("quit"); }
() = register_hook ("group_mode_hook", "quit_at_once");
"""
NAMED = 'set hostname "example.test"\nset username "client"\nset confirm_actions 0\n'


def articles(machine: Machine, group: str) -> dict[str, bytes]:
    """Message-IDs and content of a group's articles."""
    return {posting.message_id: posting.raw for posting in machine.net.newsgroup(group)}


def test_suck_pulls_a_group(machine: Machine) -> None:
    machine.has("suck")
    (machine.home / "pulled").mkdir()
    machine.write("sucknewsrc", "local.test 0\n")
    machine.run(
        "suck", "localhost", "-N", str(machine.net.nntp.port), "-dd", machine.home, "-dt", machine.home,
        "-dm", machine.home / "pulled", "-m", "-H", "-K", "-c", "-U", "alice", "-P", "wonderland",
    )  # fmt: skip
    pulled = [path.read_bytes() for path in (machine.home / "pulled").iterdir()]
    found = {match[1].decode() for text in pulled if (match := re.search(rb"(?im)^message-id: *(\S+)", text))}
    assert found == set(articles(machine, "local.test"))


def test_tin_saves_what_is_new(machine: Machine) -> None:
    machine.has("tin")
    machine.write(".newsrc", "local.test: 1\n")
    options = ("tin", "-r", "-g", "localhost", "-p", str(machine.net.nntp.port), "-n", "-Q")
    assert machine.run(*options, "-Z", status=None).status == 2  # there is unread news
    machine.run(*options, "-S", "-s", machine.home / "News", status=None)
    saved = b"".join(path.read_bytes() for path in (machine.home / "News").rglob("*") if path.is_file())
    unread = list(articles(machine, "local.test"))[1:]
    assert unread
    assert all(f"Message-ID: {message_id}".encode() in saved for message_id in unread)


def test_rpost_posts_and_is_told_why_not(machine: Machine) -> None:
    machine.has("rpost")
    before = machine.net.cursor()
    options = ("rpost", "localhost", "-N", str(machine.net.nntp.port), "-d")
    machine.run(*options, give=ARTICLE % b"From rpost")
    posted = machine.net.newsgroup("local.test").wait_for(subject="From rpost", since=before)
    assert posted.raw.endswith(b"\r\n\r\nBody\r\n.\r\n..two\r\n")
    elsewhere = (ARTICLE % b"Elsewhere").replace(b"local.test", b"local.announce")
    assert machine.run(*options, give=elsewhere, status=None).status != 0


def test_slrn_shows_the_groups(machine: Machine) -> None:
    machine.has("slrn")
    machine.write(".slrnrc", f'{NAMED}interpret "{machine.home}/quit.sl"\n')
    machine.write("quit.sl", QUITS)
    newsrc = machine.home / "newsrc"
    options = ("-h", "localhost", "-p", str(machine.net.nntp.port), "-f", str(newsrc), "--create")
    machine.run_on_terminal("slrn", *options, "-i", str(machine.home / ".slrnrc"))
    assert set(re.findall(r"(?m)^([\w.]+)[:!]", newsrc.read_text())) == set(machine.net.world.news.groups)
