"""What FETCH says of a message agrees with its octets: every part of every message of the default fixtures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imap_play import LITERAL, Dialogue, context_of
from small_world import append, empty_world, small_world

from minternet.settings import Limits, Settings

FIXTURES = Path(__file__).parents[3] / "fixtures" / "default" / "mail"
MESSAGES = sorted(FIXTURES.rglob("*.eml"))
TOKEN = re.compile(rb'[()]|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n|[^ ()"]+')


def octets_of(path: Path) -> bytes:
    """A message as it is seeded: LF as CRLF, unless it has CRLF already."""
    content = path.read_bytes()
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


def tokens(text: bytes) -> Iterator[bytes | tuple[bytes]]:
    """Parentheses and atoms as they are, strings as tuples."""
    at = 0
    while found := TOKEN.search(text, at):
        at = found.end()
        if found[2]:
            yield (text[at : at + int(found[2])],)
            at += int(found[2])
        elif found[1] is not None:
            yield (re.sub(rb"\\(.)", rb"\1", found[1]),)
        else:
            yield found[0]


def tree(text: bytes) -> list[Any]:
    """Nested lists of what the parentheses hold."""
    stack: list[list[Any]] = [[]]
    for token in tokens(text):
        if token == b"(":
            stack.append([])
        elif token == b")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token[0] if isinstance(token, tuple) else token)
    assert len(stack) == 1
    return stack[0]


def leaves(structure: list[Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The parts that are no multipart, with their numbers; a message's own parts are below its number."""
    if not isinstance(structure[0], list):
        path = path or "1"
        yield path, structure
        if structure[0].lower() == b"message" and len(structure) > 8 and isinstance(structure[8], list):
            inner = structure[8]
            yield from leaves(inner, path) if isinstance(inner[0], list) else leaves(inner, f"{path}.1")
        return
    for number, part in enumerate((part for part in structure if isinstance(part, list) and is_part(part)), 1):
        yield from leaves(part, f"{path}.{number}".lstrip("."))


def is_part(value: list[Any]) -> bool:
    """Whether a list is a part, not parameters or a disposition."""
    return bool(value) and (isinstance(value[0], list) or len(value) >= 7)


def literal_of(said: bytes) -> bytes:
    """The first literal of a reply."""
    found = LITERAL.search(said)
    assert found, said
    return said[found.end() : found.end() + int(found[1])]


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_structure_and_sections_agree_with_the_octets(path: Path) -> None:
    content = octets_of(path)
    world = empty_world()
    append(world, "alice", "INBOX", content)
    dialogue = Dialogue(world).log_in()
    assert literal_of(dialogue.ok("FETCH 1 BODY.PEEK[]")) == content
    header, text = (literal_of(dialogue.ok(f"FETCH 1 BODY.PEEK[{what}]")) for what in ("HEADER", "TEXT"))
    assert header + text == content
    said = dialogue.ok("FETCH 1 (BODYSTRUCTURE)")
    structure = tree(said.partition(b"BODYSTRUCTURE ")[2][:-1])[0]
    for number, part in leaves(structure):
        octets = dialogue.ok(f"FETCH 1 (BODY.PEEK[{number}])")
        if part[6] == b"0" and b"{0}" in octets:
            continue  # the part that stands for those a multipart does not have
        body = literal_of(octets)
        assert int(part[6]) == len(body), number
        if part[0].lower() == b"text":
            assert int(part[7]) == body.count(b"\n")
    assert dialogue.ok("FETCH 1 (ENVELOPE BODY PREVIEW)")


@settings(max_examples=60, deadline=None)
@given(content=st.binary(min_size=1, max_size=200), start=st.integers(0, 250), count=st.integers(1, 250))
def test_any_octets_come_back_and_partials_are_slices(content: bytes, start: int, count: int) -> None:
    dialogue = Dialogue(small_world()).log_in(mailbox="")
    dialogue.ok(b"APPEND Trash {%d+}\r\n%b" % (len(content), content))
    dialogue.ok("SELECT Trash")
    assert literal_of(dialogue.ok("FETCH 1 BODY[]")) == content
    assert literal_of(dialogue.ok(f"FETCH 1 BODY[]<{start}.{count}>")) == content[start : start + count]
    binary = dialogue.ok("FETCH 1 BINARY[]")
    assert literal_of(binary) == content
    assert binary.startswith(b"* 1 FETCH (BINARY[] ~{") == (b"\0" in content)


