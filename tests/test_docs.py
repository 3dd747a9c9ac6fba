"""README and docs are true: every Python example runs as it stands, every link leads somewhere, every command exists."""

from __future__ import annotations

import importlib.util
import re
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from minternet import Internet, Settings, ready, registry
from minternet.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
WELL_KNOWN = {service.port + 2000: service.name for service in registry.SERVICES if service.kind != "datagram"}


def examples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for block in BLOCK.finditer(text):
            line = text[: block.start()].count("\n") + 1
            found.append((f"{page.name}:{line}", textwrap.dedent(block[2])))
    return found


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """An internet on free ports that examples find in the default place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        with Internet(settings=Settings(ephemeral=True)) as net:
            ready.write(net.ready(), ready.default_path())
            patch.setenv("SSL_CERT_FILE", net.ca_file)
            yield net


def on_free_ports(source: str, net: Internet) -> str:
    """An example with the ports that this internet has in the place of the fixed ones."""
    return re.sub(
        r"\b2\d{3}\b",
        lambda port: (
            str(net.supervisor.endpoint(WELL_KNOWN[int(port[0])]).port) if int(port[0]) in WELL_KNOWN else port[0]
        ),
        source,
    )


@pytest.mark.parametrize(("place", "source"), examples(), ids=[place for place, _ in examples()])
def test_examples_run(net: Internet, place: str, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    net.reset()
    namespace: dict[str, object] = {"__name__": "example"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(compile(on_free_ports(source, net), place, "exec"), namespace)  # our own documentation
        for name, function in list(namespace.items()):
            if name.startswith("test_") and callable(function):
                function(net)


def test_there_are_examples() -> None:
    assert len(examples()) >= 7


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_flags_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(
        re.findall(r"minternet (up|check|env|validate|services|log|faults|export)\b([^`\n]*)", page.read_text("utf-8"))
    )
    for command, rest in sorted(commands):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        known = capsys.readouterr().out
        for flag in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert flag in known, f"{page.name}: minternet {command} has no {flag}"


def make_protocols() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_protocols", ROOT / "docs" / "make_protocols.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_protocols_page_is_what_the_tables_say() -> None:
    module = make_protocols()
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/make_protocols.py"


def test_every_command_of_our_own_is_played_by_a_conversation() -> None:
    module = make_protocols()
    told = module.conversations()
    tables = {
        "smtp": module.smtp.TABLE,
        "imap": module.IMAP_TABLE,
        "pop3": module.pop3.TABLE,
        "nntp": module.NNTP_TABLE,
    }
    silent = [
        f"{name} {row.name}"
        for name, rows in tables.items()
        for row in rows
        if not module.played(told[name], *row.name.split())
    ]
    assert silent == []
