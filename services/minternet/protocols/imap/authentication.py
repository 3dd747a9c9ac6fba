"""Commands for any state, and those that say who the client is (RFC 3501 sections 6.1 and 6.2, RFC 2971, 4978, 5161, 8437)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...world.records import Account
from .. import sasl
from ..commands import Refusal
from .reader import Malformed, Reader
from .replies import bad, no
from .table import AFTER_LOGIN, ANYWHERE, BEFORE_LOGIN, LOGOUT, command

if TYPE_CHECKING:
    from .session import ImapSession

ID_LIMIT = 30
"""Pairs of an ID (RFC 2971 section 3.3)."""
ENABLED_BY_NAME = ("CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2")
"""What ENABLE can turn on."""
FAILURES = {
    "invalid": "AUTHENTICATIONFAILED",
    "expired": "EXPIRED",
    "scope": "AUTHORIZATIONFAILED",
    "weak": "PRIVACYREQUIRED",
}
"""Response codes of SASL's failures (RFC 5530 section 3)."""


@command("CAPABILITY", ANYWHERE)
async def capability(session: ImapSession, reader: Reader) -> None:
    """Tell what the server can do."""
    reader.end()
    session.wire.send(b"* CAPABILITY " + session.capabilities() + b"\r\n")


@command("NOOP", ANYWHERE)
async def noop(session: ImapSession, reader: Reader) -> None:
    """Do nothing, and be told what is new."""
    reader.end()


@command("LOGOUT", ANYWHERE)
async def logout(session: ImapSession, reader: Reader) -> bytes:
    """End the session."""
    reader.end()
    session.leave()
    session.wire.send(b"* BYE Logging out\r\n")
    session.state = LOGOUT
    return b"LOGOUT completed"


@command("XATOM", ANYWHERE, rfc="imaplib")
async def xatom(session: ImapSession, reader: Reader) -> None:
    """Do nothing, with any arguments: an experimental command to try a client's xatom with."""


@command("ID", ANYWHERE, "NIL | (field value ...)", rfc="RFC 2971", capability="ID")
async def identify(session: ImapSession, reader: Reader) -> None:
    """Exchange names of the software."""
    reader.space()
    if reader.peek() == b"(":
        read_id(reader)
    elif reader.nstring() is not None:
        raise Malformed("expected a list or NIL")
    reader.end()
    session.wire.send(b'* ID ("name" "minternet")\r\n')


def read_id(reader: Reader) -> dict[bytes, bytes | None]:
    """`("name" "value" ...)`."""
    names: list[bytes] = []
    values: list[bytes | None] = []

    def element() -> None:
        if len(names) == len(values):
            names.append(reader.string())
        else:
            values.append(reader.nstring())

    reader.list_of(element)
    if len(names) != len(values) or len(names) > ID_LIMIT:
        raise Malformed("ID takes at most 30 pairs of a field and a value")
    return dict(zip(names, values, strict=True))


@command("ENABLE", AFTER_LOGIN, "capability ...", rfc="RFC 5161", capability="ENABLE")
async def enable(session: ImapSession, reader: Reader) -> None:
    """Turn on extensions that change what the server says."""
    turned_on: list[str] = []
    reader.space()
    while True:
        name = reader.atom().decode("ascii").upper()
        if name in ENABLED_BY_NAME and session.has(name) and name not in session.enabled:
            turned_on.append(name)
            session.enabled.add(name)
        if reader.at_end():
            break
        reader.space()
    if "QRESYNC" in turned_on or "CONDSTORE" in turned_on:
        session.enabled.add("CONDSTORE")
    names = ["IMAP4rev2" if name == "IMAP4REV2" else name for name in turned_on]
    session.wire.send(" ".join(["* ENABLED", *names]).encode("ascii") + b"\r\n")


@command("STARTTLS", BEFORE_LOGIN, capability="STARTTLS")
async def starttls(session: ImapSession, reader: Reader) -> bytes:
    """Go on under TLS; what was pipelined after the command is dropped."""
    reader.end()
    if session.wire.secure or not session.context.offers_starttls:
        raise bad("TLS is active already" if session.wire.secure else "TLS is not offered")
    session.afterwards = session.wire.start_tls
    return b"Begin TLS negotiation now"


@command("LOGIN", BEFORE_LOGIN, "user password")
async def login(session: ImapSession, reader: Reader) -> bytes:
    """Log in by name and password."""
    reader.space()
    name = reader.astring()
    reader.space()
    password = reader.astring()
    reader.end()
    conceal(session, password)
    if not session.wire.secure and not session.context.settings.plaintext_login:
        raise no("Log in under TLS", "PRIVACYREQUIRED")
    try:
        account = sasl.check_password(session.world, name, password)
    except sasl.Failed as failed:
        raise await refused(session, failed) from None
    return logged_in(session, account)


