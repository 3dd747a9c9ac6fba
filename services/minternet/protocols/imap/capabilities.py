"""What this server can do: one table of capabilities, what hides them, and the servers it can imitate.

Every row works as a whole.  A name in `hide` is not advertised, and the commands that belong to it are unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from ..context import ServiceContext
from ..sasl import mechanisms


class Capability(msgspec.Struct, frozen=True):
    """A capability: its RFC, whether it is told before and after log-in, and the profile it needs, if one."""

    name: str
    rfc: str
    before: bool = True
    after: bool = True
    profile: str | None = None


CAPABILITIES: tuple[Capability, ...] = (
    Capability("IMAP4rev1", "RFC 3501"),
    Capability("IMAP4rev2", "RFC 9051"),
    Capability("STARTTLS", "RFC 3501", after=False),
    Capability("LOGINDISABLED", "RFC 3501", after=False),
    Capability("SASL-IR", "RFC 4959", after=False),
    Capability("LITERAL+", "RFC 7888"),
    Capability("LITERAL-", "RFC 7888"),
    Capability("ID", "RFC 2971"),
    Capability("ENABLE", "RFC 5161"),
    Capability("IDLE", "RFC 2177"),
    Capability("NAMESPACE", "RFC 2342"),
    Capability("UIDPLUS", "RFC 4315"),
    Capability("UNSELECT", "RFC 3691"),
    Capability("MOVE", "RFC 6851"),
    Capability("CHILDREN", "RFC 3348"),
    Capability("SPECIAL-USE", "RFC 6154"),
    Capability("CREATE-SPECIAL-USE", "RFC 6154"),
    Capability("LIST-EXTENDED", "RFC 5258"),
    Capability("LIST-STATUS", "RFC 5819"),
    Capability("LIST-MYRIGHTS", "RFC 8440"),
    Capability("STATUS=SIZE", "RFC 8438"),
    Capability("APPENDLIMIT", "RFC 7889"),
    Capability("ESEARCH", "RFC 4731"),
    Capability("SEARCHRES", "RFC 5182"),
    Capability("WITHIN", "RFC 5032"),
    Capability("SORT", "RFC 5256"),
    Capability("SORT=DISPLAY", "RFC 5957"),
    Capability("ESORT", "RFC 5267"),
    Capability("THREAD=ORDEREDSUBJECT", "RFC 5256"),
    Capability("THREAD=REFERENCES", "RFC 5256"),
    Capability("CONDSTORE", "RFC 7162"),
    Capability("QRESYNC", "RFC 7162"),
    Capability("MULTIAPPEND", "RFC 3502"),
    Capability("BINARY", "RFC 3516"),
    Capability("CATENATE", "RFC 4469"),
    Capability("REPLACE", "RFC 8508"),
    Capability("QUOTA", "RFC 9208"),
    Capability("QUOTA=RES-STORAGE", "RFC 9208"),
    Capability("QUOTA=RES-MESSAGE", "RFC 9208"),
    Capability("QUOTASET", "RFC 9208"),
    Capability("ACL", "RFC 4314"),
    Capability("RIGHTS=kxte", "RFC 4314"),
    Capability("METADATA", "RFC 5464"),
    Capability("OBJECTID", "RFC 8474"),
    Capability("SAVEDATE", "RFC 8514"),
    Capability("PREVIEW", "RFC 8970"),
    Capability("NOTIFY", "RFC 5465"),
    Capability("UTF8=ACCEPT", "RFC 6855"),
    Capability("COMPRESS=DEFLATE", "RFC 4978", before=False),
    Capability("UNAUTHENTICATE", "RFC 8437", before=False),
    Capability("PARTIAL", "RFC 9394"),
    Capability("X-GM-EXT-1", "developers.google.com/gmail/imap/imap-extensions", profile="gmail"),
)
"""All capabilities, in the order they are told."""

PROFILES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "minimal": frozenset({"IMAP4rev1", "STARTTLS", "LOGINDISABLED"}),
        "dovecot": frozenset(
            [
                "IMAP4rev1",
                "STARTTLS",
                "LOGINDISABLED",
                "SASL-IR",
                "LITERAL+",
                "ID",
                "ENABLE",
                "IDLE",
                "SORT",
                "SORT=DISPLAY",
                "THREAD=REFERENCES",
                "THREAD=ORDEREDSUBJECT",
                "MULTIAPPEND",
                "CATENATE",
                "UNSELECT",
                "CHILDREN",
                "NAMESPACE",
                "UIDPLUS",
                "LIST-EXTENDED",
                "CONDSTORE",
                "QRESYNC",
                "ESEARCH",
                "ESORT",
                "SEARCHRES",
                "WITHIN",
                "LIST-STATUS",
                "BINARY",
                "MOVE",
                "PREVIEW",
                "STATUS=SIZE",
                "SAVEDATE",
                "NOTIFY",
                "SPECIAL-USE",
                "COMPRESS=DEFLATE",
            ]
        ),
        "gmail": frozenset(
            [
                "IMAP4rev1",
                "STARTTLS",
                "LOGINDISABLED",
                "SASL-IR",
                "LITERAL-",
                "ID",
                "ENABLE",
                "IDLE",
                "UNSELECT",
                "NAMESPACE",
                "QUOTA",
                "CHILDREN",
                "UIDPLUS",
                "MOVE",
                "CONDSTORE",
                "ESEARCH",
                "UTF8=ACCEPT",
                "LIST-EXTENDED",
                "LIST-STATUS",
                "SPECIAL-USE",
                "APPENDLIMIT",
                "COMPRESS=DEFLATE",
                "X-GM-EXT-1",
            ]
        ),
        "exchange": frozenset(
            [
                "IMAP4rev1",
                "STARTTLS",
                "LOGINDISABLED",
                "SASL-IR",
                "UIDPLUS",
                "MOVE",
                "ID",
                "UNSELECT",
                "CHILDREN",
                "IDLE",
                "NAMESPACE",
                "LITERAL+",
            ]
        ),
    }
)
"""What the servers that can be imitated have, of what we have."""


class Offer:
    """What one service offers, after its profile and what it hides."""

    __slots__ = ("_context", "_told", "names")

    def __init__(self, context: ServiceContext, profiles: Mapping[str, frozenset[str]] = PROFILES) -> None:
        profile = profiles.get(context.profile or "")
        self._context = context
        self._told = tuple(capability for capability in CAPABILITIES if self._offered(capability, profile))
        self.names = frozenset(capability.name.upper() for capability in self._told)

    def _offered(self, capability: Capability, profile: frozenset[str] | None) -> bool:
        if capability.name.upper() in self._context.hidden:
            return False
        if profile is not None:
            return capability.name in profile
        return capability.profile is None and not (
            capability.name == "LITERAL-" and "LITERAL+" not in self._context.hidden
        )

    def line(self, *, logged_in: bool, secure: bool) -> bytes:
        """The capabilities to tell now, parted by spaces."""
        return b" ".join(name.encode("ascii") for name in self._now(logged_in=logged_in, secure=secure))

    def _now(self, *, logged_in: bool, secure: bool) -> Iterable[str]:
        can_log_in = secure or self._context.settings.plaintext_login
        for capability in self._told:
            if not (capability.after if logged_in else capability.before):
                continue
            if capability.name == "STARTTLS" and (secure or not self._context.offers_starttls):
                continue
            if capability.name == "LOGINDISABLED" and can_log_in:
                continue
            if capability.name == "APPENDLIMIT":
                yield f"APPENDLIMIT={self._context.settings.limits.message}"
                continue
            yield capability.name
        if not logged_in:
            yield from (f"AUTH={name}" for name in self.mechanisms(secure=secure))

    def mechanisms(self, *, secure: bool) -> tuple[str, ...]:
        """The SASL mechanisms to offer now."""
        context = self._context
        return mechanisms(secure=secure, settings=context.settings, hidden=context.hidden)
