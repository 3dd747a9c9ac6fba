"""compose.yaml as it stands, but for the ports of this machine: those may be in use."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from container.about import CHECK_IMAGE, IMAGE, ROOT

OLD_PYTHON = "test_urllib_request.py::test_logged_in_by_ftp"
"""It passes on python:3.13-slim; urllib of the Debian that may stand in for it cannot use an FTP connection twice."""
NAMES = """
import http.client, json, smtplib, ssl
from minternet.ready import read
from pathlib import Path
ready = read(Path("/data/ready.json"))
trusted = ssl.create_default_context(cafile=ready.ca_file)
for name in ("httpbin.org", "internet", "www.example.test", "example.net"):
    connection = http.client.HTTPSConnection(name, context=trusted, timeout=10)
    connection.request("GET", "/get")
    assert json.load(connection.getresponse())["headers"]["Host"] == name
with smtplib.SMTP("smtp.example.test", timeout=10) as server:
    server.starttls(context=trusted)
print("all names lead to it")
"""


def command() -> list[str]:
    """Compose v2, or docker-compose."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0:
        return [docker, "compose"]
    if found := shutil.which("docker-compose"):
        return [found]
    if os.environ.get("NEEDS_DOCKER"):
        pytest.fail("NEEDS_DOCKER is set, and there is neither `docker compose` nor docker-compose")
    pytest.skip("there is neither `docker compose` nor docker-compose")


def on_free_ports(port: str) -> str:
    """The same port inside, and any here."""
    return f"127.0.0.1::{port.rpartition(':')[2]}"


@pytest.fixture(scope="module")
def compose(
    image: Any, build: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs a command of Compose in a project that is up, and is taken down at the end with its volume."""
    program = command()
    build(f"{CHECK_IMAGE}-build", target="build", dockerfile="deploy/check.Dockerfile")
    build(CHECK_IMAGE, dockerfile="deploy/check.Dockerfile")
    plan = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    internet = plan["services"]["internet"]
    internet["ports"] = [on_free_ports(port) for port in internet["ports"] if "-" not in port]
    file = tmp_path_factory.mktemp("compose") / "compose.yaml"
    file.write_text(yaml.safe_dump(plan))
    project = f"minternet-{uuid.uuid4().hex[:8]}"
    environment = {**os.environ, "MINTERNET_IMAGE": IMAGE, "MINTERNET_CHECK_IMAGE": CHECK_IMAGE}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        whole = [*program, "-f", str(file), "--project-directory", str(ROOT), "-p", project, *arguments]
        return subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=110)

    try:
        up = run("up", "-d", "--no-build")
        assert up.returncode == 0, up.stderr
        yield run
    finally:
        down = run("--profile", "check", "down", "--volumes", "--timeout", "3")
        assert down.returncode == 0, down.stderr


def test_names_and_certificates_are_those_of_the_real_thing(
    compose: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = compose("--profile", "check", "run", "--rm", "--entrypoint", "python", "check", "-c", NAMES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all names lead to it" in done.stdout


def test_the_client_suite_passes_over_the_network(compose: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    suite = [
        "check",
        "--quiet",
        "--target",
        "/data/ready.json",
        f"--deselect=tests/stdlib/{OLD_PYTHON}",
        "tests/stdlib",
    ]
    done = compose("--profile", "check", "run", "--rm", *suite)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def becomes_healthy(engine: Any, identity: str) -> bool:
    """Whether a container has said that it is healthy since it was made, or says so within a minute."""
    made = datetime.fromisoformat(engine.containers.get(identity).attrs["Created"][:19] + "+00:00")
    filters = {"container": identity, "event": "health_status"}
    told = engine.events(since=made, until=datetime.now(UTC) + timedelta(minutes=1), filters=filters, decode=True)
    return any(event["status"] == "health_status: healthy" for event in told)


def test_it_is_healthy(engine: Any, compose: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    identity = compose("ps", "-q", "internet").stdout.strip()
    assert becomes_healthy(engine, identity)
    logs = compose("logs", "internet").stdout
    assert "httpbin.org" not in logs
    assert "smtp://internet:25" in logs


def test_the_plan_publishes_every_service_on_loopback_only() -> None:
    from minternet import registry

    plan = yaml.safe_load(Path(ROOT / "compose.yaml").read_text("utf-8"))
    published = set(plan["services"]["internet"]["ports"])
    for service in registry.SERVICES:
        suffix = "/udp" if service.kind == "datagram" else ""
        row = f"127.0.0.1:{service.port + 2000}:{service.port}{suffix}"
        assert (row in published) == service.on, row
    assert all(port.startswith("127.0.0.1:") for port in published)
