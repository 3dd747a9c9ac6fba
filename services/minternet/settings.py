"""Every port, limit and switch, in one frozen record, filled from defaults, a TOML file, the environment and flags.

The environment speaks of a field as MINTERNET_<FIELD>, of a limit as MINTERNET_LIMITS_<FIELD>; lists are parted by
commas, mappings are `name=value` parted by commas.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from .hints import known_fields

MEBIBYTE = 1 << 20


class Limits(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a client may send and how long it may take. Octets and seconds; each with where its value comes from."""

    message: int = 64 * MEBIBYTE
    """A mail message or literal. Postfix's default is 10 MB, Gmail's 25; this lets 25 MB of attachments be encoded."""
    article: int = 4 * MEBIBYTE
    """A news article. INN's default is 1 MB (inn.conf maxartsize)."""
    line: int = 65_536
    """A command line of IMAP. Dovecot's default is 64 KB (imap_max_line_length)."""
    pop3_line: int = 512
    """RFC 2449 section 4 asks for 255 octets, RFC 5034 for room for SASL: tokens get theirs by `sasl_line`."""
    sasl_line: int = 16_384
    """A SASL response. RFC 4954 section 4.3 asks for at least 12,288 octets."""
    nntp_line: int = 4096
    """RFC 3977 section 3.1 asks for 512 octets, RFC 4643 for room for SASL."""
    smtp_line: int = 4096
    """RFC 5321 section 4.5.3.1.4 asks for 512 octets, with room for parameters of extensions."""
    recipients: int = 1000
    """RFC 5321 section 4.5.3.1.8 asks for at least 100; Postfix's default is 1,000."""
    connections: int = 1000
    """At the same time, for each service."""
    bad_commands: int = 20
    """Commands not understood before the server hangs up (Dovecot: 20 for IMAP)."""
    login_failures: int = 5
    """Wrong log-ins in one connection before the server hangs up."""
    login_delay: float = 0.1
    """How long a wrong log-in waits for its answer, times the failures so far."""
    handshake: float = 10.0
    """For a TLS handshake."""
    imap_idle: float = 1800.0
    """RFC 9051 section 5.4: at least 30 minutes once logged in."""
    pop3_idle: float = 600.0
    """RFC 1939 section 3: at least 10 minutes."""
    smtp_idle: float = 300.0
    """RFC 5321 section 4.5.3.2.7: at least 5 minutes."""
    nntp_idle: float = 600.0
    """RFC 3977 section 3.1: at least 3 minutes; INN's is 10."""
    ftp_idle: float = 300.0
    """vsftpd and pyftpdlib: 5 minutes."""
    ftp_data_idle: float = 300.0
    """A data connection on which nothing moves."""
    echo_idle: float = 600.0
    """Echo and its neighbours."""
    http_head: float = 30.0
    """For the head of a request to come in whole."""
    http_keep_alive: float = 75.0
    """Between requests (nginx: 75)."""
    http_head_octets: int = 65_536
    """The head of a request; http.client refuses longer ones too."""
    http_fields: int = 200
    """Fields in the head of a request."""
    http_body: int = 1024 * MEBIBYTE
    """The body of a request; what is not kept is only counted."""
    file: int = 16 * 1024 * MEBIBYTE
    """A file in the tree."""
    mailbox_name: int = 1000
    """Octets of a mailbox name, as UTF-8."""
    webhooks: int = 32
    """Webhooks at the same time; each is a task with a connection."""
    webhook_reply: float = 15.0
    """For a webhook's receiver to answer. Standard Webhooks recommends 15 to 30 seconds."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an internet is set up."""

    host: str = "localhost"
    """The address to listen on; "localhost" is both loopback addresses."""
    public_host: str | None = None
    """The address to tell clients of (ready file, PASV), where it differs."""
    offset: int = 2000
    """Added to the well-known ports; 0 for the real ones."""
    ephemeral: bool = False
    """Any free port for each service."""
    unix_folder: str | None = None
    """A folder in which echo, mail and news listen on UNIX sockets too, as NAME.sock; none: on no UNIX socket."""
    ports: dict[str, int] = msgspec.field(default_factory=dict)
    """Ports of single services, by name; 0 for any free one."""
    services: tuple[str, ...] = ()
    """The services to run; none named: all that are on by default."""
    fixtures: str | None = None
    """A folder, or a file of JSON or TOML, to seed the world from; none: the default folder."""
    authority: str | None = None
    """A folder for the test authority; none: the user's cache."""
    tls_names: tuple[str, ...] = ()
    """Names and addresses for the servers' certificate, beside localhost, *.example.test and the public host."""
    limits: Limits = Limits()
    hide: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Capabilities that a service keeps to itself, by service or protocol name, to imitate a weaker server."""
    profiles: dict[str, str] = msgspec.field(default_factory=dict)
    """Servers to imitate, by service or protocol name."""
    trace_headers: bool = True
    """Whether delivery prepends Return-Path and Received."""
    unknown_recipients: str = "catch-all"
    """"catch-all" or "refuse"."""
    submission_login: bool = True
    """Whether submission and SMTPS want a log-in before MAIL."""
    news_login: bool = False
    """Whether NNTP wants a log-in before anything else."""
    plaintext_login: bool = True
    """Whether passwords are taken without TLS."""
    anonymous: bool = True
    """Whether FTP lets anonymous in."""
    passive_ports: tuple[int, int] | None = None
    """The first and last port of FTP's passive connections; none: any free one."""
    ftp_session_reuse: bool = False
    """Whether FTP's protected data connections must resume the control connection's TLS session (522)."""
    http_shape: str = "httpbin"
    """"httpbin" (a repeated argument becomes a list) or "go-httpbin" (always lists)."""
    http_record: bool = True
    """Whether each HTTP request is told to the journal (`net.web.requests`); a load test may want it off."""
    http_cors: bool = True
    """Whether HTTP's replies may be read by pages of other origins, as httpbin's may."""
    http_proxy_credentials: str | None = None
    """`user:password` that the forward proxy asks for (407); none: no question."""
    pop3_marks_seen: bool = False
    """Whether RETR sets \\Seen."""
    faults: tuple[str, ...] = ()
    """Faults from the start, as lines such as "imap FETCH: reset, n=2"; see docs/faults.md."""
    webhooks: tuple[str, ...] = ()
    """Webhooks from the start: URLs on this machine, parted by commas, with words after each such as `events=deliver|post`."""
    on_reset: str = "dismiss"
    """"dismiss" ends live sessions at a reset in their own words; "keep" lets them go on."""
    transcript_octets: int = 16 * MEBIBYTE
    """How much of all conversations is kept."""
    journal_events: int = 10_000
    """How many changes are kept."""
    control_token: str | None = None
    """The bearer token of the control API. None: no token on loopback, one made up and told where it listens beyond."""
    drain: float = 3.0
    """Seconds that sessions get to end when the internet stops, and then webhooks to deliver what is pending."""
    uvloop: bool = True
    """Whether uvloop drives the loop where it is installed."""

    def hidden(self, *names: str) -> frozenset[str]:
        """The capabilities to keep to oneself, for a service known by these names."""
        return frozenset(capability.upper() for name in names for capability in self.hide.get(name, ()))

    def profile(self, *names: str) -> str | None:
        """The server to imitate, for a service known by these names."""
        return next((self.profiles[name] for name in names if name in self.profiles), None)