@command("AUTHENTICATE", BEFORE_LOGIN, "mechanism [initial-response]")
async def authenticate(session: ImapSession, reader: Reader) -> bytes:
    """Log in by a SASL mechanism."""
    reader.space()
    mechanism = reader.atom().decode("ascii")
    initial: bytes | None = None
    if not reader.at_end():
        reader.space()
        initial = reader.text[reader.at :]
        reader.at = len(reader.text)
        if not session.has("SASL-IR"):
            raise bad("Initial responses are not offered")
        conceal(session, initial)
    reader.end()

    async def ask(challenge: bytes) -> bytes:
        session.wire.send(b"+ " + challenge + b"\r\n")
        response = await session.wire.line(session.limits.sasl_line)
        conceal(session, response)
        return response

    try:
        account = await sasl.converse(exchange(session, mechanism), initial, ask)
    except sasl.Failed as failed:
        raise await refused(session, failed) from None
    return logged_in(session, account)


def exchange(session: ImapSession, mechanism: str) -> sasl.Exchange:
    """The mechanism, started."""
    offered = session.offer.mechanisms(secure=session.wire.secure)
    return sasl.exchange(mechanism, session.world, service="imap", offered=offered)


def conceal(session: ImapSession, secret: bytes) -> None:
    """Keep a secret out of the transcript."""
    if session.wire.transcript is not None and secret:
        session.wire.transcript.conceal(secret)


async def refused(session: ImapSession, failed: sasl.Failed) -> Refusal:
    """The reply to a failed log-in: slow, slower each time, and the last one ends the session."""
    if failed.code in ("cancelled", "malformed"):
        return bad(failed.text)
    if failed.code in ("weak", "unknown"):
        return no(failed.text, FAILURES.get(failed.code, "CANNOT"))
    session.login_failures += 1
    await session.wire.pause(session.limits.login_delay * session.login_failures)
    if session.login_failures >= session.limits.login_failures:
        session.wire.send(session.farewell("Too many failed log-ins"))
        session.state = LOGOUT
    return no(failed.text, FAILURES.get(failed.code, "AUTHENTICATIONFAILED"))


def logged_in(session: ImapSession, account: Account) -> bytes:
    """Go to the authenticated state; the reply tells the capabilities of that state."""
    session.act_as(account)
    session.logged_in_as, session.login_failures = account.login, 0
    return b"[CAPABILITY " + session.capabilities() + b"] Logged in"


@command("PROXYAUTH", AFTER_LOGIN, "user", rfc="imaplib")
async def proxyauth(session: ImapSession, reader: Reader) -> None:
    """Act as another account: for who logged in as somebody that reads the mail of `postmaster` (in the default world, alice)."""
    reader.space()
    name = reader.astring().decode("utf-8", "replace")
    reader.end()
    accounts = session.world.accounts
    postmaster = accounts.resolve(f"postmaster@{accounts.domain}")
    if postmaster is None or session.logged_in_as not in postmaster.logins:
        raise no("Only a postmaster may act as another account", "NOPERM")
    session.act_as(accounts.get(name))


@command("UNAUTHENTICATE", AFTER_LOGIN, rfc="RFC 8437", capability="UNAUTHENTICATE")
async def unauthenticate(session: ImapSession, reader: Reader) -> None:
    """Be nobody again, with nothing enabled."""
    reader.end()
    session.act_as(None)
    session.logged_in_as = ""
    session.enabled.clear()


@command("COMPRESS", AFTER_LOGIN, "DEFLATE", rfc="RFC 4978", capability="COMPRESS=DEFLATE")
async def compress(session: ImapSession, reader: Reader) -> bytes:
    """Deflate both directions from the reply on."""
    reader.space()
    algorithm = reader.keyword()
    reader.end()
    if algorithm != "DEFLATE":
        raise bad("Unknown compression")
    if session.wire.compressed:
        raise no("Compression is active already", "COMPRESSIONACTIVE")

    async def begin() -> None:
        session.wire.compress()

    session.afterwards = begin
    return b"DEFLATE active"


@command("NAMESPACE", AFTER_LOGIN, rfc="RFC 2342", capability="NAMESPACE")
async def namespace(session: ImapSession, reader: Reader) -> None:
    """Tell where mailboxes are: one's own, and other people's under `Users/`."""
    reader.end()
    others = b'(("Users/" "/"))' if session.has("ACL") else b"NIL"
    session.wire.send(b'* NAMESPACE (("" "/")) ' + others + b" NIL\r\n")
