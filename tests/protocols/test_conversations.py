"""Every conversation of tests/conversations, in every way it can be played."""

from __future__ import annotations

import pytest
from conversation_player import FOLDER, play, scripts, ways
from conversation_script import Script

from minternet import registry
from minternet.wire.tls import Authority

PLAYS = [pytest.param(script, way, id=f"{script.name}-{way}") for script in scripts() for way in ways(script)]


@pytest.mark.parametrize(("script", "way"), PLAYS)
def test_conversation(script: Script, way: str, authority: Authority) -> None:
    play(script, way, authority)


def test_every_file_is_a_conversation() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} <= {".txt", ".md"}
    assert all(script.service in registry.names() and script.steps for script in scripts())
