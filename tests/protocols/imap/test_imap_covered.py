"""Every command and every capability has a conversation that tests it."""

from __future__ import annotations

from conversation_player import scripts

from minternet.protocols.imap import TABLE
from minternet.protocols.imap.capabilities import CAPABILITIES, PROFILES


def test_every_command_and_capability_has_its_conversation() -> None:
    covered = {name for script in scripts() if script.service in {"imap", "imaps"} for name in script.covers}
    commands = {row.name.removeprefix("UID ") for row in TABLE}
    capabilities = {capability.name for capability in CAPABILITIES if capability.profile is None}
    missing = (commands | capabilities) - covered
    assert not missing, f"not covered: {' '.join(sorted(missing))}"


def test_profiles_name_capabilities_there_are() -> None:
    known = {capability.name for capability in CAPABILITIES}
    assert all(profile <= known for profile in PROFILES.values())


def test_commands_say_where_they_are_written_down() -> None:
    assert all(row.help and row.rfc and row.states for row in TABLE)
