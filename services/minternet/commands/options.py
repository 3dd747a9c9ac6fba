"""Flags, environment and file -> settings."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..settings import Limits, Settings, SettingsError, from_environment, from_file, make

PLAIN = ("offset", "ephemeral", "host", "public_host", "fixtures")


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings: flags before the environment before the file before the defaults; SettingsError."""
    config = options.config or os.environ.get("MINTERNET_CONFIG")
    return make(from_file(Path(config)) if config else {}, from_environment(), from_flags(options))


def from_flags(options: argparse.Namespace) -> dict[str, Any]:
    """What the flags say, as plain values; SettingsError."""
    found: dict[str, Any] = {}
    for text in options.set:
        name, value = _pair("--set", text)
        _put(found, name.replace("-", "_"), value)
    found |= {name: value for name in PLAIN if (value := getattr(options, name)) is not None}
    if options.services:
        found["services"] = [name.strip() for name in options.services.split(",") if name.strip()]
    if options.port:
        found["ports"] = dict(_port(text) for text in options.port)
    if options.profile:
        found["profiles"] = dict(_pair("--profile", text) for text in options.profile)
    if options.fault:
        found["faults"] = options.fault
    if options.webhook:
        found["webhooks"] = options.webhook
    hidden: dict[str, list[str]] = {}
    for text in options.hide:
        service, capability = _pair("--hide", text)
        hidden.setdefault(service, []).append(capability)
    if hidden:
        found["hide"] = hidden
    return found


def _put(found: dict[str, Any], name: str, value: str) -> None:
    limit = name.removeprefix("limits.")
    if name in Settings.__struct_fields__:
        lists = {"services": ",", "passive_ports": ",", "tls_names": ",", "faults": ";", "webhooks": ","}
        found[name] = value.split(lists[name]) if name in lists else value
    elif limit in Limits.__struct_fields__:
        found.setdefault("limits", {})[limit] = value
    else:
        known = ", ".join((*Settings.__struct_fields__, *(f"limits.{limit}" for limit in Limits.__struct_fields__)))
        raise SettingsError(f"--set {name}: there is no such setting; there are {known}")


def _pair(flag: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise SettingsError(f"{flag} {text}: write it as NAME=VALUE")
    return name, value


def _port(text: str) -> tuple[str, int]:
    name, value = _pair("--port", text)
    if not value.isascii() or not value.isdigit() or int(value) > 65535:
        raise SettingsError(f"--port {text}: a port is a number from 0 to 65535, as in --port {name}=2143")
    return name, int(value)
