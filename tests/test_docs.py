"""README and docs are true: every example runs as it stands, every link leads somewhere, every command exists.

A ```python block is executed, and its functions called test_* are called with an internet. Blocks with a title are the
files of a test suite, which pytest runs. Of ```console blocks, what curl is asked is done.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from minternet import Internet, Settings, ready, registry
from minternet.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^```python title=\"([\w./]+)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WELL_KNOWN = {service.port + 2000: service.name for service in registry.SERVICES if service.kind != "datagram"}


def examples() -> list[tuple[str, str]]:
    found = []
    for page, name in zip(PAGES, NAMES, strict=True):
        text = page.read_text("utf-8")
        for block in BLOCK.finditer(text):
            line = text[: block.start()].count("\n") + 1
            found.append((f"{name}:{line}", textwrap.dedent(block[2])))
    return found


def curls() -> list[tuple[str, str]]:
    """The commands in console blocks that are curl's, each with the lines it goes on in."""
    found = []
    for page, name in zip(PAGES, NAMES, strict=True):
        text = page.read_text("utf-8")
        for block in CONSOLE.finditer(text):
            line = text[: block.start()].count("\n") + 1
            commands = re.findall(r"^\$ (curl (?:.*\\\n)*.*)$", block[1], re.MULTILINE)
            found += [(f"{name}:{line}", command) for command in commands]
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
    endpoints = net.supervisor.endpoints()
    fixed = {port: str(endpoints[name].port) for port, name in WELL_KNOWN.items() if name in endpoints}
    return re.sub(r"\b2\d{3}\b", lambda port: fixed.get(int(port[0]), port[0]), source)


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
    assert len(examples()) >= 30


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize(("place", "command"), curls(), ids=[place for place, _ in curls()])
def test_what_curl_is_asked_works(net: Internet, place: str, command: str, tmp_path: Path) -> None:
    net.reset()
    proxy = dict.fromkeys(("HTTP_URL", "HTTPS_PROXY", "http_proxy"), net.http.url)  # nothing leaves the machine
    environment = {**os.environ, **proxy, "NO_PROXY": "localhost", "CURL_CA_BUNDLE": net.ca_file}
    result = subprocess.run(
        [
            "bash",
            "-c",
            on_free_ports(command.replace("curl ", "curl --fail --silent --show-error --max-time 20 ", 1), net),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, f"{place}: {result.stderr}{result.stdout}"


def test_addresses_in_other_languages_exist(net: Internet) -> None:
    """Examples that cannot be run here ask the control API for nothing that is not there."""
    page = (ROOT / "docs" / "recipes" / "languages.md").read_text("utf-8")
    blocks = re.findall(r"^```(?:js|go)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    paths = {path for block in blocks for path in re.findall(r'(?:post\((?:t, )?|api \+ )"(/[a-z]+)', block)}
    assert paths >= {"/reset", "/wait", "/events"}
    there = json.load(urllib.request.urlopen(f"{net.control.url}/api/v1/openapi.json"))["paths"]
    assert {f"/api/v1{path}" for path in paths} <= there.keys()


@pytest.mark.parametrize("page", [page for page in PAGES if FILE.search(page.read_text("utf-8"))], ids=lambda p: p.name)
def test_suites_pass(page: Path, tmp_path: Path) -> None:
    for name, source in FILE.findall(page.read_text("utf-8")):
        with (tmp_path / name).open("a") as file:
            file.write(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-n", "0", "-ra"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_flags_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(
        re.findall(
            r"minternet (up|check|env|validate|services|health|log|faults|export)\b([^`\n]*)", page.read_text("utf-8")
        )
    )
    for command, rest in sorted(commands):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        known = capsys.readouterr().out
        for flag in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert flag in known, f"{page.name}: minternet {command} has no {flag}"


def script(name: str) -> ModuleType:
    """A script that makes a page."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "docs").glob("make_*.py")))
def test_pages_are_what_the_tables_say(name: str) -> None:
    module = script(name)
    assert module.PAGE.read_text("utf-8") == module.page(), f"run: python docs/{name}.py"


def test_the_site_is_built_with_no_warning(tmp_path: Path) -> None:
    """Links and navigation, as mkdocs sees them; `make docs` does the same."""
    pytest.importorskip("material", reason="mkdocs-material is not installed (the docs extra)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert result.returncode == 0, result.stderr
    pages = [page.read_text("utf-8") for page in (tmp_path / "site").rglob("*.html")]
    assert len(pages) > 15
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]* src=\"?https?:|<link[^>]* rel=\"?(?:stylesheet|preconnect)\"? [^>]*https?:"
    )
    assert not [found for page in pages for found in loaded.findall(page)], "a page loads something from elsewhere"


def test_every_command_of_our_own_is_played_by_a_conversation() -> None:
    module = script("make_protocols")
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
