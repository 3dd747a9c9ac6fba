"""Overview and header fields: OVER, HDR and their elders XOVER, XHDR, XPAT (RFC 3977 section 8, RFC 2980).

An article's overview line is kept made; OVER only puts its number in front. HDR takes what it can from that line, and
reads the header for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final

from ...world.mime import first_header
from ...world.news import OVERVIEW_FIELDS
from ...world.records import Article
from ..commands import Refusal
from .arguments import field_of, range_of, shown
from .groups import numbers_in
from .reading import located
from .session import NntpSession, in_pieces
from .table import command
from .wildmat import Malformed, Wildmat, simple

OVER_LINE: Final = b"%d\t%b\r\n"
RANGE_OR_ID: Final = "[range|message-id]"
BYTES, LINES, XREF = len(OVERVIEW_FIELDS), len(OVERVIEW_FIELDS) + 1, len(OVERVIEW_FIELDS) + 2
COLUMNS: Final = MappingProxyType(
    {name.lower(): column for column, name in enumerate(OVERVIEW_FIELDS)}
    | {b":bytes": BYTES, b":lines": LINES, b"xref": XREF}
)
"""Where in an overview line a header field or metadata item stands."""
OLD_METADATA: Final = MappingProxyType({b"bytes": b":bytes", b"lines": b":lines"})
"""What XHDR calls metadata, which had no colon then."""
SPACES: Final = bytes.maketrans(b"\r\n\t\0", b"    ")
NONE: Final = b"(none)"
"""What XHDR says of a field that is not there."""

Value = Callable[[Article], bytes | None]
Numbered = Iterator[tuple[int, Article]]


# -- OVER


@command("OVER", RANGE_OR_ID, rfc="RFC 3977 section 8.3", capability="OVER")
async def over(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends the overview of articles: a line for each."""
    return await overview(session, chosen(session, arguments))


@command("XOVER", "[range]", rfc="RFC 2980 section 2.8", capability="XOVER")
async def xover(session: NntpSession, arguments: list[bytes]) -> bytes:
    """As OVER, in old clients; an empty range has an empty list."""
    articles = in_range(session, *range_of(arguments[0])) if arguments else chosen(session, arguments)
    return await overview(session, articles)


async def overview(session: NntpSession, articles: Numbered) -> bytes:
    lines = (OVER_LINE % (number, article.overview) for number, article in articles)
    return await session.long_reply(b"224 Overview follows\r\n", in_pieces(lines))


def chosen(session: NntpSession, arguments: list[bytes]) -> Numbered:
    """The articles that a range, a message-id or nothing (the current one) means; Refusal 412, 420, 423, 430."""
    if not arguments or arguments[0].startswith(b"<"):
        return iter((located(session, arguments),))
    first, last = range_of(arguments[0])
    articles = in_range(session, first, last)
    found = next(articles, None)
    if found is None:
        raise Refusal("423", f"No articles in {shown(arguments[0])}")
    return followed(found, articles)


def in_range(session: NntpSession, first: int, last: int) -> Numbered:
    """The articles of the selected group in a range, by number; what goes meanwhile is left out."""
    group = session.selected()
    get = group.articles.get
    return ((number, article) for number in numbers_in(group, first, last) if (article := get(number)) is not None)


def followed(first: tuple[int, Article], rest: Numbered) -> Numbered:
    yield first
    yield from rest


# -- HDR


def value_of(name: bytes) -> Value:
    """What reads a header field or metadata item, None where it is not there; Refusal 503 for metadata nobody keeps."""
    column = COLUMNS.get(name)
    if column is None and name.startswith(b":"):
        raise Refusal("503", f"There is no metadata item {shown(name)}; LIST HEADERS tells what there is")
    if column in (BYTES, LINES):
        return lambda article: article.overview.split(b"\t")[column]
    if column == XREF:
        return lambda article: article.overview.partition(b"\tXref: ")[2] or None
    if column is not None:
        return lambda article: article.overview.split(b"\t", column + 1)[column] or None
    return lambda article: in_header(article, name)


def in_header(article: Article, name: bytes) -> bytes | None:
    """A field's first value on one line, as RFC 3977 section 8.5.2 wants it."""
    octets = article.header_octets
    value = first_header(article.content.slice(0, octets), name, 0, octets)
    return None if value is None else value.translate(SPACES)


@command("HDR", "field [range|message-id]", rfc="RFC 3977 section 8.5", capability="HDR")
async def hdr(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends one header field or metadata item of articles."""
    value = value_of(field_of(arguments[0]))
    lines = (b"%d %b\r\n" % (number, value(article) or b"") for number, article in chosen(session, arguments[1:]))
    return await session.long_reply(b"225 Headers follow\r\n", in_pieces(lines))


@command("XHDR", "field [range|message-id]", rfc="RFC 2980 section 2.6", capability="XHDR")
async def xhdr(session: NntpSession, arguments: list[bytes]) -> bytes:
    """As HDR, in old clients: what is not there is "(none)", and a message-id stands for itself."""
    return await old_headers(session, arguments[0], arguments[1:], None)


@command("XPAT", "field range|message-id pattern [pattern...]", rfc="RFC 2980 section 2.9", capability="XPAT")
async def xpat(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Sends a header field of those articles in which it matches a pattern; more words belong to the pattern."""
    try:
        pattern = simple(b" ".join(arguments[2:]).decode())
    except (Malformed, UnicodeDecodeError) as error:
        raise Refusal("501", f"No pattern: {shown(str(error))}") from None
    return await old_headers(session, arguments[0], arguments[1:2], pattern)


async def old_headers(session: NntpSession, field: bytes, which: list[bytes], pattern: Wildmat | None) -> bytes:
    name = field_of(field)
    value = value_of(OLD_METADATA.get(name, name))
    by_range = bool(which) and not which[0].startswith(b"<")
    articles = in_range(session, *range_of(which[0])) if by_range else chosen(session, which)
    lines = (
        b"%b %b\r\n" % (b"%d" % number if number else which[0], NONE if found is None else found)
        if matching(found := value(article), pattern)
        else b""
        for number, article in articles
    )
    return await session.long_reply(b"221 Header follows\r\n", in_pieces(lines))


def matching(value: bytes | None, pattern: Wildmat | None) -> bool:
    """Whether a value is wanted; one that is not there matches no pattern."""
    if pattern is None:
        return True
    return value is not None and pattern.matches(value.decode("utf-8", "replace"))
