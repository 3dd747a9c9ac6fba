"""Several clients change one mailbox at once; what each is told must add up to what is there (RFC 3501 section 5.5)."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from imap_play import Believer, Dialogue, context_of
from small_world import append, small_world

from minternet.world.changes import RemoveAccount, Reset, StoreFlags
from minternet.world.world import World

SETS = st.sampled_from(["1", "2", "1:*", "*", "2:3", "3:1", "1,3", "4:*", "2:*"])
FLAGS = st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "$Work", "\\Deleted \\Seen"])
COMMANDS = st.one_of(
    st.builds("{}STORE {} {}FLAGS{} ({})".format, st.sampled_from(["", "UID "]), SETS, st.sampled_from(["+", "-", ""]),
              st.sampled_from(["", ".SILENT"]), FLAGS),
    st.builds("{}FETCH {} {}".format, st.sampled_from(["", "UID "]), SETS,
              st.sampled_from(["FLAGS", "(UID FLAGS)", "BODY[]", "(UID BODY.PEEK[1])", "ALL"])),
    st.builds("{}SEARCH {}".format, st.sampled_from(["", "UID "]), st.sampled_from(["ALL", "UNSEEN", "DELETED", "1:*"])),
    st.builds("{}COPY {} {}".format, st.sampled_from(["", "UID "]), SETS, st.sampled_from(["INBOX", "Trash", "Nowhere"])),
    st.builds("{}MOVE {} {}".format, st.sampled_from(["", "UID "]), SETS, st.sampled_from(["INBOX", "Trash"])),
    st.builds("UID EXPUNGE {}".format, SETS),
    st.sampled_from(["EXPUNGE", "NOOP", "CHECK", "SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "SELECT INBOX",
                     "APPEND INBOX {9+}\r\nA: b\r\n\r\nc", "STATUS INBOX (MESSAGES)", "IDLE\r\nDONE"]),
)  # fmt: skip
NOTIFY = tuple(
    f"NOTIFY SET ({selected} (MessageNew{items} MessageExpunge FlagChange))"
    for selected in ("SELECTED", "SELECTED-DELAYED")
    for items in ("", " (UID FLAGS)")
)
NEVER_MOVES = re.compile(r"(FETCH|STORE|SEARCH|SORT|THREAD) ")


class Client:
    """A session, and what its client makes of it."""

    def __init__(self, dialogue: Dialogue, setup: str) -> None:
        self.dialogue, self.believer = dialogue, Believer()
        dialogue.ok("LOGIN alice wonderland")
        if setup:
            dialogue.ok(setup)
        self.do("SELECT INBOX")

    def do(self, command: str) -> None:
        # What NOTIFY told meanwhile counts before the command.
        self.believer.hear(self.dialogue.conversation.heard())
        said = self.dialogue(command)
        if command.startswith("SELECT"):
            self.believer = Believer()
        gone = self.believer.hear(said)
        assert not (gone and NEVER_MOVES.match(command)), (command, said)
        assert f"t{self.dialogue.count} ".encode() in said
        if command.startswith("SELECT") or ".SILENT" in command:
            # What a silent STORE did, a client works out for itself; this one asks.
            self.believer.hear(self.dialogue("FETCH 1:* (UID FLAGS)"))
        for _ in range(2):
            # A new message may have gone again before it could be asked for.
            if None in self.believer.uids:
                self.believer.hear(self.dialogue("UID FETCH 1:* (UID FLAGS)"))

    def told_more(self, command: str) -> bool:
        """Give a command; whether it told anything."""
        before = list(self.believer.uids)
        self.do(command)
        return self.believer.uids != before

    def check(self, world: World) -> None:
        """Once it is up to date, the client knows exactly what is there."""
        assert any(not self.told_more("NOOP") for _ in range(3))
        mailbox = world.mail.get("alice", "INBOX")
        assert self.believer.uids == list(mailbox.messages)
        flags = {uid: frozenset(flag.encode() for flag in message.flags) for uid, message in mailbox.messages.items()}
        assert {uid: self.believer.flags[uid] for uid in flags} == flags


@settings(max_examples=120, deadline=None)
@given(
    setups=st.lists(
        st.sampled_from(["", "ENABLE CONDSTORE", "ENABLE QRESYNC", "ENABLE IMAP4rev2", *NOTIFY]), min_size=2, max_size=3
    ),
    steps=st.lists(st.tuples(st.integers(0, 2), COMMANDS), max_size=25),
)
def test_what_clients_are_told_adds_up(setups: list[str], steps: list[tuple[int, str]]) -> None:
    world = small_world()
    context = context_of(world)
    clients = [Client(Dialogue(context=context), setup) for setup in setups]
    for who, command in steps:
        clients[who % len(clients)].do(command)
    for client in clients:
        client.check(world)


def test_silent_store_is_silent_to_its_client_only() -> None:
    world = small_world()
    context = context_of(world)
    one, other = Dialogue(context=context).log_in(), Dialogue(context=context).log_in()
    assert one.ok("STORE 2 +FLAGS.SILENT (\\Seen)") == b""
    assert one.ok("NOOP") == b""
    assert other.ok("NOOP") == b"* 2 FETCH (FLAGS (\\Seen))"


def test_silent_store_does_not_swallow_what_others_did() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in()
    world.commit_now(StoreFlags("alice", "INBOX", (2,), "add", frozenset({"\\Flagged"})))
    assert dialogue.ok("STORE 2 +FLAGS.SILENT (\\Seen)") == b"* 2 FETCH (FLAGS (\\Flagged \\Seen \\Recent))"


def test_idle_pushes_mail_flags_and_expunges_at_once() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in()
    other = Dialogue(world).log_in()
    assert dialogue("IDLE") == b"+ idling\r\n"
    append(world, "alice", "INBOX", b"Subject: new\r\n\r\n\r\n")
    assert dialogue.conversation.heard() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
    other.ok("STORE 1 -FLAGS (\\Seen)")
    assert b"* 1 FETCH (FLAGS (" in dialogue.conversation.heard()
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    assert dialogue.conversation.heard().endswith(b"* 1 EXPUNGE\r\n")
    assert dialogue.conversation.say(b"DONE\r\n") == b"t3 OK IDLE completed\r\n"


def test_recent_belongs_to_the_first_session_told() -> None:
    world = small_world()
    one, other = Dialogue(world).log_in(), Dialogue(world).log_in()
    append(world, "alice", "INBOX", b"Subject: new\r\n\r\n\r\n")
    assert b"* 1 RECENT" in other.ok("NOOP")
    assert b"* 3 RECENT" in one.ok("NOOP")
    assert b"\\Recent" in other.ok("FETCH 4 FLAGS")
    assert b"\\Recent" not in one.ok("FETCH 4 FLAGS")


def test_a_renamed_mailbox_stays_selected() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in(mailbox="Projects/2024")
    Dialogue(world).log_in().ok("RENAME Projects Plans")
    append(world, "alice", "Plans/2024", b"Subject: new\r\n\r\n\r\n")
    assert b"* 2 EXISTS" in dialogue.ok("NOOP")
    assert b"UID 2" in dialogue.ok("FETCH 2 UID")


def test_a_deleted_mailbox_ends_the_session() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in(mailbox="Projects/2024")
    Dialogue(world).log_in().ok("DELETE Projects/2024")
    assert dialogue("NOOP").startswith(b"* BYE ")
    assert dialogue.conversation.closed


def test_a_deleted_mailbox_is_told_to_the_idle() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in(mailbox="Projects/2024")
    dialogue("IDLE")
    Dialogue(world).log_in().ok("DELETE Projects/2024")
    assert dialogue.conversation.heard() == b"* BYE The selected mailbox was deleted\r\n"


def test_a_sequence_number_of_a_vanished_message_is_refused_not_shifted() -> None:
    world = small_world()
    one, other = Dialogue(world).log_in(), Dialogue(world).log_in()
    other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert b"NO [EXPUNGEISSUED]" in one("FETCH 1 (UID FLAGS)")
    assert one.ok("FETCH 2 UID") == b"* 2 FETCH (UID 2)"
    assert b"* 1 EXPUNGE" in one.ok("NOOP")
    assert one.ok("FETCH 1 UID") == b"* 1 FETCH (UID 2)"


def test_a_reset_that_takes_messages_away_ends_the_session() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in()
    append(world, "alice", "INBOX", b"Subject: new\r\n\r\n\r\n")
    dialogue.ok("NOOP")
    world.commit_now(Reset("seed"))
    assert dialogue("NOOP") == b"* BYE The world was reset\r\n"


def test_a_session_may_live_through_a_reset() -> None:
    world = small_world()
    dialogue = Dialogue(world).log_in()
    Dialogue(world).log_in().ok("STORE 2 +FLAGS (\\Seen)")
    world.commit_now(Reset("seed"))
    assert b"* 2 FETCH (FLAGS (\\Recent))" in dialogue.ok("NOOP")
    append(world, "alice", "INBOX", b"Subject: new\r\n\r\n\r\n")
    assert b"* 4 EXISTS" in dialogue.ok("NOOP")


def test_an_account_that_goes_takes_its_sessions_along() -> None:
    world = small_world()
    dialogue, idling = Dialogue(world).log_in(), Dialogue(world).log_in()
    idling("IDLE")
    world.commit_now(RemoveAccount("alice"))
    assert b"BYE" in dialogue("FETCH 1 FLAGS")
    assert b"NO [NONEXISTENT]" in Dialogue(world).log_in("bob", "builder")("STATUS Nothing (MESSAGES)")
    assert idling.conversation.say(b"DONE\r\n").startswith(b"* BYE")


def test_sessions_leave_no_watcher_behind() -> None:
    world = small_world()
    before = dict(world.journal._watchers)
    dialogue = Dialogue(world).log_in()
    assert world.journal._watchers != before
    dialogue.conversation.hang_up()
    assert world.journal._watchers == before
