"""The rules of NNTP."""

from __future__ import annotations

from .rule import Rule

ROWS: tuple[Rule, ...] = (
    Rule(
        "nntp-injected-field",
        "NNTP",
        "warning",
        "RFC 5537 section 3.4.1, RFC 5536 section 3.2.14",
        "The posted article has a field that only servers write (Injection-Info, Xref) or a Path with POSTED in it.",
        "Leave Xref and Injection-Info out; when an article is posted again, take them off first.",
    ),
    Rule(
        "nntp-required-field",
        "NNTP",
        "error",
        "RFC 5536 section 3.1, RFC 5537 section 3.4.1",
        "The article lacks Newsgroups or Subject; or, where it is passed on by IHAVE or TAKETHIS, Date, Message-ID or Path.",
        "Set them; to what is posted, the server adds Date, Message-ID and Path, and nothing else.",
    ),
)
