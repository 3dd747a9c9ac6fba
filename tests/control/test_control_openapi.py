"""The OpenAPI document: every route is in it, it is well-formed, and what is answered is what it says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from control_client import Client

from minternet.control import openapi
from minternet.control.happenings import KINDS, TELLERS
from minternet.control.problems import STATUS_OF, of_world, pointer_of
from minternet.control.routes import ROWS
from minternet.control.table import Row, Table
from minternet.world import errors

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(openapi.build(ROWS, "1", token=True)))
    return told


def test_it_is_served(api: Client) -> None:
    assert api.get("/openapi.json")["openapi"] == "3.1.0"


def test_every_route_is_in_it(document: dict[str, Any]) -> None:
    told = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert told == {(row.method, openapi.plain_path(row)) for row in ROWS}
    assert len(told) == len(ROWS)


def test_operations_are_complete(document: dict[str, Any]) -> None:
    seen = set()
    for path, item in document["paths"].items():
        assert set(item) <= METHODS
        for operation in item.values():
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert operation["summary"]
            assert any(status.startswith("2") for status in operation["responses"])
            declared = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert references == references & set(schemas)
    assert {"MessageView", "ProblemDetails", "Wanted"} <= references
    assert '"items": [' not in text, "a list of schemas there was draft 7's"


def test_regular_expressions_compile(document: dict[str, Any]) -> None:
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(document))
    assert patterns
    for pattern in patterns:
        re.compile(json.loads(pattern))


def test_what_is_answered_is_what_it_says(api: Client, document: dict[str, Any]) -> None:
    samples = {
        "/api/v1/accounts": "/accounts",
        "/api/v1/accounts/{login}/mailboxes": "/accounts/alice/mailboxes",
        "/api/v1/accounts/{login}/mailboxes/{mailbox}/messages": "/accounts/alice/mailboxes/INBOX/messages",
        "/api/v1/accounts/{login}/mailboxes/{mailbox}/messages/{uid}": "/accounts/alice/mailboxes/INBOX/messages/8",
        "/api/v1/groups/{group}/articles": "/groups/local.test/articles",
        "/api/v1/trees/{tree}/entries/{path}": "/trees/files/entries/pub",
        "/api/v1/events": "/events",
        "/api/v1/ready": "/ready",
        "/api/v1/services": "/services",
        "/api/v1/transcripts": "/transcripts",
        "/api/v1/requests": "/requests",
    }
    for path, url in samples.items():
        content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        check(api.get(url), content["schema"], document, url)


def check(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str) -> None:
    """The part of JSON Schema that the document uses."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        assert any(_fits(value, each, document, at) for each in schema["anyOf"]), at
        return
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), f"{at} is {value!r}, not {schema['type']}"  # type: ignore[arg-type]
    if "enum" in schema:
        assert value in schema["enum"], at
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value), at
        for name, inner in value.items():
            check(inner, schema["properties"][name], document, f"{at}.{name}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            check(inner, schema.get("items", {}), document, f"{at}[{number}]")


def _fits(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str) -> bool:
    try:
        check(value, schema, document, at)
    except AssertionError:
        return False
    return True


def test_every_kind_of_change_is_told_of() -> None:
    assert not set(TELLERS) - set(KINDS.values())
    untold = sorted(kind.__name__ for kind in set(KINDS.values()) - set(TELLERS))
    assert not untold, "give it a row in happenings.TELLERS"


def test_every_error_of_the_world_has_a_status() -> None:
    known = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WorldError)}
    assert known == set(STATUS_OF)

    class Newer(errors.MailboxMissing):
        """An error this table does not know yet."""

    assert of_world(Newer("x")).status == 404


def test_pointers() -> None:
    assert pointer_of(".replies[0].status") == "/replies/0/status"
    assert pointer_of("") == ""


async def nothing(call: object) -> None:
    """A handler."""


def test_the_table_finds_by_segments() -> None:
    table = Table(
        [
            Row("GET", "/a/{x}", nothing, ""),
            Row("GET", "/a/b", nothing, ""),
            Row("PUT", "/a/{x}/{n:int}", nothing, ""),
            Row("GET", "/t/{p:path}", nothing, ""),
        ]
    )
    assert table.find("/a/b%2Fc") == ({"GET": table.rows[0]}, {"x": "b/c"})
    assert table.find("/a/b") == ({"GET": table.rows[1]}, {})
    assert table.find("/a/b/7") == ({"PUT": table.rows[2]}, {"x": "b", "n": "7"})
    assert table.find("/t/x/y%20z") == ({"GET": table.rows[3]}, {"p": "x/y z"})
    assert table.find("/t/") == ({"GET": table.rows[3]}, {"p": ""})
    for missing in ("/a", "/a/", "/a/b/c", "/x", "/a/b/7/8", ""):
        assert table.find(missing) is None
    with pytest.raises(ValueError, match="two rows"):
        Table([Row("GET", "/a", nothing, ""), Row("GET", "/a", nothing, "")])
