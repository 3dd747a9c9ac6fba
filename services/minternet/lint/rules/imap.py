"""The rules of IMAP."""

from __future__ import annotations

from .rule import Rule

ROWS: tuple[Rule, ...] = (
    Rule(
        "imap-tag",
        "IMAP",
        "error",
        "RFC 9051 sections 2.2.1 and 9",
        "A command without a tag, or with characters in it that tags do not have: the line is no command.",
        "Begin with letters and digits, as A001; after a literal, end the command with one CRLF, not two.",
    ),
    Rule(
        "imap-literal-not-waited",
        "IMAP",
        "error",
        "RFC 9051 section 4.3",
        "A literal's octets were sent before the server had asked for them with `+`.",
        "Wait for the line that begins with `+`, or write {n+} where the server has LITERAL+ or LITERAL-.",
    ),
    Rule(
        "imap-literal-plus",
        "IMAP",
        "error",
        "RFC 7888 sections 4 and 5",
        "A literal {n+} that the server does not take: it has neither LITERAL+ nor, up to 4096 octets, LITERAL-.",
        "Write {n} and wait for `+`.",
    ),
    Rule(
        "imap-literal-size",
        "IMAP",
        "error",
        "RFC 9051 section 4.3",
        "More octets came than the literal had announced: what is left over is taken for the rest of the command.",
        "Count octets, not characters: encode the text first, and turn its line ends into CRLF before counting.",
    ),
    Rule(
        "imap-idle",
        "IMAP",
        "error",
        "RFC 2177 section 3, RFC 9051 section 6.3.13",
        "During IDLE, something else than DONE was sent, or DONE before the server's `+`.",
        "Wait for `+`, and end IDLE with DONE and its tagged reply before the next command.",
    ),
    Rule(
        "imap-bad",
        "IMAP",
        "warning",
        "RFC 9051 section 7.1.3",
        "The server answered BAD: it could not read the command, or it is not for this state.",
        "Look at what the reply says; select a mailbox first, look for the capability, quote what has to be quoted.",
    ),
    Rule(
        "imap-tag-reused",
        "IMAP",
        "error",
        "RFC 9051 section 2.2.1",
        "A command has the tag of one that is not answered yet: nobody can tell the replies apart.",
        "Give every command a tag of its own.",
    ),
    Rule(
        "imap-ambiguous",
        "IMAP",
        "error",
        "RFC 9051 section 5.5",
        "Message numbers were used while a command was at work whose answer may renumber the messages.",
        "Wait for the reply, or use UIDs (UID FETCH, UID STORE).",
    ),
    Rule(
        "imap-utf8",
        "IMAP",
        "error",
        "RFC 9051 section 4.3, RFC 6855 section 3",
        "Octets outside ASCII outside a literal, without ENABLE UTF8=ACCEPT or IMAP4rev2.",
        "Send the text as a literal, mailbox names in modified UTF-7, or ENABLE UTF8=ACCEPT first.",
    ),
    Rule(
        "imap-mailbox-name",
        "IMAP",
        "error",
        "RFC 3501 section 5.1.3, RFC 6855 section 3",
        "A mailbox name with an & that is not modified UTF-7, without ENABLE UTF8=ACCEPT or IMAP4rev2.",
        "Write & as &-, and encode what is outside ASCII.",
    ),
    Rule(
        "imap-append-bare-lf",
        "IMAP",
        "warning",
        "RFC 9051 section 6.3.12, RFC 5322 section 2.1",
        "The appended message has lines that end in LF without CR.",
        "Turn its line ends into CRLF first; clients count lines and octets by them.",
    ),
)
