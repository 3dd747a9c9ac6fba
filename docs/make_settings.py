"""Makes docs/limits-and-settings.md from the docstrings of the settings: python docs/make_settings.py [--check]."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minternet import settings

PAGE = Path(__file__).resolve().parent / "limits-and-settings.md"
HEAD = """\
# Limits and settings

Made from `Settings` and `Limits` with `python docs/make_settings.py`; a test keeps it so. A setting is given in one of these ways;
where several speak of it, the last one in this list counts:

- the default;
- a TOML file, named by `--config` or `MINTERNET_CONFIG`: `services = ["smtp", "imap"]`, and `[limits]` for the limits;
- the environment: `MINTERNET_SERVICES=smtp,imap`, `MINTERNET_LIMITS_MESSAGE=1000000`. Lists are parted by commas (faults by
  semicolons), mappings are `name=value` parted by commas;
- a flag: `minternet up --services smtp,imap`, or `--set limits.message=1000000` for what has no flag of its own.

In Python it is `Internet(settings=Settings(services=("smtp", "imap"), limits=Limits(message=1_000_000)))`. A name that is not
known, or a value that cannot be, is an error that says what there is.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((HEAD, "## Settings", "", *table(settings.Settings), "", "## Limits", "", *limits()))


def limits() -> Iterator[str]:
    yield "Sizes in octets, times in seconds. What goes over one gets the protocol's own error. How long a client may be waited"
    yield "for (`..._idle`, `http_head`, `http_keep_alive`) goes by the [world's clock](python.md#back-to-the-start-and-the-clock),"
    yield "`login_delay` and `handshake` by the machine's."
    yield ""
    yield from table(settings.Limits)
    yield ""


def table(kind: Any) -> Iterator[str]:
    """A row for each field that has a docstring."""
    yield "| name | default | what it says |"
    yield "| --- | --- | --- |"
    default = kind()
    for name, said in docstrings(kind):
        yield f"| `{name}` | {told(getattr(default, name))} | {said} |"


def docstrings(kind: Any) -> Iterator[tuple[str, str]]:
    """The fields with the string that stands below each."""
    (body,) = [node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef)]
    for field, text in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = ""
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                said = inspect.cleandoc(str(text.value.value)).replace("\n", " ")
            yield field.target.id, marked_up(said)


def marked_up(said: str) -> str:
    """A docstring in a cell of a table."""
    said = said.replace("|", "\\|").replace("*", "\\*").replace("\\S", "\\\\S")
    return said.replace("docs/faults.md", "[faults](faults.md)")


def told(value: object) -> str:
    """A default for readers."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return f"`{value}`"
    return "none" if not value else "below" if isinstance(value, settings.Limits) else f"`{value}`"


def main() -> int:
    """Write the page; with --check, only say whether it is up to date."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
