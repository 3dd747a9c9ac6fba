"""Hiding: what is offered can be hidden, and only that."""

from __future__ import annotations

import ftplib
import imaplib
import poplib
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from minternet import Internet, Settings, StartError
from minternet.protocols.hiding import hideable

SERVICES = ("smtp", "imap", "pop3", "nntp", "ftp")


@pytest.fixture(scope="module")
def net() -> Iterator[Internet]:
    with Internet(settings=Settings(ephemeral=True, services=SERVICES)) as net:
        yield net


def offered(net: Internet, protocol: str) -> set[str]:
    """What a server says of itself, before and after log-in."""
    match protocol:
        case "smtp":
            with smtplib.SMTP(*net.smtp.address) as smtp:
                smtp.ehlo()
                return {name.upper() for name in smtp.esmtp_features}
        case "imap":
            with imaplib.IMAP4(*net.imap.address) as imap:
                before = imap.capabilities
                imap.login("alice", "wonderland")
                after = imap.capability()[1][0].decode().split()
            return {name for name in (*before, *after) if not name.startswith("APPENDLIMIT")}
        case "pop3":
            pop3 = poplib.POP3(*net.pop3.address)
            names = set(pop3.capa())
            pop3.quit()
            return names
        case "nntp":
            with socket.create_connection(net.nntp.address) as connection:
                connection.sendall(b"CAPABILITIES\r\nQUIT\r\n")
                said = connection.makefile("rb").read().decode()
            lines = said[said.index("101 ") : said.index("\r\n.\r\n")].splitlines()[1:]
            return {line.split()[0] for line in lines} - {"VERSION"}
    with ftplib.FTP() as ftp:
        ftp.connect(*net.ftp.address)
        return {line.split()[0] for line in ftp.sendcmd("FEAT").splitlines()[1:-1]} - {"AUTH"}


@pytest.mark.parametrize("protocol", SERVICES)
def test_all_that_is_offered_can_be_hidden(net: Internet, protocol: str) -> None:
    there = offered(net, protocol)
    assert there
    assert {name.upper() for name in there} <= hideable(protocol)


@pytest.mark.parametrize(
    ("hide", "told"),
    [
        ({"imap": ("IDEL",)}, "imap has no capability 'IDEL'; there are ACL, APPENDLIMIT"),
        ({"smtp": ("UIDL",)}, "smtp has no capability 'UIDL'"),
        ({"submission": ("8BITMINE",)}, "did you mean '8BITMIME'?"),
        ({"pop3s": ("UIDLE",)}, "did you mean 'UIDL'?"),
        ({"nntp": ("OVERT",)}, "did you mean 'OVER'?"),
        ({"ftp": ("MSLD",)}, "did you mean 'MLSD'?"),
        ({"http": ("GET",)}, "http has no capability 'GET'; it has nothing to hide"),
        ({"gopher": ("X",)}, "no service is called 'gopher'"),
    ],
    ids=str,
)
def test_what_is_not_there_cannot_be_hidden(hide: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(StartError) as raised:
        Internet(settings=Settings(ephemeral=True, services=("echo",), hide=hide)).start()
    assert told in str(raised.value)


@pytest.mark.parametrize("protocol", SERVICES)
def test_all_names_are_there_before_any_service_runs(net: Internet, protocol: str) -> None:
    """A table is filled by the modules of its commands, which a new process has not imported yet."""
    script = f"from minternet.protocols.hiding import hideable; print(*sorted(hideable({protocol!r})), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert net.supervisor.supervised[protocol].status == "running"
    assert set(done.stdout.splitlines()) == hideable(protocol)
