"""Newsgroups and articles. An article is stored once; its numbers in each group follow from the order of posting."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .blobs import Blob, Blobs
from .eras import Eras, Shelf, writable_in
from .errors import ArticleExists, ArticleMissing, GroupExists, GroupMissing
from .mime import first_header
from .records import Article

OVERVIEW_FIELDS = (b"Subject", b"From", b"Date", b"Message-ID", b"References")
"""The header fields of an overview line, before :bytes, :lines and Xref (RFC 3977 section 8.4)."""
_SPACES = bytes.maketrans(b"\r\n\t\0", b"    ")


def overview_fields(head: bytes) -> tuple[bytes, ...]:
    """The values of `OVERVIEW_FIELDS` in a header, unfolded; CR, LF, tab and NUL become spaces (RFC 3977 section 8.3.2)."""
    values = (first_header(head, name) or b"" for name in OVERVIEW_FIELDS)
    return tuple(value.translate(_SPACES).strip() for value in values)


class Group:
    """One newsgroup; `status` is y (posting), n (none) or m (moderated), as LIST ACTIVE tells it."""

    __slots__ = ("articles", "created", "creator", "description", "era", "high", "low", "moderator", "name", "status")

    def __init__(self, era: int, name: str, created: float) -> None:
        self.era, self.name, self.created = era, name, created
        self.description, self.moderator, self.creator = "", "", ""
        self.status = "y"
        self.low, self.high = 1, 0
        self.articles: dict[int, Article] = {}
        """By number, in the order of numbers."""

    def fork(self, era: int) -> Group:
        twin = Group(era, self.name, self.created)
        twin.description, twin.moderator, twin.creator = self.description, self.moderator, self.creator
        twin.status, twin.low, twin.high = self.status, self.low, self.high
        twin.articles = self.articles.copy()
        return twin

    def __len__(self) -> int:
        return len(self.articles)

    def settle_low(self) -> None:
        """The low water mark only grows; an empty group's is one above the high one (RFC 3977 section 6.1.1.2)."""
        self.low = max(self.low, next(iter(self.articles), self.high + 1))


class Posted(msgspec.Struct, frozen=True, gc=False):
    """An article that came in; `superseded` are message-ids it took the place of."""

    article: Article
    cancelled: tuple[str, ...] = ()


class News:
    """All groups and articles."""

    def __init__(self, eras: Eras, blobs: Blobs) -> None:
        self._eras, self._blobs = eras, blobs
        self.groups: Shelf[str, Group] = Shelf(eras)
        self.articles: Shelf[str, Article] = Shelf(eras)
        self.history: Shelf[str, float] = Shelf(eras)
        """When each message-id came, those of cancelled and expired articles too: none is taken twice."""
        self.distributions: Shelf[str, str] = Shelf(eras)
        self.path_host = "news.example.test"
        self.motd = ""
        self.subscriptions: tuple[str, ...] = ()

    @property
    def shelves(self) -> tuple[Shelf[str, Group] | Shelf[str, Article] | Shelf[str, float] | Shelf[str, str], ...]:
        return (self.groups, self.articles, self.history, self.distributions)

    def group(self, name: str) -> Group:
        """The group of that name; GroupMissing."""
        group = self.groups.get(name)
        if group is None:
            raise GroupMissing(f"no such newsgroup: {name}")
        return group

    def article(self, message_id: str) -> Article:
        """The article of that message-id, with its angle brackets; ArticleMissing."""
        article = self.articles.get(message_id)
        if article is None:
            raise ArticleMissing(f"no such article: {message_id}")
        return article

    def knows(self, message_id: str) -> bool:
        """Whether that message-id is, or was, here."""
        return message_id in self.history

    # -- changes call these

    def create_group(self, name: str, created: float) -> Group:
        if name in self.groups:
            raise GroupExists(f"there is a newsgroup {name} already")
        group = Group(self._eras.number, name, created)
        self.groups.writable()[name] = group
        return group

    def writable_group(self, name: str) -> Group:
        self.group(name)
        return writable_in(self.groups, name, self._eras)

    def remove_group(self, name: str) -> Group:
        group = self.group(name)
        del self.groups.writable()[name]
        return group

    def post(
        self,
        message_id: str,
        groups: Iterable[str],
        head: bytes,
        body: Blob | bytes,
        overview: tuple[bytes, ...],
        arrived: float,
    ) -> Article:
        """Give an article its numbers and its Xref, and put it in its groups. `head` ends in the last field's CRLF."""
        if message_id in self.history:
            raise ArticleExists(f"the article {message_id} is here already")
        boxes = [self.writable_group(name) for name in dict.fromkeys(groups)]
        places = tuple((group.name, group.high + 1) for group in boxes)
        xref = b"Xref: " + " ".join((self.path_host, *(f"{name}:{number}" for name, number in places))).encode()
        xref = xref if places else b""  # an article in no group (a control message) is found by message-id only
        content, lines, header_octets = self._compose(head, body, xref)
        fields = (*overview, b"%d" % content.size, b"%d" % lines, xref)
        article = Article(message_id, content, places, arrived, b"\t".join(fields), lines, header_octets)
        for group in boxes:
            group.high += 1
            group.articles[group.high] = article
            group.settle_low()
        self.articles.writable()[message_id] = article
        self.history.writable()[message_id] = arrived
        return article

    def _compose(self, head: bytes, body: Blob | bytes, xref: bytes) -> tuple[Blob, int, int]:
        """The article as it is served, its lines of body and the octets of its header with the empty line."""
        header = b"%b%b\r\n\r\n" % (head, xref) if xref else head + b"\r\n"
        text = body if isinstance(body, bytes) else body.bytes()
        lines = text.count(b"\n") + (1 if text and not text.endswith(b"\n") else 0)
        return self._blobs.of(header + text), lines, len(header)

    def refuse(self, message_id: str, at: float) -> None:
        """Know a message-id that has not come yet, so that it is not taken when it does (RFC 5537 section 5.3)."""
        self.history.writable().setdefault(message_id, at)

    def cancel(self, message_id: str) -> Article:
        """Take an article out of all its groups; its message-id stays known."""
        article = self.article(message_id)
        del self.articles.writable()[message_id]
        for name, number in article.places:
            if name in self.groups:
                group = self.writable_group(name)
                group.articles.pop(number, None)
                group.settle_low()
        return article

    def expire(self, name: str, numbers: Iterable[int]) -> tuple[Article, ...]:
        """Take articles out of one group; one that is in no group any more is gone."""
        group = self.writable_group(name)
        gone = tuple(group.articles.pop(number) for number in dict.fromkeys(numbers) if number in group.articles)
        group.settle_low()
        for article in gone:
            if not any(self._holds(place) for place in article.places):
                self.articles.writable().pop(article.message_id, None)
        return gone

    def _holds(self, place: tuple[str, int]) -> bool:
        group = self.groups.get(place[0])
        return group is not None and place[1] in group.articles
