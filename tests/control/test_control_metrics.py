"""Metrics, read by prometheus_client's own parsers: names and types, formats, and whose numbers they are."""

from __future__ import annotations

import ftplib
import gzip
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import prometheus_client
import pytest
from control_client import Answer, Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families
from small_world import small_world

from minternet import Internet, Settings, __version__
from minternet.control.collector import Exposition
from minternet.control.hub import FAULT_NAMES, NAME_SHOWN, OTHER_FAULTS, Hub
from minternet.control.metrics import takes_gzip
from minternet.settings import Limits
from minternet.wire.transcript import TranscriptRing
from minternet.world.changes import FaultStruck
from minternet.world.world import World

GAUGES = {
    "accounts", "articles", "build_info", "clock_frozen", "event_streams", "groups", "journal_events", "journal_octets",
    "mail_octets", "mailboxes", "messages", "messages_unseen", "service_connections", "service_up", "transcript_octets",
    "uptime_seconds", "waits",
}  # fmt: skip
COUNTERS = {
    "changes", "conversations", "events", "events_dropped", "fault_strokes", "http_requests", "messages_delivered",
    "service_connections_accepted", "service_connections_refused", "service_restarts",
}  # fmt: skip
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
Values = dict[str, float]


def values_of(text: str, parse: Any = text_families) -> Values:
    """Samples by name, with labels where there are any."""
    return {
        sample.name + (str(dict(sorted(sample.labels.items()))) if sample.labels else ""): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def scrape(api: Client) -> Values:
    return values_of(api.ask("GET", "//metrics").body.decode())


def test_names_and_types(api: Client) -> None:
    """They are what dashboards and alerts are made of."""
    answer = api.ask("GET", "//metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_families(answer.body.decode())}
    assert {name for name, family in families.items() if family.type == "gauge"} == {f"minternet_{n}" for n in GAUGES}
    assert {name for name, family in families.items() if family.type == "counter"} == {
        f"minternet_{name}" for name in COUNTERS
    }
    assert len(families) == len(GAUGES) + len(COUNTERS)
    for name, family in families.items():
        assert family.documentation.endswith("."), name
        assert all(sample.name == name + "_total" * (family.type == "counter") for sample in family.samples)


def test_what_they_say(api: Client, net: Internet) -> None:
    before = scrape(api)
    api.mail("/messages?recipient=alice@example.test", b"Subject: x\r\n\r\n")
    api.send("PUT", "/faults/busy", {"line": "http GET: reply 503, first=1"}, 201)
    assert Client(net.http.port).ask("GET", "//").status == 503
    net.clock.freeze()
    after = scrape(api)
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)}
    assert grown["minternet_messages_delivered_total"] == 1
    assert grown["minternet_changes_total{'kind': 'deliver'}"] == 1
    assert grown["minternet_fault_strokes_total{'fault': 'busy', 'kind': 'reply'}"] == 1
    assert grown["minternet_http_requests_total{'code': '5xx', 'method': 'GET'}"] == 1
    assert grown["minternet_service_connections_accepted_total{'service': 'http'}"] == 1
    assert grown["minternet_messages"] == grown["minternet_messages_unseen"] == 1
    assert grown["minternet_clock_frozen"] == 1
    assert after["minternet_service_up{'service': 'imap'}"] == 1
    assert after["minternet_service_connections{'service': 'control'}"] >= 1
    python = sys.version.partition(" ")[0]
    assert after[f"minternet_build_info{{'python': '{python}', 'version': '{__version__}'}}"] == 1


def test_ftp_counts_like_the_others() -> None:
    settings = Settings(ephemeral=True, services=("ftp", "control"), limits=Limits(connections=1))
    with Internet(settings=settings) as net, ftplib.FTP() as first, ftplib.FTP() as second:
        start = scrape(Client(net.control.port))
        first.connect(*net.ftp.address)
        with pytest.raises(ftplib.error_temp, match="421"):
            second.connect(*net.ftp.address)
        after = scrape(Client(net.control.port))
    accepted, refused = (
        f"minternet_service_connections_{kind}_total{{'service': 'ftp'}}" for kind in ("accepted", "refused")
    )
    assert (start[accepted], start[refused]) == (0, 0)
    assert (after[accepted], after[refused]) == (1, 1)


def test_a_reset_leaves_counters_and_takes_back_what_is_there(api: Client, net: Internet) -> None:
    start = scrape(api)
    api.mail("/messages?recipient=alice@example.test", b"Subject: x\r\n\r\n")
    before = scrape(api)
    net.reset()
    after = scrape(api)
    counters = [name for name in before if name.partition("{")[0].endswith("_total")]
    assert counters
    assert all(after[name] >= before[name] for name in counters)
    assert after["minternet_messages"] == start["minternet_messages"] == before["minternet_messages"] - 1


# -- formats


def test_openmetrics_for_those_who_accept_it(api: Client) -> None:
    prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    answer = api.ask("GET", "//metrics", headers={"Accept": prometheus})
    assert answer.headers["content-type"].startswith(OPENMETRICS)
    assert answer.body.endswith(b"# EOF\n")
    parse: Any = openmetrics_families
    types = {family.name: family.type for family in parse(answer.body.decode())}
    assert types["minternet_build"] == "info"
    assert types["minternet_changes"] == "counter"
    told = values_of(answer.body.decode(), openmetrics_families)
    assert set(told) == set(scrape(api))


