"""What the image is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LAYERS_BYTES = 90_000_000
"""What the image may add to its base."""


def test_configuration(image: Any) -> None:
    config = image.attrs["Config"]
    assert config["User"] == "10001:10001"
    assert set(config["Volumes"]) == {"/data"}
    assert config["Healthcheck"]["Test"] == ["CMD", "minternet", "health"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.title"] == "minternet"
    assert {"2025/tcp", "2007/udp", "2800/tcp", "30000/tcp", "30009/tcp"} <= set(config["ExposedPorts"])


def test_it_is_small(engine: Any, image: Any) -> None:
    base = engine.images.get("python:3.13-slim").attrs["Size"]
    assert image.attrs["Size"] - base < LAYERS_BYTES


def test_nothing_that_builds_or_installs_is_inside(run_to_its_end: Callable[..., tuple[int, list[str]]]) -> None:
    look = "command -v gcc cc c++ ld make pip pip3; python3 -m pip --version; python -m pip --version; python -m ensurepip --version"
    status, lines = run_to_its_end("-c", look, entrypoint="sh")
    assert status != 0
    assert [line.rpartition(": ")[2] for line in lines] == [
        "No module named pip",
        "No module named pip",
        "No module named ensurepip",
    ]


def test_nothing_of_the_machine_that_built_it_is_inside(image: Any) -> None:
    shown = str(image.attrs["Config"]["Env"]) + str(image.history())
    assert "PIP_CERT" not in shown
    assert "PIP_INDEX_URL" not in shown


def test_other_commands_run(run_to_its_end: Callable[..., tuple[int, list[str]]]) -> None:
    assert run_to_its_end("--version")[1][0].startswith("minternet ")
    status, lines = run_to_its_end("validate", "/opt/minternet/lib/no-such-folder")
    assert (status, len(lines)) == (1, 1)
