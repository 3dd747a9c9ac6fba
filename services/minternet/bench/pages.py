"""What a test wants of an HTML mail: its links and its words."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

__all__ = ["hrefs", "unescape", "words"]


def hrefs(document: str) -> list[str]:
    """The targets of its links, in order."""
    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attributes if name == "href" and value)

    _feed(Links(), document)
    return found


def words(document: str) -> str:
    """Its text, a line for each piece between tags, without scripts and styles."""
    found: list[str] = []

    class Words(HTMLParser):
        hidden = 0

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            self.hidden += tag in ("script", "style")

        def handle_endtag(self, tag: str) -> None:
            self.hidden -= tag in ("script", "style")

        def handle_data(self, data: str) -> None:
            if self.hidden <= 0 and data.strip():
                found.append(" ".join(data.split()))

    _feed(Words(), document)
    return "\n".join(found)


def _feed(parser: HTMLParser, document: str) -> None:
    parser.feed(document)
    parser.close()
