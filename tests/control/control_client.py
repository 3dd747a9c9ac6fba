"""What the tests of the control service ask with: http.client over a real socket, a connection for each request."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from minternet.control import openapi, schemas
from minternet.control.problems import MEDIA_TYPE, ProblemDetails
from minternet.control.routes import ROWS
from minternet.control.table import Octets, Table

TABLE = Table(ROWS)
API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: status, fields by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks one control service, and checks that each reply is one that the table of routes promises."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port, self.host = port, host
        self.used: set[tuple[str, str]] = set()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request; a body that is not octets is sent as JSON. The path is below /api/v1 unless it starts with `//`."""
        target = path[1:] if path.startswith("//") else API + path
        octets = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        fields = dict(headers or {})
        if octets is not None and "Content-Type" not in fields:
            fields["Content-Type"] = kind or "application/json"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, target, octets, fields)
            response = connection.getresponse()
            answer = Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()
        check_promised(method, target.partition("?")[0], answer)
        return answer

    def get(self, path: str, status: int = 200) -> Any:
        """JSON of a GET."""
        return expect(self.ask("GET", path), status)

    def send(self, method: str, path: str, body: Any = None, status: int = 200, kind: str | None = None) -> Any:
        """JSON of another request; None where there is none."""
        return expect(self.ask(method, path, body, kind), status)

    def mail(self, path: str, message: bytes, status: int = 201) -> Any:
        """POST of a raw message."""
        return self.send("POST", path, message, status, "message/rfc822")

    def problem(self, method: str, path: str, status: int, body: Any = None, kind: str | None = None) -> ProblemDetails:
        """The problem that a request is answered with."""
        answer = self.ask(method, path, body, kind)
        assert answer.status == status, answer
        assert answer.headers["content-type"] == MEDIA_TYPE
        problem = msgspec.json.decode(answer.body, type=ProblemDetails)
        assert problem.status == status
        assert problem.title
        return problem


def expect(answer: Answer, status: int) -> Any:
    assert answer.status == status, (answer.status, answer.body[:1000])
    return answer.json if answer.body else None


def check_promised(method: str, path: str, answer: Answer) -> None:
    """Whether the status is documented, and the body is of the promised type."""
    found = TABLE.find(path)
    row = found[0].get("GET" if method == "HEAD" else method) if found else None
    if row is None or not answer.body:
        return
    told = openapi.responses(row, token=True)
    assert str(answer.status) in told, f"{method} {row.path} does not promise {answer.status}"
    if answer.status >= 400 and (row.path, answer.status) != ("/readyz", 503):
        msgspec.json.decode(answer.body, type=row.errors.record if row.errors else ProblemDetails)
    elif row.answer not in (None, dict) and not isinstance(row.answer, Octets):
        msgspec.json.decode(answer.body, type=row.answer)


__all__ = ["API", "Answer", "Client", "schemas"]
