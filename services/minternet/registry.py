"""The one table of services: names, well-known ports, TLS, and what serves a connection."""

from __future__ import annotations

from .protocols.context import Service

_PROTOCOLS = "minternet.protocols."

_ECHO = _PROTOCOLS + "echo"
_SMTP = _PROTOCOLS + "smtp"
_IMAP = _PROTOCOLS + "imap"
_POP3 = _PROTOCOLS + "pop3"
_NNTP = _PROTOCOLS + "nntp"
_HTTP = _PROTOCOLS + "http"
_FTP = _PROTOCOLS + "ftp"

_SMTP_BUSY = b"421 4.3.2 Too many connections\r\n"
_IMAP_BUSY = b"* BYE [UNAVAILABLE] Too many connections\r\n"
_POP3_BUSY = b"-ERR [SYS/TEMP] Too many connections\r\n"
_NNTP_BUSY = b"400 Too many connections\r\n"
_FTP_BUSY = b"421 Too many connections.\r\n"

_ANSWERS_HTTP = (b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"HTTP/1.1 ")
_REFUSES_HTTP = (b"HEAD / HTTP/1.1\r\n\r\n", b"HTTP/1.1 ")
"""It has no Host, so it is refused (RFC 9112 section 3.2) before it is a request that the journal has."""
_GREETS_220 = (b"", b"220")
_ECHOES = (b"minternet?\r\n", b"minternet?\r\n")

SERVICES: tuple[Service, ...] = (
    Service("echo", 7, "tcp", _ECHO, "Echo (RFC 862)", probe=_ECHOES),
    Service("echo-udp", 7, "udp", _ECHO, "Echo by UDP (RFC 862)", kind="datagram", probe=_ECHOES),
    Service("discard", 9, "tcp", _ECHO, "Discard (RFC 863)", on=False),
    Service("discard-udp", 9, "udp", _ECHO, "Discard by UDP (RFC 863)", kind="datagram", on=False),
    Service("daytime", 13, "tcp", _ECHO, "Daytime (RFC 867)", on=False),
    Service("daytime-udp", 13, "udp", _ECHO, "Daytime by UDP (RFC 867)", kind="datagram", on=False),
    Service("chargen", 19, "tcp", _ECHO, "Character generator (RFC 864)", on=False),
    Service("chargen-udp", 19, "udp", _ECHO, "Character generator by UDP (RFC 864)", kind="datagram", on=False),
    Service("time", 37, "tcp", _ECHO, "Time (RFC 868)", on=False),
    Service("time-udp", 37, "udp", _ECHO, "Time by UDP (RFC 868)", kind="datagram", on=False),
    Service("http", 80, "http", _HTTP, "HTTP/1.1 (RFC 9112), and a forward proxy", kind="engine", probe=_REFUSES_HTTP),
    Service("https", 443, "https", _HTTP, "HTTP/1.1 over TLS", "implicit", kind="engine", probe=_REFUSES_HTTP),
    Service("smtp", 25, "smtp", _SMTP, "SMTP (RFC 5321)", "starttls", busy=_SMTP_BUSY, probe=_GREETS_220),
    Service(
        "submission",
        587,
        "smtp",
        _SMTP,
        "Message submission (RFC 6409)",
        "starttls",
        busy=_SMTP_BUSY,
        probe=_GREETS_220,
    ),
    Service(
        "smtps",
        465,
        "smtps",
        _SMTP,
        "Message submission over TLS (RFC 8314)",
        "implicit",
        busy=_SMTP_BUSY,
        probe=_GREETS_220,
    ),
    Service(
        "lmtp",
        24,
        "lmtp",
        _SMTP,
        "LMTP (RFC 2033)",
        "starttls",
        any_port=True,
        busy=_SMTP_BUSY,
        probe=_GREETS_220,
    ),
    Service("imap", 143, "imap", _IMAP, "IMAP (RFC 9051, RFC 3501)", "starttls", busy=_IMAP_BUSY, probe=(b"", b"* OK")),
    Service("imaps", 993, "imaps", _IMAP, "IMAP over TLS", "implicit", busy=_IMAP_BUSY, probe=(b"", b"* OK")),
    Service("pop3", 110, "pop3", _POP3, "POP3 (RFC 1939)", "starttls", busy=_POP3_BUSY, probe=(b"", b"+OK")),
    Service("pop3s", 995, "pop3s", _POP3, "POP3 over TLS", "implicit", busy=_POP3_BUSY, probe=(b"", b"+OK")),
    Service("ftp", 21, "ftp", _FTP, "FTP (RFC 959)", "starttls", "engine", busy=_FTP_BUSY, probe=_GREETS_220),
    Service("ftps", 990, "ftps", _FTP, "FTP over TLS", "implicit", "engine", busy=_FTP_BUSY, probe=_GREETS_220),
    Service("nntp", 119, "nntp", _NNTP, "NNTP (RFC 3977)", "starttls", busy=_NNTP_BUSY, probe=(b"", b"20")),
    Service("nntps", 563, "nntps", _NNTP, "NNTP over TLS (RFC 4642)", "implicit", busy=_NNTP_BUSY, probe=(b"", b"20")),
    Service("control", 800, "http", "minternet.control", "Control API and page", kind="engine", probe=_ANSWERS_HTTP),
)


def by_name() -> dict[str, Service]:
    """The services by name."""
    return {service.name: service for service in SERVICES}


def names(on: bool | None = None) -> tuple[str, ...]:
    """The names of all services, or of those that are on, or off, by default."""
    return tuple(service.name for service in SERVICES if on is None or service.on == on)
