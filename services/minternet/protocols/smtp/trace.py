"""What delivery puts before a message: Return-Path and Received (RFC 5321 section 4.4), and on submission the fields
that are missing (RFC 6409 section 8). Pure functions on bytes.
"""

from __future__ import annotations

import re
import time

_HAS_DATE = re.compile(rb"^date[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HAS_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:", re.IGNORECASE | re.MULTILINE)
_UNFIT_FOR_DOMAIN = re.compile(r"[^0-9A-Za-z._:\[\]-]")


def date_time(seconds: int) -> str:
    """A date as RFC 5322 section 3.3 writes it, in UTC."""
    moment = time.gmtime(seconds)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.tm_wday]
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * moment.tm_mon - 3 : 3 * moment.tm_mon]
    clock = f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}"
    return f"{day}, {moment.tm_mday:02d} {month} {moment.tm_year:04d} {clock} +0000"


def address_literal(host: str) -> str:
    """`[127.0.0.1]` or `[IPv6:::1]` (RFC 5321 section 4.1.3)."""
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def with_protocol(*, lmtp: bool, extended: bool, utf8: bool, secure: bool, authenticated: bool) -> str:
    """The name of the protocol for Received: ESMTPSA, LMTPS, UTF8SMTPA and the like (RFC 3848, RFC 6531 section 4.3)."""
    if not lmtp and not extended:
        return "SMTP"
    name = ("UTF8LMTP" if lmtp else "UTF8SMTP") if utf8 else "LMTP" if lmtp else "ESMTP"
    return name + ("S" if secure else "") + ("A" if authenticated else "")


def received_from(*, helo: str, peer: str, host: str, protocol: str) -> str:
    """Received up to the message's own part: the same for all messages of a session."""
    literal = _UNFIT_FOR_DOMAIN.sub("_", address_literal(peer))
    return (
        f"Received: from {_UNFIT_FOR_DOMAIN.sub('_', helo) or 'unknown'} ({literal})\r\n\tby {host} with {protocol} id "
    )


def trace_fields(*, sender: str, received: str, identifier: str, only: str | None, date: str) -> bytes:
    """Return-Path and Received; `only` is the recipient where there is no other, so that nobody learns of Bcc."""
    whom = f"\r\n\tfor <{only}>" if only is not None else ""
    return f"Return-Path: <{sender}>\r\n{received}{identifier}{whom};\r\n\t{date}\r\n".encode()


def missing_fields(header: bytes, *, identifier: str, host: str, date: str) -> bytes:
    """Date and Message-ID where a submitted message has none (RFC 6409 sections 8.2 and 8.3)."""
    fields = ""
    if not _HAS_DATE.search(header):
        fields += f"Date: {date}\r\n"
    if not _HAS_MESSAGE_ID.search(header):
        fields += f"Message-ID: <{identifier}@{host}>\r\n"
    return fields.encode()
