"""The pure parts: TYPE A's conversion, command lines, listings, profiles."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.protocols.ftp import listing
from minternet.protocols.ftp.lines import CommandLines
from minternet.protocols.ftp.netascii import FromNetwork, ToNetwork, network_size
from minternet.protocols.ftp.profiles import find
from minternet.settings import SettingsError
from minternet.world.blobs import Blobs
from minternet.world.records import Entry

TEXT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x00\xff"]), max_size=30)
"""Pieces in which line ends of all kinds meet, split anywhere."""


@given(TEXT)
def test_to_network_is_the_same_however_it_is_split(pieces: list[bytes]) -> None:
    whole, convert = b"".join(pieces), ToNetwork()
    converted = b"".join(convert.feed(piece) for piece in pieces)
    assert converted == re.sub(rb"(?<!\r)\n", b"\r\n", whole)
    assert len(converted) == network_size(whole)


@given(TEXT)
def test_from_network_is_the_same_however_it_is_split(pieces: list[bytes]) -> None:
    whole, convert = b"".join(pieces), FromNetwork()
    assert b"".join(convert.feed(piece) for piece in pieces) + convert.end() == whole.replace(b"\r\n", b"\n")


@given(TEXT)
def test_text_with_line_feeds_survives_both_ways(pieces: list[bytes]) -> None:
    whole = b"".join(pieces).replace(b"\r", b"")
    there, back = ToNetwork(), FromNetwork()
    assert back.feed(there.feed(whole)) + back.end() == whole


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line and b"\xff" not in line)), st.data())
def test_lines_are_the_same_however_they_are_split(wanted: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(line + b"\r\n" for line in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    lines = CommandLines(20)
    for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        lines.feed(sent[start:stop])
    clean = [line.lstrip(b"\xf2\xf4\xff") if line[:1] > b"\xef" else line for line in wanted]
    assert [lines.take() for _ in range(len(lines))] == clean


def test_a_line_too_long_is_told_once_and_kept_nowhere() -> None:
    lines = CommandLines(100)
    for _ in range(1000):
        lines.feed(b"x" * 1000)
        assert len(lines._rest) <= 101
    lines.feed(b"\r\nNOOP\n")
    assert [lines.take(), lines.take(), len(lines)] == [None, b"NOOP", 0]


@pytest.mark.parametrize(
    "sent", [b"\xff\xf4\xff\xf2ABOR\r\n", b"\xff\xf4\xf2ABOR\r\n", b"\xff\xfd\x01ABOR\r\n", b"ABOR\n"]
)
def test_telnet_is_taken_out(sent: bytes) -> None:
    lines = CommandLines(100)
    lines.feed(sent)
    assert lines.take() == b"ABOR"


def test_telnet_keeps_a_doubled_255() -> None:
    lines = CommandLines(100)
    lines.feed(b"CWD \xff\xff\r\n")
    assert lines.take() == b"CWD \xff"


def test_urgent_lines_are_found_behind_others() -> None:
    lines = CommandLines(100)
    lines.feed(b"NOOP\r\nabor\r\nNOOP\r\n")
    assert lines.take_urgent(b"ABOR") == b"abor"
    assert lines.take_urgent(b"ABOR") is None
    assert len(lines) == 2


def entry(name: str = "a", size: int = 5, modified: float = 1_714_564_800.0) -> Entry:
    return Entry(name, Blobs().of(b"x" * size), modified, 7, "alice", 0o644)


NOW = 1_714_564_800.0


def test_listings_look_like_those_of_their_servers() -> None:
    folder = Entry("pub", None, NOW, 3, "", 0o755)
    old = entry(modified=NOW - 400 * 86400)
    assert listing.line("named", "a", entry(), NOW) == "-rw-r--r--   1 alice    alice           5 May  1 12:00 a"
    assert listing.line("named", "a", old, NOW) == "-rw-r--r--   1 alice    alice           5 Mar 28  2023 a"
    assert listing.line("named", "pub", folder, NOW) == "drwxr-xr-x   2 ftp      ftp          4096 May  1 12:00 pub"
    assert listing.line("numbered", "a", entry(), NOW) == "-rw-r--r--    1 1000     1000            5 May  1 12:00 a"
    assert listing.line("dos", "a", entry(), NOW) == "05-01-24  12:00PM                    5 a"
    assert listing.line("dos", "pub", folder, NOW) == "05-01-24  12:00PM       <DIR>          pub"


@given(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False))
def test_a_name_never_breaks_its_line(name: str, modified: float) -> None:
    odd = entry(name, modified=modified)
    for style in ("named", "numbered", "dos"):
        assert not set("\r\n\0") & set(listing.line(style, name, odd, NOW))
    assert listing.facts(odd, "r", listing.FACTS).count(";") == len(listing.FACTS)


def test_listings_are_sent_in_pieces() -> None:
    pieces = list(listing.pieces(f"{number}" for number in range(450)))
    assert len(pieces) == 3
    assert b"".join(pieces).split(b"\r\n") == [*(b"%d" % number for number in range(450)), b""]


def test_profiles_are_found_with_their_wishes() -> None:
    assert find(None).name == "minternet"
    assert find("vsftpd").greeting == "(vsFTPd 3.0.5)"
    assert (find("lying-pasv").name, find("lying-pasv").lies) == ("minternet", True)
    assert (find("iis+lying-pasv").name, find("iis+lying-pasv").lies) == ("iis", True)
    with pytest.raises(SettingsError, match="no 'wuftpd'; there are minternet, vsftpd, proftpd, iis"):
        find("wuftpd")
