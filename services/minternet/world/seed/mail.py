"""mail/<login>/<mailbox>/*.eml, mbox files and Maildirs -> mailboxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from .. import mime
from ..changes import Append, CreateMailbox, Subscribe
from ..errors import WorldError
from ..mail import DELIMITER, INBOX
from ..records import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, SYSTEM_FLAGS, NewMessage
from ..world import World
from .folders import files_and_folders
from .problems import Problems, line_of
from .schema import MailboxFile, MessageTable

MAILBOX_FILE = "mailbox.toml"
MAILDIR = ("cur", "new")
"""The folders by which a Maildir is known, and which hold its messages."""
MAILDIR_FLAGS = {"D": DRAFT, "F": FLAGGED, "P": "$Forwarded", "R": ANSWERED, "S": SEEN, "T": DELETED}
"""The letters after ":2," in a Maildir's file names."""
MBOX_STATUS = {"R": SEEN, "A": ANSWERED, "F": FLAGGED, "D": DELETED, "T": DRAFT}
"""The letters of the Status and X-Status fields in an mbox."""
FROM_LINE = re.compile(rb"(?:\A|(?<=\n))From [^\n]*\n")
QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")


class _Found(msgspec.Struct, frozen=True):
    """A message in a fixture, and what is told of it beside its content."""

    content: bytes
    flags: tuple[str, ...] = ()
    date: datetime | None = None
    labels: tuple[str, ...] = ()


def seed_mail(world: World, folder: Path, problems: Problems, start: datetime) -> None:
    """Fill the mailboxes of every account that has a folder."""
    if not folder.is_dir():
        return
    for home in sorted(folder.iterdir()):
        account = world.accounts.find(home.name)
        if home.is_dir() and account is not None:
            _Seeder(world, account.login, problems, start).folder(home, "")
        elif not home.name.startswith("."):
            logins = ", ".join(world.accounts.by_login) or "none"
            problems.add(home, 1, "is no account's folder", f"name it after a login of world.toml ({logins})")


class _Seeder:
    """Fills one account's mailboxes."""

    def __init__(self, world: World, owner: str, problems: Problems, start: datetime) -> None:
        self.world, self.owner, self.problems, self.start = world, owner, problems, start

    def folder(self, folder: Path, mailbox: str) -> None:
        """A folder of the fixture: a mailbox where it holds messages or says so, and those below it."""
        messages, below = files_and_folders(folder)
        if any(path.name in MAILDIR for path in below):
            self._maildir(folder, mailbox)
            return
        if mailbox and (messages or not below):
            self._eml_folder(folder, mailbox, [path for path in messages if path.suffix == ".eml"])
        for path in messages:
            if path.suffix == ".mbox":
                self._fill(path, _below(mailbox, path.stem), MailboxFile(), _mbox(path.read_bytes()))
            elif path.name != MAILBOX_FILE and path.suffix != ".eml":
                self.problems.add(path, 1, "is no message", "name it .eml or .mbox, or take it out")
            elif not mailbox:
                self.problems.add(path, 1, "is in no mailbox", f"move it into {folder.name}/{INBOX}/")
        for path in below:
            self.folder(path, _below(mailbox, path.name))

    def _eml_folder(self, folder: Path, mailbox: str, paths: list[Path]) -> None:
        path = folder / MAILBOX_FILE
        table, text = self.problems.read_toml(path, MailboxFile, MailboxFile())
        names = {message.name for message in paths}
        for name in table.messages.keys() - names:
            near = ", ".join(sorted(names)[:3]) or "there is none"
            line = line_of(text, "$.messages", None) if name not in text else _line_with(text, name)
            self.problems.add(path, line, f"{name!r} is not in this folder", f"name a message of it ({near}, ...)")
        for name, message in table.messages.items():
            for flag in message.flags:
                if flag.startswith("\\") and flag not in SYSTEM_FLAGS:
                    known = ", ".join(SYSTEM_FLAGS)
                    self.problems.add(path, _line_with(text, name), f"{flag} is no flag", f"write one of {known}")
        self._fill(folder, mailbox, table, (self._eml(path, table) for path in paths))

    def _eml(self, path: Path, table: MailboxFile) -> _Found:
        told = table.messages.get(path.name, MessageTable())
        return _Found(with_crlf(path.read_bytes()), told.flags, told.date, told.labels)

    def _maildir(self, folder: Path, mailbox: str) -> None:
        name = mailbox or INBOX
        paths = [path for part in MAILDIR for path in sorted((folder / part).glob("*"))]
        messages = [path for path in paths if path.is_file() and not path.name.startswith(".")]
        self._fill(folder, name, MailboxFile(), (_maildir_message(path) for path in messages))
        for below in sorted(folder.glob(".*")):
            if (below / "cur").is_dir() or (below / "new").is_dir():
                self._maildir(below, DELIMITER.join(filter(None, (mailbox, *below.name[1:].split(".")))))

    def _fill(self, path: Path, name: str, table: MailboxFile, found: Iterator[_Found]) -> None:
        mail = self.world.mail
        box = mail.find(self.owner, name)
        if box is None or table.uidvalidity is not None:
            if box is not None:
                del mail.writable_store(self.owner).mailboxes[box.name]
            use = table.special_use or (box.special_use if box else None)
            box = CreateMailbox(self.owner, name, use, table.uidvalidity).apply(self.world)
        elif table.special_use is not None:
            mail.writable(self.owner, name).special_use = table.special_use
        Subscribe(self.owner, name, table.subscribed).apply(self.world)
        messages = tuple(self._new(message) for message in found)
        try:
            if messages:
                Append(self.owner, name, messages, self.start).apply(self.world)
        except WorldError as error:
            self.problems.add(path, 1, str(error), "take messages out, or raise the quota in world.toml")

    def _new(self, found: _Found) -> NewMessage:
        date = found.date or mime.sent_date(found.content) or self.start
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        content = self.world.blobs.of(found.content)
        return NewMessage(content, date, frozenset(found.flags), None, frozenset(found.labels))


def with_crlf(content: bytes) -> bytes:
    """Content with CRLF at line ends where it has none at all; otherwise as it is, for its line ends are meant."""
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


def _mbox(content: bytes) -> Iterator[_Found]:
    """The messages of an mbox, unquoted ("mboxrd"); the empty line before each From_ line belongs to the mbox."""
    starts = list(FROM_LINE.finditer(content))
    for number, match in enumerate(starts):
        stop = starts[number + 1].start() if number + 1 < len(starts) else len(content)
        message = QUOTED_FROM.sub(rb"\1", content[match.end() : stop])
        message = message.removesuffix(b"\n").removesuffix(b"\r") if message.endswith((b"\n\n", b"\n\r\n")) else message
        status = mime.first_header(message, b"Status") or b""
        status += mime.first_header(message, b"X-Status") or b""
        flags = tuple(flag for letter, flag in MBOX_STATUS.items() if letter.encode() in status)
        yield _Found(with_crlf(message), flags)


def _maildir_message(path: Path) -> _Found:
    letters = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
    flags = tuple(flag for letter, flag in MAILDIR_FLAGS.items() if letter in letters)
    return _Found(with_crlf(path.read_bytes()), flags)


def _below(mailbox: str, name: str) -> str:
    return f"{mailbox}{DELIMITER}{name}" if mailbox else name


def _line_with(text: str, name: str) -> int:
    return next((at for at, line in enumerate(text.splitlines(), 1) if name in line), 1)
