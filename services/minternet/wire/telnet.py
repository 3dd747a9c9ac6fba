"""Telnet's own octets among the lines of a protocol that is spoken over it, as FTP is (RFC 959 section 4.1.3)."""

from __future__ import annotations

import re

TELNET = re.compile(rb"\xff(?:\xff|[\xfb-\xfe].?|[\xf0-\xfa]|$)", re.DOTALL)
"""RFC 854: IAC with a command, an option, or IAC itself, which stands for the octet 255."""
URGENT = b"\xf2\xf4\xff"
"""What Telnet's Synch may leave at the start of a line when its IAC came apart from it (DM, IP, IAC)."""


def without_telnet(line: bytes) -> bytes:
    """The line without what Telnet puts between (FTP's ABOR comes behind IAC IP, IAC DM)."""
    if not line or (b"\xff" not in line and line[0] < 0xF0):
        return line
    return TELNET.sub(lambda found: b"\xff" if found[0] == b"\xff\xff" else b"", line).lstrip(URGENT)
