"""Blobs, paths, journal, clock: the small parts of the world."""

from __future__ import annotations

import gc
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.world.blobs import Blobs
from minternet.world.changes import StoreFile
from minternet.world.clock import Clock
from minternet.world.errors import PathForbidden
from minternet.world.files import clean
from minternet.world.journal import Event, Journal
from minternet.world.mail import Mailbox, mailbox_id
from minternet.world.records import SEEN, NewMessage
from minternet.world.world import World


class TestBlobs:
    @given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 60), st.integers(0, 90), st.integers(0, 90))
    def test_content_is_the_same_in_memory_and_in_a_file(
        self, pieces: list[bytes], large: int, start: int, stop: int
    ) -> None:
        blobs, whole = Blobs(large), b"".join(pieces)
        writer = blobs.writer()
        for piece in pieces:
            writer.write(piece)
        blob = writer.finish()
        assert (blob.path is not None) == (len(whole) >= large)
        assert (blob.bytes(), blob.size, blob.digest) == (whole, len(whole), Blobs().of(whole).digest)
        assert blob.slice(start, stop) == whole[start:stop]
        assert b"".join(blob.pieces(start, stop, size=7)) == whole[start:stop]
        assert bytes(blob.buffer()[:]) == whole
        with blob.open() as file:
            assert file.read() == whole
        assert blobs.of(whole) is blob
        blobs.close()

    def test_a_file_goes_with_the_last_holder(self) -> None:
        blobs = Blobs(large=10)
        blob = blobs.of(b"x" * 20)
        path = blob.path
        assert path is not None
        assert path.exists()
        del blob
        gc.collect()
        assert not path.exists()
        blobs.close()

    def test_nothing_stays_on_disk(self) -> None:
        blobs = Blobs(large=10)
        abandoned = blobs.writer()
        abandoned.write(b"x" * 20)
        folder = blobs.folder()
        abandoned.abandon()
        assert list(folder.iterdir()) == []
        kept = blobs.of(b"y" * 20)
        blobs.close()
        assert kept.size == 20
        assert not folder.exists()

    def test_unhashed_content_is_hashed_when_asked(self) -> None:
        blobs = Blobs(large=10)
        writer = blobs.writer(hashed=False)
        writer.write(b"x" * 20)
        blob = writer.finish()
        assert blob.known_digest is None
        assert blob == blobs.of(b"x" * 20)
        assert blob.known_digest == blob.digest == blobs.of(b"x" * 20).digest
        blobs.close()

    def test_a_writer_goes_on_from_a_part_of_another(self) -> None:
        blobs = Blobs(large=8)
        writer = blobs.writer(blobs.of(b"0123456789"), 4)
        writer.write(b"abcdef")
        assert writer.finish().bytes() == b"0123abcdef"
        blobs.close()


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "within", "expected"),
        [
            ("/a/b", "/", "/a/b"),
            ("b", "/a", "/a/b"),
            ("../b", "/a", "/b"),
            ("../../../etc/passwd", "/a", "/etc/passwd"),
            ("/../..", "/", "/"),
            ("//a//./b/", "/", "/a/b"),
            ("", "/a", "/a"),
            ("é/ü", "/", "/é/ü"),
        ],
    )
    def test_clean(self, path: str, within: str, expected: str) -> None:
        assert clean(path, within) == expected

    @pytest.mark.parametrize("path", ["a\x00b", "x" * 256, "/".join("y" * 200 for _ in range(30))])
    def test_what_cannot_be_a_path(self, path: str) -> None:
        with pytest.raises(PathForbidden):
            clean(path)

    @given(st.text(st.sampled_from("a./\\~ é"), max_size=30), st.sampled_from(("/", "/a", "/a/b")))
    def test_no_path_leads_out(self, path: str, within: str) -> None:
        names = clean(path, within).split("/")
        assert names[0] == ""
        assert not {".", ".."} & set(names)
        assert clean(clean(path, within)) == clean(path, within)


