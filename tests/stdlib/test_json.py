"""json on what HTTP serves."""

from __future__ import annotations

import io
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib import request

import pytest
from stdlib.parts import TIMEOUT, Sites


def fetch(web: Sites, path: str, body: bytes | None = None) -> Any:
    fields = {"Content-Type": "application/json"}
    asked = request.Request(web.base + path, body, fields)
    with request.build_opener(request.ProxyHandler({})).open(asked, timeout=TIMEOUT) as reply:
        return json.load(reply)


@pytest.fixture(scope="module")
def data(default_world: None, web: Sites) -> bytes:
    """The site's document of everything JSON has."""
    return web.get("/data.json")


def test_everything_json_has(data: bytes) -> None:
    read = json.loads(data)
    assert (read["town"], read["population"], read["height_in_metres"]) == ("Mallow-on-Wire", 1412, 4.2)
    assert (read["smallest"], read["large"]) == (5e-324, 123456789012345678901234567890)
    assert math.copysign(1, read["negative_zero"]) == -1
    assert (read["bridge_is_up"], read["mayor"], read["empty"]) == (
        False,
        None,
        {"object": {}, "array": [], "string": ""},
    )
    assert read["escapes"] == 'quote " backslash \\ slash / tab \t newline \n euro € duck 🦆 nul \0'
    assert read["unescaped"] == "Brücke, мост, 橋, 🌉"
    assert (read["nested"], read[""], read["twice"]) == ([[[[[["the nest"]]]]]], "an empty name", 2)


def test_hooks_see_everything(data: bytes) -> None:
    pairs = json.loads(data, object_pairs_hook=list)
    assert [value for name, value in pairs if name == "twice"] == [1, 2]
    numbers = json.loads(data, parse_float=Decimal, parse_int=str)
    assert (numbers["height_in_metres"], numbers["population"]) == (Decimal("4.20"), "1412")
    people = json.loads(data, object_hook=lambda found: found.get("login", found))["people"]
    assert people == ["alice", "bob", "carol"]


def test_there_and_back(data: bytes) -> None:
    document = json.loads(data)
    for options in ({}, {"ensure_ascii": False}, {"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}):
        assert json.loads(json.dumps(document, **options)) == document
    assert json.loads(json.dumps(document).encode("utf-16")) == json.loads(json.dumps(document).encode("utf-32-le"))


def test_octets_in_any_unicode(data: bytes) -> None:
    text = data.decode()
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le"):
        assert json.loads(text.encode(encoding)) == json.loads(text)


def test_through_the_server_and_back(web: Sites) -> None:
    document = {"text": "Grüße 🦆\u2028\x00", "numbers": [0, -1, 1.5, 1e300, 2**70], "nothing": None, "yes": True}
    for content in (json.dumps(document).encode(), json.dumps(document, ensure_ascii=False).encode()):
        told = fetch(web, "/post", content)
        assert told["json"] == document
        assert told["data"] == content.decode()


def test_lines_of_json(web: Sites) -> None:
    lines = web.get("/stream/5").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [0, 1, 2, 3, 4]


def test_records(default_world: None, web: Sites) -> None:
    records = [json.loads(line) for line in web.get("/records.ndjson").splitlines() if line]
    assert records
    assert all(isinstance(record, dict) for record in records)


def test_a_document_that_stops(web: Sites) -> None:
    content = web.get("/broken/invalid-json").decode()
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(content)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.doc, caught.value.lineno, caught.value.msg) == (content, 1, "Unterminated string starting at")
    assert (caught.value.pos, caught.value.colno) == (24, 25)


@pytest.mark.parametrize("text", ["", "[1,]", "{'a': 1}", "[1] 2", "nul", '"\t"', "\ufeff{}", '{"a" 1}'])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_decoder(data: bytes) -> None:
    decoder = json.JSONDecoder(strict=False)
    assert decoder.decode(' "a\tb" ') == "a\tb"
    value, end = decoder.raw_decode(data.decode() + " and more")
    assert (value, data.decode()[end:].strip()) == (json.loads(data), "")
    with pytest.raises(json.JSONDecodeError, match="Extra data"):
        decoder.decode("1 2")
    with pytest.raises(ValueError):
        json.JSONDecoder(parse_constant=lambda name: int(name)).decode("[NaN]")


class Sets(json.JSONEncoder):
    """Writes sets as sorted lists."""

    def default(self, o: object) -> Any:
        return sorted(o) if isinstance(o, set) else super().default(o)


def test_encoder() -> None:
    assert Sets(indent="\t").encode({"s": {2, 1}}) == '{\n\t"s": [\n\t\t1,\n\t\t2\n\t]\n}'
    assert "".join(Sets().iterencode([{3}, "x"])) == '[[3], "x"]'
    assert json.dumps({1, 2}, cls=Sets) == "[1, 2]"
    with pytest.raises(TypeError, match="not JSON serializable"):
        Sets().encode(object())
    with pytest.raises(TypeError, match="keys must be"):
        json.dumps({(1, 2): 3})
    assert json.dumps({(1, 2): 3, "a": 1}, skipkeys=True) == '{"a": 1}'
    assert json.dumps({1: True, None: 1.5}) == '{"1": true, "null": 1.5}'


def test_numbers_json_does_not_have() -> None:
    assert json.dumps([math.inf, -math.inf]) == "[Infinity, -Infinity]"
    assert math.isnan(json.loads("NaN"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        json.dumps(math.nan, allow_nan=False)


def test_circles() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular reference"):
        json.dumps(circle)
    with pytest.raises(RecursionError):
        json.dumps(circle, check_circular=False)


def test_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "copy.json"
    with path.open("w", encoding="utf-8") as file:
        json.dump(json.loads(data), file, ensure_ascii=False)
    with path.open(encoding="utf-8") as file:
        assert json.load(file) == json.loads(data)
    assert json.load(io.BytesIO(b"[1]")) == [1]
