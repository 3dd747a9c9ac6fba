"""The control connection and the service: refusals, limits, TLS, profiles, and the end."""

from __future__ import annotations

import asyncio
import ftplib
import hashlib
import io
import os
import random
import socket
import threading
import time
import zlib
from typing import Any

import pytest
from ftp_place import FTPS, Place, Talk, place, until
from pyftpdlib.ioloop import IOLoop, Select

from minternet.protocols.ftp import server as ftp_server
from minternet.protocols.ftp.rider import Rider
from minternet.protocols.ftp.table import TABLE
from minternet.settings import SettingsError
from minternet.wire.tls import Authority


def test_every_command_of_pyftpdlib_is_there_and_described() -> None:
    from pyftpdlib.handlers import TLS_FTPHandler  # not earlier: before pyftpdlib.ioloop it would warn of asyncore

    rows = {row.name: row for row in TABLE}
    assert set(TLS_FTPHandler.proto_cmds) <= set(rows)
    assert all(row.help and row.rfc for row in rows.values())
    assert set(rows) >= ftp_server.AUTH_COMMANDS


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "500"),
        ("XYZZY", "500"),
        ("CWD \udce9", "501"),
        ("CWD /nowhere", "550"),
        ("CWD /pub/readme.txt", "550"),
        ("RETR", "501"),
        ("NOOP x", "501"),
        ("TYPE E", "504"),
        ("TYPE L 8", "200"),
        ("MODE B", "504"),
        ("MODE ?", "501"),
        ("MODE S", "200"),
        ("STRU R", "504"),
        ("STRU F", "200"),
        ("REST -1", "501"),
        ("REST 99999999999999999999", "501"),
        ("PORT 1,2,3", "501"),
        ("PORT 127,0,0,1,1,256", "501"),
        ("PORT 127,0,0,1,0,21", "501"),
        ("PORT 10,0,0,1,20,20", "501"),
        ("EPRT |1|10.0.0.1|5000|", "501"),
        ("EPRT |1|127.0.0.1|80|", "501"),
        ("EPRT |2|::1|5000|", "522"),
        ("EPRT |3|x|5000|", "522"),
        ("EPRT x", "501"),
        ("EPSV 2", "522"),
        ("EPSV x", "501"),
        ("RETR /pub/readme.txt", "425"),
        ("STOR x", "425"),
        ("LIST", "425"),
        ("RNTO x", "503"),
        ("USER alice", "331"),
        ("MKD /home/alice/notes.txt/x", "550"),
        ("MKD " + "x" * 300, "553"),
        ("MKD " + "x/" * 2090, "553"),
        ("RMD /home/alice/notes.txt", "550"),
        ("DELE /home/alice", "550"),
        ("DELE /home/alice/nothing", "550"),
        ("MFMT 2024 notes.txt", "501"),
        ("MFMT 20241301000000 notes.txt", "501"),
        ("MFMT 20240101000000", "501"),
        ("MFMT 20240101000000 notes.txt", "213"),
        ("MFF Modify=20240101000000;UNIX.mode=0600; notes.txt", "213"),
        ("MFF Create=20240101000000; notes.txt", "504"),
        ("SITE", "501"),
        ("SITE EXEC rm", "500"),
        ("SITE CHMOD 888 notes.txt", "501"),
        ("SITE CHMOD 600 notes.txt", "200"),
        ("SITE UTIME 202401010000 notes.txt", "200"),
        ("SITE UTIME notes.txt 20240101000000 20240102000000 20240103000000 UTC", "200"),
        ("SITE HELP", "214"),
        ("SITE HELP CHMOD", "214"),
        ("HELP STOR", "214"),
        ("HELP NOTHING", "501"),
        ("OPTS UTF8 ON", "200"),
        ("OPTS UTF8 OFF", "504"),
        ("OPTS NOTHING", "501"),
        ("OPTS HASH MD4", "504"),
        ("LANG EN-us", "200"),
        ("LANG FR", "504"),
        ("HOST ftp.example.test", "503"),
        ("ACCT x", "202"),
        ("SMNT /", "504"),
        ("PBSZ 0", "503"),
        ("PROT P", "503"),
        ("CCC", "533"),
        ("AUTH KERBEROS", "504"),
        ("ABOR", "225"),
        ("MLSD notes.txt", "501"),
        ("SIZE /pub", "550"),
        ("MDTM /pub/readme.txt", "213"),
        ("MDTM /pub/nothing", "550"),
        ("STAT /pub/nothing", "550"),
        ("XCRC notes.txt 5 2", "501"),
        ("CLNT tests", "200"),
        ("AVBL /pub", "213"),
        ("SYST", "215"),
    ],
)
def test_replies(ftp: Place, line: str, code: str) -> None:
    with ftp.talk().log_in() as talk:
        assert talk.ask(line)[:3] == code
        assert talk.ask("NOOP").startswith("200")


