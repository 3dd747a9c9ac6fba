"""Servers to imitate: their words, their listings, and the commands they know.

A profile is chosen by name, with wishes after it: `vsftpd`, `iis`, `proftpd+lying-pasv`, or only `lying-pasv`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from ...settings import SettingsError

Style = Literal["named", "numbered", "dos"]

BASE: Final = frozenset(
    {
        *("ABOR", "ACCT", "ALLO", "APPE", "AUTH", "CDUP", "CWD", "DELE", "EPRT", "EPSV", "FEAT"),
        *("HELP", "LIST", "MDTM", "MKD", "MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV", "PBSZ"),
        *("PORT", "PROT", "PWD", "QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE"),
        *("SIZE", "SMNT", "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE", "USER", "XCUP", "XCWD"),
        *("XMKD", "XPWD", "XRMD"),
        *("SITE CHMOD", "SITE HELP"),
    }
)
"""What every server has had since RFC 2428, RFC 3659's SIZE, MDTM and REST, and RFC 4217."""
LYING_ADDRESS: Final = "192.0.2.1"
"""RFC 5737: an address for documentation, where nobody is."""


class Profile(msgspec.Struct, frozen=True):
    """How a server looks from outside."""

    name: str = "minternet"
    greeting: str = "{host} FTP server (minternet) ready."
    commands: frozenset[str] | None = None
    """The commands it knows; None for all there are."""
    style: Style = "named"
    system: str = "UNIX Type: L8"
    password: str = "Password required for {user}."
    welcome: str = "User {user} logged in."
    wrong: str = "Login incorrect."
    unknown: str = "Command {verb} not understood."
    first: str = "Log in with USER and PASS first."
    goodbye: str = "Goodbye."
    lies: bool = False
    """Whether PASV tells an address where nobody listens."""


PROFILES: Final = (
    Profile(),
    Profile(
        name="vsftpd",
        greeting="(vsFTPd 3.0.5)",
        commands=BASE,
        style="numbered",
        password="Please specify the password.",
        welcome="Login successful.",
        unknown="Unknown command.",
        first="Please login with USER and PASS.",
    ),
    Profile(
        name="proftpd",
        greeting="ProFTPD Server (Debian) [{host}]",
        commands=BASE
        | {
            "CCC",
            "CLNT",
            "HOST",
            "LANG",
            "MFF",
            "MFMT",
            "MLSD",
            "MLST",
            "RANG",
            "SITE CPFR",
            "SITE CPTO",
            "SITE UTIME",
        },
        password="Password required for {user}",
        welcome="User {user} logged in",
        unknown="{verb} not understood",
        first="Please login with USER and PASS",
    ),
    Profile(
        name="iis",
        greeting="Microsoft FTP Service",
        commands=BASE - {"SITE CHMOD", "STOU"} | {"CCC", "HOST", "LANG"},
        style="dos",
        system="Windows_NT",
        password="Password required",
        welcome="User logged in.",
        wrong="User cannot log in.",
        unknown="'{verb}': command not understood.",
        first="Please login with USER and PASS.",
    ),
)
LYING: Final = "lying-pasv"


def find(wanted: str | None) -> Profile:
    """The profile that was asked for; SettingsError where there is no such one."""
    profile = PROFILES[0]
    for name in filter(None, (wanted or "").split("+")):
        known = next((each for each in PROFILES if each.name == name), None)
        if name == LYING:
            profile = replace(profile, lies=True)
        elif known is not None:
            profile = replace(known, lies=profile.lies)
        else:
            names = ", ".join(each.name for each in PROFILES)
            raise SettingsError(f"profiles: FTP imitates no {name!r}; there are {names}, and +{LYING} behind any")
    return profile
