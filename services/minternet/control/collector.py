"""What is measured, as prometheus_client's families.

A registry of each hub's own holds one collector, so two internets in a process have numbers of their own, and neither
has those of the process. Labels are bounded: services, kinds of change and methods are given, and names of faults, which
clients choose, are counted for themselves up to a number (`hub.FAULT_NAMES`).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ..supervisor import Supervised
from .hub import Hub, kind_of

Samples = Iterable[tuple[tuple[str, ...], float]]


class Exposition:
    """Writes a hub's metrics as an Accept field wants them: text 0.0.4, or OpenMetrics; octets and their media type."""

    def __init__(self, hub: Hub) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(HubCollector(hub))

    def __call__(self, accepted: str) -> tuple[bytes, str]:
        try:
            encode, media_type = choose_encoder(accepted)
        except (TypeError, ValueError):  # a version that is no number
            encode, media_type = choose_encoder("")
        return encode(self._registry), media_type


class HubCollector(Collector):
    """Asked at each scrape."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """All families. What is not a counter already is counted here in time that no message or article adds to."""
        yield from self._about()
        yield from self._services()
        yield from self._happenings()
        yield from self._holdings()
        yield from self._watching()

    def _about(self) -> Iterator[Metric]:
        hub = self._hub
        ready = hub.supervisor.ready
        build = {"version": ready().version if ready is not None else "", "python": platform.python_version()}
        yield InfoMetricFamily("minternet_build", "The version of minternet, and the Python that runs it.", build)
        yield _gauge("minternet_uptime_seconds", "Since the control service began.", time.monotonic() - hub.began)
        yield _gauge("minternet_clock_frozen", "Whether the world's clock stands still.", hub.world.clock.frozen)

    def _services(self) -> Iterator[Metric]:
        services = list(self._hub.supervisor.supervised.items())
        counted = [(name, found) for name, one in services if (found := counts_of(one)) is not None]
        yield _gauges(
            "minternet_service_up",
            "Whether a service runs.",
            [((name,), one.status == "running") for name, one in services],
        )
        yield _gauges(
            "minternet_service_connections",
            "Clients of a service.",
            [((name,), one.running.connections if one.running else 0) for name, one in services],
        )
        yield _counters(
            "minternet_service_connections_accepted",
            "Connections served since the service was started last.",
            ("service",),
            [((name,), found.accepted) for name, found in counted],
        )
        yield _counters(
            "minternet_service_connections_refused",
            "Connections over the cap, since the service was started last.",
            ("service",),
            [((name,), found.refused) for name, found in counted],
        )
        yield _counters(
            "minternet_service_restarts",
            "Times a service was started again.",
            ("service",),
            [((name,), one.restarts) for name, one in services],
        )

    def _happenings(self) -> Iterator[Metric]:
        hub, journal = self._hub, self._hub.world.journal
        kinds = sorted((kind_of(kind), count) for kind, count in list(hub.kinds.items()))
        yield _counter("minternet_messages_delivered", "Copies of mail put into mailboxes.", hub.delivered)
        yield _counters(
            "minternet_changes", "Changes of the world by kind.", ("kind",), [((kind,), n) for kind, n in kinds]
        )
        yield _counters(
            "minternet_http_requests",
            "Requests to HTTP and HTTPS by method and class of status.",
            ("method", "code"),
            sorted(hub.requests.items()),
        )
        yield _counters("minternet_fault_strokes", "Strokes of faults.", ("fault", "kind"), sorted(hub.strokes.items()))
        yield _counter("minternet_events", "Events in the journal ever.", journal.last)
        yield _counter("minternet_events_dropped", "Events the journal no longer keeps.", journal.dropped)
        yield _gauge("minternet_journal_events", "Events the journal keeps.", journal.last - journal.dropped)
        yield _gauge("minternet_journal_octets", "Octets of content that those events hold on to.", journal.octets)

    def _holdings(self) -> Iterator[Metric]:
        world = self._hub.world
        boxes = [box for login in tuple(world.mail.stores) for box in world.mail.mailboxes(login)]
        yield _gauge("minternet_accounts", "Accounts.", len(world.accounts.by_login))
        yield _gauge("minternet_mailboxes", "Mailboxes.", len(boxes))
        yield _gauge("minternet_messages", "Messages in all mailboxes.", sum(map(len, boxes)))
        yield _gauge("minternet_messages_unseen", "Messages nobody has read.", sum(box.unseen for box in boxes))
        yield _gauge("minternet_mail_octets", "Octets in all mailboxes.", sum(box.octets for box in boxes))
        yield _gauge("minternet_groups", "Newsgroups.", len(world.news.groups))
        yield _gauge("minternet_articles", "News articles.", len(world.news.articles))

    def _watching(self) -> Iterator[Metric]:
        hub, ring = self._hub, self._hub.transcripts
        yield _gauge("minternet_transcript_octets", "Memory that transcripts take.", ring.octets)
        yield _counter("minternet_conversations", "Conversations ever recorded.", ring.opened)
        yield _gauge("minternet_event_streams", "Clients of the event stream.", hub.streams.taken)
        yield _gauge("minternet_waits", "Requests that wait for something.", hub.waits.taken)


@runtime_checkable
class Counts(Protocol):
    """Who counts a service's connections: its listener, or FTP's service."""

    accepted: int
    refused: int


def counts_of(supervised: Supervised) -> Counts | None:
    """Who counts a service's connections; None for datagrams, and what does not run."""
    running = supervised.running
    found = running if isinstance(running, Counts) else getattr(running, "listener", None)
    return found if isinstance(found, Counts) else None


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, float(value))


def _gauges(name: str, help: str, samples: Samples) -> Metric:
    """A gauge of each service."""
    family = GaugeMetricFamily(name, help, labels=("service",))
    for labels, value in samples:
        family.add_metric(labels, float(value))
    return family


def _counter(name: str, help: str, value: float) -> Metric:
    """A counter; `_total` is put behind its name."""
    return CounterMetricFamily(name, help, value)


def _counters(name: str, help: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = CounterMetricFamily(name, help, labels=labels)
    for values, count in samples:
        family.add_metric(values, count)
    return family
