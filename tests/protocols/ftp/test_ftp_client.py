"""ftplib against the service: every public method of FTP and FTP_TLS, both loops, both address families."""

from __future__ import annotations

import asyncio
import ftplib
import io
import os
import socket
import ssl
import sys
from collections.abc import Callable

import pytest
from ftp_place import FTPS, Place, place

from minternet.wire.tls import Authority


def fetched(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    content = io.BytesIO()
    assert client.retrbinary(f"RETR {name}", content.write, rest=rest).startswith("226")
    return content.getvalue()


def test_every_method_of_ftp(ftp: Place) -> None:
    client = ftplib.FTP(timeout=10)
    client.set_debuglevel(0)
    assert client.connect("127.0.0.1", ftp.port).startswith("220")
    assert client.getwelcome().endswith("ready.")
    assert client.login("alice", "wonderland").startswith("230")
    assert client.pwd() == "/home/alice"
    assert client.mkd("a b") == "/home/alice/a b"
    assert client.cwd("a b").startswith("250")
    assert client.storbinary("STOR one", io.BytesIO(b"12345")) == "226 Transfer complete."
    assert client.size("one") == 5
    assert fetched(client, "one") == b"12345"
    assert fetched(client, "one", rest=3) == b"45"
    assert client.storlines("STOR two", io.BytesIO(b"x\r\ny\n")).startswith("226")
    assert ftp.content("/home/alice/a b/two") == b"x\ny\n"
    lines: list[str] = []
    client.retrlines("RETR two", lines.append)
    assert lines == ["x", "y"]
    assert client.nlst() == ["one", "two"]
    shown: list[str] = []
    client.dir(shown.append)
    assert [line.split()[-1] for line in shown] == ["one", "two"]
    facts = dict(client.mlsd(facts=["type", "size"]))
    assert facts == {"one": {"type": "file", "size": "5"}, "two": {"type": "file", "size": "4"}}
    assert client.rename("one", "three").startswith("250")
    assert client.delete("two").startswith("250")
    assert client.sendcmd("NOOP").startswith("200")
    assert client.voidcmd("NOOP").startswith("200")
    client.sendcmd("TYPE A")
    connection, size = client.ntransfercmd("RETR three", rest=1)
    with connection:
        assert (connection.recv(100), size) == (b"2345", 4)
    assert client.voidresp().startswith("226")
    with client.transfercmd("STOR four"):
        pass
    assert client.voidresp().startswith("226")
    assert ftp.content("/home/alice/a b/four") == b""
    client.acct("x")
    client.delete("three")
    client.delete("four")
    client.cwd("..")
    assert client.rmd("a b").startswith("250")
    assert client.quit().startswith("221")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("passive", [True, False])
def test_active_and_passive(ftp: Place, host: str, passive: bool) -> None:
    with ftp.client(host=host) as client:
        client.set_pasv(passive)
        client.storbinary("STOR x", io.BytesIO(b"x" * 100_000))
        assert fetched(client, "x") == b"x" * 100_000
        assert "x" in client.nlst()


def test_abort_of_an_upload_leaves_nothing(ftp: Place) -> None:
    with ftp.client() as client:
        client.voidcmd("TYPE I")
        connection = client.transfercmd("STOR half")
        connection.sendall(b"x" * 10_000)
        assert client.abort().startswith("426")
        assert client.getresp().startswith("226")
        connection.close()
        assert ftp.content("/home/alice/half") is None
        assert client.voidcmd("NOOP").startswith("200")


def test_abort_of_a_download(ftp: Place) -> None:
    with ftp.client() as client:
        client.storbinary("STOR big", io.BytesIO(bytes(30_000_000)))
        connection = client.transfercmd("RETR big")
        connection.recv(1000)
        assert client.abort()[:3] == "426"
        assert client.getresp().startswith("226")
        connection.close()
        assert client.sendcmd("ABOR").startswith("225")


@pytest.mark.parametrize("command", ["STOR half", "APPE whole", "RETR whole"])
def test_abort_under_tls_1_3(ftp: Place, authority: Authority, command: str) -> None:
    context = authority.client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    content = bytes(20_000_000)
    with ftplib.FTP_TLS(context=context, timeout=10) as client:
        client.connect("localhost", ftp.port)
        client.login("alice", "wonderland")
        client.prot_p()
        client.storbinary("STOR whole", io.BytesIO(content))
        with client.transfercmd(command) as connection:
            connection.sendall(b"x" * 100_000) if command[0] in "SA" else connection.recv(1000)
            assert [client.sendcmd("NOOP")[:3], client.sendcmd("STAT")[:3]] == ["200", "211"]
            client.putcmd("ABOR")
            assert [client.getmultiline()[:3] for _ in range(2)] == ["426", "226"]
        assert ftp.content("/home/alice/half") is None
        assert ftp.content("/home/alice/whole") == content
        assert fetched(client, "whole") == content


def resume_client(authority: Authority) -> type[ftplib.FTP_TLS]:
    """FTP_TLS whose data connections resume the control connection's session, as its users write it."""

    class Resuming(ftplib.FTP_TLS):
        def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
            connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
            session = self.sock.session  # type: ignore[union-attr]
            return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size

    return Resuming


def test_every_method_of_ftp_tls(ftp: Place, authority: Authority) -> None:
    client = ftplib.FTP_TLS(context=authority.client_context(), timeout=10)
    client.connect("localhost", ftp.port)
    assert client.auth().startswith("234")
    client.login("alice", "wonderland")
    assert client.prot_p().startswith("200")
    content = os.urandom(3_000_000)
    assert client.storbinary("STOR x", io.BytesIO(content)).startswith("226")
    assert fetched(client, "x") == content
    assert client.storlines("STOR t", io.BytesIO(b"a\nb\n")).startswith("226")
    lines: list[str] = []
    client.retrlines("RETR t", lines.append)
    assert lines == ["a", "b"]
    assert client.prot_c().startswith("200")
    assert sorted(client.nlst()) == ["notes.txt", "t", "x"]
    assert client.ccc().startswith("200")
    assert client.pwd() == "/home/alice"
    assert client.quit().startswith("221")
    assert "wonderland" not in ftp.transcript()


def test_implicit_tls(authority: Authority) -> None:
    class Implicit(ftplib.FTP_TLS):
        def connect(self, host: str = "", port: int = 0, *rest: object) -> str:
            plain = socket.create_connection((host, port), 10)
            self.host, self.af = host, plain.family
            self.sock = self.context.wrap_socket(plain, server_hostname=host)
            self.file = self.sock.makefile("r", encoding="utf-8", newline="\r\n")
            self.welcome = self.getresp()
            return self.welcome

    with place(authority, service=FTPS) as ftps, ftps.tls_client(Implicit) as client:
        assert client.nlst("/pub") == ["/pub/data.bin", "/pub/readme.txt"]


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_session_reuse_required(authority: Authority, version: str) -> None:
    import ssl

    with place(authority, ftp_session_reuse=True) as ftp:
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        context.maximum_version = ssl.TLSVersion[version]
        client = resume_client(authority)(context=context, timeout=10)
        client.connect("localhost", ftp.port)
        client.login("alice", "wonderland")
        client.prot_p()
        client.storbinary("STOR x", io.BytesIO(b"resumed"))
        assert fetched(client, "x") == b"resumed"
        client.close()
        with ftp.tls_client() as fresh:
            assert refused_store(fresh).startswith("522")
            assert ftp.content("/home/alice/y") is None


def refused_store(client: ftplib.FTP_TLS) -> str:
    """The reply to a STOR whose data connection is closed by the server, perhaps before the client is through."""
    with pytest.raises((ftplib.error_perm, OSError)) as raised:
        client.storbinary("STOR y", io.BytesIO(b"y"))
    return str(raised.value) if isinstance(raised.value, ftplib.error_perm) else client.getmultiline()


def test_a_session_of_another_connection_is_not_taken(authority: Authority) -> None:
    with place(authority, ftp_session_reuse=True) as ftp:
        first = ftp.tls_client()
        first.voidcmd("NOOP")
        stolen = first.sock.session  # type: ignore[union-attr]

        class Stealing(ftplib.FTP_TLS):
            def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
                connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
                context = authority.client_context()
                return context.wrap_socket(connection, server_hostname="localhost", session=stolen), size

        with first, ftp.tls_client(Stealing) as second:
            assert refused_store(second).startswith("522")


def test_session_reuse_is_optional_otherwise(ftp: Place, authority: Authority) -> None:
    with ftp.tls_client(resume_client(authority)) as client:
        client.storbinary("STOR x", io.BytesIO(b"x"))
        assert fetched(client, "x") == b"x"


def new_uvloop() -> asyncio.AbstractEventLoop:
    uvloop = pytest.importorskip("uvloop")
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@pytest.mark.skipif(sys.platform == "win32", reason="no uvloop there")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, new_uvloop])
def test_both_loops(authority: Authority, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with place(authority, new_loop=new_loop) as ftp, ftp.client() as client:
        content = os.urandom(5_000_000)
        client.storbinary("STOR x", io.BytesIO(content))
        assert fetched(client, "x") == content


def test_anonymous_reads_and_leaves_things_in_incoming_only(ftp: Place) -> None:
    with ftp.client("anonymous", "me@example.test") as client:
        assert client.pwd() == "/"
        assert fetched(client, "/pub/readme.txt") == b"Welcome to /pub.\n"
        assert client.storbinary("STOR /incoming/gift", io.BytesIO(b"1")).startswith("226")
        client.mkd("/incoming/box")
        assert client.storbinary("STOR /incoming/box/gift", io.BytesIO(b"2")).startswith("226")
        for refused in (
            "STOR /incoming/gift",
            "APPE /incoming/gift",
            "STOR /pub/x",
            "STOR /incoming",
            "RETR /home/alice/notes.txt",
            "LIST /home",
            "MLSD /home/alice",
            "NLST /home/*",
        ):
            with pytest.raises(ftplib.error_perm, match="550"):
                client.transfercmd(refused)
        for refused in (
            "DELE /incoming/gift",
            "RNFR /incoming/gift",
            "RMD /incoming/box",
            "MKD /pub/x",
            "MFMT 20200101000000 /incoming/gift",
            "SITE CHMOD 600 /incoming/gift",
            "CWD /home",
            "SIZE /home/alice/notes.txt",
            "MLST /home/alice",
            "STAT /home/alice",
            "HASH /home/alice/notes.txt",
            "XMD5 /home/alice/notes.txt",
            "SITE CPFR /home/alice/notes.txt",
        ):
            with pytest.raises(ftplib.error_perm, match="550"):
                client.sendcmd(refused)
        assert ftp.content("/incoming/gift") == b"1"


def test_accounts_write_below_their_home_and_incoming_only(ftp: Place) -> None:
    with ftp.client("bob@example.test", "builder") as client:
        assert client.pwd() == "/home/bob"
        assert fetched(client, "/home/alice/notes.txt") == b"Buy milk.\n"
        for path in ("/pub/x", "/home/alice/x", "/x", "/home/bob", "/home/bobby"):
            with pytest.raises(ftplib.error_perm, match="550"):
                client.storbinary(f"STOR {path}", io.BytesIO(b"x"))
        for command in ("DELE /pub/readme.txt", "RMD /home/bob", "RMD /incoming", "RNFR /home/bob", "MKD /home/new"):
            with pytest.raises(ftplib.error_perm, match="550"):
                client.sendcmd(command)
        client.storbinary("STOR /incoming/x", io.BytesIO(b"x"))
        client.rename("/incoming/x", "/home/bob/x")
        assert ftp.content("/home/bob/x") == b"x"
