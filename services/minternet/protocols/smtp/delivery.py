"""Delivery into the world, as an aiosmtpd handler: `handle_RCPT` says whether a recipient is taken, `handle_DATA` delivers.

Each recipient leads to accounts; each account gets one copy, however many recipients lead to it. What fails before the
message is accepted for anybody is a reply; what fails once it was accepted for somebody is told to the sender by a delivery
status notification (RFC 3461 section 6). LMTP answers for each recipient, so there nothing is left to be told later.

A rule `fail:ADDRESS` (change `SetRule`) makes a recipient fail after it was accepted; its value is the reply that a
next server would have given, such as `550 5.2.1 mailbox disabled`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from aiosmtpd.smtp import Session as AiosmtpdSession

from ...world.accounts import Resolution
from ...world.blobs import Blob
from ...world.changes import Deliver
from ...world.errors import QuotaExceeded, WorldError
from ...world.mail import INBOX
from ...world.records import Account, Delivery, NewMessage, Recipient, SmtpEnvelope
from ...world.world import World
from ..context import ServiceContext
from .addresses import unquoted
from .envelope import Content, Envelope
from .report import Fate, Report, render
from .trace import date_time, missing_fields, received_from, trace_fields, with_protocol

if TYPE_CHECKING:
    from .session import SmtpSession

UNKNOWN_USER = "550 5.1.1 User unknown"
MAILBOX_FULL = "452 4.2.2 Mailbox full"
NEVER_FITS = "552 5.2.3 Message is larger than the mailbox may grow"
MAILBOX_FULL_FOR_GOOD = "552 5.2.2 Mailbox full"
MADE_TO_FAIL = "550 5.0.0 Delivery failed"
_REPLY = re.compile(r"[45][0-9]{2} ([45]\.[0-9]{1,3}\.[0-9]{1,3}) [ -~]*\Z")
FAIL_RULE = "fail:"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What becomes of a message for one account behind one recipient: delivered unless there is a problem."""

    recipient: Recipient
    login: str | None
    final: str
    problem: str | None = None
    """The reply that says why not."""
    late: bool = False
    """Whether it only fails after the message was accepted."""


