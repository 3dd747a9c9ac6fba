"""The OpenAPI document against the server, by schemathesis; and the document against OpenAPI's own schema.

Schemathesis is its command line here, as everybody has it, over a real socket, with the same cases at each run.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest
import schemathesis.openapi

from minternet import Internet, Settings
from minternet.control import openapi
from minternet.control.routes import ROWS

TOKEN = "let-me-in"
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 3
"""Of each operation in fuzzing; the cases of its coverage phase are given by the document."""
SECONDS = 280
"""Half a minute on a quiet machine."""
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "positive_data_acceptance", "missing_required_header",
    "unsupported_method", "allow_header_conformance", "use_after_free", "ensure_resource_availability", "ignored_auth",
)  # fmt: skip
"""All there are but authorisation by object: who has the token may do all. Named, so that a newer one's are not news."""
UNTESTED = ("/stream", "/wait", "/openapi.json")
"""See the configuration; the document is not tested against itself."""
TESTED = re.compile(r"Tested: (\d+)")


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Internet]:
    services = ("echo", "http", "smtp", "imap", "nntp", "control")
    settings = Settings(ephemeral=True, services=services, control_token=TOKEN, authority=str(tmp_path / "authority"))
    with Internet(settings=settings) as running:
        yield running


def contract(port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run its checks against the service."""
    command = [
        sys.executable,
        "-c",
        "from schemathesis.cli import schemathesis; schemathesis()",
        f"--config-file={CONFIGURATION}",
        "run",
        f"http://127.0.0.1:{port}/api/v1/openapi.json",
        f"--header=Authorization: Bearer {TOKEN}",
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={EXAMPLES}",
        "--generation-deterministic",
        "--continue-on-failure",
        "--request-timeout=20",
        "--warnings=off",
        "--no-color",
    ]
    unproxied = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        command, cwd=folder, env=unproxied, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.mark.timeout(SECONDS + 20)
def test_the_server_does_what_its_document_says(net: Internet, tmp_path: Path) -> None:
    run = contract(net.control.port, tmp_path)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]
    tested = TESTED.search(run.stdout)
    assert tested is not None
    assert int(tested[1]) == len([row for row in ROWS if not row.path.endswith(UNTESTED)])
    connection = http.client.HTTPConnection("127.0.0.1", net.control.port, timeout=10)
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 200, "every service still runs"
    connection.close()


def test_the_document_is_valid_openapi_3_1() -> None:
    document = json.loads(json.dumps(openapi.build(ROWS, "1", token=True)))
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
