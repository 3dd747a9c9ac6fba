"""Uploads whole or not at all, resuming, large and many transfers, and what comes between."""

from __future__ import annotations

import ftplib
import hashlib
import io
import os
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ftp_place import Place, place, until
from hypothesis import given, settings
from hypothesis import strategies as st

from minternet.protocols.ftp.tree import Tree
from minternet.wire.tls import Authority
from minternet.world.errors import WorldError
from minternet.world.files import clean
from minternet.world.world import World

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close a reset."""


def files_on_disk(place: Place) -> list[Path]:
    folder = place.world.blobs._folder
    return [] if folder is None else sorted(folder.iterdir())


@pytest.mark.parametrize("size", [1000, 3_000_000])
@pytest.mark.parametrize("way", ["reset", "control gone", "dismissed"])
def test_an_upload_that_is_cut_leaves_nothing(ftp: Place, size: int, way: str) -> None:
    talk = ftp.talk().log_in()
    talk.ask("TYPE I")
    data = talk.passive()
    assert talk.ask("STOR half").startswith("150")
    data.sendall(b"x" * size)
    if way == "reset":
        data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        data.close()
        assert talk.read().startswith("426")
        assert talk.ask("SIZE half").startswith("550")
    elif way == "control gone":
        talk.close()
    else:
        ftp.call(ftp.running.dismiss, "Reset.")
        assert talk.read().startswith("421 Reset.")
        talk.close()
    until(lambda: (ftp.running.connections == 0) == (way != "reset"))
    assert ftp.content("/home/alice/half") is None
    assert files_on_disk(ftp) == []
    data.close()
    talk.close()


def test_an_upload_under_tls_without_close_notify_is_cut(ftp: Place) -> None:
    with ftp.tls_client() as client:
        client.voidcmd("TYPE I")
        connection = client.transfercmd("STOR half")
        connection.sendall(b"x" * 1000)
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        with pytest.raises(ftplib.error_temp, match="426"):
            client.voidresp()
        assert ftp.content("/home/alice/half") is None


def test_an_upload_is_seen_when_it_is_complete(ftp: Place) -> None:
    with ftp.talk().log_in() as talk, ftp.client() as other:
        data = talk.passive()
        talk.codes("TYPE I")
        talk.ask("STOR /incoming/x")
        data.sendall(b"x" * 2_000_000)
        assert other.nlst("/incoming") == []
        data.close()
        assert talk.read().startswith("226")
        assert other.nlst("/incoming") == ["/incoming/x"]
        assert [getattr(event.change, "path", "") for event in ftp.world.journal.since(0)][-1:] == ["/incoming/x"]


def test_overwriting_is_whole_too(ftp: Place) -> None:
    with ftp.client() as client:
        client.storbinary("STOR x", io.BytesIO(b"old"))
        client.voidcmd("TYPE I")
        connection = client.transfercmd("STOR x")
        connection.sendall(b"new")
        client.abort()
        assert client.getresp().startswith("226")
        connection.close()
        assert ftp.content("/home/alice/x") == b"old"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_resuming_both_ways(ftp: Place, size: int) -> None:
    content, half = os.urandom(size), size // 2
    with ftp.client() as client:
        client.storbinary("STOR x", io.BytesIO(content[:half]))
        client.storbinary("STOR x", io.BytesIO(content[half:]), rest=half)
        assert ftp.content("/home/alice/x") == content
        got = io.BytesIO()
        client.retrbinary("RETR x", got.write, rest=half)
        assert got.getvalue() == content[half:]
        client.storbinary("APPE x", io.BytesIO(b"more"))
        assert ftp.content("/home/alice/x") == content + b"more"
        client.storbinary("STOR x", io.BytesIO(b"!"), rest=2)
        assert ftp.content("/home/alice/x") == content[:2] + b"!" + content[3:] + b"more"
        client.storbinary("APPE new", io.BytesIO(b"begun"))
        assert ftp.content("/home/alice/new") == b"begun"
        for command in ("RETR x", "STOR x"):
            with pytest.raises(ftplib.error_perm, match="554"):
                client.ntransfercmd(command, rest=size + 100)
        assert files_on_disk(ftp) == sorted(each for each in files_on_disk(ftp))


@pytest.mark.parametrize("between", ["RETR missing", "RETR", "LIST", "STOR /pub/x", "RANG 1 0"])
def test_a_restart_is_for_the_next_transfer_only(ftp: Place, between: str) -> None:
    """Else a later download would begin in the middle, and nobody would know."""
    with ftp.client() as client:
        client.storbinary("STOR x", io.BytesIO(b"0123456789"))
        client.voidcmd("TYPE I")
        assert client.sendcmd("REST 4 ").startswith("350")
        if between == "LIST":
            client.retrlines(between)
        elif between.startswith("RANG"):
            client.sendcmd(between)
        else:
            with pytest.raises(ftplib.error_perm):
                client.retrbinary(between, print)
        got = io.BytesIO()
        client.retrbinary("RETR x", got.write)
        assert got.getvalue() == (b"456789" if between == "RETR" else b"0123456789")


def test_a_file_is_renamed_while_it_is_transferred(ftp: Place) -> None:
    content = bytes(range(256)) * 20_000
    with ftp.client() as one, ftp.client() as two:
        one.storbinary("STOR a", io.BytesIO(content))
        one.voidcmd("TYPE I")
        got = bytearray()
        with one.transfercmd("RETR a") as data:
            got += data.recv(10)
            two.rename("a", "b")
            two.storbinary("STOR a", io.BytesIO(b"another"))
            two.delete("b")
            while piece := data.recv(1 << 20):
                got += piece
        assert one.voidresp().startswith("226")
        assert got == content
        with one.transfercmd("STOR a") as data:
            data.sendall(b"new")
            two.rename("a", "c")
        assert one.voidresp().startswith("226")
        assert (ftp.content("/home/alice/a"), ftp.content("/home/alice/c")) == (b"new", b"another")
        with one.transfercmd("APPE c") as data:
            two.rename("c", "d")
            data.sendall(b"more")
        with pytest.raises(ftplib.error_temp, match="450"):
            one.voidresp()
        assert ftp.content("/home/alice/d") == b"another"
        two.mkd("folder")
        with one.transfercmd("STOR folder/x") as data:
            two.rmd("folder")
        with pytest.raises(ftplib.error_perm, match="550"):
            one.voidresp()


def test_two_who_append_at_once_lose_nothing_unsaid(ftp: Place) -> None:
    with ftp.client() as one, ftp.client() as two:
        one.storbinary("STOR x", io.BytesIO(b"0"))
        for client in (one, two):
            client.voidcmd("TYPE I")
        first, second = one.transfercmd("APPE x"), two.transfercmd("APPE x")
        first.sendall(b"1")
        second.sendall(b"2")
        first.close()
        assert one.voidresp().startswith("226")
        second.close()
        with pytest.raises(ftplib.error_temp, match="450"):
            two.voidresp()
        assert ftp.content("/home/alice/x") == b"01"


def test_stou_tells_a_new_name(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        names = []
        for _ in range(3):
            data = talk.passive()
            reply = talk.ask("STOU note")
            assert reply.startswith("150 FILE: note")
            names.append(reply.split()[-1])
            data.close()
            assert talk.read().startswith("226")
        assert names == ["note", "note.1", "note.2"]
        talk.passive().close()
        assert talk.ask("STOU")[:3] in ("150", "425")


def test_the_limit_of_a_file(authority: Authority) -> None:
    with place(authority, limits={"file": 1_500_000}) as ftp, ftp.client() as client:
        client.storbinary("STOR most", io.BytesIO(bytes(1_500_000)))
        with pytest.raises((ftplib.error_perm, OSError)) as raised:
            client.storbinary("STOR x", io.BytesIO(bytes(4_000_000)))
        reply = str(raised.value) if isinstance(raised.value, ftplib.error_perm) else client.getmultiline()
        assert reply.startswith("552")
        assert ftp.content("/home/alice/x") is None
        assert client.sendcmd("ALLO 1500000").startswith("202")
        with pytest.raises(ftplib.error_perm, match="552"):
            client.sendcmd("ALLO 1500001")
        assert client.sendcmd("AVBL").startswith("213 1500000")


def pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield hashlib.sha256(str(number).encode()).digest() * 2048


class Reader(io.RawIOBase):
    """64 KiB pieces as a file, none of it kept."""

    def __init__(self, count: int) -> None:
        self.pieces = pieces(count)

    def read(self, size: int = -1) -> bytes:
        return next(self.pieces, b"")


@pytest.mark.parametrize("tls", [False, True])
def test_64_megabytes_both_ways_in_little_memory(ftp: Place, tls: bool) -> None:
    resource = pytest.importorskip("resource")
    count = 1024 if not tls else 256
    wanted = hashlib.sha256(b"".join(pieces(1)))
    wanted = hashlib.sha256()
    for piece in pieces(count):
        wanted.update(piece)
    with ftp.tls_client() if tls else ftp.client() as client:
        client.storbinary("STOR warm", Reader(64), 1 << 16)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        client.storbinary("STOR big", Reader(count), 1 << 16)
        assert client.sendcmd("HASH big").split()[3] == wanted.hexdigest()
        got = hashlib.sha256()
        client.retrbinary("RETR big", got.update, 1 << 16)
        assert got.digest() == wanted.digest()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24 * 1024


def test_fifty_transfers_at_once(ftp: Place) -> None:
    content = os.urandom(1_200_000)

    def both(number: int) -> bytes:
        with ftp.client() as client:
            client.storbinary(f"STOR f{number}", io.BytesIO(content + bytes([number])))
            got = io.BytesIO()
            client.retrbinary(f"RETR f{number}", got.write)
            return got.getvalue()

    with ThreadPoolExecutor(50) as pool:
        assert all(got == content + bytes([number]) for number, got in enumerate(pool.map(both, range(50))))
    until(lambda: ftp.running.connections == 0)


def test_others_are_answered_while_a_file_is_hashed(ftp: Place) -> None:
    with ftp.client() as client, ftp.talk().log_in() as other:
        client.storbinary("STOR big", Reader(512), 1 << 16)
        client.sendcmd("OPTS HASH SHA-512")
        client.putcmd("HASH big")
        longest = 0.0
        for _ in range(20):
            started = time.perf_counter()
            other.ask("NOOP")
            longest = max(longest, time.perf_counter() - started)
        wanted = hashlib.sha512(b"".join(pieces(512))).hexdigest()
        assert client.getresp() == f"213 SHA-512 0-33554431 {wanted} big"
        assert longest < 1.0


def test_ascii_with_line_ends_split_over_segments(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        data = talk.passive()
        data.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk.ask("STOR t")
        for piece in (b"a\r", b"\nb\r\r", b"\n", b"\n", b"c\r"):
            data.sendall(piece)
            talk.ask("NOOP")
        data.close()
        assert talk.read().startswith("226")
        assert ftp.content("/home/alice/t") == b"a\nb\r\n\nc\r"
        assert talk.ask("SIZE t") == "213 10"
        data = talk.passive()
        assert talk.ask("RETR t").endswith("(10 bytes).")
        with data.makefile("rb") as received:
            assert received.read() == b"a\r\nb\r\n\r\nc\r"
        assert talk.read().startswith("226")
        for start, stop, wanted in ((3, 5, b"b\r\n"), (2, 2, b"\n"), (9, 50, b"\r")):
            assert talk.ask(f"RANG {start} {stop}").startswith("350")
            data = talk.passive()
            assert talk.ask("RETR t").startswith("150")
            with data.makefile("rb") as received:
                assert received.read() == wanted
            assert talk.read().startswith("226")


def test_commands_sent_ahead_are_answered_in_order(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        data = talk.passive()
        talk.send("TYPE I", "STOR x", "SIZE x", "RNFR x", "RNTO y", "QUIT")
        assert [talk.read()[:3] for _ in range(2)] == ["200", "150"]
        data.sendall(b"123")
        talk.send("")
        data.close()
        assert [talk.read()[:7] for _ in range(5)] == ["226 Tra", "213 3", "350 Rea", "250 Ren", "221 Goo"]
        assert ftp.content("/home/alice/y") == b"123"


def test_abor_and_stat_are_heard_during_a_transfer(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        talk.ask("TYPE I")
        data = talk.passive()
        talk.ask("STOR x")
        data.sendall(b"123")
        until(lambda: "STOR /home/alice/x: 3 octets" in talk.ask("STAT"))
        talk.send("PWD", "SYST", "\xff\xf4\xff\xf2ABOR".encode("latin-1").decode("utf-8", "surrogateescape"))
        assert [talk.read()[:3] for _ in range(4)] == ["426", "226", "257", "215"]
        assert talk.ask("ABOR").startswith("225")
        data.close()


def test_abor_before_the_data_connection(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        talk.ask("EPSV")
        talk.ask("RETR /pub/readme.txt")
        talk.send("ABOR")
        assert [talk.read()[:3] for _ in range(2)] == ["426", "226"]
        assert talk.codes("RETR /pub/readme.txt", "ABOR") == ["425", "225"]


PATHS = st.lists(
    st.sampled_from(["..", ".", "", "a", "~", "home", "\\", "..\\..", "%2e%2e", "\udcff", "\x00"]), max_size=9
)


@settings(max_examples=200)
@given(PATHS, st.booleans())
def test_no_path_leads_out_of_what_a_user_may_change(names: list[str], absolute: bool) -> None:
    path = ("/" if absolute else "") + "/".join(names)
    world = World()
    tree = Tree(world, None)
    try:
        resolved = tree.resolve(path)
    except WorldError:
        assert "\x00" in path
        return
    assert resolved == clean(resolved)
    assert resolved.startswith("/")
    assert not {"..", ".", ""} & set(resolved.split("/")[1:]) or resolved == "/"
    assert tree.may_store(resolved) == resolved.startswith("/incoming/")


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "/etc/passwd", "//etc/passwd", "..\\..\\etc", "/home/../../etc/passwd"]
)
def test_traversal(ftp: Place, path: str) -> None:
    with ftp.client() as client:
        with pytest.raises(ftplib.error_perm, match="550"):
            client.retrbinary(f"RETR {path}", bytes)
        client.cwd("/pub/../../..")
        assert client.pwd() == "/"
