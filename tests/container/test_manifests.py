"""The manifests in docs/ are what their readers take them for, and name ports that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from container.about import ROOT

from minternet import registry
from minternet.settings import from_environment, make

DOCS = ROOT / "docs"
ON = {service.name: service for service in registry.SERVICES if service.on}
VERSIONS = ("1.28", "1.33")
"""An old one that is still met, and a newer one."""


def objects() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DOCS / "kubernetes.yaml").read_text("utf-8")))


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCS / "ci-services" / name).read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_it(version: str) -> None:
    for each in objects():
        kubernetes_validate.validate(each, version, strict=True)


def test_the_validation_would_notice() -> None:
    deployment = objects()[0]
    deployment["spec"]["template"]["spec"]["containers"][0]["redinessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


def test_the_service_leads_to_the_deployment() -> None:
    deployment, service = objects()
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert {(port["name"], port["containerPort"], port.get("protocol")) for port in container["ports"]} == {
        (name, row.port + 2000, "UDP" if row.kind == "datagram" else None) for name, row in ON.items()
    }
    assert {(port["targetPort"], port["port"]) for port in service["spec"]["ports"]} == {
        (name, row.port) for name, row in ON.items()
    }


def test_variables_are_settings() -> None:
    deployment, _ = objects()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    github = load("github-actions.yml")["jobs"]["test"]["services"]["internet"]["env"]
    gitlab = load("gitlab-ci.yml")["test"]["services"][0]["variables"]
    compose = yaml.safe_load(Path(ROOT / "compose.yaml").read_text("utf-8"))["services"]["internet"]["environment"]
    kubernetes = {each["name"]: each.get("value", "") for each in container["env"]}
    for variables in (github, gitlab, compose, kubernetes):
        assert make(from_environment({name: str(value) for name, value in variables.items()})).public_host


def test_github_publishes_ports_that_there_are() -> None:
    ports = load("github-actions.yml")["jobs"]["test"]["services"]["internet"]["ports"]
    there = {f"{row.port + 2000}:{row.port + 2000}" for row in ON.values()}
    assert set(ports) - there == {"30000-30009:30000-30009"}
