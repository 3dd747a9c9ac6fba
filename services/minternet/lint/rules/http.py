"""The rules of HTTP."""

from __future__ import annotations

from .rule import Rule

ROWS: tuple[Rule, ...] = (
    Rule(
        "http-no-host",
        "HTTP",
        "error",
        "RFC 9112 section 3.2",
        "A request of HTTP/1.1 without Host, or with more than one, or with one that is no host and port.",
        "Send exactly one Host, such as example.test:8080, without scheme or path.",
    ),
    Rule(
        "http-framing",
        "HTTP",
        "error",
        "RFC 9112 sections 6.1 and 6.3",
        "It is not certain where the request's body ends: Content-Length beside Transfer-Encoding, differing lengths, or HTTP/1.0 with Transfer-Encoding.",
        "Send one of them, once: proxies and servers that differ about it let requests be smuggled.",
    ),
    Rule(
        "http-fold",
        "HTTP",
        "error",
        "RFC 9112 section 5.2",
        "A header field goes on in the next line (obs-fold).",
        "Write each field on one line.",
    ),
    Rule(
        "http-field-name",
        "HTTP",
        "error",
        "RFC 9112 section 5.1",
        "A header field's name is no token, or a blank stands before its colon.",
        "Write the name, a colon at once, then the value.",
    ),
    Rule(
        "http-request-line",
        "HTTP",
        "error",
        "RFC 9112 sections 3 and 3.2",
        "The request line is not METHOD SP TARGET SP HTTP/1.1, or its target has a fragment or octets that must be encoded.",
        "Percent-encode the target, and keep what follows # to yourself.",
    ),
    Rule(
        "http-field-value",
        "HTTP",
        "error",
        "RFC 9110 section 5.5",
        "A header field's value has a CR or an octet of value zero in it.",
        "Take such characters out of what users say before it goes into a field: they let requests be smuggled.",
    ),
    Rule(
        "http-method-case",
        "HTTP",
        "warning",
        "RFC 9110 section 9.1",
        "A method that is known only in upper case was written otherwise.",
        "Write GET: methods are case-sensitive.",
    ),
    Rule(
        "http-get-body",
        "HTTP",
        "note",
        "RFC 9110 sections 9.3.1, 9.3.2, 9.3.5 and 9.3.8",
        "GET, HEAD, DELETE or TRACE with a body: it means nothing there, and servers may refuse it.",
        "Put it into the query, or use POST.",
    ),
    Rule(
        "http-expect",
        "HTTP",
        "error",
        "RFC 9110 section 10.1.1",
        "Expect: 100-continue in a request without a body.",
        "Send it only before a body.",
    ),
    Rule(
        "http-pipelined-post",
        "HTTP",
        "warning",
        "RFC 9112 section 9.3.2",
        "A request was sent before the reply to one that is not idempotent.",
        "Wait for the reply to POST and PATCH: after a broken connection nobody knows whether they were carried out.",
    ),
)