def test_nothing_but_the_log_in_before_it(ftp: Place) -> None:
    with ftp.talk() as talk:
        talk.read()
        inside = [row.name for row in TABLE if "connected" not in row.states]
        assert len(inside) > 45
        assert {talk.ask(f"{name} x")[:3] for name in inside} == {"530"}
        assert talk.codes("PASS x", "HOST nowhere.invalid", "HOST ftp.example.test") == ["503", "504", "220"]
        assert talk.codes("USER alice", "PASS wonderland", "PASS again", "USER bob", "PWD") == [
            *("331", "230", "503", "331", "530")
        ]


def test_wrong_log_ins_are_slowed_and_limited(authority: Authority) -> None:
    with place(authority, limits={"login_failures": 3, "login_delay": 0.05}) as ftp, ftp.talk() as talk:
        talk.read()
        started = time.perf_counter()
        talk.send(*["USER alice", "PASS wrong"] * 3, "USER alice", "PASS wonderland")
        replies = [talk.read() for _ in range(6)]
        assert [reply[:3] for reply in replies] == ["331", "530"] * 3
        assert time.perf_counter() - started >= 0.05 * (1 + 2 + 3) * 0.9
        assert talk.read() == ""
        assert "wrong" not in ftp.transcript().replace("wrong_", "")


def test_disabled_and_unknown_accounts_are_the_same(ftp: Place) -> None:
    with ftp.talk() as talk:
        talk.read()
        assert talk.codes("USER nobody", "PASS x", "USER alice", "PASS x") == ["331", "530", "331", "530"]


def test_policies(authority: Authority) -> None:
    with place(authority, anonymous=False, plaintext_login=False) as ftp:
        with ftp.talk() as talk:
            talk.read()
            assert talk.codes("USER anonymous", "USER alice") == ["530", "530"]
        with ftp.tls_client() as client:
            assert client.pwd() == "/home/alice"


def test_a_line_too_long_and_many_not_understood(authority: Authority) -> None:
    with place(authority, limits={"bad_commands": 5}) as ftp, ftp.talk() as talk:
        talk.read()
        talk.sock.sendall(b"CWD " + b"x" * (1 << 20) + b"\r\nNOOP\r\n")
        assert [talk.read()[:3] for _ in range(2)] == ["500", "200"]
        talk.send(*["XYZZY"] * 10)
        assert [talk.read()[:3] for _ in range(6)] == ["500", "500", "500", "500", "421", ""]


def test_random_octets_do_no_harm(ftp: Place) -> None:
    chance = random.Random(7)
    for _ in range(15):
        with ftp.talk() as talk:
            talk.sock.sendall(chance.randbytes(3000) + b"\r\n" + chance.randbytes(100))
    with ftp.talk().log_in() as talk:
        assert talk.ask("NOOP").startswith("200")


def test_a_client_that_does_not_read_is_not_read_from(ftp: Place) -> None:
    with ftp.talk() as talk:
        talk.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            talk.sock.sendall(b"HELP\r\n" * 5_000_000)
        with ftp.talk().log_in() as other:
            assert other.ask("NOOP").startswith("200")


def test_too_many_connections(authority: Authority) -> None:
    with place(authority, limits={"connections": 2}) as ftp:
        with ftp.talk().log_in(), ftp.talk().log_in():
            assert ftp.running.connections == 2
            with ftp.talk() as third:
                assert third.read().startswith("421")
                assert third.read() == ""
        until(lambda: ftp.running.connections == 0)
        with ftp.talk().log_in():
            pass


def test_idle_sessions_and_data_connections(authority: Authority) -> None:
    with place(authority, limits={"ftp_idle": 0.2, "ftp_data_idle": 0.1}) as ftp, ftp.talk().log_in() as talk:
        ftp.call(ftp.world.clock.resume)
        data = talk.passive()
        talk.ask("STOR x")
        assert talk.read().startswith("426")
        assert talk.read().startswith("421")
        assert talk.read() == ""
        data.close()


