"""Snapshot and reset: a world that is put back equals the one that was remembered, whatever happened between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minternet.world import changes
from minternet.world.errors import WorldError
from minternet.world.records import DELETED, SEEN, Account, NewMessage
from minternet.world.world import World

NOW = datetime(2024, 6, 3, tzinfo=UTC)
NAMES = ("INBOX", "Archive", "a", "a/b", "c")
PATHS = ("/home/alice", "/home/alice/x", "/pub", "/pub/y", "/pub/y/z")


def fresh() -> World:
    world = World()
    world.commit_now(changes.AddAccount(Account("alice", "alice@example.test", "p", home="/home/alice"), 0.0))
    world.commit_now(changes.CreateGroup("g.one", 0.0))
    world.commit_now(changes.CreateGroup("g.two", 0.0))
    return world


def state(world: World) -> Any:
    """All there is to see, as plain values."""
    boxes = {
        box.name: (
            box.uidvalidity,
            box.uidnext,
            box.highest_modseq,
            box.unseen,
            box.deleted,
            box.octets,
            list(box),
            tuple(box.vanished),
        )
        for box in world.mail.mailboxes("alice")
    }
    groups = {name: (group.low, group.high, dict(group.articles)) for name, group in world.news.groups.items()}
    trees = list(world.files.walk()), list(world.site.tree.walk())
    return (
        boxes,
        dict(world.mail.store("alice").subscriptions),
        groups,
        dict(world.news.history),
        trees,
        dict(world.site.routes.items()),
    )


names, paths = st.sampled_from(NAMES), st.sampled_from(PATHS)
uids = st.lists(st.integers(1, 6), max_size=4).map(tuple)
flags = st.frozensets(st.sampled_from((SEEN, DELETED, "$a", "$B")), max_size=3)


@st.composite
def any_change(draw: st.DrawFn) -> Any:
    content, number = draw(st.binary(max_size=5)), draw(st.integers(0, 8))
    kind = draw(st.integers(0, 12))
    name, path = draw(names), draw(paths)
    if kind == 0:
        return lambda world: changes.Append(
            "alice", name, (NewMessage(world.blobs.of(content), NOW, frozenset({"$a"})),), NOW
        )
    if kind == 1:
        how = draw(st.sampled_from(("add", "remove", "replace")))
        chosen, picked = draw(flags), draw(uids)
        return lambda world: changes.StoreFlags("alice", name, picked, how, chosen)
    if kind in (2, 3):
        picked, other = draw(uids), draw(names)
        if kind == 2:
            return lambda world: changes.Expunge("alice", name, picked)
        return lambda world: changes.Move("alice", name, picked, "alice", other, NOW)
    if kind == 4:
        return lambda world: changes.CreateMailbox("alice", name)
    if kind == 5:
        return lambda world: changes.DeleteMailbox("alice", name)
    if kind == 6:
        other = draw(names)
        return lambda world: changes.RenameMailbox("alice", name, other)
    if kind == 7:
        return lambda world: changes.StoreFile(path, world.blobs.of(content), 1.0)
    if kind == 8:
        return lambda world: changes.MakeFolder(path, 1.0)
    if kind == 9:
        return lambda world: changes.RemoveFile(path)
    if kind == 10:
        other = draw(paths)
        return lambda world: changes.RenameEntry(path, other)
    if kind == 11:
        message_id = f"<{number}@x>"
        return lambda world: changes.Post(
            message_id, ("g.one", "g.two")[: 1 + number % 2], b"", world.blobs.of(content), (b"",) * 5, 1.0
        )
    return lambda world: changes.Cancel(f"<{number}@x>")


def play(world: World, steps: list[Any]) -> None:
    for step in steps:
        try:
            world.commit_now(step(world))
        except WorldError:
            continue


@settings(max_examples=150, deadline=None)
@given(st.lists(any_change(), max_size=12), st.lists(any_change(), max_size=12), st.lists(any_change(), max_size=6))
def test_reset_gives_back_what_was(before: list[Any], between: list[Any], after: list[Any]) -> None:
    world = fresh()
    play(world, before)
    world.snapshot("seed")
    remembered = state(world)
    for steps in (between, after):
        play(world, steps)
        asyncio.run(world.reset())
        assert state(world) == remembered


@settings(max_examples=60, deadline=None)
@given(st.lists(any_change(), max_size=15))
def test_counters_are_what_counting_gives(steps: list[Any]) -> None:
    world = fresh()
    play(world, steps)
    for box in world.mail.mailboxes("alice"):
        assert box.octets == sum(message.size for message in box)
        assert box.unseen == sum(SEEN not in message.flags for message in box)
        assert box.deleted == sum(DELETED in message.flags for message in box)
        assert list(box.messages) == sorted(box.messages)
        assert all(uid < box.uidnext for uid in box.messages)
    for group in world.news.groups.values():
        assert group.low == min(group.articles, default=group.high + 1) or group.low <= min(group.articles)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_change(), max_size=15))
def test_the_world_is_a_fold_over_its_journal(steps: list[Any]) -> None:
    world, again = fresh(), World()
    play(world, steps)
    for event in world.journal.since(0):
        event.change.apply(again)
    assert state(again) == state(world)


def test_an_older_snapshot_is_not_touched_by_a_newer_era() -> None:
    world = fresh()
    play(world, [lambda w: changes.Append("alice", "INBOX", (NewMessage(w.blobs.of(b"1"), NOW),), NOW)])
    first, seen = world.snapshot("first"), state(world)
    play(world, [lambda w: changes.Expunge("alice", "INBOX", (1,))])
    world.snapshot("second")
    play(world, [lambda w: changes.Append("alice", "INBOX", (NewMessage(w.blobs.of(b"2"), NOW),), NOW)])
    asyncio.run(world.restore(first))
    assert state(world) == seen
