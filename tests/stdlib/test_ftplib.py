"""ftplib against FTP and FTPS, each test in a folder of its own."""
# mypy: disable-error-code="attr-defined, union-attr, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import ftplib
import hashlib
import io
import os
import socket
import ssl
from collections.abc import Iterator

import pytest
from stdlib.parts import TIMEOUT, Sites, service

from minternet.ready import Credentials, Ready

OCTETS = bytes(range(256)) * 400
LINES = ["first", "", "third with ü", "x" * 3000]


def connect(ready: Ready) -> ftplib.FTP:
    where = service(ready, "ftp")
    client = ftplib.FTP(timeout=TIMEOUT)
    client.connect(where.host, where.port)
    return client


def folder_of(client: ftplib.FTP, ready: Ready, token: str) -> str:
    """A new folder, and the client in it."""
    if ready.ftp_writable_dir is None:
        pytest.skip("the instance has no folder to write to")
    path = f"{ready.ftp_writable_dir.rstrip('/')}/{token}"
    assert client.mkd(path) == path
    client.cwd(path)
    return path


def remove(client: ftplib.FTP, path: str) -> None:
    client.cwd(path)
    for name, facts in list(client.mlsd()):
        if facts["type"] == "file":
            client.delete(name)
        elif facts["type"] == "dir":
            client.rmd(name)
    client.cwd("/")
    client.rmd(path)


@pytest.fixture
def guest(ready: Ready) -> Iterator[ftplib.FTP]:
    """Anonymous."""
    with connect(ready) as client:
        assert client.login().startswith("230")
        yield client


@pytest.fixture
def client(ready: Ready, account: Credentials, token: str) -> Iterator[ftplib.FTP]:
    """Logged in, in a folder of its own."""
    with connect(ready) as made:
        made.login(account.login, account.password)
        path = folder_of(made, ready, token)
        yield made
        remove(made, path)


@pytest.fixture
def secure(ready: Ready, account: Credentials, token: str, tls: ssl.SSLContext) -> Iterator[ftplib.FTP_TLS]:
    """The same over TLS, for data too."""
    where = service(ready, "ftp")
    with ftplib.FTP_TLS(timeout=TIMEOUT, context=tls) as made:
        made.connect(where.host, where.port)
        assert made.login(account.login, account.password).startswith("230")
        assert isinstance(made.sock, ssl.SSLSocket)
        assert made.prot_p().startswith("200")
        path = folder_of(made, ready, token)
        yield made
        remove(made, path)