def test_a_stranger_cannot_take_the_passive_port(ftp: Place) -> None:
    if not hasattr(socket, "SO_REUSEPORT"):
        pytest.skip("the other loopback addresses are Linux's")
    with ftp.talk().log_in() as talk:
        port = int(talk.ask("EPSV").split("|")[3])
        try:
            stranger = socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0))
        except OSError:
            pytest.skip("no second loopback address")
        with stranger:
            assert stranger.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), 5) as data:
            talk.ask("NLST /pub")
            assert data.recv(100) == b"/pub/data.bin\r\n/pub/readme.txt\r\n"
        assert talk.read().startswith("226")


def test_active_to_nobody(ftp: Place) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with ftp.talk().log_in() as talk:
            assert talk.codes(f"PORT 127,0,0,1,{port >> 8},{port & 255}", "LIST") == ["200", "150"]
            assert talk.read().startswith("425")
            assert talk.ask("LIST").startswith("425")


def test_epsv_all(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        assert (
            talk.codes("EPSV ALL", "PASV", "PORT 127,0,0,1,20,20", "EPRT |1|127.0.0.1|5000|") == ["200"] + ["501"] * 3
        )
        talk.passive().close()


def test_passive_ports_and_public_address(authority: Authority) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings: dict[str, Any] = {"passive_ports": (port, port), "public_host": "198.51.100.7"}
    with place(authority, **settings) as ftp, ftp.talk().log_in() as talk, ftp.talk().log_in() as other:
        wanted = f"227 Entering Passive Mode (198,51,100,7,{port >> 8},{port & 255})."
        assert talk.ask("PASV") == wanted
        assert other.ask("PASV").startswith("425")
        assert talk.ask("PASV") == wanted


def test_the_only_passive_port_serves_one_after_the_other(authority: Authority) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        place(authority, passive_ports=(port, port)) as ftp,
        ftp.client() as client,
        ftp.client("bob", "builder") as other,
    ):
        for number in range(10):
            content = b"%d" % number
            client.storbinary("STOR x", io.BytesIO(content))
            assert "/pub/readme.txt" in other.nlst("/pub")
            got = io.BytesIO()
            client.retrbinary("RETR x", got.write)
            assert got.getvalue() == content


def test_pasv_is_refused_over_ipv6(ftp: Place) -> None:
    with ftp.talk("::1").log_in() as talk:
        assert talk.codes("PASV", "EPRT |1|127.0.0.1|5000|", "EPRT |2|0:0:0:0:0:0:0:1|5000|", "EPSV 2") == [
            *("425", "522", "200", "229")
        ]


def test_plaintext_sent_ahead_of_tls_is_dropped(ftp: Place, authority: Authority) -> None:
    with ftp.talk() as talk:
        talk.read()
        talk.send("AUTH TLS", "USER alice", "PASS wonderland")
        assert talk.read().startswith("234")
        talk.secure(authority.client_context())
        assert talk.codes("PWD", "AUTH TLS", "PROT P", "PBSZ x", "PBSZ 0", "PROT S", "PROT P") == [
            *("530", "503", "503", "501", "200", "536", "200")
        ]
        assert talk.codes("USER alice", "PASS wonderland", "CCC") == ["331", "230", "200"]


def test_a_data_connection_without_a_handshake(authority: Authority) -> None:
    with place(authority, limits={"handshake": 0.3}) as ftp, ftp.tls_client() as client:
        with ftplib.FTP.ntransfercmd(client, "NLST /pub")[0], pytest.raises(ftplib.error_perm, match="522"):
            client.voidresp()
        assert client.nlst("/pub/*.txt") == ["/pub/readme.txt"]


def heard(talk: Talk) -> bytes:
    """The first octet that comes, b"" for an end of any kind."""
    try:
        return talk.sock.recv(100)[:1]
    except ConnectionResetError:
        return b""


def test_rubbish_instead_of_a_handshake(authority: Authority) -> None:
    with place(authority, limits={"handshake": 0.2}) as ftp, place(authority, service=FTPS) as ftps:
        with ftp.talk() as talk:
            talk.read()
            talk.ask("AUTH TLS")
            talk.sock.sendall(b"USER alice\r\n" * 10)
            assert heard(talk) in (b"", b"\x15")
        with ftp.talk() as silent:
            silent.read()
            silent.ask("AUTH TLS")
            assert silent.sock.recv(100) == b""
        with ftps.talk() as talk:
            talk.sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert heard(talk) in (b"", b"\x15")
        with ftps.talk():
            pass
        until(lambda: ftp.running.connections == ftps.running.connections == 0)