class SettingsError(ValueError):
    """A setting that cannot be; says which, and what would do."""


PREFIX = "MINTERNET_"
OTHER_VARIABLES = frozenset({"MINTERNET_CONFIG", "MINTERNET_TARGET", "MINTERNET_READY_FILE"})
"""Variables of the family that are no settings."""


def from_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the MINTERNET_ variables say, as plain values; SettingsError on a name that means nothing."""
    found: dict[str, Any] = {}
    for variable, text in sorted((os.environ if environment is None else environment).items()):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name.startswith("limits_") and name.removeprefix("limits_") in Limits.__struct_fields__:
            found.setdefault("limits", {})[name.removeprefix("limits_")] = text
        elif name in Settings.__struct_fields__ and name != "limits":
            found[name] = _plain(name, text)
        else:
            known = ", ".join(f"{PREFIX}{field.upper()}" for field in Settings.__struct_fields__ if field != "limits")
            raise SettingsError(f"{variable} is no setting; there are {known} and {PREFIX}LIMITS_...")
    return found


def from_file(path: Path) -> dict[str, Any]:
    """What a TOML file says; SettingsError where it is not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from None


def make(*sources: Mapping[str, Any]) -> Settings:
    """Settings from plain values, later sources before earlier ones; SettingsError."""
    merged: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            if isinstance(value, Mapping) and isinstance(merged.get(name), dict):
                merged[name] = {**merged[name], **value}
            else:
                merged[name] = value
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        listed = "; write a list, such as ['smtp']" if str(error).startswith("Expected `array`, got `str`") else ""
        raise SettingsError(f"settings: {error}{listed}{known_fields(str(error), Settings)}") from None


def _plain(name: str, text: str) -> Any:
    """A variable's text as the value its field takes."""
    if name in ("services", "passive_ports", "tls_names", "webhooks"):
        return [part.strip() for part in text.replace("-", ",").split(",")] if name == "passive_ports" else _list(text)
    if name == "faults":  # commas part the options of a fault
        return [part.strip() for part in text.split(";") if part.strip()]
    if name in ("ports", "profiles"):
        return dict(_pair(part) for part in _list(text))
    if name == "hide":
        hidden: dict[str, list[str]] = {}
        for service, capability in map(_pair, _list(text)):
            hidden.setdefault(service, []).append(capability)
        return hidden
    return text


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"{text!r} is not name=value")
    return name.strip(), value.strip()
