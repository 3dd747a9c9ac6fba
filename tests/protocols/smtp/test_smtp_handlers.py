"""aiosmtpd's handlers run behind this session as they do behind aiosmtpd's own."""
# ruff: noqa: N802 - the hooks are called as aiosmtpd calls them

from __future__ import annotations

import io
import mailbox
from email.message import Message
from pathlib import Path
from typing import Any

from aiosmtpd import handlers
from aiosmtpd.smtp import Envelope, Session
from smtp_talk import Talk

TEXT = b"Subject: hello\r\n\r\n.dots\r\n"


class Recording:
    """All hooks."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def handle_HELO(self, server: Any, session: Session, envelope: Envelope, hostname: str) -> str:
        self.calls.append(("HELO", hostname))
        session.host_name = hostname
        return "250 my own"

    async def handle_EHLO(
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.calls.append(("EHLO", hostname))
        return [line for line in responses if "SIZE" not in line]

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.calls.append(("MAIL", address, options))
        envelope.mail_from = address
        return "250 mine"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.calls.append(("RCPT", address, options))
        if address.startswith("no"):
            return "550 not here"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.calls.append(("DATA", envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 thanks"

    async def handle_RSET(self, server: Any, session: Session, envelope: Envelope) -> str:
        return "250 forgotten"

    async def handle_NOOP(self, server: Any, session: Session, envelope: Envelope, argument: str) -> str:
        return f"250 {argument}"

    async def handle_VRFY(self, server: Any, session: Session, envelope: Envelope, address: str) -> str:
        return f"250 <{address}>"

    async def handle_QUIT(self, server: Any, session: Session, envelope: Envelope) -> str:
        return "221 so long"


def test_hooks_answer_in_the_place_of_the_server() -> None:
    handler = Recording()
    talk = Talk(handler=handler)
    assert "SIZE" not in talk.say("EHLO there")
    assert talk.say("MAIL FROM:<a@b.test> SIZE=10") == "250 mine\r\n"
    assert talk.say("RCPT TO:<nobody@b.test>") == "550 not here\r\n"
    assert talk.say("RCPT TO:<c@b.test>") == "250 taken\r\n"
    assert talk.say("DATA").startswith("354")
    assert talk.raw(b"." + TEXT + b".\r\n") == b"250 thanks\r\n"
    assert talk.say("RSET") == "250 forgotten\r\n"
    assert talk.say("NOOP hm") == "250 hm\r\n"
    assert talk.say("VRFY me") == "250 <me>\r\n"
    assert talk.say("HELO again") == "250 my own\r\n"
    assert talk.say("QUIT") == "221 so long\r\n"
    assert handler.calls[1:] == [
        ("EHLO", "there"),
        ("MAIL", "a@b.test", ["SIZE=10"]),
        ("RCPT", "nobody@b.test", []),
        ("RCPT", "c@b.test", []),
        ("DATA", "a@b.test", ["c@b.test"], TEXT.replace(b"\r\n.", b"\r\n")),
        ("HELO", "again"),
    ]


def test_the_sink_swallows() -> None:
    talk = Talk(handler=handlers.Sink())
    before = talk.world.journal.last
    assert talk.send("<bob@example.test>") == "250 2.0.0 Ok\r\n"
    assert talk.world.journal.last == before


def test_a_message_handler_gets_the_message() -> None:
    class Keeping(handlers.Message):
        def __init__(self) -> None:
            super().__init__()
            self.kept: list[Message] = []

        def handle_message(self, message: Message) -> None:
            self.kept.append(message)

    handler = Keeping()
    Talk(handler=handler).send("<bob@example.test>", text=TEXT)
    assert handler.kept[0]["X-RcptTo"] == "bob@example.test"
    assert handler.kept[0].get_payload() == ".dots\r\n"


def test_the_debugging_handler_prints() -> None:
    printed = io.StringIO()
    Talk(handler=handlers.Debugging(printed)).send("<bob@example.test>", text=TEXT)
    assert "Subject: hello\nX-Peer:" in printed.getvalue()


def test_the_mailbox_handler_files(tmp_path: Path) -> None:
    Talk(handler=handlers.Mailbox(tmp_path / "box")).send("<bob@example.test>", text=TEXT)
    assert [message["Subject"] for message in mailbox.Maildir(tmp_path / "box")] == ["hello"]


def test_a_hook_that_fails_is_an_internal_error(caplog: Any) -> None:
    class Failing:
        async def handle_RCPT(self, *arguments: Any) -> str:
            raise ValueError("out of sorts")

    talk = Talk(handler=Failing())
    assert talk.begin("<bob@example.test>") == ["451 4.3.0 Internal error\r\n"]
    assert talk.say("NOOP") == "250 2.0.0 Ok\r\n"
    assert [record.message for record in caplog.records] == ["SMTP command RCPT failed"]