def test_hashes(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        assert talk.ask("HASH notes.txt").split()[1:3] == ["SHA-256", "0-9"]
        assert talk.ask("XMD5 notes.txt") == "250 " + hashlib.md5(b"Buy milk.\n").hexdigest()
        assert talk.ask("XCRC notes.txt") == f"250 {zlib.crc32(b'Buy milk.' + bytes([10])):08x}"
        assert talk.ask('XCRC "notes.txt" 0 3') == talk.ask("XCRC notes.txt 0 3")
        whole = talk.ask("XSHA1 notes.txt").split()[1]
        assert talk.codes("RANG 0 3", "OPTS HASH SHA-1") == ["350", "200"]
        part = talk.ask("HASH notes.txt").split()
        assert part[1:3] == ["SHA-1", "0-3"]
        assert part[3] != whole
        assert talk.ask("HASH notes.txt").split()[3] == whole
        assert "SHA-1*" in talk.ask("FEAT")
        assert len(talk.ask("XSHA256 notes.txt")) == 4 + 64
        assert len(talk.ask("XSHA512 notes.txt")) == 4 + 128


def test_facts_and_names(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        assert (
            talk.ask("MLST notes.txt")
            .split("\n")[1]
            .startswith(" type=file;size=10;modify=20240501120000;perm=adfrw;unique=")
        )
        assert talk.ask("OPTS MLST size;UNIX.mode;nonsense;") == "200 MLST OPTS size;UNIX.mode;"
        assert talk.ask("MLST notes.txt").split("\n")[1] == " size=10;UNIX.mode=0644; /home/alice/notes.txt"
        assert talk.ask("OPTS MLST") == "200 MLST OPTS"
        assert talk.ask("MLST /").split("\n")[1] == "  /"
        assert talk.ask('MKD a "b" \u00e9').startswith('257 "/home/alice/a ""b"" \u00e9"')
        assert talk.codes('CWD a "b" \u00e9', "SITE CPFR ../notes.txt", "SITE CPTO copy", "SIZE copy") == [
            *("250", "350", "250", "213")
        ]
        assert talk.codes("RNFR copy", "RNTO ../moved", "CDUP", 'RMD a "b" \u00e9', "DELE moved") == [
            *("350", "250", "250", "250", "250")
        ]


def test_patterns_and_options_of_ls(ftp: Place) -> None:
    with ftp.client() as client:
        assert client.nlst("/pub/*.txt") == ["/pub/readme.txt"]
        assert client.nlst("/pub/readme.txt") == ["/pub/readme.txt"]
        client.cwd("/pub")
        assert client.nlst("*.t?t") == ["readme.txt"]
        for arguments, wanted in ((["-la"], [".", "..", "data.bin", "readme.txt"]), (["-l", "*.bin"], ["data.bin"])):
            lines: list[str] = []
            client.dir(*arguments, lines.append)
            assert [line.split()[-1] for line in lines] == wanted


def test_hidden_commands(authority: Authority) -> None:
    names = frozenset({"MLST", "MLSD", "EPSV", "UTF8", "STARTTLS"})
    with place(authority, hidden=names) as ftp, ftp.talk() as talk:
        talk.read()
        told = talk.ask("FEAT") + talk.ask("HELP")
        assert not {name for name in ("MLST", "MLSD", "EPSV", "UTF8", "AUTH", "PROT", "CCC") if name in told}
        assert talk.codes("MLSD", "EPSV", "OPTS MLST", "HELP EPSV") == ["502", "502", "501", "501"]
        assert talk.ask("AUTH TLS")[:1] == "5"


@pytest.mark.parametrize(
    ("profile", "greeting", "system", "line"),
    [
        (
            "vsftpd",
            "220 (vsFTPd 3.0.5)",
            "215 UNIX Type: L8",
            "-rw-r--r--    1 1000     1000           17 May  1 12:00 readme.txt",
        ),
        (
            "proftpd",
            "220 ProFTPD Server",
            "215 UNIX Type: L8",
            "-rw-r--r--   1 ftp      ftp            17 May  1 12:00 readme.txt",
        ),
        ("iis", "220 Microsoft FTP Service", "215 Windows_NT", "05-01-24  12:00PM                   17 readme.txt"),
    ],
)
def test_profiles(authority: Authority, profile: str, greeting: str, system: str, line: str) -> None:
    with place(authority, profile=profile) as ftp, ftp.client() as client:
        assert client.getwelcome().startswith(greeting)
        assert client.sendcmd("SYST") == system
        lines: list[str] = []
        client.dir("/pub/r*", lines.append)
        assert lines == [line]
        knows = "MLST" in client.sendcmd("FEAT")
        assert knows == (profile == "proftpd")
        client.storbinary("STOR x", io.BytesIO(b"x"))


def test_pasv_that_lies_and_profiles_that_are_not(authority: Authority) -> None:
    with place(authority, profile="vsftpd+lying-pasv") as ftp, ftp.client() as client:
        assert "(192,0,2,1," in client.sendcmd("PASV")
        assert client.nlst("/pub")
    with pytest.raises(SettingsError), place(authority, profile="wuftpd"):
        pass


def test_two_services_know_nothing_of_each_other(authority: Authority) -> None:
    with place(authority, profile="iis") as one, place(authority, anonymous=False) as two:
        with one.client() as first, two.client() as second:
            first.storbinary("STOR x", io.BytesIO(b"1"))
            assert two.content("/home/alice/x") is None
            assert second.sendcmd("SYST") == "215 UNIX Type: L8"
            assert "MLST" in second.sendcmd("FEAT")
        with one.client("anonymous"):
            pass


def test_dismiss_says_so_and_goes_on_listening(ftp: Place) -> None:
    with ftp.talk().log_in() as talk, ftp.talk() as fresh:
        fresh.read()
        ftp.call(ftp.running.dismiss, "The world was reset.")
        assert talk.read() == fresh.read() == "421 The world was reset."
        assert talk.read() == ""
    with ftp.talk().log_in():
        pass


def test_the_end_is_said_once_under_tls(authority: Authority) -> None:
    with place(authority) as ftp, ftp.tls_client() as client:
        client.retrlines("LIST", lambda line: None)
        ftp.call(ftp.running.drain, 0.0)
        assert client.getline() == "421 The server is shutting down."
        with pytest.raises(EOFError):
            client.getline()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")  # noqa: PTH112
def test_nothing_is_left_after_a_drain(authority: Authority) -> None:
    with place(authority) as warm:
        warm.client().close()
    before, threads = descriptors(), threading.active_count()
    with place(authority) as ftp:
        talks = [ftp.talk().log_in() for _ in range(3)]
        held = [talks[0].passive()]
        talks[1].ask("EPSV")
        talks[1].ask("RETR /pub/readme.txt")
        talks[2].ask("TYPE I")
        held.append(talks[2].passive())
        talks[2].ask("STOR x")
        held[1].sendall(bytes(3_000_000))
        until(lambda: ftp.running.connections == 3)
        ftp.call(ftp.running.drain, 0.05)
        assert ftp.running.connections == 0
        assert [talk.read()[:3] for talk in talks] == ["421", "421", "421"]
        for talk, data in zip(talks, [*held, None], strict=True):
            talk.close()
            if data is not None:
                data.close()
        assert ftp.content("/home/alice/x") is None
    assert (descriptors(), threading.active_count()) == (before, threads)


def test_a_drain_lets_a_transfer_end(ftp: Place) -> None:
    with ftp.talk().log_in() as talk:
        data = talk.passive()
        talk.ask("STOR x")
        drained = asyncio.run_coroutine_threadsafe(ftp.running.drain(5.0), ftp.loop)
        threading.Event().wait(0.05)
        assert not drained.done()
        data.sendall(b"saved")
        data.close()
        assert talk.read().startswith("226")
        assert talk.read().startswith("421")
        talk.close()
        drained.result(5)
        assert ftp.content("/home/alice/x") == b"saved"


def test_the_rider_without_a_descriptor_and_with_an_error() -> None:
    async def ride() -> list[str]:
        told: list[str] = []
        late = asyncio.Event()
        select = Rider(lambda error: told.append(repr(error)), Select)
        select.poller.call_later(0.01, late.set)
        select.poller.call_later(0, told.append, "at once")
        select.wake()
        await asyncio.wait_for(late.wait(), 10)
        select.close()
        select.close()

        class Broken(IOLoop):  # type: ignore[misc]
            def loop(self, timeout: float | None = None, blocking: bool = True) -> float | None:
                raise OSError("broken")

        Rider(lambda error: told.append(repr(error)), Broken).step()
        return told

    assert asyncio.run(ride()) == ["at once", "OSError('broken')"]


def test_accepting_goes_on_after_an_error(ftp: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minternet.protocols.ftp.door.ACCEPT_AGAIN", 0.05)
    doors = ftp.running._doors  # type: ignore[attr-defined]

    def fail() -> None:
        try:
            raise OSError("too many open files")
        except OSError:
            doors[0].handle_error()
            ftp.running.rider.wake()  # type: ignore[attr-defined]

    ftp.context.log.disabled = True
    try:
        ftp.call(fail)
        with ftp.talk().log_in():
            pass
    finally:
        ftp.context.log.disabled = False
