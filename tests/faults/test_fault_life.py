"""Faults of a running internet: set and taken back at any time, each internet's its own, told of where they strike."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import imaplib
import shutil
import smtplib
import socket
from pathlib import Path
from typing import Any

import pytest
from faults.clients import (
    IMPLICIT,
    LETTER,
    PATIENT,
    article,
    echo,
    fetch,
    ftp,
    get,
    imap,
    pop3,
    send,
    smtp,
)

from minternet import Internet, Settings, settings
from minternet.cli import main
from minternet.commands.options import settings_of
from minternet.faults.rule import Fault, FaultError
from minternet.internet import default_fixtures
from minternet.supervisor import StartError


def subjects(net: Internet, login: str = "bob") -> int:
    """How many messages somebody has in the INBOX."""
    return len(net.account(login).inbox)


def test_a_fault_strikes_the_second_fetch_only(net: Internet) -> None:
    net.faults.add("imap FETCH: reply NO [UNAVAILABLE] Later, n=2")
    with imap(net) as client:
        assert [client.fetch("1", "(FLAGS)")[0] for _ in range(3)] == ["OK", "NO", "OK"]


def test_conversations_that_are_open_are_struck_as_well(net: Internet) -> None:
    with imap(net) as client, ftp(net) as files, socket.create_connection(net.echo.address, PATIENT) as plain:
        plain.sendall(b"a")
        assert plain.recv(9) == b"a"
        with net.faults.during("imap NOOP: reply NO No", "echo: corrupt rate=1", "ftp: corrupt offset=0"):
            assert client.noop()[0] == "NO"
            plain.sendall(b"a")
            assert plain.recv(9) == b"!"
            with pytest.raises(Exception, match="r57"):
                files.pwd()
        assert client.noop()[0] == "OK"
        plain.sendall(b"a")
        assert plain.recv(9) == b"a"
        assert files.pwd() == "/home/alice"


def test_what_the_network_holds_back_comes_when_the_fault_goes(net: Internet) -> None:
    with socket.create_connection(net.echo.address, PATIENT) as plain:
        with net.faults.during("echo: latency 600000"):
            plain.sendall(b"hello")
            plain.settimeout(0.05)
            with pytest.raises(TimeoutError):
                plain.recv(9)
        plain.settimeout(PATIENT)
        assert plain.recv(9) == b"hello"


def test_a_closed_connection_waits_for_what_is_held_back(net: Internet) -> None:
    """A connection that the server has closed is swept after a while, but not while its last words are on the way."""
    listener: Any = net.supervisor.supervised["smtp"].running

    async def sweep() -> None:
        for later in (100.0, 200.0):
            listener.sweep(asyncio.get_running_loop().time() + later)

    with socket.create_connection(net.smtp.address, PATIENT) as plain, plain.makefile("rb") as said:
        said.readline()
        net.faults.add("smtp: latency 300")
        plain.sendall(b"QUIT\r\n")
        for _ in range(3):  # what came first has been obeyed by then
            echo(net, PATIENT)
        net.call(sweep())
        assert said.readline().startswith(b"221")
        assert said.read() == b""


def test_going_down_ends_what_is_open(net: Internet) -> None:
    with smtp(net) as client, ftp(net) as files:
        net.faults.add("smtp: down")
        net.faults.add("ftp: down")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
        with pytest.raises((EOFError, ConnectionError)):
            files.pwd()
        net.faults.clear()
    assert send(net, PATIENT) == {}


def test_before_the_command_is_not_carried_out_and_instead_it_is(net: Internet) -> None:
    """A reply that lies about a letter that was taken is how letters come twice."""
    before = subjects(net)
    net.faults.add("smtp .: reply 451 4.3.0 Try again, when=before, first=1")
    with pytest.raises(smtplib.SMTPDataError):
        send(net, PATIENT)
    assert subjects(net) == before
    net.faults.clear()
    net.faults.add("smtp .: reply 451 4.3.0 Try again, when=instead, first=1")
    with pytest.raises(smtplib.SMTPDataError):
        send(net, PATIENT)
    assert subjects(net) == before + 1


@pytest.mark.parametrize(("accepted", "more"), [("yes", 1), ("no", 0)])
def test_dropped_after_the_dot(net: Internet, accepted: str, more: int) -> None:
    before = subjects(net)
    net.faults.add(f"smtp: drop_after_dot accepted={accepted}")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(net, PATIENT)
    assert subjects(net) == before + more


def test_chunks_end_with_a_dot_too(net: Internet) -> None:
    net.faults.add("smtp .: reply 452 4.3.1 Full")
    with smtp(net) as client:
        client.ehlo()
        client.mail("a@example.test")
        client.rcpt("bob@example.test")
        client.putcmd("BDAT", f"{len(LETTER)} LAST")
        client.send(LETTER)
        assert client.getreply()[0] == 452
        assert client.noop()[0] == 250


def test_what_follows_a_refused_command_is_not_taken_for_commands(net: Internet) -> None:
    net.faults.add("smtp BDAT: reply 452 4.3.1 Full")
    net.faults.add("imap APPEND: reply NO Full")
    with smtp(net) as client:
        client.ehlo()
        client.putcmd("BDAT", "8 LAST")
        client.send(b"RSET\r\n\r\n")
        assert client.getreply()[0] == 452
        assert client.noop()[0] == 250
    with imap(net) as reader:
        reader.send(b"a1 APPEND INBOX {4+}\r\nNOOP\r\na2 NOOP\r\n")
        assert reader.readline() == b"a1 NO Full\r\n"
        assert reader.readline().startswith(b"a2 OK")


def test_recipients_have_counts_of_their_own(net: Internet) -> None:
    net.faults.add("smtp RCPT *@example.test*: reply 450 4.2.0 Busy, first=1, per=argument")
    with smtp(net) as client:
        client.ehlo()
        client.mail("a@example.test")
        codes = [client.rcpt(f"{name}@example.test")[0] for name in ("bob", "carol", "bob", "carol", "bob")]
    assert codes == [450, 450, 250, 250, 250]


def test_a_greylisted_letter_is_taken_the_second_time(net: Internet) -> None:
    net.faults.add("smtp: greylist")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(net, PATIENT)
    assert send(net, PATIENT) == {}


def test_accounts_and_arguments(net: Internet) -> None:
    net.faults.add("*: login_failure, account=bob")
    net.faults.add("http GET /status/*: reply 500 Broken")
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        fetch(net, PATIENT)
    client = imaplib.IMAP4(*net.imap.address, timeout=PATIENT)
    assert client.login("alice", "wonderland")[0] == "OK"
    client.logout()
    web = http.client.HTTPConnection(*net.http.address, timeout=PATIENT)
    statuses = []
    for path in ("/status/204", "/get"):
        web.request("GET", path)
        reply = web.getresponse()
        reply.read()
        statuses.append(reply.status)
    web.close()
    assert statuses == [500, 200]


def test_secrets_of_refused_log_ins_stay_secret(net: Internet) -> None:
    net.faults.add("*: login_failure")
    before = net.transcripts.opened
    for client in (fetch, article):
        with contextlib.suppress(imaplib.IMAP4.error):
            client(net, PATIENT)
    with contextlib.suppress(Exception), ftp(net):
        pass
    with contextlib.suppress(Exception), pop3(net):
        pass
    said = "".join(each.text() for each in net.transcripts.conversations() if each.number > before)
    assert "PASS" in said
    assert "builder" not in said
    assert "wonderland" not in said


def test_each_stroke_is_told(net: Internet) -> None:
    cursor = net.cursor()
    net.faults.add("imap FETCH: reply NO Later, name=later, first=1")
    fetch(net, PATIENT)
    event = net.wait_for(lambda event: getattr(event.change, "fault", "") == "later", since=cursor)
    struck = event.change
    assert (struck.kind, struck.service, struck.command, struck.stroke) == ("reply", "imap", "FETCH", 1)
    transcript = net.transcripts.find(struck.conversation)
    assert transcript is not None
    assert "*: fault 'later': reply at FETCH" in transcript.text()
    (report,) = net.faults.reports
    assert (report.strokes, report.uses) == (net.faults.strokes("later"), net.faults.uses("later")) == (1, 1)
    assert (report.strokes, report.conversations) == (1, (struck.conversation,))
    assert net.faults.struck[-1] == struck


def test_a_client_that_tries_three_times_is_struck_twice(net: Internet) -> None:
    fault = net.faults.add("=smtp RCPT: reply 450 4.2.0 Busy, first=2")
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(net, PATIENT)
    assert send(net, PATIENT) == {}
    assert (net.faults.uses(fault), net.faults.strokes(fault)) == (3, 2)


def test_one_service_and_not_all_of_its_protocol(net: Internet) -> None:
    fault = net.faults.add("=imap: close")
    assert IMPLICIT["imaps"](net) == "BYE"
    with pytest.raises(imaplib.IMAP4.abort):
        fetch(net, PATIENT)
    assert net.faults.uses(fault) == 1


def test_internets_do_not_know_each_others_faults() -> None:
    with contextlib.ExitStack() as stack:
        chosen = Settings(ephemeral=True, services=("echo", "imap"))
        nets = [stack.enter_context(Internet(settings=chosen)) for _ in range(3)]
        for number, net in enumerate(nets):
            net.faults.add(f"echo: corrupt offset={number}")
        assert [echo(net, PATIENT) for net in nets] == [b"(ello", b"h%llo", b"he,lo"]
        nets[0].faults.clear()
        assert [echo(net, PATIENT) for net in nets] == [b"hello", b"h%llo", b"he,lo"]


def test_the_same_seed_gives_the_same_run() -> None:
    """Which FETCH fails, and what is changed of an echo, by chance: the same in both runs."""
    runs = []
    for _ in range(2):
        with Internet(settings=Settings(ephemeral=True, services=("echo", "imap"))) as net:
            net.faults.add("imap FETCH: reply NO Later, probability=0.5, name=sometimes")
            net.faults.add("echo: corrupt rate=0.4, seed=11")
            with imap(net) as client:
                run = [client.fetch("1", "(FLAGS)")[0] for _ in range(24)]
            runs.append((run, [echo(net, PATIENT) for _ in range(4)]))
            seeds = {report.fault.name: report.seed for report in net.faults.reports}
    assert runs[0] == runs[1]
    assert {"OK", "NO"} == set(runs[0][0])
    assert seeds["echo: corrupt"] == 11


def test_toxicity_is_a_part_of_the_connections(net: Internet) -> None:
    net.faults.add("echo: corrupt rate=1, toxicity=0.5, seed=3")
    seen = [echo(net, PATIENT) == b"hello" for _ in range(16)]
    assert 2 <= seen.count(True) <= 14
    net.faults.clear()
    net.faults.add("echo: corrupt rate=1, toxicity=0.5, seed=3")
    assert [echo(net, PATIENT) == b"hello" for _ in range(16)] == seen


def test_names(net: Internet) -> None:
    first = net.faults.add("echo: close")
    second = net.faults.add("echo: close")
    assert (first.name, second.name) == ("echo: close", "echo: close 2")
    net.faults.add("echo: corrupt rate=1", name="echo: close")  # in its place
    assert [report.fault.kind for report in net.faults.reports] == ["corrupt", "close"]
    net.faults.remove(second)
    assert echo(net, PATIENT) != b"hello"
    with pytest.raises(FaultError, match=r"no fault is called 'nothing'; there are 'echo: close'"):
        net.faults.remove("nothing")
    with pytest.raises(FaultError, match="it takes latency"):
        net.faults.add("echo: latency lag=1")
    net.faults.add(Fault(kind="close", service="echo", enabled=False), name="echo: close")
    assert echo(net, PATIENT) == b"hello"


# -- from the start


def test_faults_of_settings_come_back_at_a_reset() -> None:
    chosen = Settings(ephemeral=True, services=("imap", "http"), faults=("imap FETCH: reply NO Later, first=1",))
    with Internet(settings=chosen) as net:
        for _ in range(2):
            assert fetch(net, PATIENT)[0] == "NO"
            assert fetch(net, PATIENT)[0] == "OK"
            net.faults.add("http: reply 500 no")
            net.reset()
            assert get(net, PATIENT)[0] == 200


def test_faults_of_fixtures(tmp_path: Path) -> None:
    folder = tmp_path / "fixtures"
    shutil.copytree(default_fixtures(), folder)
    with (folder / "world.toml").open("a") as file:
        file.write(
            '\n[[faults]]\nservice = "imap"\ncommand = "FETCH"\nkind = "reply"\nattributes = { text = "NO x" }\n'
        )
        file.write('\n[[faults]]\nfault = "http GET: reply 500 no"\nfirst = 1\n')
    with Internet(folder, settings=Settings(ephemeral=True, services=("imap", "http"))) as net:
        assert fetch(net, PATIENT)[0] == "NO"
        assert [get(net, PATIENT)[0] for _ in range(2)] == [500, 200]


def test_validate_knows_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "fixtures"
    shutil.copytree(default_fixtures(), folder)
    with (folder / "world.toml").open("a") as file:
        file.write('\n[[faults]]\nfault = "imap: latency lag=5"\n')
    assert main(["validate", str(folder)]) == 1
    assert "world.toml: kind latency has no attribute 'lag'" in capsys.readouterr().out


def test_what_cannot_work_keeps_an_internet_from_starting() -> None:
    chosen = Settings(ephemeral=True, services=("imap",), faults=("imap: latency lag=5",))
    with (
        pytest.raises(StartError, match="a fault cannot work: kind latency has no attribute 'lag'"),
        Internet(settings=chosen),
    ):
        pass


def test_no_fault_keeps_an_internet_from_starting() -> None:
    with Internet(
        settings=Settings(ephemeral=True, services=("imap", "echo"), faults=("*: silence", "*: refuse"))
    ) as net:
        assert len(net.faults.reports) == 2


STANDING = (
    "*: refuse",
    "*: silence, when=connect",
    "*: timeout 0",
    "*: reset",
    "http: reply 500 no",
    "*: tls_handshake_failure",
    "*: certificate_expired",
    "*: down",
)


@pytest.mark.parametrize("uvloop", [True, False])
def test_no_fault_keeps_a_service_from_starting_again(uvloop: bool) -> None:
    """The supervisor's own looks meet no fault, and leave no trace; the next client is struck."""
    chosen = Settings(
        ephemeral=True,
        uvloop=uvloop,
        services=("echo", "http", "https", "imap", "imaps", "ftp", "ftps", "control"),
        faults=STANDING,
    )
    with Internet(settings=chosen) as net:
        number = net.transcripts.opened
        for name in net.supervisor.supervised:
            assert net.call(net.supervisor.restart(name)), name
            assert net.supervisor.supervised[name].status == "running"
        assert {report.uses for report in net.faults.reports} == {0}
        assert net.conversations(since=number) == []
        web = http.client.HTTPConnection(*net.control.address, timeout=PATIENT)
        web.request("GET", "/readyz")
        assert web.getresponse().status == 200
        web.close()
        with pytest.raises((imaplib.IMAP4.abort, ConnectionError)):
            fetch(net, PATIENT)


def test_the_command_line_and_the_environment() -> None:
    from minternet.cli import _parser

    options = _parser().parse_args(["up", "--fault", "imap FETCH: reset, n=2", "--fault", "smtp: greylist"])
    assert settings_of(options).faults == ("imap FETCH: reset, n=2", "smtp: greylist")
    environment = settings.from_environment({"MINTERNET_FAULTS": "imap FETCH: reset, n=2; smtp: greylist"})
    assert settings.make(environment).faults == ("imap FETCH: reset, n=2", "smtp: greylist")


@pytest.mark.minternet(services=["imap"], faults=["imap FETCH: reply NO Later, n=2"])
def test_the_marker(minternet: Internet) -> None:
    assert [fetch(minternet, PATIENT)[0] for _ in range(3)] == ["OK", "NO", "OK"]
