"""Changes of the world: what comes of each, what it refuses, and that a refused one changes nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from minternet.world import changes, errors
from minternet.world.records import DELETED, SEEN, Account, Delivery, NewMessage, Quota
from minternet.world.world import World

NOW = datetime(2024, 6, 3, 8, 30, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    world = World(seed=1, hostname="mail.example.test")
    for login in ("alice", "bob"):
        account = Account(login, f"{login}@example.test", "secret", home=f"/home/{login}")
        make(world, changes.AddAccount(account, NOW.timestamp()))
    return world


def make(world: World, change):  # type: ignore[no-untyped-def]
    return asyncio.run(world.commit(change))


def new(world: World, content: bytes = b"Subject: x\r\n\r\nhello\r\n", *flags: str) -> NewMessage:
    return NewMessage(world.blobs.of(content), NOW, frozenset(flags))


def append(world: World, *messages: NewMessage, owner: str = "alice", mailbox: str = "INBOX"):  # type: ignore[no-untyped-def]
    return make(world, changes.Append(owner, mailbox, messages, NOW))


class TestMail:
    def test_uids_only_grow(self, world: World) -> None:
        assert append(world, new(world), new(world)).uids == (1, 2)
        make(world, changes.Expunge("alice", "INBOX", (2,)))
        assert append(world, new(world)).uids == (3,)

    def test_counters_follow_every_change(self, world: World) -> None:
        append(world, new(world), new(world, b"\r\nab", SEEN), new(world))
        make(world, changes.StoreFlags("alice", "INBOX", (1,), "add", frozenset({SEEN, DELETED})))
        box = world.mail.get("alice", "inbox")
        assert (len(box), box.unseen, box.deleted) == (3, 1, 1)
        assert box.octets == sum(message.size for message in box)
        make(world, changes.Expunge("alice", "INBOX", (1, 3)))
        assert (len(box), box.unseen, box.deleted, box.octets) == (1, 0, 0, 4)

    def test_one_store_is_one_modseq_and_no_change_is_none(self, world: World) -> None:
        append(world, new(world), new(world))
        before = world.mail.get("alice", "INBOX").highest_modseq
        stored = make(world, changes.StoreFlags("alice", "INBOX", (1, 2, 9), "add", frozenset({SEEN})))
        assert {message.modseq for message in stored.changed} == {before + 1}
        again = make(world, changes.StoreFlags("alice", "INBOX", (1, 2), "add", frozenset({SEEN})))
        assert (again.changed, world.mail.get("alice", "INBOX").highest_modseq) == ((), before + 1)

    def test_unchanged_since_leaves_what_changed(self, world: World) -> None:
        append(world, new(world), new(world))
        seen = world.mail.get("alice", "INBOX").highest_modseq
        make(world, changes.StoreFlags("alice", "INBOX", (1,), "add", frozenset({SEEN})))
        stored = make(world, changes.StoreFlags("alice", "INBOX", (1, 2), "add", frozenset({DELETED}), seen))
        assert ([message.uid for message in stored.changed], stored.failed) == ([2], (1,))

    def test_keywords_keep_their_first_spelling(self, world: World) -> None:
        append(world, new(world, b"\r\n", "$Important"), new(world, b"\r\n", "$IMPORTANT"))
        box = world.mail.get("alice", "INBOX")
        assert [message.flags for message in box] == [{"$Important"}, {"$Important"}]
        assert box.keywords == ("$Important",)

    def test_uidvalidity_is_never_given_twice(self, world: World) -> None:
        first = make(world, changes.CreateMailbox("alice", "Work")).uidvalidity
        world.snapshot("before")
        make(world, changes.DeleteMailbox("alice", "Work"))
        second = make(world, changes.CreateMailbox("alice", "Work")).uidvalidity
        asyncio.run(world.reset("before"))
        third = make(world, changes.CreateMailbox("alice", "Other")).uidvalidity
        assert first < second < third

    def test_rename_takes_those_below_along(self, world: World) -> None:
        for name in ("a", "a/b", "ab"):
            make(world, changes.CreateMailbox("alice", name))
        append(world, new(world), mailbox="a/b")
        pairs = make(world, changes.RenameMailbox("alice", "a", "z/y"))
        assert sorted(pairs) == [("a", "z/y"), ("a/b", "z/y/b")]
        assert world.mail.find("alice", "a/b") is None
        assert world.mail.find("alice", "ab") is not None
        assert len(world.mail.get("alice", "z/y/b")) == 1

    def test_rename_inbox_moves_its_messages_and_leaves_it(self, world: World) -> None:
        append(world, new(world), new(world))
        make(world, changes.RenameMailbox("alice", "INBOX", "Old"))
        assert (len(world.mail.get("alice", "INBOX")), len(world.mail.get("alice", "Old"))) == (0, 2)
        assert [uid for _, uid in world.mail.get("alice", "INBOX").vanished] == [1, 2]

    def test_move_is_copy_and_expunge_in_one_event(self, world: World) -> None:
        append(world, new(world), new(world, b"\r\n", SEEN))
        before = world.journal.last
        moved = make(world, changes.Move("alice", "INBOX", (2, 7), "alice", "Archive", NOW))
        assert (moved.source_uids, moved.appended.uids, moved.expunged.uids) == ((2,), (1,), (2,))
        assert world.mail.get("alice", "Archive").get(1).flags == {SEEN}
        assert world.journal.last == before + 1

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (changes.CreateMailbox("alice", "inbox"), errors.MailboxExists),
            (changes.DeleteMailbox("alice", "INBOX"), errors.MailboxForbidden),
            (changes.DeleteMailbox("alice", "Nowhere"), errors.MailboxMissing),
            (changes.RenameMailbox("alice", "Sent", "Trash"), errors.MailboxExists),
            (changes.RenameMailbox("alice", "Sent", "Sent/Below"), errors.MailboxForbidden),
            (changes.Expunge("nobody", "INBOX", (1,)), errors.MailboxMissing),
            (changes.Copy("alice", "INBOX", (1,), "alice", "Nowhere", NOW), errors.MailboxMissing),
            (changes.SetRule("catch_all", "nobody"), errors.AccountMissing),
            (changes.RemoveFile("/none"), errors.EntryMissing),
            (changes.RemoveFolder("/home"), errors.FolderNotEmpty),
            (changes.MakeFolder("/home/alice", 0.0), errors.EntryExists),
            (changes.MakeFolder("/none/below", 0.0), errors.EntryMissing),
            (changes.RenameEntry("/home", "/home/alice/x"), errors.PathForbidden),
            (changes.Cancel("<none@x>"), errors.ArticleMissing),
            (changes.RemoveRoute("none"), errors.RouteMissing),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, changes.Change) else None,
    )
    def test_what_is_refused_changes_nothing(self, world: World, change, error) -> None:  # type: ignore[no-untyped-def]
        before = (world.journal.last, sorted(world.mail.store("alice").mailboxes), list(world.files.walk()))
        with pytest.raises(error):
            make(world, change)
        assert before == (world.journal.last, sorted(world.mail.store("alice").mailboxes), list(world.files.walk()))

    def test_quota_refuses_all_or_nothing(self, world: World) -> None:
        make(world, changes.SetQuota("alice", Quota(messages=2)))
        with pytest.raises(errors.QuotaExceeded):
            append(world, new(world), new(world), new(world))
        assert len(world.mail.get("alice", "INBOX")) == 0
        deliveries = tuple(Delivery(owner, "INBOX", new(world)) for owner in ("bob", "alice", "alice", "alice"))
        with pytest.raises(errors.QuotaExceeded):
            make(world, changes.Deliver(deliveries, NOW))
        assert len(world.mail.get("bob", "INBOX")) == 0

    def test_same_octets_are_one_blob(self, world: World) -> None:
        append(world, new(world), new(world))
        make(world, changes.Copy("alice", "INBOX", (1,), "alice", "Archive", NOW))
        contents = {id(message.content) for box in world.mail.mailboxes("alice") for message in box}
        assert len(contents) == 1


class TestAccounts:
    @pytest.mark.parametrize(
        ("address", "kind", "logins"),
        [
            ("alice@example.test", "account", ("alice",)),
            ("ALICE@Example.Test", "account", ("alice",)),
            ("alice+shop@example.test", "account", ("alice",)),
            ("info@example.test", "alias", ("bob",)),
            ("team@example.test", "list", ("alice", "bob")),
            ("who@elsewhere.example", "catch-all", ("bob",)),
            ("postmaster", "postmaster", ("bob",)),
        ],
    )
    def test_where_addresses_lead(self, world: World, address: str, kind: str, logins: tuple[str, ...]) -> None:
        make(world, changes.SetAlias("info@example.test", ("bob@example.test",)))
        make(
            world,
            changes.SetList("team@example.test", ("alice@example.test", "info@example.test", "team@example.test")),
        )
        make(world, changes.SetRule("catch_all", "bob"))
        resolution = world.accounts.resolve(address)
        assert resolution is not None
        assert (resolution.kind, resolution.logins) == (kind, logins)

    def test_nobody_has_mail_without_a_catch_all(self, world: World) -> None:
        assert world.accounts.resolve("who@elsewhere.example") is None

    def test_login_takes_login_or_address(self, world: World) -> None:
        assert world.accounts.check("Alice", "secret") == world.accounts.check("alice@example.test", "secret")
        assert world.accounts.check("alice", "Secret") is None
        assert world.accounts.check("nobody", "secret") is None

    def test_a_disabled_account_may_not_log_in(self, world: World) -> None:
        make(world, changes.ReplaceAccount(Account("alice", "alice@example.test", "secret", disabled=True)))
        assert world.accounts.check("alice", "secret") is None


class TestNews:
    def post(self, world: World, number: int, *groups: str, cancels: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
        message_id = f"<{number}@example.test>"
        head = b"Path: x!not-for-mail\r\nNewsgroups: %b\r\nMessage-ID: %b\r\n" % (
            ",".join(groups).encode(),
            message_id.encode(),
        )
        overview = (b"s", b"f", b"d", message_id.encode(), b"")
        body = world.blobs.of(b"one\r\ntwo\r\n")
        return make(world, changes.Post(message_id, groups, head, body, overview, 5.0, cancels))

    @pytest.fixture
    def news(self, world: World) -> World:
        for name in ("a.b", "c.d"):
            make(world, changes.CreateGroup(name, 1.0))
        return world

    def test_numbers_xref_and_overview(self, news: World) -> None:
        self.post(news, 1, "a.b")
        article = self.post(news, 2, "c.d", "a.b", "c.d").article
        assert article.places == (("c.d", 1), ("a.b", 2))
        assert b"\r\nXref: news.example.test c.d:1 a.b:2\r\n\r\none\r\n" in article.content.bytes()
        fields = article.overview.split(b"\t")
        assert fields[5:] == [b"%d" % article.content.size, b"2", b"Xref: news.example.test c.d:1 a.b:2"]

    def test_a_message_id_is_taken_once_even_when_cancelled(self, news: World) -> None:
        self.post(news, 1, "a.b")
        make(news, changes.Cancel("<1@example.test>"))
        with pytest.raises(errors.ArticleExists):
            self.post(news, 1, "a.b")

    def test_water_marks_only_grow(self, news: World) -> None:
        for number in range(1, 5):
            self.post(news, number, "a.b")
        make(news, changes.Expire("a.b", (1, 3)))
        group = news.news.group("a.b")
        assert (group.low, group.high, sorted(group.articles)) == (2, 4, [2, 4])
        make(news, changes.Expire("a.b", (2, 4)))
        assert (news.news.group("a.b").low, news.news.group("a.b").high) == (5, 4)

    def test_superseding_goes_with_posting(self, news: World) -> None:
        self.post(news, 1, "a.b")
        assert self.post(news, 2, "a.b", cancels=("<1@example.test>", "<none@x>")).cancelled == ("<1@example.test>",)
        assert list(news.news.articles) == ["<2@example.test>"]

    def test_a_group_that_is_not_there_takes_nothing(self, news: World) -> None:
        with pytest.raises(errors.GroupMissing):
            self.post(news, 1, "a.b", "no.such")
        assert len(news.news.group("a.b")) == 0


class TestFiles:
    def test_a_file_keeps_its_identity_when_rewritten(self, world: World) -> None:
        first = make(world, changes.StoreFile("/home/alice/x", world.blobs.of(b"1"), 1.0))
        second = make(world, changes.StoreFile("/home/alice/x", world.blobs.of(b"22"), 2.0))
        assert (first.unique, second.size, second.modified) == (second.unique, 2, 2.0)

    def test_a_folder_moves_with_all_it_holds(self, world: World) -> None:
        make(world, changes.StoreFile("/home/alice/a/b/x", world.blobs.of(b"1"), 1.0, parents=True))
        make(world, changes.RenameEntry("/home/alice/a", "/home/bob/z"))
        assert [path for path, _ in world.files.walk("/home")] == [
            "/home/alice",
            "/home/bob",
            "/home/bob/z",
            "/home/bob/z/b",
            "/home/bob/z/b/x",
        ]

    def test_exclusive_refuses_what_is_there(self, world: World) -> None:
        make(world, changes.StoreFile("/x", world.blobs.of(b"1"), 1.0))
        with pytest.raises(errors.EntryExists):
            make(world, changes.StoreFile("/x", world.blobs.of(b"2"), 1.0, exclusive=True))
        assert world.files.content("/x").bytes() == b"1"

    def test_a_file_is_no_folder_and_a_folder_no_file(self, world: World) -> None:
        make(world, changes.StoreFile("/x", world.blobs.of(b"1"), 1.0))
        with pytest.raises(errors.NotAFolder):
            make(world, changes.StoreFile("/x/y", world.blobs.of(b"1"), 1.0))
        with pytest.raises(errors.NotAFile):
            make(world, changes.StoreFile("/home", world.blobs.of(b"1"), 1.0))
        with pytest.raises(errors.NotAFolder):
            world.files.list("/x")
