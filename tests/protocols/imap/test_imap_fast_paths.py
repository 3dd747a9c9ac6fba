"""What is kept or read in one go gives what the long way gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imap_play import Dialogue, context_of, converse
from small_world import append, small_world

from minternet.protocols.commands import Refusal
from minternet.protocols.imap.ordering import RUN, Work, sorting
from minternet.protocols.imap.reader import Malformed, Reader
from minternet.protocols.imap.sequence import parse_elements, parse_one_number
from minternet.protocols.imap.sorts import reordered
from minternet.protocols.imap.store import plain_store, read_any_store
from minternet.protocols.imap.view import View, without
from minternet.world.changes import (
    CreateMailbox,
    Expunge,
    Move,
    RenameMailbox,
    SetAcl,
    SetQuota,
    StoreFlags,
    Subscribe,
)
from minternet.world.records import Quota
from minternet.world.world import World

NUMBERS = [
    b"1",
    b"9",
    b"10",
    b"999999999",
    b"1000000000",
    b"4294967295",
    b"0",
    b"01",
    b"1:2",
    b"*",
    b"1,2",
    b"4294967296",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_set_of_one_number(text: bytes) -> None:
    fast = parse_one_number(text)
    if fast is not None:
        assert fast == parse_elements(text)
    else:
        assert not 0 < int(text if text.isdigit() and not text.startswith(b"0") else 0) < 10**9


STORES = [
    b" FLAGS (\\Seen)",
    b" +FLAGS (\\Seen \\deleted)",
    b" -FLAGS.SILENT ($Forwarded NonJunk)",
    b" +flags.silent (\\SEEN)",
    b" FLAGS ()",
    b" FLAGS \\Seen",
    b" +FLAGS (\\Recent)",
    b" +FLAGS (\\Bogus)",
    b" +FLAGS (a  b)",
    b" +FLAGS (a )",
    b" +FLAGS (a\\b)",
    b" +FLAGS (\\)",
    b" +FLAGS (" + b"k" * 251 + b")",
    b" (UNCHANGEDSINCE 3) +FLAGS (\\Seen)",
    b" FLAGS (a) ",
    b" X-GM-LABELS (a)",
    b" +FLAGS",
]


@pytest.mark.parametrize("text", STORES)
def test_a_store_read_in_one_go(text: bytes) -> None:
    session: Any = converse(context_of(small_world())).session

    def attempt(read: Any) -> object:
        try:
            return read()
        except (Malformed, Refusal) as wrong:
            return str(wrong) if isinstance(wrong, Refusal) else type(wrong)

    fast = attempt(lambda: plain_store(text))
    if fast is not None:
        assert fast == attempt(lambda: read_any_store(session, Reader((text,))))


CHANGES: dict[str, Any] = {
    "flags": lambda world: world.commit_now(StoreFlags("alice", "INBOX", (2,), "add", frozenset({"\\Seen"}))),
    "append": lambda world: append(world, "alice", "INBOX", b"Subject: more\r\n\r\nMore.\r\n"),
    "expunge": lambda world: world.commit_now(Expunge("alice", "INBOX", (2,))),
    "move": lambda world: world.commit_now(Move("alice", "INBOX", (1,), "alice", "Trash", world.clock.datetime())),
    "create": lambda world: world.commit_now(CreateMailbox("alice", "Grüße")),
    "rename": lambda world: world.commit_now(RenameMailbox("alice", "Trash", "Waste")),
    "subscribe": lambda world: world.commit_now(Subscribe("alice", "Trash")),
    "share": lambda world: world.commit_now(SetAcl("bob", "INBOX", "alice", "lr")),
    "reset": lambda world: world.put_back("start"),
    "enable": None,
}
COMMANDS = [
    "STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ)",
    "STATUS Trash (MESSAGES UNSEEN)",
    "STATUS Users/bob/INBOX (MESSAGES)",
    'LIST "" *',
    'LIST "" % RETURN (SUBSCRIBED STATUS (MESSAGES UNSEEN))',
]


def said(dialogue: Dialogue, command: str) -> bytes:
    """The untagged part of a reply, and whether it succeeded."""
    head, _, tail = dialogue(command)[:-2].rpartition(b"\r\n")
    return head + b" | " + tail.split(b" ")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_replies_that_are_kept_are_those_of_a_new_session(command: str) -> None:
    world = small_world()
    context = context_of(world)
    world.snapshot("start")
    polling = Dialogue(context=context).log_in(mailbox="")
    for name, change in CHANGES.items():
        said(polling, command)
        if change is None:
            polling.ok("ENABLE UTF8=ACCEPT")
        elif name == "reset":
            change(world)
            world.journal.add(None, None, ())
        else:
            change(world)
        fresh = Dialogue(context=context).log_in(mailbox="")
        if name == "enable":
            fresh.ok("ENABLE UTF8=ACCEPT")
        assert said(polling, command) == said(fresh, command), name


@pytest.mark.parametrize(
    "items", ["FLAGS", "(UID FLAGS)", "BODY[]", "(UID RFC822.SIZE BODY.PEEK[TEXT]<2.4>)", "ALL", "FULL"]
)
@pytest.mark.parametrize("numbers", ["1", "3", "1:3", "2,3", "*"])
def test_a_fetch_asked_for_again(items: str, numbers: str) -> None:
    dialogue = Dialogue(small_world()).log_in()
    dialogue(f"FETCH {numbers} {items}")
    again = dialogue.ok(f"FETCH {numbers} {items}")
    other = Dialogue(dialogue.world, dialogue.context)
    other.ok("LOGIN alice wonderland")
    other.ok("EXAMINE INBOX")
    assert again.replace(b" \\Recent", b"").replace(b"\\Recent", b"") == other.ok(f"FETCH {numbers} {items}")


@pytest.mark.parametrize(
    "command", ["SEARCH UNSEEN", "UID SEARCH ALL", "SORT (REVERSE DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL"]
)
def test_results_that_are_kept_follow_the_mailbox(command: str) -> None:
    world = small_world()
    context = context_of(world)
    polling = Dialogue(context=context).log_in()
    for name in ("flags", "append", "expunge", "move"):
        first = said(polling, command)
        assert said(polling, command) == first
        CHANGES[name](world)
        polling.ok("NOOP")
        fresh = Dialogue(context=context).log_in()
        assert said(polling, command) == said(fresh, command), name


def test_a_plan_ends_with_its_mailbox() -> None:
    dialogue = Dialogue(small_world()).log_in()
    assert b"(FLAGS" in dialogue.ok("FETCH 1 FLAGS")
    dialogue.ok("SELECT Projects/2024")
    assert dialogue.ok("FETCH 1 (BODY.PEEK[HEADER.FIELDS (Subject)])").count(b"Plan") == 1


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(1, 60)))
def test_expunges_are_told_one_by_one(places: set[int], uids: set[int]) -> None:
    values = sorted(uids)
    chosen = sorted(place for place in places if place < len(values))
    assert without(values, chosen) == [value for at, value in enumerate(values) if at not in chosen]


@settings(deadline=None)
@given(st.sets(st.integers(1, 80)), st.sets(st.integers(1, 80)))
def test_what_a_client_is_told_to_forget(known: set[int], gone: set[int]) -> None:
    world = small_world()
    view = View(world.mail.get("alice", "INBOX"), read_only=False, rights=frozenset())
    view.uids, view.gone = sorted(known), set(gone)
    believed = sorted(known)
    numbers, uids = view.take_expunged()
    for number, uid in zip(numbers, uids, strict=True):
        assert believed.pop(number - 1) == uid
    assert believed == view.uids == sorted(known - gone)


def finished(work: Work[Any]) -> Any:
    """The result of work that nobody interrupts."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