def test_a_large_message_goes_in_and_out_in_pieces() -> None:
    content = b"Subject: large\r\n\r\n" + bytes(range(256)) * 8192
    dialogue = Dialogue(small_world()).log_in(mailbox="")
    dialogue.ok(b"APPEND Trash {%d+}\r\n%b" % (len(content), content))
    dialogue.ok("SELECT Trash")
    message = dialogue.world.mail.get("alice", "Trash").get(1)
    assert message.content.path is not None
    assert literal_of(dialogue.ok("FETCH 1 BODY.PEEK[]")) == content
    assert literal_of(dialogue.ok("FETCH 1 BODY.PEEK[TEXT]<1000000.500>")) == content[1000018:1000518]
    assert literal_of(dialogue.ok("FETCH 1 BODY.PEEK[HEADER]")) == b"Subject: large\r\n\r\n"


def test_an_overlong_line_is_refused_and_the_session_lives_on() -> None:
    dialogue = Dialogue(small_world(), context_of(small_world(), Settings(limits=Limits(line=2000)))).log_in()
    assert b"* BAD [TOOBIG]" in dialogue("SEARCH TEXT " + "x" * 3000)
    dialogue.ok("NOOP")


def test_the_octets_of_a_mailbox_name_are_limited_by_a_setting() -> None:
    dialogue = Dialogue(small_world(), limits=Limits(mailbox_name=8)).log_in()
    for name in ("12345678", "&AOQA5ADkAOQ-"):  # the second is four letters of two octets each
        dialogue.ok(f"CREATE {name}")
    for name in ("123456789", "&AOQA5ADkAOQA5A-", "a/1234567"):
        assert b" NO " in dialogue(f"CREATE {name}")
        assert b" NO " in dialogue(f"RENAME 12345678 {name}")
    assert {"12345678", "ääää"} <= {mailbox.name for mailbox in dialogue.world.mail.mailboxes("alice")}


def test_gmail_profile_has_labels_and_numbers() -> None:
    dialogue = Dialogue(context=context_of(small_world(), profile="gmail")).log_in()
    assert b"X-GM-EXT-1" in dialogue.greeting
    assert b"QRESYNC" not in dialogue.greeting
    told = dialogue.ok('STORE 1 +X-GM-LABELS (Holidays \\Important "two words")')
    assert told == b'* 1 FETCH (X-GM-LABELS (Holidays \\Important "two words"))'
    assert dialogue.ok("UID SEARCH X-GM-LABELS Holidays") == b"* SEARCH 1"
    assert dialogue.ok('SEARCH X-GM-RAW "from:bob has:attachment"') == b"* SEARCH 3"
    assert dialogue.ok('SEARCH X-GM-RAW "is:unread -subject:dots"') == b"* SEARCH 3"
    number = re.search(rb"X-GM-MSGID (\d+)", dialogue.ok("FETCH 1 (X-GM-MSGID X-GM-THRID)"))
    assert number
    assert dialogue.ok(b"SEARCH X-GM-MSGID " + number[1]) == b"* SEARCH 1"
    assert b"BAD" in dialogue("SORT (DATE) UTF-8 ALL")


@pytest.mark.parametrize("profile", ["minimal", "dovecot", "exchange"])
def test_profiles_offer_less(profile: str) -> None:
    dialogue = Dialogue(context=context_of(small_world(), profile=profile)).log_in()
    offered = dialogue.ok("CAPABILITY").split()
    assert b"IMAP4rev1" in offered
    assert b"IMAP4rev2" not in offered
    assert (b"MOVE" in offered) == (profile != "minimal")
    assert (b"OK" in dialogue("MOVE 1 Trash")) == (profile != "minimal")


def test_sort_and_thread_over_many_messages() -> None:
    world = empty_world()
    for number in range(30):
        parent = b"" if number < 3 else b"In-Reply-To: <%d@x.test>\r\n" % (number - 3)
        subject = b"Re: " * (number // 3) + b"topic %d" % (number % 3)
        append(
            world, "alice", "INBOX", b"Subject: %b\r\nMessage-ID: <%d@x.test>\r\n%b\r\n\r\n" % (subject, number, parent)
        )
    dialogue = Dialogue(world).log_in()
    threads = dialogue.ok("THREAD REFERENCES UTF-8 ALL").removeprefix(b"* THREAD ")
    assert threads == b"".join(
        b"(" + b" ".join(b"%d" % (at + 1) for at in range(root, 30, 3)) + b")" for root in range(3)
    )
    by_subject = dialogue.ok("SORT (SUBJECT REVERSE ARRIVAL) UTF-8 ALL").removeprefix(b"* SORT ").split()
    assert [int(number) % 3 for number in by_subject] == [1] * 10 + [2] * 10 + [0] * 10
