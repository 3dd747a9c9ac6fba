"""Commands that say who the client is, and how what it says is protected."""

from __future__ import annotations

import ipaddress

from ..commands import Refusal
from .session import Session
from .table import ANY, ONLY_LOGGED_IN, TABLE

ANONYMOUS = frozenset({"anonymous", "ftp"})
"""RFC 1635 section 2."""


@TABLE.command("HOST", ANY, "<host>", "Say which host is meant, before the log-in", "RFC 7151")
def host(session: Session, argument: str) -> str:
    if session.tree is not None or session.user:
        raise Refusal("503", "HOST comes before USER.")
    if not _is_ours(session, argument):
        raise Refusal("504", "There is no such host here.")
    return f"220 {session.profile.greeting.format(host=argument)}"


def _is_ours(session: Session, name: str) -> bool:
    """The world's host names, those below its domain, and the addresses that a client may have connected to."""
    name = name.rstrip(".").casefold()
    domain = session.world.accounts.domain
    if name.startswith("[") or name.replace(".", "").isdecimal():
        return _is_address(name.strip("[]"))
    known = {"localhost", session.world.hostname.casefold(), (session.context.settings.public_host or "").casefold()}
    return name in known or name == domain or name.endswith("." + domain)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@TABLE.command("USER", ANY, "<login>", "Begin a log-in; an address will do as well as a login", "RFC 959 section 4.1.1")
def user(session: Session, argument: str) -> str:
    if session.tree is not None:
        session.log_out()
    if argument.casefold() in ANONYMOUS:
        if not session.context.settings.anonymous:
            raise Refusal("530", "Anonymous is not let in.")
        session.user = argument.casefold()
        return "331 Anonymous is welcome; send an address as password."
    if not session.secure and not session.context.settings.plaintext_login:
        raise Refusal("530", "Passwords are taken under TLS only; use AUTH TLS first.")
    session.user = argument
    return f"331 {session.profile.password.format(user=argument)}"


@TABLE.command("PASS", ANY, "[password]", "Finish the log-in", "RFC 959 section 4.1.1")
def password(session: Session, argument: str) -> str | None:
    if session.tree is not None:
        raise Refusal("503", "You are logged in already.")
    if not session.user:
        raise Refusal("503", "USER comes first.")
    if session.user in ANONYMOUS:
        session.log_in(None)
        return f"230 {session.profile.welcome.format(user='anonymous')}"
    account = session.world.accounts.check(session.user, argument)
    if account is None:
        _deny(session)
        return None
    session.log_in(account)
    return f"230 {session.profile.welcome.format(user=session.user)}"


def _deny(session: Session) -> None:
    """Say no, later each time; and hang up after the last one allowed."""
    session.failures += 1
    session.user = ""

    def refuse() -> None:
        session.reply(f"530 {session.profile.wrong}")
        if session.failures >= session.limits.login_failures:
            session.end()

    session.hold(session.limits.login_delay * session.failures, refuse)


@TABLE.command("ACCT", ANY, "<account>", "Accepted for old clients; nobody needs it", "RFC 959 section 4.1.1")
def acct(session: Session, argument: str) -> str:
    return "202 No account is needed."


@TABLE.command("REIN", ANY, "", "Log out and be as at the start; TLS stays", "RFC 959 section 4.1.1")
def rein(session: Session, argument: str) -> str:
    session.log_out()
    return "220 Ready for a new user."


@TABLE.command("QUIT", ANY, "", "Leave", "RFC 959 section 4.1.1")
def quit(session: Session, argument: str) -> None:
    session.reply(f"221 {session.profile.goodbye}")
    session.end()


@TABLE.command("AUTH", ANY, "<TLS|TLS-C|SSL|TLS-P>", "Protect the control connection", "RFC 4217 section 4")
def auth(session: Session, argument: str) -> None:
    if session.secure:
        raise Refusal("503", "The connection is under TLS already.")
    mechanism = argument.upper()
    if mechanism not in ("TLS", "TLS-C", "SSL", "TLS-P"):
        raise Refusal("504", "Use AUTH TLS.")
    session.log_out()
    session.protected = mechanism == "TLS-P"
    session.reply(f"234 AUTH {mechanism}: begin TLS now.")
    session.upgrade()


@TABLE.command("PBSZ", ANY, "<0>", "Agree on a buffer, which is 0 for TLS", "RFC 4217 section 8")
def pbsz(session: Session, argument: str) -> str:
    if not session.secure:
        raise Refusal("503", "AUTH comes first.")
    if not argument.isdecimal() or len(argument) > 10 or int(argument) >= 1 << 32:
        raise Refusal("501", "That is no size.")
    session.buffer_agreed = True
    return "200 PBSZ=0"


@TABLE.command("PROT", ANY, "<C|P>", "Clear or private data connections", "RFC 4217 section 9")
def prot(session: Session, argument: str) -> str:
    if not session.secure:
        raise Refusal("503", "AUTH comes first.")
    if not session.buffer_agreed:
        raise Refusal("503", "PBSZ comes first.")
    level = argument.upper()
    if level not in ("C", "P"):
        raise Refusal("536" if level in ("S", "E") else "504", "Data connections are clear (C) or private (P).")
    session.protected = level == "P"
    return f"200 Data connections are {'private' if session.protected else 'clear'}."


@TABLE.command("CCC", ONLY_LOGGED_IN, "", "End TLS on the control connection", "RFC 4217 section 6")
def ccc(session: Session, argument: str) -> None:
    if not session.secure:
        raise Refusal("533", "The connection is not under TLS.")
    session.reply("200 The control connection is clear from now on.")
    session.clear()
