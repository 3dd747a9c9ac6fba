"""Makes the rules' part of docs/lint.md from the table of rules: python docs/make_lint.py [--check]."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from minternet.lint import RULES

PAGE = Path(__file__).resolve().parent / "lint.md"
HEAD = """\
# The lint of the client under test

A client may get its mail through and yet break the protocol's rules; the next server will not be so kind. Every conversation
with SMTP, submission, LMTP, IMAP, POP3, NNTP, FTP and HTTP can be looked through for what the client did wrong:

```python
import smtplib

from minternet import Internet

with Internet() as net:
    with smtplib.SMTP(*net.smtp.address) as client:
        client.sendmail("app@example.net", ["alice@example.test"], b"Subject: hello\\n\\nthere\\n")
    findings = net.lint()
    assert {"bare-lf", "message-no-date"} <= {finding.rule.name for finding in findings}
    print(findings[0])
```

    error: bare-lf in smtp #1 at 0.003 s (3 times): A line ends in LF without CR.
        C: Subject: hello
        It stands in a message.
        RFC 5321 section 2.3.8, ... End every line with CRLF; servers may wait for ever, split a message in two, ...

`net.lint(service, since=number)` looks at the conversations that `net.conversations(...)` gives with the same arguments
([transcripts](transcripts.md)), and `conversation.lint()` at one. A finding has its `rule` (name, severity, reference), the
`line` (secrets masked), `why`, `at` (seconds since the opening), `count` and the number of the `conversation`; `piece` and
`octet` say where the line begins: in which of the conversation's pieces, at which of the client's octets.

## In pytest

A test fails when its clients break rules of a level or worse, where that is asked for:

- for one test: `@pytest.mark.minternet(lint="error")`;
- for one run: `pytest --minternet-lint=warning`;
- for a project: `minternet_lint = error` among pytest's settings.

The nearest one counts; `lint="off"` lets a test be. A test that fails by itself has its findings in its report.

## In a build, for clients in any language

```console
$ minternet log --lint                         what clients did wrong in the conversations that are kept
$ minternet log --lint --level warning         only warnings and errors
$ minternet log --lint --service smtp --json   a line of JSON for each finding
$ minternet log --follow --lint                findings as conversations end, until Ctrl-C
```

Its status is 1 where there is a finding of the level or worse, so it is the last step of a build that has tested against
`minternet up`. What could not be judged is said on standard error: where a run says more than the ring of
[transcripts](transcripts.md) keeps, start with `--set transcript_octets=...`.

By the [control API](control.md), `GET /api/v1/lint` has the findings of all conversations (`service`, `since`, `level`,
`limit`), `/api/v1/transcripts/NUMBER/lint` those of one, `/api/v1/lint/rules` the table below. The page shows them above a
conversation.

## What it says nothing about

- Only what is certain is reported: where a client may have had a reason, there is no rule.
- Where a conversation's beginning is no longer kept, or it cannot be followed, nothing is said of it.
- Where a [fault](faults.md) struck, the order of commands and the end of the conversation are not judged.
- Lines of any length are FTP (RFC 959 names no limit); only those that are longer than a path and its command can be are told
  of.
- A connection on which nothing was said is nobody's mistake; one that is still open may still say QUIT.

Python's own clients break no rule when they are used well. What they do not do by themselves: smtplib sets neither Date nor
Message-ID, and sends `bytes` as they are (`message.as_bytes(policy=email.policy.SMTP)` has CRLF; text outside ASCII needs
`mail_options=["BODY=8BITMIME"]`); imaplib, poplib and smtplib log in without TLS where nobody says `starttls()` or `stls()`;
FTP_TLS leaves data in the clear until `prot_p()`; `close()` and `shutdown()` say no QUIT, `with` does.

## The rules

Made from the tables in `lint/rules/` with `python docs/make_lint.py`; a test keeps it so.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((HEAD, *rows(), ""))


def rows() -> Iterator[str]:
    yield "| rule | severity | for | what is wrong, and what to do | where it stands |"
    yield "| --- | --- | --- | --- | --- |"
    for rule in RULES.values():
        said = f"{rule.wrong} {rule.advice}".replace("|", "\\|").replace("<", "\\<")
        yield f"| `{rule.name}` | {rule.severity} | {rule.protocols} | {said} | {rule.reference} |"


def main() -> int:
    """Write the page; with --check, only say whether it is up to date."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
