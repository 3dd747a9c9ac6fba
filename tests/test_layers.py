"""The house: which layer may import which, as data. Any other import fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "services" / "minternet"

MAY_IMPORT: dict[str, set[str]] = {
    "wire": set(),
    "world": set(),
    "hints": set(),
    "settings": {"hints"},
    "ready": set(),
    "faults": {"hints", "wire", "world"},
    "lint": {"wire"},
    "protocols": {"faults", "hints", "wire", "world", "settings", ""},
    "registry": {"protocols"},
    "webhooks": {"wire", "world"},
    "supervisor": {"faults", "webhooks", "wire", "world", "settings", "protocols", "registry", "ready"},
    "control": {
        "bench",
        "faults",
        "hints",
        "lint",
        "webhooks",
        "wire",
        "world",
        "settings",
        "protocols",
        "supervisor",
        "registry",
        "ready",
    },
    "bench": {"faults", "hints", "lint", "webhooks", "wire", "world", ""},
    "internet": {
        "bench",
        "control",
        "lint",
        "webhooks",
        "wire",
        "world",
        "settings",
        "protocols",
        "supervisor",
        "registry",
        "ready",
        "",
    },
    "check": {"ready", ""},
    "pytest_httpbin": {"internet", "settings", "world"},
    "pytest_plugin": {"bench", "internet", "lint", "settings", "wire", ""},
    "unittest": {"bench", "internet", "settings"},
    "commands": {
        "internet",
        "supervisor",
        "settings",
        "registry",
        "ready",
        "world",
        "check",
        "faults",
        "cli",
        "protocols",
        "wire",
    },
    "container": {"protocols", "ready", "registry"},
    "cli": {"commands", "registry", ""},
    "__main__": {"cli"},
    "": {"bench", "internet", "settings", "supervisor", "world", "ready"},
}
"""Layer -> layers it may import beside itself; "" is the package's own __init__."""


def layer_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py") if first != "__init__.py" else ""


def imported_layers(path: Path) -> Iterator[tuple[int, str]]:
    """(line, layer) of every import of ours, relative or absolute, at the top or inside a function."""
    package = ("minternet", *path.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        for module in modules_of(node, package):
            parts = module.split(".")
            if parts[0] == "minternet":
                yield node.lineno, named_layer(parts)  # type: ignore[attr-defined]


def modules_of(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
    origin = ".".join(filter(None, (base, node.module)))
    return [f"{origin}.{alias.name}" for alias in node.names] if origin == "minternet" else [origin]


def named_layer(parts: list[str]) -> str:
    """The layer of minternet.<layer>...; a name that is no module is the package's own."""
    if len(parts) == 1:
        return ""
    there = (SOURCE / parts[1]).is_dir() or (SOURCE / f"{parts[1]}.py").is_file()
    return parts[1] if there else ""


SOURCES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    layer = layer_of(path)
    assert layer in MAY_IMPORT, f"{layer} is no layer of the house: give it a row in MAY_IMPORT"
    allowed = MAY_IMPORT[layer] | {layer}
    wrong = [
        f"{path.name}:{line} imports {other or 'minternet'}"
        for line, other in imported_layers(path)
        if other not in allowed
    ]
    assert not wrong


def test_the_table_would_notice() -> None:
    """The check sees relative, absolute and late imports."""
    tree = ast.parse(
        "from ..world import mail\ndef f():\n    import minternet.wire.tls\nfrom minternet import Internet"
    )
    package = ("minternet", "wire")
    found = [module for node in ast.walk(tree) for module in modules_of(node, package)]
    assert found == ["minternet.world", "minternet.Internet", "minternet.wire.tls"]
    assert [named_layer(module.split(".")) for module in found] == ["world", "", "wire"]
