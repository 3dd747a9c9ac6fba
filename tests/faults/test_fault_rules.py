"""Faults as records and lines: read, written, refused with what would work, and counted."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from typing import Any

import pytest

from minternet.faults.armed import Armed, Situation
from minternet.faults.catalogue import KINDS, attributes_of, is_network, when_of
from minternet.faults.checks import check
from minternet.faults.faults import Faults
from minternet.faults.language import Command, command_of, reply_of, with_lies, without_starttls
from minternet.faults.rule import Fault, FaultError, looks_like, read, written
from minternet.faults.service import ServiceFaults
from minternet.faults.services import concerns
from minternet.faults.toxics import from_toxic, to_toxic
from minternet.faults.vocabulary import COMMANDS
from minternet.protocols.context import Service
from minternet.registry import SERVICES
from minternet.world.world import World

LINES = {
    "imap FETCH: reset, n=2": Fault(kind="reset", service="imap", command="FETCH", n=2),
    "imap UID FETCH: reset": Fault(kind="reset", service="imap", command="UID FETCH"),
    "smtp RCPT *@slow.test: reply 450 4.7.1 Try again later, first=1, per=argument": Fault(
        kind="reply",
        service="smtp",
        command="RCPT",
        argument="*@slow.test",
        attributes={"text": "450 4.7.1 Try again later"},
        first=1,
        per="argument",
    ),
    'pop3: reply "-ERR a, b: c", when=connect': Fault(
        kind="reply", service="pop3", attributes={"text": "-ERR a, b: c"}, when="connect"
    ),
    "http GET /get: lying_literal by=-5, then=close": Fault(
        kind="lying_literal", service="http", command="GET", argument="/get", attributes={"by": -5, "then": "close"}
    ),
    "*: latency 1.5s, jitter=20ms, toxicity=0.5, seed=7": Fault(
        kind="latency", attributes={"latency": 1500, "jitter": 20}, toxicity=0.5, seed=7
    ),
    "nntp AUTHINFO PASS account=bob: close, always": Fault(
        kind="close", service="nntp", command="AUTHINFO PASS", account="bob"
    ),
    "ftp RETR /pub/*: truncate 100, every=3, skip=1, times=2, name=cut": Fault(
        kind="truncate",
        service="ftp",
        command="RETR",
        argument="/pub/*",
        attributes={"bytes": 100},
        every=3,
        skip=1,
        times=2,
        name="cut",
    ),
    "=imap FETCH: reset": Fault(kind="reset", service="=imap", command="FETCH"),
    '="im ap*": close': Fault(kind="close", service="=im ap*"),
    "echo: bandwidth rate=64, stream=upstream, enabled=no": Fault(
        kind="bandwidth", service="echo", attributes={"rate": 64}, stream="upstream", enabled=False
    ),
}


@pytest.mark.parametrize(("line", "fault"), LINES.items(), ids=list(LINES))
def test_lines_are_read_and_written(line: str, fault: Fault) -> None:
    assert read(line) == fault
    assert read(written(fault)) == fault
    if "im ap" not in line:
        check(fault, SERVICES)


def test_mappings_are_read() -> None:
    plain = {"service": "imap", "command": "FETCH", "kind": "truncate", "attributes": {"bytes": 10}, "n": 2}
    assert read(plain) == read("imap FETCH: truncate 10, n=2")
    assert read({"fault": "imap FETCH: truncate 10", "n": 2}) == read("imap FETCH: truncate 10, n=2")
    assert read("imap FETCH: close", name="mine").name == "mine"


REFUSED = {
    "imap FETCH reset": "write WHERE: KIND",
    "imap: explode": "there is no kind 'explode'; there are latency, ",
    "imap: latency lag=5": "kind latency has no attribute 'lag': it takes latency (ms), jitter (ms)",
    "imap: silence for=5": "kind silence has no attribute 'for': it takes none",
    "imap: latency soon": "latency is a number (ms) from 0 on, not 'soon'",
    "imap: latency 10, jitter=-1": "jitter is a number",
    "imap: limit_data 1.5": "bytes is a whole number (octets) from 0 on, not 1.5",
    "imap: slicer average_size=4, size_variation=4": "size_variation is less than average_size",
    "imap: corrupt rate=2": "rate is from 0 to 1, not 2",
    "imap: truncate 5, then=explode": "then is one of close, reset, half_close, wait, not 'explode'",
    "imap: refuse busy=maybe": "busy is yes or no, not 'maybe'",
    "imap: close, soon=yes": "has no attribute 'soon'",
    "imap: close, later": "'later' is not NAME=VALUE",
    "imap: close, when=later": "Invalid enum value 'later'",
    "imap: truncate 5, when=before": "truncate does not strike 'before': it strikes inside",
    "imap: close, n=-1": "n is a number from 1 on",
    "imap: close, probability=1.5": "probability is from 0 to 1",
    "imap: close, sequence=1201": "a sequence is of 1 and 0",
    "imap: reply": "reply wants a text",
    "imap: reply 450 No": "a reply of imap begins with OK, NO, BAD, BYE, * or +",
    "smtp: reply no": "a reply of smtp begins with three digits",
    "gopher: close": "no service is called 'gopher'; there are echo, ",
    "=gopher: close": "no service is called '=gopher'; there are echo, ",
    "=control: close": "no service is called '=control'",
    "control: close": "no service is called 'control'",
    "http: starttls_stripped": "http has no STARTTLS to strip",
    "imaps: starttls_stripped": "imaps has no STARTTLS to strip",
    "http: greylist": "http takes no mail (there is smtp)",
    "echo: truncate 5": "limit_data ends any connection",
    "echo GET: close": "echo has no commands: its faults strike when=connect, or are the network's",
    "echo-udp: latency 10": "datagrams have no connection",
    "echo: certificate_expired": "echo has no TLS here",
    "imap FETCH: latency 10": "leave the command out; `delay` is for one command",
    "ftp PWD: latency 10": "APPE, LIST, MLSD, NLST, RETR, STOR, STOU have data connections of their own",
    "http POST: limit_data 5": "leave the command out",
    "imap FETCH: silence, stream=upstream": "leave the command out",
    "imap FETCH: close, toxicity=0.5": "for close, write probability=0.5",
    "imap account=alice: latency 10": "knows no account",
    "imap FETCH: close, stream=upstream": "stream=upstream is for faults of the network",
    "imap FETCH: certificate_expired": "strikes before anything is said",
    "smtp RCPT: drop_after_dot": "leave the command out",
    'imap FETCH "/[/": close': "is no regular expression",
    'imap: reply "NO': "a quotation mark is not closed",
    "imap FECTH: reset": "imap has no command 'FECTH'; did you mean 'FETCH'?",
    "smtp RCTP: reply 450 Later": "smtp has no command 'RCTP'; did you mean 'RCPT'?",
    "nntp GREET: close": "nntp has no command 'GREET'; there are ARTICLE, ",
    'nntp "LIST ACTIVE": close': "write LIST without quotation marks: ACTIVE is its argument",
    "http GTE: reply 503": "http has no method 'GTE'; did you mean 'GET'?",
    "http /flaky: reply 503": "'/flaky' is no method: one stands before what it is about, as in 'http GET /flaky'",
    "smtp bob@example.test: reply 550 no": "'bob@example.test' is no command: one stands before",
    "imap FETCH: rset": "there is no kind 'rset' (did you mean 'reset'?); there are latency, ",
    "smtp RCPT: 450 later": "there is no kind '450' (did you mean 'reply 450 ...'?); there are ",
    "smtp RCPT: reply 450 later, fist=2": "has no attribute 'fist': it takes text; did you mean 'first'?",
    "smtp RCPT: reply 450 4.7.1 later n=1": "put a comma before n=1, or quotation marks around the text",
    "smtp RCPT: reply 450 later, first=0": "first is a number from 1 on",
    "imap: close, when=soon": "when is one of connect, before, instead, inside, after",
}


@pytest.mark.parametrize(
    "line",
    [
        "imap XLIST: close",
        "imap GENURLAUTH: reply OK done",
        "imap FE??H: close",
        "imap uid fetch: close",
        "nntp LIST ACTIVE: close",
        "http MKCOL: close",
        "http get: close",
        "ftp SITE CHMOD: close",
        "* RETR: close",
        'smtp RCPT: reply "450 4.7.1 later n=1"',
        "imap FETCH: close, skip=0",
    ],
)
def test_commands_that_may_come_are_taken(line: str) -> None:
    check(read(line), SERVICES)


def test_the_vocabulary_is_that_of_the_servers() -> None:
    from minternet.protocols import ftp, imap, nntp, pop3, smtp
    from minternet.protocols.ftp import server
    from minternet.protocols.ftp.table import TABLE as FTP
    from minternet.protocols.imap.table import TABLE as IMAP
    from minternet.protocols.nntp.table import TABLE as NNTP

    assert all((ftp, imap, nntp, server))  # importing a protocol fills its table
    tables: dict[str, Any] = {"smtp": smtp.TABLE, "imap": IMAP, "pop3": pop3.TABLE, "nntp": NNTP, "ftp": FTP}
    for protocol, table in tables.items():
        said = {command_of(protocol, b"t " * (protocol == "imap") + row.name.encode()).name for row in table}
        own = {name for name in said if not name.startswith("X")}
        assert own == set(COMMANDS[protocol]) - {"."}


@pytest.mark.parametrize(("line", "why"), REFUSED.items(), ids=list(REFUSED))
def test_what_cannot_work_is_refused_with_what_would(line: str, why: str) -> None:
    with pytest.raises(FaultError) as refused:
        check(read(line), SERVICES)
    assert why in str(refused.value)


def test_any_text_is_read_or_refused() -> None:
    """Nothing but FaultError comes of a line, whatever it is made of."""
    chance = random.Random(9)
    words = [
        *KINDS,
        "imap",
        "=imap",
        "http",
        "FETCH",
        ":",
        ",",
        "=",
        " ",
        '"',
        "/",
        "[",
        "n=2",
        "when=before",
        "-1",
        "1e999",
        "text=",
    ]
    for _ in range(3000):
        line = "".join(chance.choice(words) + chance.choice(["", " "]) for _ in range(chance.randint(1, 9)))
        with contextlib.suppress(FaultError):
            fault = read(line)
            check(fault, SERVICES)
            assert read(written(fault)) == fault


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, True, "much", []])
def test_numbers_are_numbers(value: object) -> None:
    with pytest.raises(FaultError):
        check(read({"kind": "latency", "attributes": {"latency": value}}), SERVICES)


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 400 + "ms", "9" * 306 + "s", "-" + "9" * 5000])
def test_numbers_end_somewhere(digits: str) -> None:
    with pytest.raises(FaultError, match="latency is a number"):
        check(read(f"imap: latency {digits}"), SERVICES)


class Standing:
    """A service's context, as far as faults need one."""

    def __init__(self, service: Service) -> None:
        self.service, self.authority = service, None
        self.faults: ServiceFaults | None = None


