"""Events as the API tells of them: one row for each kind of change, with a line for people and what it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..bench.letterbox import appended_in
from ..world import changes, mime
from ..world.journal import Event
from ..world.records import Message
from .hub import kind_of
from .schemas import Arrival, EventView

Teller = Callable[[Any, Any], dict[str, Any]]
"""Given a change and what came of it: the fields of its view."""
KINDS: dict[str, type] = {
    kind_of(change): change
    for name in changes.__all__
    if isinstance(change := getattr(changes, name), type)
    and issubclass(change, changes.Change)
    and change is not changes.Change
}
"""Every kind of change there is, by the name the API has for it."""
SHOWN_NAMES = 3


def view(event: Event) -> EventView:
    """An event for programs and people."""
    kind = kind_of(type(event.change))
    tell = TELLERS.get(type(event.change))
    fields = tell(event.change, event.result) if tell is not None else {"text": kind.replace("-", " ")}
    moment = datetime.fromtimestamp(event.at, UTC)
    return EventView(event.number, moment, kind, **{"conversation": event.conversation, **fields})


def _arrivals(result: Any) -> tuple[Arrival, ...]:
    return tuple(
        Arrival(appended.owner, appended.mailbox, message.uid, _header(message, b"Subject"), _header(message, b"From"))
        for appended in appended_in(result)
        for message in appended.messages
    )


def _header(message: Message, name: bytes) -> str:
    value = mime.first_header(message.content.slice(0, 65_536), name)
    return "" if value is None else mime.decode_header(value)


def _came(verb: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        arrived = _arrivals(result)
        where = ", ".join(dict.fromkeys(f"{each.account}/{each.mailbox}" for each in arrived[:SHOWN_NAMES]))
        more = f" and {len(arrived) - SHOWN_NAMES} more" if len(arrived) > SHOWN_NAMES else ""
        subject = repr(arrived[0].subject)[1:-1] if arrived else ""
        one = {"account": arrived[0].account, "mailbox": arrived[0].mailbox, "subject": subject} if arrived else {}
        return {"text": f"“{subject}” {verb} {where or 'nowhere'}{more}", "arrived": arrived, **one}

    return tell


def _stored(change: Any, result: Any) -> dict[str, Any]:
    uids = tuple(message.uid for message in result.changed)
    signs = {"add": "+", "remove": "−", "replace": "="}
    flags = " ".join(sorted(change.flags if isinstance(change, changes.StoreFlags) else change.labels))
    text = f"{signs[change.how]}{flags} on {_some(uids)} in {change.owner}/{change.mailbox}"
    return {"text": text, "account": change.owner, "mailbox": change.mailbox, "uids": uids}


def _expunged(change: Any, result: Any) -> dict[str, Any]:
    text = f"{_some(result.uids)} gone from {change.owner}/{change.mailbox}"
    return {"text": text, "account": change.owner, "mailbox": change.mailbox, "uids": result.uids}


def _mailbox(verb: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        name = getattr(change, "name", None) or getattr(change, "mailbox", "")
        to = getattr(change, "to", "")
        text = f"{change.owner}/{name} {verb}" + (f" {to}" if to else "")
        return {"text": text, "account": change.owner, "mailbox": name, "to": to}

    return tell


def _account(verb: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        return {"text": f"account {result.login} {verb}", "account": result.login}

    return tell


def _leads(what: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        targets = change.targets if isinstance(change, changes.SetAlias) else change.members
        return {"text": f"{what} {change.address} → {', '.join(targets) or 'nobody'}", "name": change.address}

    return tell


def _rule(change: changes.SetRule, result: Any) -> dict[str, Any]:
    return {"text": f"rule {change.rule} is {change.value or 'gone'}", "name": change.rule}


def _group(verb: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        name = getattr(change, "name", None) or change.group
        return {"text": f"newsgroup {name} {verb}", "group": name}

    return tell


def _posted(change: changes.Post, result: Any) -> dict[str, Any]:
    subject = mime.decode_header(change.overview[0]) if change.overview else ""
    return {
        "text": f"“{subject}” posted to {', '.join(change.groups) or 'no group'}",
        "groups": change.groups,
        "message_id": change.message_id,
        "subject": subject,
    }


def _cancelled(change: changes.Cancel, result: Any) -> dict[str, Any]:
    return {"text": f"{change.message_id} cancelled", "groups": result.groups, "message_id": change.message_id}


def _entry(verb: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        to = getattr(change, "to", "")
        text = f"{change.tree}:{change.path} {verb}" + (f" {to}" if to else "")
        return {"text": text, "tree": change.tree, "path": change.path, "to": to}

    return tell


def _route(verb: str) -> Teller:
    def tell(change: Any, result: Any) -> dict[str, Any]:
        name = change.route.name if isinstance(change, changes.SetRoute) else change.name
        return {"text": f"route {name} {verb}", "name": name}

    return tell


def _request(change: changes.ReceiveRequest, result: Any) -> dict[str, Any]:
    request = change.request
    text = f"{request.method} {request.target} → {request.status}"
    return {"text": text, "method": request.method, "path": request.target, "status": request.status}


def _struck(change: changes.FaultStruck, result: Any) -> dict[str, Any]:
    where = f"{change.service} {change.command}".strip()
    return {
        "text": f"fault {change.fault} ({change.kind}) struck {where}, stroke {change.stroke}",
        "name": change.fault,
        "conversation": change.conversation,
    }


def _reset(change: changes.Reset, result: Any) -> dict[str, Any]:
    return {"text": "the world was reset" if change.name == "seed" else f"restored {change.name}", "name": change.name}


def _some(uids: tuple[int, ...]) -> str:
    if not uids:
        return "no message"
    return f"message {uids[0]}" if len(uids) == 1 else f"{len(uids)} messages"


TELLERS: dict[type, Teller] = {
    changes.AddAccount: _account("made"),
    changes.ReplaceAccount: _account("changed"),
    changes.RemoveAccount: _account("removed"),
    changes.SetQuota: _account("got a quota"),
    changes.SetAlias: _leads("alias"),
    changes.SetList: _leads("list"),
    changes.SetRule: _rule,
    changes.Deliver: _came("delivered to"),
    changes.Append: _came("put into"),
    changes.ReplaceMessage: _came("put into"),
    changes.Copy: _came("copied to"),
    changes.Move: _came("moved to"),
    changes.StoreFlags: _stored,
    changes.StoreLabels: _stored,
    changes.Expunge: _expunged,
    changes.ClaimRecent: _mailbox("looked into"),
    changes.CreateMailbox: _mailbox("made"),
    changes.DeleteMailbox: _mailbox("deleted"),
    changes.RenameMailbox: _mailbox("renamed to"),
    changes.Subscribe: _mailbox("(un)subscribed"),
    changes.SetAcl: _mailbox("has other rights"),
    changes.SetMetadata: _mailbox("annotated"),
    changes.SetSpecialUse: _mailbox("has another use"),
    changes.CreateGroup: _group("made"),
    changes.ChangeGroup: _group("changed"),
    changes.RemoveGroup: _group("removed"),
    changes.Expire: _group("expired"),
    changes.Post: _posted,
    changes.Cancel: _cancelled,
    changes.StoreFile: _entry("stored"),
    changes.MakeFolder: _entry("made"),
    changes.RemoveFile: _entry("removed"),
    changes.RemoveFolder: _entry("removed"),
    changes.RenameEntry: _entry("renamed to"),
    changes.ModifyEntry: _entry("changed"),
    changes.SetRoute: _route("set"),
    changes.RemoveRoute: _route("removed"),
    changes.UseRoute: _route("used"),
    changes.ReceiveRequest: _request,
    changes.FaultStruck: _struck,
    changes.Reset: _reset,
}
"""How each kind of change is told of."""
