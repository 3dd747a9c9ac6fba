"""The OpenAPI 3.1 document, made from the table of routes and the records in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from .call import JSON, Call
from .problems import MEDIA_TYPE, ProblemDetails, phrase
from .table import Octets, Row, parameter_of

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE = "#/components/schemas/{name}"
PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(name="ProblemDetails")}}}
"""The content of a refusal."""
ALWAYS = (403, 421)
"""What every row may answer: the request came from a foreign page, or under a foreign name."""
BEFORE_ROWS = (400, 413, 414)
"""What the HTTP layer answers too, which knows no rows: by problem details."""
DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"
ABOUT = (
    "Everything a test can do in Python, by HTTP: look at and change the world, wait for what happens, read what was said. "
    "Errors are problem details (RFC 9457). A token is asked for only where the service listens beyond loopback."
)


async def document(call: Call[None, None]) -> dict[str, Any]:
    from .routes import ROWS

    ready = call.hub.supervisor.ready
    return build(ROWS, ready().version if ready is not None else "", call.hub.supervisor.control_token is not None)


def build(rows: Iterable[Row], version: str, token: bool) -> dict[str, Any]:
    """The whole document."""
    rows = tuple(rows)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(plain_path(row), {})[row.method.lower()] = operation(row, token)
    groups = dict.fromkeys(row.group for row in rows)
    return {
        "openapi": "3.1.0",
        "info": {"title": "minternet control", "version": version or "0", "summary": ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in groups],
        "paths": paths,
        "components": {
            "schemas": schemas(rows),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def plain_path(row: Row) -> str:
    """The path as OpenAPI writes it, without kinds."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", row.path) or "/"


def operation(row: Row, token: bool) -> dict[str, Any]:
    """One row."""
    told: dict[str, Any] = {
        "operationId": operation_id(row),
        "summary": row.help,
        "tags": [row.group],
        "security": [] if row.public or not token else [{"token": []}],
        "responses": responses(row, token),
    }
    parameters = [*path_parameters(row), *query_parameters(row)]
    if parameters:
        told["parameters"] = parameters
    if row.body is not None:
        told["requestBody"] = {"required": not row.body_optional, "content": contents(row.body)}
    return told


def operation_id(row: Row) -> str:
    """The handler's name, with that of its file: messages_list_messages."""
    return f"{row.handler.__module__.rpartition('.')[2]}_{row.handler.__name__}"


def responses(row: Row, token: bool) -> dict[str, Any]:
    """What it answers, and with which problems."""
    told: dict[str, Any] = {}
    statuses = (row.status, 200) if row.method == "PUT" and row.status == 201 else (row.status,)
    for status in statuses:
        told[str(status)] = {"description": phrase(status)}
        if row.answer is not None:
            told[str(status)]["content"] = contents(row.answer)
    if row.path == "/readyz":
        told["503"] = {
            "description": "Not all services are well, or this one ends",
            "content": contents(row.answer) | PROBLEM,
        }
    if isinstance(row.answer, Octets) and row.public:
        told["304"] = {"description": phrase(304)}
    for status, content in refusals(row, token).items():
        told.setdefault(str(status), {"description": phrase(status), "content": content})
    return told


def refusals(row: Row, token: bool) -> dict[int, dict[str, Any]]:
    """What it says no with, by status: problem details, or what it has instead of them."""
    statuses = problem_statuses(row, token)
    if row.errors is None:
        return dict.fromkeys(statuses, PROBLEM)
    own = contents(row.errors.record)
    told = dict.fromkeys((row.errors.statuses.get(status, status) for status in statuses), own)
    return told | {status: {**own, **PROBLEM} for status in BEFORE_ROWS if status in told}


def problem_statuses(row: Row, token: bool) -> list[int]:
    found = {*ALWAYS, *row.problems}
    if token and not row.public:
        found.add(401)
    if row.query is not None:
        found |= {400, 414, 422}
    if row.body is not None:
        found |= {400, 413, 415, 422} if "*/*" not in row.body_types else {400, 413, 422}
    if row.parameters:
        found |= {404, 414, 422}
    return sorted(found)


def contents(kind: Any) -> dict[str, Any]:
    """A body's content by media type."""
    if isinstance(kind, Octets):
        return {media_type: {"schema": {}} for media_type in kind.types}
    return {JSON: {"schema": schema_of(kind)}}


def schema_of(kind: Any) -> Any:
    if kind is dict:
        return {"type": "object"}
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    return modern(schema)


def modern(schema: Any) -> Any:
    """A schema that tools read as it is meant: dates have a pattern, and tuples are lists of a length."""
    if isinstance(schema, list):
        return [modern(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: modern(value) for key, value in schema.items()}
    if prefix := told.pop("prefixItems", None):
        told["items"] = prefix[0] if all(each == prefix[0] for each in prefix) else {"anyOf": prefix}
    if told.get("format") == "date-time":
        told["pattern"] = DATE_TIME  # a format alone binds nobody
    return told


def path_parameters(row: Row) -> list[dict[str, Any]]:
    parts = [parameter_of(segment) for segment in row.segments if segment.startswith("{")]
    told = []
    for name, kind in parts:
        schema: dict[str, Any] = (
            {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string", "minLength": 1}
        )
        if name == "tree":
            schema = {"enum": ["files", "site"]}
        told.append({"name": name, "in": "path", "required": True, "schema": schema})
        if kind == "path":
            told[-1]["description"] = "slashes may stand as they are; empty for the root"
    return told


def query_parameters(row: Row) -> list[dict[str, Any]]:
    """The fields of the query's record."""
    if row.query is None:
        return []
    (_,), found = msgspec.json.schema_components([row.query], ref_template=REFERENCE)
    record = found[row.query.__name__]
    told = []
    for name, schema in record["properties"].items():
        schema = {
            key: value
            for key, value in modern(_without_null(schema)).items()
            if key != "default" or value not in (None, "")
        }
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
        if name in record.get("required", ()):
            parameter["required"] = True
        if description := schema.pop("description", ""):
            parameter["description"] = description
        told.append(parameter)
    return told


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: a parameter is there, or it is not."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return dict(schema)
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **choices[0]}


def schemas(rows: tuple[Row, ...]) -> dict[str, Any]:
    """The records of all bodies and answers."""
    kinds: dict[str, Any] = {"ProblemDetails": ProblemDetails}
    for row in rows:
        for kind in (row.body, row.answer, row.errors and row.errors.record):
            if kind is not None and kind is not dict and not isinstance(kind, Octets):
                kinds[str(kind)] = kind
    _, found = msgspec.json.schema_components(list(kinds.values()), ref_template=REFERENCE)
    return {name: modern(schema) for name, schema in found.items()}
