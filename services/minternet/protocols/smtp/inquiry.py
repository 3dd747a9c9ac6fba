"""The commands that ask: VRFY, EXPN, HELP (RFC 5321 sections 3.5 and 4.1.1.6 to 4.1.1.8)."""

from __future__ import annotations

from ...world.accounts import Accounts
from ...world.records import Account
from ..commands import Command, Refusal
from .addresses import unquoted
from .session import ANY, TABLE, Handler, SmtpSession, lines, usage
from .transaction import require_login

ENHANCED_OK = "250 2.1.5"


@TABLE.command("VRFY", ANY, "name-or-address [SMTPUTF8]", rfc="RFC 5321 section 3.5", capability="VRFY")
async def vrfy(session: SmtpSession, argument: bytes) -> bytes:
    """Ask whether there is somebody of that name or address."""
    require_login(session)
    text, utf8 = _subject(session, argument, "VRFY")
    reply = await session.hook("VRFY", text)
    if reply is not None:
        return reply
    accounts = session.world.accounts
    found = _people(accounts, text)
    if len(found) > 1:
        raise Refusal("553", "User ambiguous", "5.1.4")
    if found:
        return f"{ENHANCED_OK} {_shown(found[0], utf8)}".encode()
    address = _full(accounts, text)
    if address in accounts.lists:
        return b"252 2.0.0 That is a mailing list: ask EXPN for its members"
    resolution = accounts.resolve(address)
    refuses = session.context.settings.unknown_recipients == "refuse"
    if resolution is None or (resolution.kind == "catch-all" and refuses):
        raise Refusal("550", "User unknown", "5.1.1")
    return b"252 2.0.0 Cannot verify the user, but will accept the message"


@TABLE.command("EXPN", ANY, "list [SMTPUTF8]", rfc="RFC 5321 section 3.5", capability="EXPN")
async def expn(session: SmtpSession, argument: bytes) -> bytes:
    """Ask who is on a mailing list."""
    require_login(session)
    text, utf8 = _subject(session, argument, "EXPN")
    accounts = session.world.accounts
    address = _full(accounts, text)
    members = accounts.lists.get(address) or accounts.aliases.get(address)
    if members is None:
        if _people(accounts, text):
            raise Refusal("550", "That is a user, not a mailing list", "5.1.1")
        raise Refusal("550", "There is no such mailing list", "5.1.1")
    if not utf8 and not all(member.isascii() for member in members):
        raise Refusal("550", "A member's address needs SMTPUTF8", "5.6.7")
    people = ((accounts.find(member), member) for member in members)
    return lines(ENHANCED_OK, [_shown(account, utf8) if account else f"<{member}>" for account, member in people])


@TABLE.command("HELP", ANY, "[command]", rfc="RFC 5321 section 4.1.1.8", capability="HELP")
async def help_(session: SmtpSession, argument: bytes) -> bytes:
    """Ask what a command does, or which there are."""
    if argument:
        row = TABLE.find(argument)
        if row is None or not _offered(session, row):
            raise Refusal("504", "There is no help on that", "5.5.4")
        return lines("214 2.0.0", (f"{row.name} {row.arguments}".rstrip(), f"  {row.help}", f"  {row.rfc}"))
    names = [row.name for row in TABLE if _offered(session, row)]
    return lines("214 2.0.0", ("Commands:", f"  {' '.join(names)}", "HELP and a command tells more of it"))


def _offered(session: SmtpSession, row: Command[Handler]) -> bool:
    return session.speaks(row) and row.capability not in session.context.hidden


def _subject(session: SmtpSession, argument: bytes, name: str) -> tuple[str, bool]:
    """What is asked for, freed from brackets, and whether the reply may be UTF-8 (RFC 6531 section 3.7.4.2)."""
    text, blank, parameter = argument.rpartition(b" ")
    utf8 = bool(blank) and parameter.upper() == b"SMTPUTF8" and session.has("SMTPUTF8")
    if not utf8:
        text = argument
    try:
        subject = text.decode().strip().removeprefix("<").removesuffix(">")
    except UnicodeDecodeError:
        raise usage(name) from None
    if not subject or not subject.isprintable():
        raise usage(name)
    if not utf8 and not subject.isascii():
        raise Refusal("553", "A name like this needs SMTPUTF8", "5.6.7")
    return unquoted(subject), utf8


def _full(accounts: Accounts, text: str) -> str:
    return (text if "@" in text else f"{text}@{accounts.domain}").casefold()


def _people(accounts: Accounts, text: str) -> list[Account]:
    """The account of that login or address, or those who have all these words in their names."""
    account = accounts.find(text)
    if account is not None:
        return [account]
    words = set(text.casefold().split())
    return [known for known in accounts.by_login.values() if words <= set(known.name.casefold().split())]


def _shown(account: Account, utf8: bool) -> str:
    name = account.name if utf8 or account.name.isascii() else ""
    if not account.address.isascii() and not utf8:
        raise Refusal("550", "The user's address needs SMTPUTF8", "5.6.7")
    return f"{name} <{account.address}>".strip()