@pytest.mark.parametrize("count", [0, 1, RUN, RUN + 1, 5 * RUN + 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_sorting_in_steps(count: int, reverse: bool) -> None:
    keys = [at * 7919 % 101 for at in range(count)]
    unique = [(key, at) for at, key in enumerate(keys)]
    assert finished(sorting(unique)) == sorted(unique)
    order = list(range(count))[::-1]
    assert finished(reordered(order, keys, reverse=reverse)) == sorted(order, key=keys.__getitem__, reverse=reverse)


def filled(count: int) -> World:
    """A world where INBOX has many messages more."""
    world: World = small_world()
    for at in range(count):
        append(world, "alice", "INBOX", b"Subject: %d\r\n\r\nText.\r\n" % at)
    return world


def test_a_copy_in_pieces_names_all_uids_and_is_all_or_nothing() -> None:
    dialogue = Dialogue(filled(247)).log_in()
    assert b"[COPYUID 5 1:250 1:250]" in dialogue("COPY 1:* Trash")
    dialogue.world.commit_now(SetQuota("alice", Quota(messages=600)))
    assert b"NO [OVERQUOTA]" in dialogue("COPY 1:* Trash")
    assert len(dialogue.world.mail.get("alice", "Trash")) == 250


def test_a_copy_that_fails_in_the_middle_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = Dialogue(filled(247)).log_in()
    pieces: list[object] = []

    def fill_up(event: Any) -> None:
        pieces.append(event)
        if len(pieces) == 1:
            dialogue.world.commit_now(SetQuota("alice", Quota(messages=300)))

    dialogue.world.watch(fill_up, ("mailbox", "alice", "Trash"))
    assert b"NO [OVERQUOTA]" in dialogue("COPY 1:* Trash")
    assert len(pieces) == 2
    assert len(dialogue.world.mail.get("alice", "Trash")) == 0


def test_a_move_and_an_expunge_in_pieces_tell_all() -> None:
    dialogue = Dialogue(filled(497)).log_in()
    moved = dialogue.ok("UID MOVE 1:250 Trash")
    assert b"[COPYUID 5 1:250 1:250]" in moved
    assert moved.count(b"* 1 EXPUNGE") == 250
    dialogue.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    assert dialogue.ok("EXPUNGE").count(b"* 1 EXPUNGE") == 250
    assert len(dialogue.world.mail.get("alice", "INBOX")) == 0


def test_close_tells_nothing_of_what_it_expunges() -> None:
    dialogue = Dialogue(filled(497)).log_in()
    dialogue.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    assert dialogue.ok("CLOSE") == b""
