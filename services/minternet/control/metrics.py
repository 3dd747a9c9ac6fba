"""Metrics in Prometheus's text format (version 0.0.4), written here: it is a few lines, a library for it is not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .call import Call, Reply
from .hub import Hub, kind_of

TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[dict[str, str], float]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, type, help, and samples by labels."""

    name: str
    type: str
    help: str
    samples: Iterable[Sample]


async def metrics(call: Call[None, None]) -> Reply:
    """All metrics as they are now."""
    return Reply("".join(line for family in families(call.hub) for line in written(family)).encode(), TYPE)


def families(hub: Hub) -> Iterator[Family]:
    """What is measured."""
    world, journal, ring = hub.world, hub.world.journal, hub.transcripts
    services = hub.supervisor.supervised.items()
    boxes = [box for login in tuple(world.mail.stores) for box in world.mail.mailboxes(login)]
    yield _one("minternet_uptime_seconds", "gauge", "Since the control service began.", time.monotonic() - hub.began)
    yield Family(
        "minternet_service_up",
        "gauge",
        "Whether a service runs.",
        [({"service": name}, float(one.status == "running")) for name, one in services],
    )
    yield Family(
        "minternet_service_connections",
        "gauge",
        "Clients of a service.",
        [({"service": name}, one.running.connections if one.running else 0) for name, one in services],
    )
    yield Family(
        "minternet_service_restarts_total",
        "counter",
        "Times a service was started again.",
        [({"service": name}, one.restarts) for name, one in services],
    )
    yield _one("minternet_messages_delivered_total", "counter", "Copies of mail put into mailboxes.", hub.delivered)
    yield Family(
        "minternet_changes_total",
        "counter",
        "Changes of the world by kind.",
        [
            ({"kind": kind_of(kind)}, count)
            for kind, count in sorted(hub.kinds.items(), key=lambda each: each[0].__name__)
        ],
    )
    yield _one("minternet_events_total", "counter", "Events in the journal ever.", journal.last)
    yield _one("minternet_events_dropped_total", "counter", "Events the journal no longer keeps.", journal.dropped)
    yield _one("minternet_accounts", "gauge", "Accounts.", len(world.accounts.by_login))
    yield _one("minternet_mailboxes", "gauge", "Mailboxes.", len(boxes))
    yield _one("minternet_messages", "gauge", "Messages in all mailboxes.", sum(map(len, boxes)))
    yield _one("minternet_mail_octets", "gauge", "Octets in all mailboxes.", sum(box.octets for box in boxes))
    yield _one("minternet_articles", "gauge", "News articles.", len(world.news.articles))
    yield _one("minternet_transcript_octets", "gauge", "Memory that transcripts take.", ring.octets)
    yield _one("minternet_conversations_total", "counter", "Conversations ever recorded.", ring.opened)
    yield _one("minternet_event_streams", "gauge", "Clients of the event stream.", hub.streams.taken)
    yield _one("minternet_waits", "gauge", "Requests that wait for something.", hub.waits.taken)


def written(family: Family) -> Iterator[str]:
    """A metric's lines."""
    yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.type}\n"
    for labels, value in family.samples:
        told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{family.name}{{{told}}} {value:.15g}\n" if told else f"{family.name} {value:.15g}\n"


def _one(name: str, kind: str, help: str, value: float) -> Family:
    return Family(name, kind, help, [({}, value)])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