class WorldHandler:
    """Delivers into mailboxes of a world."""

    def __init__(self, context: ServiceContext) -> None:
        self.world: World = context.world
        self.settings = context.settings
        self.log = context.log
        # What the messages of one session, and of one second, have in common.
        self._received_key: tuple[str, str] | None = None
        self._received = ""
        self._second = -1
        self._date_then = ""

    # -- aiosmtpd's hooks

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SmtpSession, session: AiosmtpdSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient who leads to somebody with room for the message."""
        resolution = self._resolve(address)
        if resolution is None:
            return UNKNOWN_USER
        if not server.lmtp:  # LMTP answers for each recipient at the end (RFC 2033 section 4.2)
            problems = [self._room(login, envelope.declared_size or 0) for login in resolution.logins]
            if problems and all(problems):
                return problems[0] or MAILBOX_FULL
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SmtpSession, session: AiosmtpdSession, envelope: Envelope) -> str:  # noqa: N802
        """Deliver; the reply, or for LMTP a line for each recipient."""
        if envelope.blob is None:
            raise ValueError("there is no content to deliver")
        outcomes = self._outcomes(envelope, envelope.blob.size)
        early = [outcome.problem for outcome in outcomes if outcome.problem is not None and not outcome.late]
        if len(early) == len(outcomes) and not server.lmtp:
            return early[0] if early else UNKNOWN_USER
        await self._deliver(server, envelope, envelope.blob, outcomes)
        await self._notify(server, envelope, envelope.blob, outcomes)
        if not server.lmtp:
            return f"250 2.0.0 Ok: delivered as {envelope.identifier}"
        return "\r\n".join(self._for_each(envelope, outcomes))

    # -- beyond aiosmtpd's

    def open_content(self, server: SmtpSession, envelope: Envelope) -> Content:
        """Where the content goes as it comes in, with what delivery puts before it."""
        envelope.identifier = identifier = self.world.chance.token(6)
        date, head, complete = self._date(), b"", None
        if self.settings.trace_headers:
            only = envelope.rcpt_tos[0] if len(envelope.rcpt_tos) == 1 else None
            head = trace_fields(
                sender=envelope.mail_from or "",
                received=self._received_from(server, envelope),
                identifier=identifier,
                only=only,
                date=date,
            )
        if server.submission:
            host = self.world.hostname

            def complete(header: bytes) -> bytes:
                return missing_fields(header, identifier=identifier, host=host, date=date)

        return Content(self.world.blobs, self.settings.limits.message, head, complete)

    def _date(self) -> str:
        second = int(self.world.clock.now())
        if second != self._second:
            self._second, self._date_then = second, date_time(second)
        return self._date_then

    def _received_from(self, server: SmtpSession, envelope: Envelope) -> str:
        key = (server.helo, self._protocol(server, envelope))
        if key != self._received_key:
            self._received_key = key
            self._received = received_from(
                helo=server.helo, peer=server.wire.peer[0], host=self.world.hostname, protocol=key[1]
            )
        return self._received

    # -- who gets it

    def _resolve(self, address: str) -> Resolution | None:
        resolution = self.world.accounts.resolve(unquoted(address))
        if resolution is None or not resolution.logins:
            return None
        if resolution.kind == "catch-all" and self.settings.unknown_recipients == "refuse":
            return None
        return resolution

    def _room(self, login: str, size: int) -> str | None:
        """Why a message of that size does not fit, if it does not."""
        account = self.world.accounts.find(login)
        if account is None or self.world.mail.find(login, INBOX) is None:
            return UNKNOWN_USER
        if account.quota.storage is not None and size > account.quota.storage:
            return NEVER_FITS
        try:
            self.world.mail.check_quota(login, account.quota, size, 1)
        except QuotaExceeded:
            return MAILBOX_FULL
        return None

    def _outcomes(self, envelope: Envelope, size: int) -> list[Outcome]:
        """What becomes of the message, for each account behind each recipient in turn."""
        rules, rooms = self.world.accounts.rules, dict[str, str | None]()
        outcomes: list[Outcome] = []
        for recipient in envelope.recipients:
            address = recipient.address
            rule = rules.get(FAIL_RULE + unquoted(address).casefold())
            if rule is not None:
                outcomes.append(Outcome(recipient, None, address, rule if _REPLY.match(rule) else MADE_TO_FAIL, True))
                continue
            resolution = self._resolve(address)
            if resolution is None:
                outcomes.append(Outcome(recipient, None, address, UNKNOWN_USER))
                continue
            for login in resolution.logins:
                if login not in rooms:
                    rooms[login] = self._room(login, size)
                outcomes.append(Outcome(recipient, login, self._final(address, resolution, login), rooms[login]))
        return outcomes

    def _final(self, address: str, resolution: Resolution, login: str) -> str:
        """The address to name for an account: its own, where an alias or a list led to it."""
        if resolution.kind in ("alias", "list") and (account := self.world.accounts.find(login)) is not None:
            return account.address
        return address

    # -- how it gets there

    async def _deliver(self, server: SmtpSession, envelope: Envelope, blob: Blob, outcomes: list[Outcome]) -> None:
        """One commit for all accounts; no await stands between the check for room and this one."""
        now = self._now()
        message = NewMessage(blob, now, envelope=self._record(server, envelope))
        recipients: dict[str, str] = {}
        for outcome in outcomes:
            if outcome.login is not None and outcome.problem is None:
                recipients.setdefault(outcome.login, outcome.recipient.address)
        if recipients:
            deliveries = tuple(Delivery(login, INBOX, message, address) for login, address in recipients.items())
            await self.world.commit(Deliver(deliveries, now), server.origin)

    async def _notify(self, server: SmtpSession, envelope: Envelope, blob: Blob, outcomes: list[Outcome]) -> None:
        """Tell the sender of what failed, and of what was delivered where that was asked for."""
        if not envelope.mail_from:
            return  # never a notification about a notification (RFC 3461 section 6.1)
        failed = [] if server.lmtp else [_failed(outcome) for outcome in outcomes if _tell_of_failure(outcome)]
        delivered = [_delivered(outcome) for outcome in outcomes if _tell_of_success(outcome)]
        for fates in filter(None, (failed, delivered)):
            await self._send_report(server, envelope, blob, fates)

    async def _send_report(self, server: SmtpSession, envelope: Envelope, blob: Blob, fates: list[Fate]) -> None:
        sender = envelope.mail_from or ""
        resolution = self._resolve(sender)
        if resolution is None:
            self.log.info("nobody to notify at the sender's address")
            return
        host, identifier, at = self.world.hostname, self.world.chance.token(6), self.world.clock.now()
        report = Report(
            sender, host, self.world.accounts.domain, identifier, at, fates, blob, envelope.ret, envelope.envid
        )
        now = self._now()
        record = SmtpEnvelope("", (Recipient(sender),), host, protocol="LOCAL", body="8BITMIME")
        try:
            message = NewMessage(render(report, self.world.blobs), now, envelope=record)
            deliveries = tuple(Delivery(login, INBOX, message, sender) for login in resolution.logins)
            await self.world.commit(Deliver(deliveries, now), server.origin)
        except (
            WorldError,
            OSError,
        ) as error:  # the message itself is delivered: that must be acknowledged all the same
            self.log.warning("a delivery status notification could not be delivered: %s", error)

    def _for_each(self, envelope: Envelope, outcomes: list[Outcome]) -> Iterable[str]:
        """LMTP's replies: a recipient has failed where none of its accounts got the message."""
        delivered = f"250 2.0.0 Ok: delivered as {envelope.identifier}"
        problems: dict[int, list[str | None]] = {}
        for outcome in outcomes:
            problems.setdefault(id(outcome.recipient), []).append(outcome.problem)
        for recipient in envelope.recipients:
            found = problems.get(id(recipient)) or [UNKNOWN_USER]
            yield delivered if None in found else found[0] or UNKNOWN_USER

    def _record(self, server: SmtpSession, envelope: Envelope) -> SmtpEnvelope:
        account: Account | None = server.account
        transcript = server.wire.transcript
        return SmtpEnvelope(
            envelope.mail_from or "",
            tuple(envelope.recipients),
            server.helo,
            server.wire.peer[0],
            self._protocol(server, envelope),
            account.login if account is not None else None,
            envelope.body,
            envelope.declared_size,
            envelope.smtp_utf8,
            envelope.ret,
            envelope.envid,
            transcript.number if transcript is not None else None,
        )

    def _protocol(self, server: SmtpSession, envelope: Envelope) -> str:
        return with_protocol(
            lmtp=server.lmtp,
            extended=server.extended,
            utf8=envelope.smtp_utf8,
            secure=server.wire.secure,
            authenticated=server.account is not None,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), UTC)


def _tell_of_failure(outcome: Outcome) -> bool:
    notify = outcome.recipient.notify
    return outcome.problem is not None and (not notify or "FAILURE" in notify)


def _tell_of_success(outcome: Outcome) -> bool:
    return outcome.problem is None and "SUCCESS" in outcome.recipient.notify


def _failed(outcome: Outcome) -> Fate:
    """The fate of a recipient that failed for good: nothing is tried again here, so no temporary status is left."""
    problem = MAILBOX_FULL_FOR_GOOD if outcome.problem in (None, MAILBOX_FULL) else outcome.problem
    found = _REPLY.match(problem)
    status = found[1] if found is not None else "5.0.0"
    return Fate(outcome.final, "failed", "5" + status[1:], outcome.recipient.original, problem)


def _delivered(outcome: Outcome) -> Fate:
    return Fate(outcome.final, "delivered", "2.1.5", outcome.recipient.original)
