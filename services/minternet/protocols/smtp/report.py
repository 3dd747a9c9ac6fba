"""Delivery status notifications: multipart/report as RFC 3464 and RFC 3461 section 6 ask for, RFC 6533 for UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ...world.blobs import Blob, Blobs
from .trace import date_time

RETURNED_WHOLE = 50_000
"""Octets up to which a message that failed is returned whole where RET says nothing (Postfix: bounce_size_limit)."""
HEADER_AT_MOST = 65_536
"""Octets of header that are returned."""


class Fate(msgspec.Struct, frozen=True, gc=False):
    """What became of a message for one recipient, as its sender is told it."""

    final: str
    """The address it was delivered to, or was not."""
    action: Literal["failed", "delivered"]
    status: str
    """As of RFC 3463."""
    original: str | None = None
    """ORCPT, decoded: `type;address`."""
    diagnostic: str = ""
    """The SMTP reply that tells of it."""


class Report(msgspec.Struct, frozen=True, gc=False):
    """All that a notification says."""

    sender: str
    """Who is told."""
    host: str
    domain: str
    identifier: str
    at: float
    fates: Sequence[Fate]
    message: Blob
    ret: str | None = None
    envid: str | None = None

    @property
    def failed(self) -> bool:
        return any(fate.action == "failed" for fate in self.fates)


def render(report: Report, blobs: Blobs) -> Blob:
    """The notification as a message."""
    whole = report.failed and (
        report.ret == "FULL" or (report.ret is None and report.message.size <= RETURNED_WHOLE)
    )  # RFC 3461 section 4.3: RET is about failures only
    writer = blobs.writer()
    for piece in _pieces(report, whole):
        writer.write(piece)
    return writer.finish()


def _pieces(report: Report, whole: bool) -> Iterator[bytes]:
    boundary = f"=_{report.identifier}_report"
    utf8 = any(not _text_of(fate).isascii() for fate in report.fates)
    yield _header(report, boundary).encode()
    yield f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
    yield _for_people(report).encode()
    kind = "message/global-delivery-status" if utf8 else "message/delivery-status"
    encoding = "\r\nContent-Transfer-Encoding: 8bit" if utf8 else ""
    yield f"\r\n--{boundary}\r\nContent-Type: {kind}{encoding}\r\n\r\n".encode()
    yield _for_programs(report, utf8).encode()
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    yield f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
    if whole:
        yield from report.message.pieces()
    else:
        start = next(report.message.pieces(0, HEADER_AT_MOST, HEADER_AT_MOST), b"")
        yield start.partition(b"\r\n\r\n")[0].removesuffix(b"\r\n") + b"\r\n"
    yield f"\r\n--{boundary}--\r\n".encode()


def _header(report: Report, boundary: str) -> str:
    subject = "Undelivered mail returned to sender" if report.failed else "Your message was delivered"
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@{report.domain}>\r\n"
        f"To: <{report.sender}>\r\n"
        f"Subject: {subject}\r\n"
        f"Date: {date_time(int(report.at))}\r\n"
        f"Message-ID: <{report.identifier}@{report.host}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"\r\n'
        "\r\n"
    )


def _for_people(report: Report) -> str:
    lines = [f"This is the mail system at {report.host}.", ""]
    if report.failed:
        lines += ["Your message could not be delivered to:", ""]
        lines += [f"    <{fate.final}>: {fate.diagnostic}" for fate in report.fates]
    else:
        lines += ["Your message was delivered to:", ""]
        lines += [f"    <{fate.final}>" for fate in report.fates]
    return "\r\n".join((*lines, ""))


def _for_programs(report: Report, utf8: bool) -> str:
    fields = [f"Reporting-MTA: dns; {report.host}"]
    if report.envid is not None:
        fields.append(f"Original-Envelope-Id: {report.envid}")
    fields += [f"Arrival-Date: {date_time(int(report.at))}", ""]
    for fate in report.fates:
        if fate.original is not None:
            fields.append("Original-Recipient: " + fate.original.replace(";", "; ", 1))
        fields.append(f"Final-Recipient: {'rfc822' if fate.final.isascii() or not utf8 else 'utf-8'}; {fate.final}")
        fields += [f"Action: {fate.action}", f"Status: {fate.status}"]
        if fate.diagnostic:
            fields.append(f"Diagnostic-Code: smtp; {fate.diagnostic}")
        fields += [f"Last-Attempt-Date: {date_time(int(report.at))}", ""]
    return "\r\n".join(fields)


def _text_of(fate: Fate) -> str:
    return fate.final + (fate.original or "")
