"""LIST and its variants (RFC 3977 sections 7.6, 8.4 and 8.6, RFC 6048), and the old XGTITLE.

A list that nobody keeps is 503; one of groups may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ...wire.dots import dot_stuffed
from ...world.news import OVERVIEW_FIELDS, Group
from ..commands import Refusal
from .arguments import keyword_of, shown, wildmat_of
from .session import NntpSession, in_pieces
from .table import command

OVERVIEW_FORMAT: Final = (
    b"".join(b"%b:\r\n" % name for name in (*OVERVIEW_FIELDS, b"Bytes", b"Lines")) + b"Xref:full\r\n"
)
"""The old names of :bytes and :lines, which RFC 3977 section 8.4.2 allows: INN has them, and slrn knows no others."""
HEADERS: Final = b":\r\n:bytes\r\n:lines\r\n"
"""Any header field there is, and these metadata items (RFC 3977 section 8.6.2)."""
DEFAULT_WEIGHT: Final = 10
"""Of the distribution that is named after a hierarchy, in LIST DISTRIB.PATS."""

Line = Callable[[Group], bytes]
"""What is listed of a group; b"" for nothing."""


async def listed(session: NntpSession, heading: bytes, arguments: list[bytes], line: Line) -> bytes:
    """A line for each group that a wildmat means, or for all."""
    groups = list(session.world.news.groups.values())
    lines: Iterable[bytes] = map(line, groups)
    if arguments:
        matches = wildmat_of(arguments[0]).matches
        lines = (line(group) if matches(group.name) else b"" for group in groups)
    return await session.long_reply(heading, in_pieces(iter(lines)))


def active_line(group: Group) -> bytes:
    """Name, high and low water mark, status (RFC 3977 section 7.6.3)."""
    return f"{group.name} {group.high} {group.low} {group.status}\r\n".encode()


def description_line(group: Group) -> bytes:
    """Name and description; nothing where there is no description (RFC 3977 section 7.6.6)."""
    return f"{group.name}\t{' '.join(group.description.split())}\r\n".encode() if group.description else b""


@command("LIST ACTIVE", "[wildmat]", rfc="RFC 3977 section 7.6.3", capability="LIST ACTIVE")
async def list_active(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists groups: high and low water mark, and whether one may post."""
    return await listed(session, b"215 Groups follow\r\n", arguments, active_line)


@command("LIST XACTIVE", "[wildmat]", rfc="none", capability="LIST XACTIVE")
async def list_xactive(session: NntpSession, arguments: list[bytes]) -> bytes:
    """As LIST ACTIVE, in old clients."""
    return await list_active(session, arguments)


@command("LIST ACTIVE.TIMES", "[wildmat]", rfc="RFC 3977 section 7.6.4", capability="LIST ACTIVE.TIMES")
async def list_active_times(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists when groups were created, and by whom."""
    default = f"newsmaster@{session.world.news.path_host}"

    def line(group: Group) -> bytes:
        return f"{group.name} {int(group.created)} {group.creator or default}\r\n".encode()

    return await listed(session, b"215 Creation times follow\r\n", arguments, line)


@command("LIST NEWSGROUPS", "[wildmat]", rfc="RFC 3977 section 7.6.6", capability="LIST NEWSGROUPS")
async def list_newsgroups(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists what groups are about."""
    return await listed(session, b"215 Descriptions follow\r\n", arguments, description_line)


@command("LIST COUNTS", "[wildmat]", rfc="RFC 6048 section 2.2", capability="LIST COUNTS")
async def list_counts(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists groups as LIST ACTIVE does, with the number of their articles."""

    def line(group: Group) -> bytes:
        return f"{group.name} {group.high} {group.low} {len(group)} {group.status}\r\n".encode()

    return await listed(session, b"215 Groups and counts follow\r\n", arguments, line)


@command("LIST MODERATORS", rfc="RFC 6048 section 2.4", capability="LIST MODERATORS")
async def list_moderators(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists where articles for moderated groups are mailed to."""
    groups = (group for group in session.world.news.groups.values() if group.moderator)
    lines = (f"{group.name}:{group.moderator.replace('%', '%%')}\r\n".encode() for group in groups)
    default = f"*:%s@{session.world.accounts.domain}\r\n".encode()
    return b"215 Submission addresses follow\r\n" + b"".join(lines) + default + b".\r\n"


@command("LIST MOTD", rfc="RFC 6048 section 2.5", capability="LIST MOTD")
async def list_motd(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends the message of the day."""
    motd = session.world.news.motd
    if not motd:
        raise Refusal("503", "There is no message of the day")
    return b"215 Message of the day follows\r\n" + dot_stuffed("\r\n".join(motd.splitlines()).encode())


@command("LIST SUBSCRIPTIONS", "[wildmat]", rfc="RFC 6048 section 2.6", capability="LIST SUBSCRIPTIONS")
async def list_subscriptions(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists the groups that a new reader may want to begin with."""
    names = session.world.news.subscriptions
    if not names:
        raise Refusal("503", "No subscriptions are kept")
    if arguments:
        names = tuple(filter(wildmat_of(arguments[0]).matches, names))
    return b"215 Subscriptions follow\r\n" + "".join(f"{name}\r\n" for name in names).encode() + b".\r\n"


@command("LIST DISTRIBUTIONS", rfc="RFC 6048 section 2.3", capability="LIST DISTRIBUTIONS")
async def list_distributions(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists the distributions, and what they mean."""
    known = distributions(session)
    lines = "".join(f"{name}\t{' '.join(text.split())}\r\n" for name, text in known.items())
    return b"215 Distributions follow\r\n" + lines.encode() + b".\r\n"


@command("LIST DISTRIB.PATS", rfc="RFC 3977 section 7.6.5", capability="LIST DISTRIB.PATS")
async def list_distrib_pats(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists which distribution is usual in which groups: the one that is named like the hierarchy."""
    hierarchies = {name.partition(".")[0] for name in session.world.news.groups}
    usual = (name for name in distributions(session) if name in hierarchies)
    lines = "".join(f"{DEFAULT_WEIGHT}:{name}.*:{name}\r\n" for name in usual)
    return b"215 Distribution patterns follow\r\n" + lines.encode() + b".\r\n"


def distributions(session: NntpSession) -> dict[str, str]:
    """The distributions, where any are kept."""
    known = session.world.news.distributions.items_now
    if not known:
        raise Refusal("503", "No distributions are kept")
    return known


@command("LIST OVERVIEW.FMT", rfc="RFC 3977 section 8.4", capability="OVER")
async def list_overview_fmt(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists the fields of an overview line."""
    return b"215 Fields of the overview follow\r\n" + OVERVIEW_FORMAT + b".\r\n"


@command("LIST HEADERS", "[MSGID|RANGE]", rfc="RFC 3977 section 8.6", capability="HDR")
async def list_headers(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists what HDR can be asked for: any header field, and some metadata."""
    if arguments and keyword_of(arguments[0]) not in ("MSGID", "RANGE"):
        raise Refusal("501", f"{shown(arguments[0])} is neither MSGID nor RANGE")
    return b"215 Fields for HDR follow\r\n" + HEADERS + b".\r\n"


@command("XGTITLE", "[wildmat]", rfc="RFC 2980 section 2.4", capability="XGTITLE")
async def xgtitle(session: NntpSession, arguments: list[bytes]) -> bytes:
    """As LIST NEWSGROUPS, in old clients; without a wildmat, of the selected group."""
    heading = b"282 Descriptions follow\r\n"
    if not arguments:
        return heading + description_line(session.selected()) + b".\r\n"
    return await listed(session, heading, arguments, description_line)
