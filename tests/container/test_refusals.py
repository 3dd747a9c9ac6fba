"""What cannot be is said in one line, with an exit status that is not 0."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from container.about import IMAGE

from minternet.container import ContainerError, InternetContainer

RunToItsEnd = Callable[..., tuple[int, list[str]]]


@pytest.mark.parametrize(
    ("command", "options", "status", "said"),
    [
        ((), {"environment": {"MINTERNET_COLOUR": "red"}}, 2, "MINTERNET_COLOUR is no setting; there are MINTERNET_"),
        ((), {"environment": {"MINTERNET_DRAIN": "soon"}}, 2, "settings: "),
        ((), {"environment": {"MINTERNET_SERVICES": "gopher"}}, 1, "no service is called 'gopher'; there are echo, "),
        (("up", "--port", "ftp=2025"), {}, 1, "port 2025 for ftp is in use"),
        ((), {"user": "12345"}, 1, "cannot write the ready file /data/ready.json: Permission denied"),
        ((), {"tmpfs": {"/data": "size=4k,nr_inodes=1,uid=10001"}}, 1, "No space left on device"),
        (("dance",), {}, 2, "invalid choice: 'dance'"),
    ],
    ids=["variable", "value", "service", "port", "data-not-writable", "data-full", "command"],
)
def test_one_clear_line(
    run_to_its_end: RunToItsEnd, command: tuple[str, ...], options: dict[str, Any], status: int, said: str
) -> None:
    ended, lines = run_to_its_end(*command, **options)
    assert ended == status
    assert said in lines[-1]
    assert not any("Traceback" in line for line in lines)
    told = [line for line in lines if not line.startswith(("usage: ", " ")) and "its token is" not in line]
    assert len(told) == 1
    assert told[0].startswith("minternet: ")


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [("world.toml", "hello", 0o755), ("other.toml", "", 0o755), ("world.toml", "[world]", 0o700)],
    ids=["broken", "missing", "unreadable"],
)
def test_wrong_fixtures_are_told_by_file(
    run_to_its_end: RunToItsEnd, tmp_path: Path, name: str, content: str, mode: int
) -> None:
    folder = tmp_path / "fixtures"
    folder.mkdir()
    (folder / name).write_text(content)
    folder.chmod(mode)
    ended, lines = run_to_its_end(volumes={str(folder): {"bind": "/fixtures", "mode": "ro"}})
    assert ended == 1
    assert "world.toml" in lines[-1] or "/fixtures" in lines[-1]
    assert not any("Traceback" in line for line in lines)


def test_a_published_port_that_is_taken_is_said(image: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        net = InternetContainer(IMAGE, services=["echo"], publish={"echo": number})
        with pytest.raises(ContainerError, match=f"did not start.*{number}"):
            net.start()
