"""mailbox: its five formats, filled from IMAP and poured back, with flags."""
# mypy: disable-error-code="abstract, arg-type, comparison-overlap, misc, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import email
import io
import mailbox
import time
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from stdlib.parts import Imap, content_of

LETTERS = [
    b"Message-ID: <%d@x>\r\nFrom: a@x.test\r\nSubject: number %d\r\n\r\nFrom here on\r\n.\r\nline %d\r\n" % (at, at, at)
    for at in range(4)
]
FLAGS = [(), (r"\Seen",), (r"\Seen", r"\Answered"), (r"\Flagged",)]
MAKERS: dict[str, Callable[[str], Any]] = {
    "Maildir": mailbox.Maildir,
    "mbox": mailbox.mbox,
    "MH": mailbox.MH,
    "Babyl": mailbox.Babyl,
    "MMDF": mailbox.MMDF,
}
LETTER = "From: a@x.test\nSubject: plain\n\nFrom the start\nend\n"


@pytest.fixture(params=list(MAKERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A new, empty mailbox of each format."""
    made = MAKERS[request.param](str(tmp_path / "store"))
    yield made
    made.close()


@pytest.fixture
def source(imap: Imap, box: str) -> Imap:
    """A client in its own mailbox of four letters with flags."""
    for letter, flags in zip(LETTERS, FLAGS, strict=True):
        imap.append(box, f"({' '.join(flags)})", None, letter)
    imap.select(box)
    return imap


def fetched(client: Imap) -> list[tuple[bytes, set[str]]]:
    """All messages of the selected mailbox with their flags, less \\Recent."""
    found = []
    _, (numbers,) = client.search(None, "ALL")
    for number in numbers.decode().split():
        _, data = client.fetch(number, "(FLAGS BODY.PEEK[])")
        told = b" ".join(part[0] if isinstance(part, tuple) else part for part in data)
        flags = {
            flag for flag in (r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft") if flag.encode() in told
        }
        found.append((content_of(data), flags))
    return found


def plain(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


# -- IMAP and back


def in_maildir(content: bytes, flags: set[str]) -> mailbox.Message:
    message = mailbox.MaildirMessage(content)
    message.set_subdir("cur" if flags else "new")
    message.set_flags("".join(letter for flag, letter in MAILDIR.items() if flag in flags))
    return message


MAILDIR = {r"\Seen": "S", r"\Answered": "R", r"\Flagged": "F"}
MBOX = {r"\Seen": "R", r"\Answered": "A", r"\Flagged": "F"}
MH = {r"\Answered": "replied", r"\Flagged": "flagged"}


def with_flags(kind: str, content: bytes, flags: set[str]) -> Any:
    """A message of the format's own kind."""
    if kind == "Maildir":
        return in_maildir(content, flags)
    if kind in ("mbox", "MMDF"):
        message: Any = mailbox.mboxMessage(content) if kind == "mbox" else mailbox.MMDFMessage(content)
        message.set_flags("".join(letter for flag, letter in MBOX.items() if flag in flags))
    elif kind == "MH":
        message = mailbox.MHMessage(content)
        for sequence in [name for flag, name in MH.items() if flag in flags]:
            message.add_sequence(sequence)
        if r"\Seen" not in flags:
            message.add_sequence("unseen")
    else:
        message = mailbox.Message(content)  # see test_babyl
    return message


def flags_of(message: Any) -> set[str]:
    """What the formats have in common, asked through Maildir's letters."""
    letters = mailbox.MaildirMessage(message).get_flags()
    return {flag for flag, letter in MAILDIR.items() if letter in letters}


def test_filled_from_imap_and_poured_back(source: Imap, store: Any, token: str) -> None:
    kind = type(store).__name__
    for content, flags in fetched(source):
        store.add(with_flags(kind, plain(content), flags))
    store.flush()
    assert len(store) == len(LETTERS)
    messages = sorted((store.get_message(key) for key in store.keys()), key=lambda message: str(message["Subject"]))  # noqa: SIM118
    known = set(MAILDIR) if kind != "Babyl" else set()
    kept = [flags_of(message) & known for message in messages]
    assert kept == [set(flags) & known for flags in FLAGS]
    source.unselect()
    source.create(f"{token}-back")
    try:
        for message, flags in zip(messages, kept, strict=True):
            for name in ("Status", "X-Status", "X-MH-Sequences"):
                del message[name]
            source.append(f"{token}-back", f"({' '.join(flags)})", None, message.as_bytes())
        source.select(f"{token}-back")
        back = fetched(source)
        mangled = b"\r\n>From " if kind in ("mbox", "MMDF") else b"\r\nFrom "
        assert [content for content, _ in back] == [letter.replace(b"\r\nFrom h", mangled + b"h") for letter in LETTERS]
        assert [flags & known for _, flags in back] == kept
    finally:
        source.unselect()
        source.delete(f"{token}-back")


# -- what all formats do


def test_adding_and_getting(store: Any) -> None:
    keys = [
        store.add(LETTER),
        store.add(LETTER.encode()),
        store.add(email.message_from_string(LETTER)),
        store.add(io.BytesIO(LETTER.encode())),
        store.add(mailbox.Message(LETTER)),
    ]
    assert len(store) == len(set(keys)) == 5
    for key in keys:
        assert key in store
        assert store[key]["Subject"] == store.get_message(key)["Subject"] == "plain"
        mangled = b">" if type(store).__name__ in ("mbox", "MMDF") else b""
        assert store.get_bytes(key).endswith(b"\n\n" + mangled + b"From the start\nend\n")
        assert store.get_string(key).startswith("From: a@x.test\n")
        with store.get_file(key) as file:
            assert b"Subject: plain" in file.read()
    assert store.get("no such") is None
    assert store.get("no such", "default") == "default"
    with pytest.raises(KeyError):
        store["no such"]
    with pytest.raises(TypeError):
        store.add(object())


def test_reading_files_piece_by_piece(store: Any) -> None:
    file = store.get_file(store.add(LETTER))
    assert file.readline() == b"From: a@x.test\n"
    file.seek(0)
    assert file.tell() == 0
    assert file.read(5) == b"From:"
    assert file.readlines()[-1].rstrip(b"\n") in (b"end", b"")
    assert file.readable()
    file.flush()
    file.close()
    assert file.closed


def test_all_of_them(store: Any) -> None:
    keys = [store.add(f"Subject: {number}\n\nbody\n") for number in range(3)]
    assert sorted(store.keys()) == sorted(store.iterkeys()) == sorted(keys)
    assert sorted(each["Subject"] for each in store) == ["0", "1", "2"]
    assert sorted(each["Subject"] for each in store.values()) == ["0", "1", "2"]
    assert len(list(store.itervalues())) == 3
    assert sorted(key for key, _ in store.items()) == sorted(key for key, _ in store.iteritems()) == sorted(keys)


def test_changing_and_removing(store: Any) -> None:
    first, second, third = (store.add(f"Subject: {number}\n\nbody\n") for number in range(3))
    store[first] = "Subject: changed\n\nbody\n"
    store.update({second: "Subject: updated\n\nbody\n"})
    assert (store[first]["Subject"], store[second]["Subject"]) == ("changed", "updated")
    with pytest.raises(KeyError):
        store.update({"no such": LETTER})
    store.remove(first)
    del store[second]
    store.discard(second)
    with pytest.raises(KeyError):
        store.remove(second)
    with pytest.raises(KeyError):
        store["no such"] = LETTER
    assert store.pop(third)["Subject"] == "2"
    assert store.pop(third, "gone") == "gone"
    with pytest.raises(KeyError):
        store.popitem()
    store.add(LETTER)
    assert store.popitem()[1]["Subject"] == "plain"
    store.add(LETTER)
    store.clear()
    assert len(store) == 0


def test_written_and_opened_again(store: Any, tmp_path: Path) -> None:
    store.lock()
    store.lock()
    store.add(LETTER)
    store.flush()
    store.unlock()
    store.unlock()
    store.close()
    again = MAKERS[type(store).__name__](str(tmp_path / "store"))
    assert [each["Subject"] for each in again] == ["plain"]
    again.close()


def test_none_is_made_where_none_is_wanted(tmp_path: Path) -> None:
    for make in (mailbox.Maildir, mailbox.mbox, mailbox.MH, mailbox.Babyl, mailbox.MMDF):
        with pytest.raises(mailbox.NoSuchMailboxError):
            make(str(tmp_path / "none"), create=False)  # type: ignore[operator]


def test_factories(tmp_path: Path) -> None:
    store = mailbox.Maildir(tmp_path / "factory", factory=lambda file: file.read())  # type: ignore[arg-type, return-value]
    key = store.add(LETTER)
    assert store[key] == LETTER.encode()


def test_the_base_class_does_nothing(tmp_path: Path) -> None:
    base: Any = mailbox.Mailbox(str(tmp_path / "x"))
    calls: list[Callable[[], object]] = [
        lambda: base.add(""),
        lambda: base.remove("k"),
        lambda: base.get_message("k"),
        lambda: base.get_bytes("k"),
        lambda: base.get_file("k"),
        base.iterkeys,
        base.flush,
        base.lock,
        base.unlock,
        base.close,
    ]
    for call in calls:
        with pytest.raises(NotImplementedError):
            call()


# -- Maildir


def test_maildir_folders(tmp_path: Path) -> None:
    store = mailbox.Maildir(tmp_path / "maildir")
    folder = store.add_folder("Sub")
    folder.add(LETTER)
    assert store.list_folders() == ["Sub"]
    assert len(store.get_folder("Sub")) == 1
    with pytest.raises(mailbox.NoSuchMailboxError):
        store.get_folder("None")
    with pytest.raises(mailbox.NotEmptyError):
        store.remove_folder("Sub")
    folder.clear()
    store.remove_folder("Sub")
    assert store.list_folders() == []
    old = tmp_path / "maildir" / "tmp" / "old"
    old.touch()
    store.clean()
    assert old.exists()  # it is not 36 hours old
    store.lock()
    store.flush()
    store.unlock()
    store.close()


def test_maildir_messages(tmp_path: Path) -> None:
    store = mailbox.Maildir(tmp_path / "maildir")
    message = mailbox.MaildirMessage(LETTER)
    assert (message.get_subdir(), message.get_flags(), message.get_info()) == ("new", "", "")
    message.set_flags("SF")
    message.add_flag("R")
    message.remove_flag("F")
    assert (message.get_flags(), message.get_info()) == ("RS", "2,RS")
    message.set_info("1,experimental")
    assert message.get_flags() == ""
    message.set_info("2,S")
    message.set_subdir("cur")
    message.set_date(when := 1_700_000_000.0)
    key = store.add(message)
    kept = store[key]
    assert (kept.get_flags(), kept.get_subdir(), int(kept.get_date())) == ("S", "cur", int(when))
    with pytest.raises(ValueError, match=r"new.*cur"):
        message.set_subdir("old")
    with pytest.raises(TypeError):
        message.set_date("now")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        message.set_info(1)  # type: ignore[arg-type]
    assert store.next() is not None
    assert store.next() is None
    newer: Any = store
    if hasattr(mailbox.Maildir, "get_flags"):  # 3.13
        assert (newer.get_flags(key), newer.get_info(key)) == ("S", "2,S")
        newer.set_flags(key, "F")
        newer.add_flag(key, "R")
        newer.remove_flag(key, "F")
        assert newer.get_flags(key) == "R"
        newer.set_info(key, "2,T")
        assert newer.get_flags(key) == "T"
    store.discard(key)
    store.discard(key)
    store.close()


def test_maildir_as_a_server_fills_it(tmp_path: Path) -> None:
    path = tmp_path / "maildir"
    store = mailbox.Maildir(path)
    (path / "new" / f"{int(time.time())}.M1P1.host").write_bytes(LETTER.encode())
    (path / "cur" / f"{int(time.time())}.M2P1.host:2,FS").write_bytes(LETTER.encode())
    assert sorted(each.get_flags() for each in store) == ["", "FS"]


# -- mbox and MMDF


def test_mbox_files(tmp_path: Path) -> None:
    path = tmp_path / "mbox"
    store = mailbox.mbox(path)
    key = store.add(LETTER)
    store.flush()
    content = path.read_bytes()
    assert content.startswith(b"From MAILER-DAEMON ")
    assert b"\n>From the start\n" in content
    assert store.get_bytes(key, from_=True).startswith(b"From MAILER-DAEMON ")
    assert store.get_string(key, from_=True).startswith("From MAILER-DAEMON ")
    assert store.get_file(key, from_=True).readline().startswith(b"From MAILER-DAEMON ")
    store.close()


def test_mbox_messages() -> None:
    message = mailbox.mboxMessage(LETTER)
    message.set_from("alice@example.test", time.gmtime(0))
    assert message.get_from() == "alice@example.test Thu Jan  1 00:00:00 1970"
    message.set_flags("RO")
    message.add_flag("AF")
    message.remove_flag("F")
    assert (message.get_flags(), message["Status"], message["X-Status"]) == ("ROA", "RO", "A")
    assert mailbox.MMDFMessage(message).get_flags() == "ROA"


def test_mbox_of_the_fixtures(fixtures: Path) -> None:
    store = mailbox.mbox(fixtures / "mail" / "alice" / "Old letters.mbox", create=False)
    assert len(store) == 4
    assert all(message["Subject"] for message in store)
    assert any(message.get_flags() for message in store)
    store.close()


def test_maildir_of_the_fixtures(fixtures: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(fixtures / "mail" / "bob" / "Workshop", tmp_path / "workshop")
    store = mailbox.Maildir(tmp_path / "workshop", create=False)
    assert sorted(message.get_flags() for message in store) == ["", "", "FRS", "PST", "S"]
    assert store.list_folders() == ["Tools"]


def test_another_program_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "mbox"
    store = mailbox.mbox(path)
    key = store.add(LETTER)
    store.flush()
    with path.open("ab") as file:
        file.write(b"From else Mon Jun  3 10:00:00 2024\n\nintruder\n")
    store.remove(key)
    with pytest.raises(mailbox.ExternalClashError):
        store.flush()
    second = mailbox.mbox(path)
    second.lock()
    with pytest.raises(mailbox.ExternalClashError):
        mailbox.mbox(path).lock()
    second.unlock()
    second.close()


# -- MH


def test_mh_folders_and_sequences(tmp_path: Path) -> None:
    store = mailbox.MH(tmp_path / "mh")
    keys = [store.add(LETTER) for _ in range(3)]
    assert keys == [1, 2, 3]
    store.set_sequences({"mine": [1, 3], "empty": []})
    assert store.get_sequences() == {"mine": [1, 3]}
    store.remove(1)
    store.discard(2)
    store.pack()
    assert (list(store.keys()), store.get_sequences()) == ([1], {"mine": [1]})
    folder = store.add_folder("sub")
    assert isinstance(folder, mailbox.MH)
    assert store.list_folders() == ["sub"]
    assert len(store.get_folder("sub")) == 0
    store.remove_folder("sub")
    with pytest.raises(mailbox.NoSuchMailboxError):
        store.get_folder("sub")
    store.close()


def test_mh_messages(tmp_path: Path) -> None:
    store = mailbox.MH(tmp_path / "mh")
    message = mailbox.MHMessage(LETTER)
    message.set_sequences(["one"])
    message.add_sequence("unseen")
    message.remove_sequence("one")
    message.remove_sequence("none")
    key = store.add(message)
    assert store[key].get_sequences() == ["unseen"]
    with pytest.raises(TypeError):
        message.add_sequence(1)  # type: ignore[arg-type]


# -- Babyl


def test_babyl(tmp_path: Path) -> None:
    """mailbox forgets to write the header for readers, and reads what follows up to an empty line in its place."""
    store = mailbox.Babyl(tmp_path / "babyl")
    message = mailbox.BabylMessage("Subject: plain\n\n\nAfter an empty line\n")
    message.set_labels(["unseen", "mine"])
    message.add_label("filed")
    message.remove_label("unseen")
    assert message.get_labels() == ["mine", "filed"]
    visible = Message()
    visible["Subject"] = "seen differently"
    message.set_visible(visible)
    assert message.get_visible()["Subject"] == "seen differently"
    message.update_visible()
    assert message.get_visible()["Subject"] == "plain"
    assert message.get_labels() == ["mine", "filed"]
    key = store.add(message)
    store.flush()
    assert sorted(store.get_labels()) == ["mine"]
    assert sorted(store[key].get_labels()) == ["filed", "mine"]
    assert (tmp_path / "babyl").read_bytes().startswith(b"BABYL OPTIONS:")
    store.close()


# -- messages


def test_one_kind_into_another() -> None:
    flagged = mailbox.MaildirMessage(LETTER)
    flagged.set_subdir("cur")
    flagged.set_flags("RFS")
    for kind in (mailbox.mboxMessage, mailbox.MMDFMessage, mailbox.MHMessage, mailbox.BabylMessage):
        there = kind(flagged)
        assert "R" in mailbox.MaildirMessage(there).get_flags()
        for other in (mailbox.mboxMessage, mailbox.MMDFMessage, mailbox.MHMessage, mailbox.BabylMessage):
            assert other(there)["Subject"] == "plain"
    with pytest.raises(TypeError):
        mailbox.Message(1)  # type: ignore[arg-type]
    assert mailbox.Message(io.BytesIO(LETTER.encode()))["Subject"] == "plain"
    assert mailbox.Message().keys() == []


def test_errors() -> None:
    for kind in (mailbox.NoSuchMailboxError, mailbox.NotEmptyError, mailbox.ExternalClashError, mailbox.FormatError):
        assert issubclass(kind, mailbox.Error)
