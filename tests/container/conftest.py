"""An engine, the image built in it, and one internet from that image for all tests that leave it well."""

from __future__ import annotations

import fcntl
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from container.about import IMAGE, QUICK_HEALTH, ROOT

from minternet.container import InternetContainer

BUILD_SECONDS = 600
"""A test may have to wait until another worker has built the images, with all that they need."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests, and no others, more time."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """The engine's client. Without one the tests are skipped, but not where NEEDS_DOCKER says that there must be one."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        if os.environ.get("NEEDS_DOCKER"):
            pytest.fail(f"NEEDS_DOCKER is set, and no container engine answers: {error}")
        pytest.skip("no container engine runs: see tests/container/prepare.sh")
    yield client
    client.close()


@pytest.fixture(scope="session")
def build(engine: Any) -> Callable[..., Any]:
    """Builds an image of this checkout, one worker after another: what one has built is the others' cache."""
    base = os.environ.get("BUILD_BASE")
    extra = {"buildargs": {"BUILD_BASE": base}, "network_mode": "host"} if base else {}

    def build_one(tag: str, **options: Any) -> Any:
        with (Path(tempfile.gettempdir()) / f"minternet-build-{os.getuid()}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return engine.images.build(path=str(ROOT), tag=tag, rm=True, **extra, **options)[0]

    return build_one


@pytest.fixture(scope="session")
def image(build: Callable[..., Any]) -> Any:
    """The image; the stage that builds it keeps a name too, so that it is there the next time."""
    build(f"{IMAGE}-build", target="build")
    return build(IMAGE)


@pytest.fixture(scope="module")
def net(image: Any) -> Iterator[InternetContainer]:
    """An internet in a container, for tests that leave it well."""
    with InternetContainer(IMAGE, healthcheck=QUICK_HEALTH) as net:
        yield net


@pytest.fixture
def data(engine: Any) -> Iterator[str]:
    """The name of a volume."""
    name = f"minternet-test-{uuid.uuid4().hex[:12]}"
    yield name
    engine.volumes.get(name).remove(force=True)


@pytest.fixture
def run_to_its_end(engine: Any, image: Any) -> Iterator[Callable[..., tuple[int, list[str]]]]:
    """Runs a container that ends by itself: its exit status, and the lines that it printed."""
    made = []

    def run(*command: str, **options: Any) -> tuple[int, list[str]]:
        container = engine.containers.create(IMAGE, list(command) or None, **options)
        made.append(container)
        container.start()
        status = int(container.wait(timeout=20)["StatusCode"])
        return status, container.logs().decode().splitlines()

    yield run
    for container in made:
        container.remove(v=True, force=True)