def test_where_a_fault_works_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not again with each other one that is set: a thousand of them took minutes."""
    looked: Counter[tuple[str, str]] = Counter()
    works = Faults._works

    def counted(faults: Faults, armed: Armed, service: Any) -> bool:
        looked[armed.fault.name, service.name] += 1
        return works(faults, armed, service)

    monkeypatch.setattr(Faults, "_works", counted)
    world = World()
    faults, contexts = Faults(world, SERVICES), [Standing(service) for service in SERVICES]
    for context in contexts:
        faults.serve(context)
    for number in range(20):
        faults.put("imap FETCH: reset", name=f"fault {number}")
    assert len(looked) == 20 * len(SERVICES)
    assert set(looked.values()) == {1}
    assert [context.service.name for context in contexts if context.faults is not None] == ["imap", "imaps"]
    faults.put("smtp: latency, latency=1", name="fault 0")
    assert "smtp" in [context.service.name for context in contexts if context.faults is not None]
    world.close()


def test_unknown_fields_are_refused_with_those_there_are() -> None:
    with pytest.raises(FaultError, match=r"unknown field `lag`; there are kind, name, service"):
        read({"kind": "close", "lag": 1})


def strokes(line: str, count: int) -> str:
    """Which of so many chances it strikes at: 1 and 0."""
    armed = Armed(read(line), 1, 42, lambda: 0.0)
    situation = Situation("imap", "127.0.0.1", 1, Command("NOOP"))
    return "".join("1" if armed.strikes(situation) else "0" for _ in range(count))


TURNS = {
    "*: close": "11111111",
    "*: close, n=2": "01000000",
    "*: close, first=3": "11100000",
    "*: close, every=3": "00100100",
    "*: close, skip=2, times=3": "00111000",
    "*: close, skip=1, every=2": "00101010",
    "*: close, sequence=1101": "11010000",
    "*: close, sequence=10...": "10101010",
    "*: close, every=2, times=2": "01010000",
    "*: close, probability=0": "00000000",
}


@pytest.mark.parametrize(("line", "expected"), TURNS.items(), ids=list(TURNS))
def test_how_often(line: str, expected: str) -> None:
    assert strokes(line, 8) == expected


def test_uses_are_the_times_it_might_have_struck() -> None:
    armed = Armed(read("imap FETCH: close, first=2"), 1, 0, lambda: 0.0)
    for name in ("FETCH", "NOOP", "FETCH", "FETCH"):
        situation = Situation("imap", "127.0.0.1", 1, Command(name))
        _ = armed.means(situation) and armed.strikes(situation)
    assert (armed.uses, armed.strokes) == (3, 2)
    armed.forget()
    assert (armed.uses, armed.strokes) == (0, 0)


MEANT = {
    "imap": {"imap", "imaps"},
    "=imap": {"imap"},
    "=IMAP": {"imap"},
    "imaps": {"imaps"},
    "=imap*": {"imap", "imaps"},
    "smtp": {"smtp", "submission", "smtps", "lmtp"},
    "=smtp": {"smtp"},
    "=s*": {"smtp", "submission", "smtps"},
}


@pytest.mark.parametrize(("service", "meant"), MEANT.items(), ids=list(MEANT))
def test_a_protocol_or_one_service_of_that_name(service: str, meant: set[str]) -> None:
    fault = read(f"{service}: close")
    assert {each.name for each in SERVICES if concerns(fault, each)} == meant


def test_chance_is_replayed_by_its_seed() -> None:
    line = "*: close, probability=0.5, seed="
    assert strokes(line + "7", 64) == strokes(line + "7", 64)
    assert strokes(line + "7", 64) != strokes(line + "8", 64)
    assert 16 < strokes(line + "7", 64).count("1") < 48


def test_counts_may_be_kept_apart() -> None:
    armed = Armed(read("smtp RCPT: greylist, first=1, per=argument"), 1, 0, lambda: 0.0)
    struck = [
        armed.strikes(Situation("smtp", "127.0.0.1", 1, Command("RCPT", argument)))
        for argument in ("TO:<a>", "TO:<a>", "TO:<b>", "TO:<a>", "TO:<b>")
    ]
    assert struck == [True, False, True, False, False]


def test_a_token_bucket_fills_with_time() -> None:
    now = [0.0]
    armed = Armed(read("imap: rate_limit rate=2, burst=3"), 1, 0, lambda: now[0])
    situation = Situation("imap", "127.0.0.1", 1, Command("NOOP"))
    assert [armed.strikes(situation) for _ in range(5)] == [False, False, False, True, True]
    now[0] = 1.0
    assert [armed.strikes(situation) for _ in range(3)] == [False, False, True]


def test_a_greylist_remembers_who_came() -> None:
    now = [100.0]
    armed = Armed(read("smtp: greylist delay=300s"), 1, 0, lambda: now[0])
    situation = Situation("smtp", "127.0.0.1", 1, Command("RCPT", "TO:<bob@example.test>"), sender="a@x.test")
    other = Situation("smtp", "127.0.0.1", 1, Command("RCPT", "TO:<bob@example.test>"), sender="b@x.test")
    assert [armed.strikes(situation), armed.strikes(situation), armed.strikes(other)] == [True, True, True]
    now[0] = 500.0
    assert [armed.strikes(situation), armed.strikes(other)] == [False, False]


def test_patterns() -> None:
    assert looks_like("bob@", "TO:<bob@example.test>")
    assert looks_like("to:*@EXAMPLE.test>", "TO:<bob@example.test>")
    assert looks_like("/b.b@/", "TO:<bob@example.test>")
    assert not looks_like("bob", "TO:<alice@example.test>")
    assert not looks_like("bob*", "TO:<bob@example.test>")


def test_commands_are_read() -> None:
    assert command_of("imap", b"a1 uid fetch 1:* FLAGS") == Command("UID FETCH", "1:* FLAGS", b"a1")
    assert command_of("imap", b"a1 uid fetch 1").names == ("UID FETCH", "FETCH")
    assert command_of("smtp", b"rcpt to:<a@b.test>") == Command("RCPT", "to:<a@b.test>")
    assert command_of("nntp", b"authinfo pass a secret") == Command("AUTHINFO PASS", "a secret")
    assert command_of("pop3", b"") == Command("")


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3", "nntp", "ftp"])
def test_any_octets_may_be_a_command(protocol: str) -> None:
    chance = random.Random(5)
    for _ in range(300):
        command = command_of(protocol, chance.randbytes(chance.randint(0, 20)))
        assert isinstance(command.name, str)


def test_replies_are_made() -> None:
    fetch = Command("FETCH", "", b"a1")
    assert reply_of("imap", "NO [X] no", fetch) == b"a1 NO [X] no\r\n"
    assert reply_of("imap", "* 1 EXISTS\nOK done", fetch) == b"* 1 EXISTS\r\na1 OK done\r\n"
    assert reply_of("imap", "BYE bye", fetch) == b"* BYE bye\r\n"
    assert reply_of("smtp", "450 one\ntwo\n450 three", None) == b"450-one\r\n450-two\r\n450 three\r\n"


def test_offers_are_stripped() -> None:
    assert without_starttls(b"250-mx\r\n250-STARTTLS\r\n250 HELP\r\n") == b"250-mx\r\n250 HELP\r\n"
    assert without_starttls(b"250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n") == b"250-mx\r\n250 SIZE 1\r\n"
    assert (
        without_starttls(b"* OK [CAPABILITY IMAP4rev1 STARTTLS ID] hi\r\n") == b"* OK [CAPABILITY IMAP4rev1 ID] hi\r\n"
    )
    assert without_starttls(b"+OK\r\nTOP\r\nSTLS\r\n.\r\n") == b"+OK\r\nTOP\r\n.\r\n"


def test_sizes_lie() -> None:
    assert with_lies("imap", b"* 1 FETCH (RFC822 {120}\r\n", 0) == b"* 1 FETCH (RFC822 {110}\r\n"
    assert with_lies("imap", b"* 1 FETCH (RFC822 {5}\r\n", 0) == b"* 1 FETCH (RFC822 {0}\r\n"
    assert with_lies("pop3", b"+OK 120 octets\r\n", 7) == b"+OK 127 octets\r\n"
    assert with_lies("http", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 0).endswith(b"Length: 109\r\n\r\n")


def test_toxics_of_toxiproxy() -> None:
    toxic = {
        "name": "slow",
        "type": "latency",
        "stream": "upstream",
        "toxicity": 0.5,
        "attributes": {"latency": 100, "jitter": 10},
    }
    fault = from_toxic("imap", toxic)
    check(fault, SERVICES)
    assert to_toxic(fault) == toxic
    assert from_toxic("imap", {"type": "timeout", "attributes": {"timeout": 5}}).name == "timeout_downstream"
    assert to_toxic(read("imap FETCH: close")) is None
    with pytest.raises(FaultError, match="there is no toxic of type 'close'; there are bandwidth, "):
        from_toxic("imap", {"type": "close"})


def test_the_catalogue_is_whole() -> None:
    toxics = {"latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "down"}
    assert {kind.name for kind in KINDS.values() if kind.toxiproxy} == toxics
    for kind in KINDS.values():
        assert "*" in kind.promise or kind.protocols <= kind.promise.keys(), kind.name
        fault = Fault(kind=kind.name)
        assert attributes_of(fault).keys() == kind.attributes.keys()
        assert is_network(fault) == kind.network
        assert when_of(fault)