class TestJournal:
    def test_watchers_hear_their_topics_and_may_leave(self) -> None:
        journal, heard = Journal(lambda: 1.0), []
        leave = journal.watch(lambda event: heard.append(("a", event.number)), "a")
        journal.watch(lambda event: heard.append(("all", event.number)))
        journal.add("change", None, ("a", "b"))
        journal.add("change", None, ("b",))
        leave()
        journal.add("change", None, ("a",))
        assert heard == [("a", 1), ("all", 1), ("all", 2), ("all", 3)]

    def test_a_watcher_that_fails_spoils_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        journal, heard = Journal(lambda: 1.0), []

        def fails(event: Event) -> None:
            raise RuntimeError("oops")

        journal.watch(fails, "a")
        journal.watch(heard.append, "a")
        journal.add("change", None, ("a",))
        assert len(heard) == 1
        assert "a watcher failed on event 1" in caplog.text

    def test_it_stays_bounded_and_says_what_it_dropped(self) -> None:
        journal = Journal(lambda: 1.0, keep=3)
        for number in range(5):
            journal.add(number, None, ())
        assert [event.change for event in journal.since(0)] == [2, 3, 4]
        assert [event.change for event in journal.since(4)] == [4]
        assert list(journal.since(5)) == []
        assert (journal.last, journal.dropped) == (5, 2)

    def test_it_does_not_hold_on_to_much_content(self) -> None:
        journal = Journal(lambda: 1.0, keep_octets=100)
        for number in range(5):
            journal.add(number, None, (), octets=40)
        assert ([event.change for event in journal.since(0)], journal.octets, journal.dropped) == ([3, 4], 80, 3)
        journal.add("large", None, (), octets=1000)
        assert (list(journal.since(0)), journal.octets, journal.dropped) == ([], 0, 6)

    def test_a_few_events_of_many(self) -> None:
        journal = Journal(lambda: 1.0, keep=50)
        for number in range(1, 101):
            journal.add(number, None, ())
        for cursor in range(101):
            assert [event.change for event in journal.since(cursor)] == list(range(max(cursor, 50) + 1, 101))
        found = [journal.find(number) for number in range(103)]
        assert [event.change for event in found if event is not None] == list(range(51, 101))
        assert all(event is None or event.number == number for number, event in enumerate(found))

    def test_overwritten_files_give_their_disk_back(self) -> None:
        world = World()
        world.journal = Journal(world.clock.now, keep_octets=3 << 20)
        for turn in range(8):
            world.commit_now(StoreFile("/x", world.blobs.of(bytes([turn]) * (1 << 20)), 1.0))
        gc.collect()
        assert len(list(world.blobs.folder().iterdir())) <= 4
        world.close()


class TestClock:
    def test_frozen_and_moved_on(self) -> None:
        clock, told = Clock(), []
        clock.watch(lambda: told.append(clock.now()))
        clock.freeze(1000.0)
        clock.advance(5)
        assert (clock.now(), clock.datetime().year, told) == (1005.0, 1970, [1000.0, 1005.0])
        with pytest.raises(ValueError, match="only moves on"):
            clock.advance(-1)

    def test_it_runs_until_frozen(self) -> None:
        clock = Clock()
        assert clock.now() <= clock.now()
        assert not clock.frozen


def test_two_stores_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = Blobs(), Blobs()
    assert first.folder() != second.folder()
    first.close()
    second.close()


@pytest.mark.parametrize("owner", ["alice", "o'hara", "a@b.test", "_x", "Ω", "x" * 300, "a-b_c", "-"])
def test_mailbox_ids_are_object_ids(owner: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", mailbox_id(owner, 7))


def test_mailbox_ids_differ() -> None:
    assert mailbox_id("alice", 7) == "F7-alice"
    owners = ["alice", "Alice", "a.b", "a_b", "a@b", mailbox_id("a.b", 7).removeprefix("F7-")]
    assert len({mailbox_id(owner, number) for owner in owners for number in (1, 11)}) == 2 * len(owners)


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 31))
def test_first_unseen_and_recent_are_those_that_counting_finds(seen: list[bool], claimed: int) -> None:
    box = Mailbox(0, "alice", "INBOX", 1, "M")
    blob = Blobs().of(b"")
    now = datetime.now(UTC)
    box.append((NewMessage(blob, now, frozenset({SEEN} if each else ())) for each in seen), now)
    box.recent_from = min(claimed, box.uidnext)
    assert box.first_unseen == next((at for at, each in enumerate(seen, 1) if not each), 0)
    assert box.recent == sum(uid >= box.recent_from for uid in box.messages)