@pytest.mark.parametrize("accepted", ["", "*/*", "text/html", "text/plain;version=;escaping=no"])
def test_text_for_all_others(api: Client, accepted: str) -> None:
    answer = api.ask("GET", "//metrics", headers={"Accept": accepted})
    assert (answer.status, answer.headers["vary"]) == (200, "Accept, Accept-Encoding")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert values_of(answer.body.decode())


def test_a_version_that_is_none_is_no_error(api: Client) -> None:
    assert api.ask("GET", "//metrics", headers={"Accept": "application/openmetrics-text;version=x"}).status == 200


def test_gzip_for_those_who_accept_it(api: Client) -> None:
    packed = api.ask("GET", "//metrics", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert set(values_of(gzip.decompress(packed.body).decode())) == set(scrape(api))
    assert "content-encoding" not in api.ask("GET", "//metrics").headers


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [("gzip", True), ("GZIP;q=0.1", True), ("*", True), ("", False), ("br", False), ("gzip;q=0", False),
     ("*;q=0", False), ("gzip;q=0, *", False), ("gzip;q=nothing", False)],
)  # fmt: skip
def test_weights(accepted: str, taken: bool) -> None:
    assert takes_gzip(accepted) is taken


def test_head_has_the_fields_alone(api: Client) -> None:
    answer: Answer = api.ask("HEAD", "//metrics")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


# -- whose they are


def test_two_internets_have_numbers_of_their_own(api: Client) -> None:
    with Internet(settings=Settings(ephemeral=True, services=("control",))) as other:
        before = scrape(Client(other.control.port))
        api.mail("/messages?recipient=alice@example.test", b"Subject: x\r\n\r\n")
        after = scrape(Client(other.control.port))
    assert after["minternet_messages_delivered_total"] == before["minternet_messages_delivered_total"] == 0
    assert "minternet_service_up{'service': 'imap'}" not in after
    assert not [family for family in prometheus_client.REGISTRY.collect() if family.name.startswith("minternet")]


def test_prometheus_client_is_imported_by_the_first_scrape() -> None:
    program = """
import sys, urllib.request
from minternet import Internet, Settings
with Internet(settings=Settings(ephemeral=True, services=("control",))) as net:
    base = f"http://127.0.0.1:{net.control.port}"
    urllib.request.urlopen(base + "/api/v1/services").close()
    assert "prometheus_client" not in sys.modules
    urllib.request.urlopen(base + "/metrics").close()
    assert "prometheus_client" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# -- bounds


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub of a small world, with no services."""
    world: World = small_world()
    supervisor: Any = SimpleNamespace(supervised={}, ready=None)
    context: Any = SimpleNamespace(world=world, settings=None, authority=None, transcripts=TranscriptRing(), log=None)
    made = Hub(context, supervisor, began=0.0)
    yield made
    made.close()


def test_names_of_faults_are_bounded(hub: Hub) -> None:
    for number in range(3 * FAULT_NAMES):
        struck = FaultStruck(f"{number} " + "x" * 1000, "reply", "http")
        hub.world.journal.add(struck, None, ())
        hub.world.journal.add(struck, None, ())
    content, _ = Exposition(hub)("")
    strokes = {name: n for name, n in values_of(content.decode()).items() if "_strokes_" in name}
    assert len(strokes) == FAULT_NAMES + 1
    assert sum(strokes.values()) == 6 * FAULT_NAMES
    assert strokes[f"minternet_fault_strokes_total{{'fault': '{OTHER_FAULTS}', 'kind': 'reply'}}"] == 4 * FAULT_NAMES
    assert max(map(len, strokes)) < NAME_SHOWN + 100


def test_any_name_is_escaped(hub: Hub) -> None:
    name = 'a "b" \\ {c}\nminternet_waits 7 é'
    hub.world.journal.add(FaultStruck(name, "reply", "http"), None, ())
    for accepted, parse in (("", text_families), ("application/openmetrics-text", openmetrics_families)):
        families = {family.name: family for family in parse(Exposition(hub)(accepted)[0].decode())}
        assert families["minternet_fault_strokes"].samples[0].labels["fault"] == name
        assert families["minternet_waits"].samples[0].value == 0


class Unscannable(dict[Any, Any]):
    """Messages or articles that nobody may look through."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("looked through")

    __iter__ = values = items = keys = _refuse


def test_nothing_is_scanned(hub: Hub) -> None:
    world = hub.world
    before = values_of(Exposition(hub)("")[0].decode())
    box = world.mail.mailboxes("alice")[0]
    box.messages = Unscannable(enumerate([None] * 200_000))
    world.news.articles.items_now = Unscannable(enumerate([None] * 1000))
    after = values_of(Exposition(hub)("")[0].decode())
    assert after["minternet_messages"] > before["minternet_messages"] + 199_000
    assert after["minternet_articles"] == 1000
