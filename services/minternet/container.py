"""An internet from its image, for a test of any Python project (pip install 'minternet[container]'):

    with InternetContainer() as net:
        smtplib.SMTP(*net.smtp.address)

Every service is published on a free port of this machine's loopback. FTP's passive ports are the exception: the server
tells clients their numbers, so a range that is free here is used inside as well.
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import msgspec

from . import ready as ready_file
from .protocols.context import Service
from .ready import Endpoint, Ready
from .registry import by_name, names

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

OFFSET = 2000
PASSIVE_PORTS = 5
"""How many passive connections FTP may have open at the same time."""
PASSIVE_RANGE = range(30_000, 32_700)
"""Where free ones are looked for: below the ports that Linux gives to connections of its own."""
ATTEMPTS = 5
"""How often another range is tried when somebody was quicker."""
POLL_SECONDS = 0.05
STOP_SECONDS = 5


class ContainerError(RuntimeError):
    """A container that cannot be started or does not become ready; says why."""


class InternetContainer:
    """An internet in a container, from `start` (or `with`) to `stop`.

    `fixtures` is a folder of this machine, `environment` what the image is to know beside (MINTERNET_...), `publish` the
    ports here of services that are not to have any free one, and further options go to the Docker SDK's
    `containers.create`. ContainerError where there is no engine, image or readiness.
    """

    def __init__(
        self,
        image: str = "minternet",
        *,
        fixtures: str | os.PathLike[str] | None = None,
        services: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        client: DockerClient | None = None,
        publish: Mapping[str, int] | None = None,
        **options: Any,
    ) -> None:
        self.image, self.services, self.timeout = image, tuple(services), timeout
        self.fixtures = Path(fixtures).resolve() if fixtures is not None else None
        self.environment = dict(environment or {})
        self.publish = dict(publish or {})
        self.options = options
        self._given_client, self._client = client, client
        self._container: Container | None = None
        self._ready: Ready | None = None
        self._starts = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- from start to stop

    def start(self) -> Self:
        """Start a container, and return when every service in it has answered."""
        if self._container is not None:
            raise ContainerError("this container runs already")
        try:
            self._client = self._given_client or _engine(self.timeout)
            self._folder = tempfile.TemporaryDirectory(prefix="minternet-")
            self._run()
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def restart(self) -> None:
        """Stop and start the same container; what it holds is seeded again, and its published ports are new ones."""
        self.container.restart(timeout=STOP_SECONDS)
        self._await_ready()

    def stop(self) -> None:
        """Stop the container and remove it and its volume; again is no harm."""
        if self._container is not None:
            self._container.stop(timeout=STOP_SECONDS)
            self._container.remove(v=True, force=True)
        if self._client is not None and self._client is not self._given_client:
            self._client.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._container = self._client = self._ready = self._folder = None
        self._starts = 0

    # -- what there is

    @property
    def container(self) -> Container:
        """The Docker SDK's own object."""
        if self._container is None:
            raise ContainerError("this container does not run: use `with InternetContainer() as net:`")
        return self._container

    @property
    def ready(self) -> Ready:
        """The ready record, as seen from here: published ports, and the authority's certificate in a file of this machine."""
        if self._ready is None:
            raise ContainerError("this container does not run: use `with InternetContainer() as net:`")
        return self._ready

    @property
    def ca_file(self) -> str:
        """The authority's certificate, as PEM."""
        return self.ready.ca_file

    def ssl_context(self) -> ssl.SSLContext:
        """A client context that trusts the authority."""
        return ssl.create_default_context(cafile=self.ca_file)

    def write_ready_file(self, path: str | os.PathLike[str]) -> Path:
        """Write the ready record to a file, for `minternet check --target` and the like; it is good until the stop."""
        ready_file.write(self.ready, Path(path))
        return Path(path)

    @property
    def healthy(self) -> bool:
        """Whether the image's own health check said so last."""
        self.container.reload()
        health = self.container.attrs["State"].get("Health", {})
        return bool(health.get("Status") == "healthy")

    def logs(self) -> str:
        """What it printed so far, and what it complained of."""
        return str(self.container.logs().decode("utf-8", "replace"))

    def __getattr__(self, name: str) -> Endpoint:
        """Where a service is reached: `net.smtp`, `net.echo_udp`."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.ready.services[name.replace("_", "-")]
        except KeyError:
            raise AttributeError(f"no service {name!r} runs; there are {', '.join(self.ready.services)}") from None

    # -- starting

    @property
    def _host(self) -> str:
        """Where published ports are reached: here, or at the engine's machine where DOCKER_HOST names another."""
        named = urlsplit(os.environ.get("DOCKER_HOST", ""))
        return named.hostname or "127.0.0.1" if named.scheme in ("tcp", "ssh", "http", "https") else "127.0.0.1"

    def _run(self) -> None:
        from docker.errors import APIError, DockerException, ImageNotFound

        try:
            for attempt in range(ATTEMPTS):
                self._container = self._create(_free_range(PASSIVE_PORTS))
                try:
                    return self._container.start()  # type: ignore[no-any-return]
                except APIError as error:
                    self._container.remove(v=True, force=True)
                    self._container = None
                    taken = "address already in use" in str(error) or "port is already allocated" in str(error)
                    if not taken or attempt == ATTEMPTS - 1:
                        raise
        except ImageNotFound:
            raise ContainerError(f"there is no image {self.image}: docker build -t {self.image} .") from None
        except DockerException as error:
            raise ContainerError(f"the engine did not start {self.image}: {error}") from error

    def _create(self, passive: range) -> Container:
        assert self._client is not None
        here = "127.0.0.1" if self._host == "127.0.0.1" else "0.0.0.0"
        rows = by_name()
        offset = int(self.environment.get("MINTERNET_OFFSET", OFFSET))
        ports: dict[str, Any] = {
            f"{rows[name].port + offset}/{_transport(rows[name])}": (here, self.publish.get(name))
            for name in self.services or names(on=True)
        }
        ports |= {f"{port}/tcp": (here, port) for port in passive}
        settings = {
            "MINTERNET_PUBLIC_HOST": self._host,
            "MINTERNET_PASSIVE_PORTS": f"{passive[0]}-{passive[-1]}",
        }
        if self.services:
            settings["MINTERNET_SERVICES"] = ",".join(self.services)
        mounts = {str(self.fixtures): {"bind": "/fixtures", "mode": "ro"}} if self.fixtures else {}
        options = dict(self.options)
        volumes = {**mounts, **options.pop("volumes", {})}
        return self._client.containers.create(
            self.image,
            ["up", "--json"],
            environment=settings | self.environment,
            ports=ports,
            volumes=volumes,
            **options,
        )

    def _await_ready(self) -> None:
        """Wait for the line of JSON that says that all have answered: one for each time it was started."""
        self._starts += 1
        deadline = time.monotonic() + self.timeout
        while True:
            self.container.reload()
            running = self.container.status == "running"
            lines = self.container.logs(stdout=True, stderr=False).splitlines()
            told = [line for line in lines if line.startswith(b'{"pid"')]
            if len(told) >= self._starts:
                self._ready = self._as_seen_from_here(msgspec.json.decode(told[-1], type=Ready))
                return
            if not running:
                raise ContainerError(f"{self.image} ended: {self.logs().strip() or 'without a word'}")
            if time.monotonic() > deadline:
                raise ContainerError(f"{self.image} was not ready in {self.timeout:g} s: {self.logs().strip()}")
            time.sleep(POLL_SECONDS)

    def _as_seen_from_here(self, ready: Ready) -> Ready:
        services = {name: self._published(name, endpoint) for name, endpoint in ready.services.items()}
        control = ready.control
        if control is not None and "control" in services:
            control = msgspec.structs.replace(control, url=services["control"].url)
        ca_file = self._fetch_authority(ready.ca_file)
        return msgspec.structs.replace(
            ready, host=self._host, services=services, control=control, ca_file=ca_file, local_host=""
        )

    def _published(self, name: str, endpoint: Endpoint) -> Endpoint:
        row = by_name()[name]
        key = f"{endpoint.port}/{_transport(row)}"
        published = self.container.attrs["NetworkSettings"]["Ports"].get(key)
        if not published:
            return endpoint
        port = int(published[0]["HostPort"])
        return Endpoint(self._host, port, endpoint.tls, f"{row.scheme}://{self._host}:{port}")

    def _fetch_authority(self, path: str) -> str:
        """Copy the authority's certificate here. By `cat`, as copying does not see what lies in a tmpfs."""
        status, content = self.container.exec_run(["cat", path])
        if status != 0 or self._folder is None:
            raise ContainerError(f"cannot read {path} in the container: {content.decode('utf-8', 'replace').strip()}")
        here = Path(self._folder.name) / "ca.pem"
        here.write_bytes(content)
        return str(here)


def _transport(row: Service) -> str:
    return "udp" if row.kind == "datagram" else "tcp"


def _engine(timeout: float) -> DockerClient:
    try:
        import docker
    except ImportError:
        raise ContainerError("the Docker SDK is not installed: pip install 'minternet[container]'") from None
    try:
        client = docker.from_env(timeout=max(1, int(timeout)))
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise ContainerError(f"no container engine answers: {error}") from None
    return client


def _free_range(size: int) -> range:
    """So many ports in a row that nobody has at the moment."""
    for _ in range(100):
        first = random.randrange(PASSIVE_RANGE.start, PASSIVE_RANGE.stop - size)
        wanted = range(first, first + size)
        if all(_is_free(port) for port in wanted):
            return wanted
    raise ContainerError(f"no {size} free ports in a row between {PASSIVE_RANGE.start} and {PASSIVE_RANGE.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
