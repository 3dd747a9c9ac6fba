"""The control API and the page as one ASGI application: the gate, the table, and every error as problem details."""

from __future__ import annotations

from typing import Any

import msgspec

from ..faults.rule import FaultError
from ..world.errors import WorldError
from . import problems
from .call import Call, Reply
from .hub import Hub
from .problems import Problem
from .routes import ROWS
from .security import RESPONSE_FIELDS, Gate
from .table import Found, Row, Table, allowed


class Application:
    """Answers requests for one internet."""

    def __init__(self, hub: Hub, gate: Gate) -> None:
        self.hub, self.gate = hub, gate
        self.table = Table(ROWS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = self.table.find(scope["raw_path"].decode("latin-1"))
        try:
            reply = await self._answer(scope, receive, found)
        except Problem as problem:
            reply = problem_reply(problem, found)
        except WorldError as error:
            reply = problem_reply(problems.of_world(error), found)
        except FaultError as error:
            reply = problem_reply(problems.of_fault(error), found)
        except Exception:
            self.hub.log.exception("%s %s failed", scope["method"], scope["path"])
            reply = problem_reply(Problem(500, "the log tells more"), found)
        await write(reply, send)

    async def _answer(self, scope: Any, receive: Any, found: Found | None) -> Reply:
        fields: dict[bytes, bytes] = dict(scope["headers"])
        self.gate.check(scope, fields)
        row = self._row(found[0], scope["method"]) if found else None
        if row is None or not row.public:
            self.gate.check_token(fields)
        if found is None:
            raise Problem(404, "nothing is at this URL; /api/v1/openapi.json tells what there is")
        if row is None:
            allow = {"allow": allowed(found[0])}
            if scope["method"] == "OPTIONS":
                return Reply(status=204, headers=allow)
            raise Problem(405, f"{scope['method']} is not for this URL; {allow['allow']} are", headers=allow)
        call: Call[Any, Any] = Call(self.hub, row, scope, receive, found[1])
        await call.read()
        return as_reply(await row.handler(call), row)

    @staticmethod
    def _row(rows: dict[str, Row], method: str) -> Row | None:
        return rows.get("GET" if method == "HEAD" else method)


def as_reply(result: Any, row: Row) -> Reply:
    """What a handler returned, as a reply."""
    if isinstance(result, Reply):
        return result
    if result is None and row.answer is None:
        return Reply(status=204)
    return Reply(msgspec.json.encode(result), status=row.status)


def problem_reply(problem: Problem, found: Found | None) -> Reply:
    """RFC 9457, or as the rows of this path have it."""
    errors = next((row.errors for row in found[0].values()), None) if found else None
    if errors is not None:
        record = errors.of_problem(problem)
        return Reply(msgspec.json.encode(record), status=record.status, headers=problem.headers)
    return Reply(msgspec.json.encode(problem.details), problems.MEDIA_TYPE, problem.status, problem.headers)


async def write(reply: Reply, send: Any) -> None:
    """Send a reply: counted where its length is known, else in chunks as it comes."""
    fields = {name.encode(): value.encode("latin-1", "replace") for name, value in reply.headers.items()}
    if reply.status != 204:
        fields[b"content-type"] = reply.type.encode("latin-1", "replace")
    length = len(reply.body) if isinstance(reply.body, bytes) else reply.length
    if length is not None and reply.status != 204:
        fields[b"content-length"] = b"%d" % length
    standing = [field for field in RESPONSE_FIELDS if field[0] not in fields]
    await send({"type": "http.response.start", "status": reply.status, "headers": [*fields.items(), *standing]})
    if isinstance(reply.body, bytes):
        await send({"type": "http.response.body", "body": reply.body})
        return
    try:
        async for piece in reply.body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        await reply.body.aclose()  # type: ignore[attr-defined]
    await send({"type": "http.response.body", "body": b""})
