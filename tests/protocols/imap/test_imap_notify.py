"""NOTIFY where a dialogue cannot show it: overflows, shared mailboxes, what a session is told when it works."""

from __future__ import annotations

import pytest
from imap_play import Dialogue, context_of
from small_world import append, small_world

from minternet.protocols.imap import ImapSession, notify
from minternet.world.changes import RenameMailbox, Reset, SetAcl, StoreFlags
from minternet.world.mail import How
from minternet.world.world import World

ALL = "(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"


def flag(world: World, how: How = "add", mailbox: str = "INBOX", owner: str = "alice") -> None:
    world.commit_now(StoreFlags(owner, mailbox, (1,), how, frozenset({"\\Flagged"})))


def waiting(dialogue: Dialogue) -> bytes:
    """What was said to a client that said nothing."""
    return dialogue.conversation.say(b"")


def session_of(dialogue: Dialogue) -> ImapSession:
    """The server's side."""
    session = dialogue.conversation.session
    assert isinstance(session, ImapSession)
    return session


def told(groups: str, mailbox: str = "") -> Dialogue:
    dialogue = Dialogue(small_world()).log_in(mailbox=mailbox)
    dialogue.ok(f"NOTIFY SET {groups}")
    return dialogue


def test_a_reset_is_an_overflow_and_ends_it() -> None:
    dialogue = Dialogue(small_world())
    dialogue.world.snapshot("start")
    dialogue.log_in(mailbox="")
    dialogue.ok(f"NOTIFY SET {ALL}")
    dialogue.world.commit_now(Reset("start"))
    assert waiting(dialogue) == b"* OK [NOTIFICATIONOVERFLOW] The world was reset\r\n"
    flag(dialogue.world)
    assert waiting(dialogue) == b""


def test_too_much_at_once_is_an_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PENDING_LIMIT", 1)
    dialogue = told(ALL)
    session_of(dialogue).at_rest = False
    for mailbox in ("INBOX", "Projects/2024"):
        flag(dialogue.world, mailbox=mailbox)
    assert dialogue.ok("NOOP") == b"* OK [NOTIFICATIONOVERFLOW] Too much happens"


def test_during_a_command_it_waits_for_the_end() -> None:
    dialogue = told(ALL, mailbox="Projects/2024")
    session_of(dialogue).at_rest = False
    flag(dialogue.world)
    assert waiting(dialogue) == b""
    said = dialogue("FETCH 1 UID")
    assert said.index(b"* 1 FETCH") < said.index(b"* STATUS INBOX") < said.index(b"OK FETCH")


def test_the_first_group_that_covers_a_mailbox_counts() -> None:
    dialogue = told(f"(MAILBOXES INBOX NONE) {ALL}")
    flag(dialogue.world)
    assert waiting(dialogue) == b""
    flag(dialogue.world, mailbox="Projects/2024")
    assert waiting(dialogue).startswith(b"* STATUS Projects/2024")


@pytest.mark.parametrize(
    ("filter", "inbox", "project"),
    [
        ("INBOXES", True, False),
        ("PERSONAL", True, True),
        ("SUBSCRIBED", False, True),
        ("SUBTREE Projects", False, True),
        ("MAILBOXES (INBOX Projects)", True, False),
    ],
)
def test_filters(filter: str, inbox: bool, project: bool) -> None:
    dialogue = Dialogue(small_world()).log_in(mailbox="")
    dialogue.ok("UNSUBSCRIBE INBOX")
    dialogue.ok("SUBSCRIBE Projects/2024")
    dialogue.ok(f"NOTIFY SET ({filter} (MessageNew MessageExpunge FlagChange))")
    flag(dialogue.world)
    assert bool(waiting(dialogue)) is inbox
    flag(dialogue.world, mailbox="Projects/2024")
    assert bool(waiting(dialogue)) is project


def test_other_peoples_mailboxes_tell_those_who_may_read_them() -> None:
    groups = "(MAILBOXES Users/bob/INBOX (MessageNew MessageExpunge FlagChange MailboxName))"
    dialogue = told(groups)
    append(dialogue.world, "bob", "INBOX", b"Subject: x\r\n\r\nx\r\n")
    assert waiting(dialogue) == b""
    dialogue.world.commit_now(SetAcl("bob", "INBOX", "alice", "lr"))
    assert waiting(dialogue) == b'* LIST () "/" Users/bob/INBOX\r\n'
    append(dialogue.world, "bob", "INBOX", b"Subject: x\r\n\r\nx\r\n")
    assert waiting(dialogue).startswith(b"* STATUS Users/bob/INBOX (MESSAGES 2 ")
    dialogue.world.commit_now(SetAcl("bob", "INBOX", "alice", None))
    assert waiting(dialogue) == b'* LIST (\\NoAccess) "/" Users/bob/INBOX\r\n'


def test_the_inbox_renamed() -> None:
    dialogue = told(ALL)
    dialogue.world.commit_now(RenameMailbox("alice", "INBOX", "Old"))
    said = waiting(dialogue)
    assert said.startswith(b'* LIST () "/" Old\r\n* STATUS INBOX (MESSAGES 0 ')
    assert b"OLDNAME" not in said


def test_who_no_longer_listens_is_forgotten() -> None:
    dialogue = told(ALL)
    dialogue.ok("UNAUTHENTICATE")
    flag(dialogue.world)
    assert waiting(dialogue) == b""
    assert session_of(dialogue).notifying is None
    gone = Dialogue(dialogue.world, context_of(dialogue.world)).log_in(mailbox="")
    gone.ok(f"NOTIFY SET {ALL}")
    gone("LOGOUT")
    flag(dialogue.world, "remove")
    assert waiting(gone) == b""