def got(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    pieces: list[bytes] = []
    assert client.retrbinary(f"RETR {name}", pieces.append, 8192, rest).startswith("226")
    return b"".join(pieces)


# -- the control connection


def test_greeting_and_small_commands(ready: Ready, account: Credentials) -> None:
    client = connect(ready)
    assert client.getwelcome().startswith("220")
    assert client.lastresp == "220"
    assert client.login(account.address, account.password).startswith("230")
    assert client.pwd().startswith("/")
    assert client.sendcmd("NOOP").startswith("200")
    assert client.voidcmd("TYPE I").startswith("200")
    assert "UNIX" in client.sendcmd("SYST")
    assert client.acct("anything")[0] == "2"
    client.putcmd("FEAT")
    reply = client.getmultiline()
    assert reply.startswith("211-")
    assert {" MLST", " REST STREAM", " UTF8", " SIZE"} <= {line.partition(" type")[0] for line in reply.split("\n")}
    client.putline("NOOP")
    assert client.getline().startswith("200")
    client.putcmd("NOOP")
    assert client.getresp().startswith("200")
    client.putcmd("NOOP")
    assert client.voidresp().startswith("200")
    assert client.quit().startswith("221")
    assert client.sock is None


def test_wrong_passwords(ready: Ready, account: Credentials) -> None:
    with connect(ready) as client, pytest.raises(ftplib.error_perm, match=r"^530"):
        client.login(account.login, "wrong")


def test_errors(client: ftplib.FTP) -> None:
    with pytest.raises(ftplib.error_perm, match=r"^50"):
        client.sendcmd("NONSENSE")
    with pytest.raises(ftplib.error_perm, match=r"^550"):
        client.cwd("no-such-folder")
    with pytest.raises(ftplib.error_perm, match=r"^550"):
        client.retrbinary("RETR no-such-file", print)
    with pytest.raises(ftplib.error_reply):
        client.voidcmd("REST 0")
    with pytest.raises(ValueError, match="illegal newline"):
        client.putline("NOOP\r\nQUIT")
    for kind in (ftplib.error_reply, ftplib.error_temp, ftplib.error_perm, ftplib.error_proto):
        assert issubclass(kind, ftplib.Error)
    assert {ftplib.Error, OSError, EOFError} <= set(ftplib.all_errors)


def test_debug_output(ready: Ready, capsys: pytest.CaptureFixture[str], account: Credentials) -> None:
    with connect(ready) as client:
        client.set_debuglevel(1)
        client.login(account.login, account.password)
        shown = capsys.readouterr().out
        assert f"*cmd* 'USER {account.login}'" in shown
        assert account.password not in shown
        client.debug(0)
        client.sendcmd("NOOP")
        assert capsys.readouterr().out == ""
    assert client.sanitize("PASS secret") == "'PASS ******'"


def test_connecting_from_a_chosen_address(ready: Ready) -> None:
    where = service(ready, "ftp")
    client = ftplib.FTP()
    assert client.connect(where.host, where.port, TIMEOUT, ("", 0)).startswith("220")
    client.close()
    assert client.file is None
    with pytest.raises(ValueError, match="timeout"):
        ftplib.FTP(timeout=0).connect(where.host, where.port)


# -- transfers


def test_there_and_back(client: ftplib.FTP) -> None:
    seen: list[int] = []
    reply = client.storbinary("STOR octets", io.BytesIO(OCTETS), 4096, lambda piece: seen.append(len(piece)))
    assert reply.startswith("226")
    assert (sum(seen), max(seen)) == (len(OCTETS), 4096)
    assert client.size("octets") == len(OCTETS)
    assert got(client, "octets") == OCTETS
    client.storbinary("STOR empty", io.BytesIO(b""))
    assert (client.size("empty"), got(client, "empty")) == (0, b"")


def test_resuming(client: ftplib.FTP) -> None:
    client.storbinary("STOR octets", io.BytesIO(OCTETS[:50_000]))
    assert got(client, "octets", rest=49_990) == OCTETS[49_990:50_000]
    client.storbinary("STOR octets", io.BytesIO(OCTETS[40_000:]), rest=40_000)
    assert got(client, "octets") == OCTETS
    client.storbinary("APPE octets", io.BytesIO(b"and more"))
    assert got(client, "octets") == OCTETS + b"and more"


def test_a_name_of_the_servers_choice(client: ftplib.FTP) -> None:
    assert client.storbinary("STOU", io.BytesIO(b"unique")).startswith("226")
    (name,) = client.nlst()
    assert got(client, name) == b"unique"


def test_lines(client: ftplib.FTP) -> None:
    seen: list[bytes] = []
    content = "".join(f"{line}\n" for line in LINES).encode()
    assert client.storlines("STOR lines", io.BytesIO(content), seen.append).startswith("226")
    assert seen == [f"{line}\r\n".encode() for line in LINES]
    lines: list[str] = []
    assert client.retrlines("RETR lines", lines.append).startswith("226")
    assert lines == LINES
    with pytest.raises(ftplib.Error, match="got more than"):
        client.storlines("STOR long", io.BytesIO(b"x" * (client.maxline + 10)))
    assert client.voidresp().startswith("226")


def test_lines_are_printed(client: ftplib.FTP, capsys: pytest.CaptureFixture[str]) -> None:
    client.storlines("STOR lines", io.BytesIO(b"one\ntwo\n"))
    client.retrlines("RETR lines")
    assert capsys.readouterr().out == "one\ntwo\n"
    ftplib.print_line("by itself")
    assert capsys.readouterr().out == "by itself\n"


def test_data_connections_by_hand(client: ftplib.FTP) -> None:
    with client.transfercmd("STOR by-hand") as data:
        data.sendall(b"by hand")
    assert client.voidresp().startswith("226")
    client.voidcmd("TYPE I")
    data, size = client.ntransfercmd("RETR by-hand")
    with data, data.makefile("rb") as stream:
        assert stream.read() == b"by hand"
    assert client.voidresp().startswith("226")
    assert size in (7, None)


def test_breaking_off(client: ftplib.FTP) -> None:
    client.storbinary("STOR large", io.BytesIO(bytes(8 << 20)))
    client.voidcmd("TYPE I")
    data = client.transfercmd("RETR large")
    assert data.recv(1000)
    reply = client.abort()
    assert reply[:3] in ("225", "226", "426")
    data.close()
    if reply.startswith("426"):
        client.voidresp()
    assert client.pwd()
    assert client.size("large") == 8 << 20


@pytest.mark.parametrize("passive", [True, False])
def test_active_and_passive(client: ftplib.FTP, passive: bool) -> None:
    client.set_pasv(passive)
    client.storbinary("STOR mode", io.BytesIO(OCTETS))
    assert got(client, "mode") == OCTETS
    assert client.nlst() == ["mode"]


def test_making_ports(client: ftplib.FTP) -> None:
    host, port = client.makepasv()
    with socket.create_connection((host, port), TIMEOUT):
        pass
    with client.makeport() as listening:
        assert listening.getsockname()[1] > 0
    ours = client.sock.getsockname()[0]
    if client.sock.family == socket.AF_INET:
        with socket.create_server((ours, 0)) as server:
            assert client.sendport(ours, server.getsockname()[1]).startswith("200")
    with socket.create_server((ours, 0), family=client.sock.family) as server:
        assert client.sendeprt(ours, server.getsockname()[1]).startswith("200")


def test_ipv6(ready: Ready, account: Credentials) -> None:
    where = service(ready, "ftp")
    if where.host not in ("127.0.0.1", "localhost", "::1"):
        pytest.skip("no IPv6 loopback of the instance is known")
    client = ftplib.FTP()
    try:
        client.connect("::1", where.port, TIMEOUT)
    except OSError:
        pytest.skip("the instance does not listen on ::1")
    with client:
        client.login()
        assert client.af == socket.AF_INET6
        for passive in (True, False):
            client.set_pasv(passive)
            assert client.nlst("/")


def test_between_two_servers(ready: Ready, client: ftplib.FTP, account: Credentials) -> None:
    """A server sends to nobody but its client's own address (RFC 2577 section 3): here that is the other server's too."""
    client.storbinary("STOR source", io.BytesIO(OCTETS))
    with connect(ready) as second:
        second.login(account.login, account.password)
        second.cwd(client.pwd())
        if client.sock.getpeername()[0] == client.sock.getsockname()[0]:
            ftplib.ftpcp(client, "source", second, "copy", "I")
            assert got(client, "copy") == OCTETS
        else:
            with pytest.raises(ftplib.Error, match=r"^[45]"):
                ftplib.ftpcp(client, "source", second, "copy", "I")


# -- folders


def test_folders(client: ftplib.FTP) -> None:
    here = client.pwd()
    assert client.mkd("a folder") == f"{here}/a folder"
    assert client.cwd("a folder").startswith("250")
    assert client.cwd("..").startswith("250")
    assert client.cwd("").startswith("250")
    client.cwd(here)
    assert client.rename("a folder", "Brücke").startswith("250")
    assert client.nlst() == ["Brücke"]
    assert client.rmd("Brücke").startswith("250")
    with pytest.raises(ftplib.error_perm):
        client.rmd("Brücke")


def test_files_are_renamed_and_deleted(client: ftplib.FTP) -> None:
    client.storbinary("STOR one", io.BytesIO(b"1"))
    client.rename("one", 'two "quoted"')
    assert client.nlst() == ['two "quoted"']
    assert client.delete('two "quoted"').startswith("250")
    with pytest.raises(ftplib.error_perm, match=r"^550"):
        client.delete("one")
    with pytest.raises(ftplib.error_perm, match=r"^550"):
        client.size("one")


def test_listings(client: ftplib.FTP) -> None:
    client.mkd("folder")
    client.storbinary("STOR file.txt", io.BytesIO(b"12345"))
    lines: list[str] = []
    client.dir(lines.append)
    assert sorted((line[0], line.split()[-1]) for line in lines) == [("-", "file.txt"), ("d", "folder")]
    assert sorted(client.nlst()) == ["file.txt", "folder"]
    entries = {name: facts for name, facts in client.mlsd() if facts["type"] in ("file", "dir")}
    assert {name: facts["type"] for name, facts in entries.items()} == {"file.txt": "file", "folder": "dir"}
    assert entries["file.txt"]["size"] == "5"
    assert len(entries["file.txt"]["modify"]) >= 14
    chosen = dict(client.mlsd("", ["type", "size"]))
    assert set(chosen["file.txt"]) == {"type", "size"}


def test_listings_of_elsewhere(client: ftplib.FTP, capsys: pytest.CaptureFixture[str]) -> None:
    client.mkd("folder")
    client.storbinary("STOR folder/inner", io.BytesIO(b""))
    assert [name.rpartition("/")[2] for name in client.nlst("folder")] == ["inner"]
    assert "inner" in [name for name, _ in client.mlsd("folder")]
    client.dir("folder")
    assert "inner" in capsys.readouterr().out
    client.delete("folder/inner")


def test_names_in_another_encoding(ready: Ready, account: Credentials, client: ftplib.FTP) -> None:
    assert client.encoding == "utf-8"
    client.storbinary("STOR 🦆 橋.txt", io.BytesIO(b"quack"))
    assert client.nlst() == ["🦆 橋.txt"]
    assert got(client, "🦆 橋.txt") == b"quack"


# -- guests


def test_guests_read(default_world: None, guest: ftplib.FTP, web: Sites) -> None:
    assert got(guest, "/pub/bytes.bin") == bytes(range(256)) * 16
    assert got(guest, "/pub/noise.bin") == web.get("/files/pub/noise.bin")
    assert "readme.txt" in [name.rpartition("/")[2] for name in guest.nlst("/pub")]
    assert guest.sendcmd("MDTM /pub/readme.txt") == "213 20240501100000"
    for path in ("/pub/new", "/home/new"):
        with pytest.raises(ftplib.error_perm, match=r"^5"):
            guest.storbinary(f"STOR {path}", io.BytesIO(b""))


def test_nobody_leaves_the_tree(client: ftplib.FTP) -> None:
    client.cwd("/")
    client.cwd("../../..")
    assert client.pwd() == "/"
    with pytest.raises(ftplib.error_perm):
        client.retrbinary("RETR ../../../../etc/passwd", print)


def test_digests_agree(client: ftplib.FTP) -> None:
    client.storbinary("STOR shared.bin", io.BytesIO(OCTETS))
    assert hashlib.sha256(got(client, "shared.bin")).digest() == hashlib.sha256(OCTETS).digest()


def test_what_guests_store_is_served_by_http(
    default_world: None, guest: ftplib.FTP, client: ftplib.FTP, web: Sites, token: str
) -> None:
    guest.cwd("/incoming")
    assert guest.storbinary(f"STOR {token}", io.BytesIO(OCTETS)).startswith("226")
    assert web.get(f"/files/incoming/{token}") == OCTETS
    client.delete(f"/incoming/{token}")


# -- TLS


def test_everything_over_tls(secure: ftplib.FTP_TLS) -> None:
    content = os.urandom(300_000)
    assert secure.storbinary("STOR octets", io.BytesIO(content)).startswith("226")
    assert got(secure, "octets", rest=100) == content[100:]
    assert secure.storlines("STOR lines", io.BytesIO(b"one\ntwo\n")).startswith("226")
    lines: list[str] = []
    secure.retrlines("RETR lines", lines.append)
    assert lines == ["one", "two"]
    assert sorted(secure.nlst()) == ["lines", "octets"]
    data, _ = secure.ntransfercmd("NLST")
    assert isinstance(data, ssl.SSLSocket)
    assert data.recv(100)
    data.unwrap()
    data.close()
    assert secure.voidresp().startswith("226")


def test_data_in_the_clear(secure: ftplib.FTP_TLS) -> None:
    assert secure.prot_c().startswith("200")
    secure.storbinary("STOR plain", io.BytesIO(b"in the clear"))
    assert got(secure, "plain") == b"in the clear"


def test_back_to_plain(secure: ftplib.FTP_TLS) -> None:
    assert secure.ccc().startswith("200")
    assert secure.sock.cipher() is None
    assert secure.pwd()
    assert secure.nlst() == []


def test_breaking_off_over_tls(secure: ftplib.FTP_TLS) -> None:
    secure.storbinary("STOR large", io.BytesIO(bytes(8 << 20)))
    secure.voidcmd("TYPE I")
    data = secure.transfercmd("RETR large")
    assert data.recv(1000)
    reply = secure.abort()
    assert reply[:3] in ("225", "226", "426")
    data.close()
    if reply.startswith("426"):
        secure.voidresp()
    assert secure.pwd()


def test_auth_by_itself(ready: Ready, tls: ssl.SSLContext, account: Credentials) -> None:
    where = service(ready, "ftp")
    with ftplib.FTP_TLS(timeout=TIMEOUT, context=tls) as client:
        client.connect(where.host, where.port)
        assert client.auth().startswith("234")
        with pytest.raises(ValueError, match="Already using TLS"):
            client.auth()
        client.login(account.login, account.password, secure=False)
        with pytest.raises(ftplib.error_perm):
            client.sendcmd("PROT Q")


def test_tls_with_a_stranger(ready: Ready) -> None:
    where = service(ready, "ftp")
    with ftplib.FTP_TLS(timeout=TIMEOUT, context=ssl.create_default_context()) as client:
        client.connect(where.host, where.port)
        with pytest.raises(ssl.SSLCertVerificationError):
            client.login()
        client.close()


def test_implicit_tls(ready: Ready, tls: ssl.SSLContext, account: Credentials) -> None:
    """ftplib knows AUTH TLS only: a socket that is wrapped before the greeting makes the rest."""
    where = service(ready, "ftps")
    client = ftplib.FTP_TLS(timeout=TIMEOUT, context=tls)
    client.host, client.port = where.host, where.port
    client.sock = tls.wrap_socket(socket.create_connection(where.address, TIMEOUT), server_hostname=where.host)
    client.af = client.sock.family
    client.file = client.sock.makefile("r", encoding=client.encoding)
    client.welcome = client.getresp()
    with client:
        assert client.getwelcome().startswith("220")
        client.login(account.login, account.password)
        client.prot_p()
        assert client.nlst("/")


# -- functions


def test_replies_taken_apart() -> None:
    assert ftplib.parse150("150 Opening (1234 bytes)") == 1234
    assert ftplib.parse150("150 Opening") is None
    assert ftplib.parse227("227 Entering Passive Mode (127,0,0,1,7,229)") == ("127.0.0.1", 2021)
    assert ftplib.parse229("229 Extended (|||2021|)", ("::1", 21, 0, 0)) == ("::1", 2021)
    assert ftplib.parse257('257 "/a ""quoted"" folder" created') == '/a "quoted" folder'
    assert ftplib.parse257("257 nothing") == ""
    with pytest.raises(ftplib.error_reply):
        ftplib.parse227("200 no")
    with pytest.raises(ftplib.error_proto):
        ftplib.parse227("227 no")
    with pytest.raises(ftplib.error_proto):
        ftplib.parse229("229 no", ("127.0.0.1", 21))
