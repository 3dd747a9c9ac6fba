"""What stands before the HTTP parser: it finds where each message begins and ends, and refuses what could be read two ways.

A request that two parsers read differently lets one client speak in another's name (request smuggling), so everything
RFC 9112 calls invalid in the framing is refused here, with its own status and reason, before httptools sees it. Octets
reach httptools only when they are a whole, well-formed head, or part of a body whose framing this file has followed:
two independent readers must agree.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

METHODS = frozenset(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND "
    b"REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK "
    b"UNLINK QUERY".split()
)
"""The methods the parser knows. Another token is 501; one of these that a resource lacks is 405 (RFC 9110 section 9.1)."""
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_HEAD = re.compile(
    rb"(" + TOKEN + rb") ([!-~\x80-\xff]+) HTTP/([0-9])\.([0-9])\r\n(?:" + TOKEN + rb":[\t -~\x80-\xff]*\r\n)*\r\n"
)
_FRAMING = re.compile(
    rb"\r\n(host|content-length|transfer-encoding|expect|upgrade|connection):[ \t]*([^\r]*)", re.IGNORECASE
)
_BARE = re.compile(rb"(?<!\r)\n|\r[^\n]")
_FIELD = re.compile(TOKEN + rb":[\t -~\x80-\xff]*\Z")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%\-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?\Z")
_ABSOLUTE = re.compile(rb"(https?|wss?)://([^/?#]*)", re.IGNORECASE)
_CHUNK = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[ \t]*" + TOKEN + rb"(?:=(?:" + TOKEN + rb'|"[^"\\\x00-\x1f]*"))?)*)\Z'
)
FORBIDDEN_TRAILERS = frozenset(
    b"authorization cache-control content-encoding content-length content-range content-type host max-forwards "
    b"set-cookie te trailer transfer-encoding".split()
)
"""Fields that may not stand in a trailer section, for they frame or route the message (RFC 9110 section 6.5.1)."""
LAST_CHUNK = b"0\r\n\r\n"


class Refused(Exception):
    """The request is refused: a status, and a reason fit for a person; the connection closes after it."""

    def __init__(self, status: int, reason: str, fields: bytes = b"") -> None:
        super().__init__(reason)
        self.status, self.reason, self.fields = status, reason, fields


class HeadLimits(msgspec.Struct, frozen=True, gc=False):
    """How large a head may be: octets of the target, octets in all, and number of fields."""

    target: int = 16 * 1024
    total: int = 64 * 1024
    fields: int = 200
    body: int = 1 << 30


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a well-formed head says about its message; `length` is None for a chunked body and 0 for none."""

    method: bytes
    target: bytes
    version: str
    length: int | None
    host: bytes
    expects: bool = False
    upgrade: bytes = b""
    keep_alive: bool = True
    form: Literal["origin", "absolute", "authority", "asterisk"] = "origin"

    @property
    def has_body(self) -> bool:
        return self.length != 0


def check_unfinished(start: bytes, limits: HeadLimits, checked: int = 0) -> None:
    """Refuse a head that has not ended yet, where no continuation could make it good; `checked` octets were looked at."""
    if start[:1] == b"\x16":
        raise Refused(400, "a TLS handshake came to a port that speaks plain HTTP")
    if bare := _BARE.search(start, max(0, checked - 1)):
        kind = "LF" if bare[0] == b"\n" else "CR"
        raise Refused(400, f"a bare {kind} in the head; lines end in CRLF")
    line_end = start.find(b"\r\n")
    if line_end < 0 and len(start) > limits.target + 64:
        raise Refused(414, f"the request target is longer than {limits.target} octets")
    if len(start) > limits.total:
        raise Refused(431, f"the head is longer than {limits.total} octets")


def read_head(head: bytes, limits: HeadLimits) -> Head:
    """Read a head that ends in an empty line, or raise `Refused` (RFC 9112 sections 2 to 6)."""
    whole = _HEAD.fullmatch(head)
    if whole is None:
        raise explain(head, limits)
    method, target, major, minor = whole.groups()
    if len(target) > limits.target:
        raise Refused(414, f"the request target is longer than {limits.target} octets")
    if len(head) > limits.total:
        raise Refused(431, f"the head is longer than {limits.total} octets")
    if head.count(b"\r\n") - 2 > limits.fields:
        raise Refused(431, f"more than {limits.fields} header fields")
    if major != b"1" or minor not in b"01":
        raise Refused(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if method not in METHODS:
        raise Refused(501, "this method is not known here")
    return _frame(method, target, "1.1" if minor == b"1" else "1.0", _FRAMING.findall(head), limits)


def _frame(method: bytes, target: bytes, version: str, fields: list[tuple[bytes, bytes]], limits: HeadLimits) -> Head:
    """Host, body length and connection options: the fields that decide how the rest is read."""
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options, upgrade, expects = b"", b"", False
    for name, value in fields:
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"host":
            hosts.append(value)
        elif name == b"connection":
            options = options + b"," + value.lower() if options else value.lower()
        elif name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"upgrade":
            upgrade = value.lower()
        elif value.lower() != b"100-continue":
            raise Refused(417, "the only expectation known is 100-continue")
        else:
            expects = version == "1.1"
    form, authority = _target(method, target)
    host = _host(hosts, version)
    return Head(
        method,
        target,
        version,
        _length(lengths, codings, version, limits),
        authority or host,
        expects,
        upgrade if b"upgrade" in options and upgrade else b"",
        _persistent(options, version),
        form,
    )


def _persistent(options: bytes, version: str) -> bool:
    """Whether the connection outlives the message (RFC 9112 section 9.3)."""
    if not options:
        return version == "1.1"
    tokens = {token.strip() for token in options.split(b",")}
    return b"close" not in tokens and (version == "1.1" or b"keep-alive" in tokens)


def _host(hosts: list[bytes], version: str) -> bytes:
    """RFC 9112 section 3.2: one Host, and well-formed; HTTP/1.0 may do without."""
    if len(hosts) > 1:
        raise Refused(400, "more than one Host field")
    if not hosts:
        if version == "1.1":
            raise Refused(400, "an HTTP/1.1 request needs a Host field")
        return b""
    if not _AUTHORITY.match(hosts[0]):
        raise Refused(400, "the Host field is not a host name")
    return hosts[0]


def _target(method: bytes, target: bytes) -> tuple[Literal["origin", "absolute", "authority", "asterisk"], bytes]:
    """The form of the target and, where it holds one, its authority (RFC 9112 section 3.2)."""
    if method == b"CONNECT":
        name, colon, port = target.rpartition(b":")
        if not name or not colon or not port.isdigit() or int(port) > 65535 or not _AUTHORITY.match(target):
            raise Refused(400, "CONNECT needs host:port")
        return "authority", target
    if target[:1] == b"/":
        if b"#" in target:
            raise Refused(400, "a fragment does not belong into a request target")
        return "origin", b""
    if target == b"*" and method == b"OPTIONS":
        return "asterisk", b""
    absolute = _ABSOLUTE.match(target)
    if absolute is None or not absolute[2] or not _AUTHORITY.match(absolute[2]) or b"#" in target:
        raise Refused(400, "the request target is neither a path nor an http URL")
    return "absolute", absolute[2]


def _length(lengths: list[bytes], codings: list[bytes], version: str, limits: HeadLimits) -> int | None:
    """How long the body is: octets, None for chunked (RFC 9112 section 6.3)."""
    if codings:
        if lengths:
            raise Refused(400, "both Transfer-Encoding and Content-Length")
        if version == "1.0":
            raise Refused(400, "Transfer-Encoding in an HTTP/1.0 request")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            last = codings[-1].rpartition(b",")[2].strip().lower()
            raise Refused(501 if last == b"chunked" and len(codings) == 1 else 400, "only chunked is known")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1:
        raise Refused(400, "more than one Content-Length")
    if not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise Refused(400, "Content-Length is not a number of octets")
    length = int(lengths[0])
    if length > limits.body:
        raise Refused(413, f"the body is longer than {limits.body} octets")
    return length


def explain(head: bytes, limits: HeadLimits) -> Refused:
    """Say what is wrong with a head that is not well-formed."""
    check_unfinished(head, limits)
    first, *fields = head[:-4].split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not re.fullmatch(TOKEN, words[0]):
        return Refused(400, "the request line is not METHOD SP target SP HTTP/1.1")
    if len(words[1]) > limits.target:
        return Refused(414, f"the request target is longer than {limits.target} octets")
    if not re.fullmatch(rb"HTTP/[0-9]\.[0-9]", words[2]):
        return Refused(400, "the request line does not end in an HTTP version")
    if not re.fullmatch(rb"[!-~\x80-\xff]+", words[1]):
        return Refused(400, "the request target holds a control character")
    for field in fields:
        if reason := _field_fault(field):
            return Refused(400, reason)
    return Refused(400, "the head is not well-formed")


def _field_fault(field: bytes) -> str:
    if field[:1] in (b" ", b"\t"):
        return "a header field folded over two lines (obs-fold)"
    name, colon, _ = field.partition(b":")
    if not colon:
        return "a header field without a colon"
    if name[-1:] in (b" ", b"\t"):
        return "white space between a field name and its colon"
    if not re.fullmatch(TOKEN, name):
        return "a field name that is not a token"
    return "" if _FIELD.match(field) else "a control character in a field value"


class Framing:
    """Follows one message's body through the octets that come: tells what is content to hand on, and where it ends.

    `take` returns how many of the octets given belong to the body, what to feed the parser for them, and sets `done`.
    """

    def __init__(self, head: Head, limits: HeadLimits) -> None:
        self.done = head.length == 0
        self.trailers: list[tuple[bytes, bytes]] = []
        self._left = head.length or 0
        self._chunked = head.length is None
        self._limits = limits
        self._state: Literal["size", "data", "end", "trailer"] = "size"
        self._line = b""
        self._total = 0
        self._trailer_octets = 0

    def take(self, data: bytes, start: int) -> tuple[int, bytes]:
        """Where the body stops in `data` from `start` on, and the octets the parser is to be fed."""
        if not self._chunked:
            stop = min(len(data), start + self._left)
            self._left -= stop - start
            self.done = self._left == 0
            return stop, data[start:stop] if stop - start != len(data) else data
        return self._take_chunked(data, start)

    def _take_chunked(self, data: bytes, start: int) -> tuple[int, bytes]:
        at, fed = start, []
        while at < len(data) and not self.done:
            if self._state == "data":
                stop = min(len(data), at + self._left)
                fed.append(data[at:stop])
                self._left -= stop - at
                at = stop
                if not self._left:
                    self._state = "end"
                continue
            end = data.find(b"\n", at)
            piece = data[at:] if end < 0 else data[at : end + 1]
            self._line += piece
            at += len(piece)
            if end < 0:
                self._check_line(len(self._line))
                break
            line, self._line = self._line, b""
            self._check_line(len(line))
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                raise Refused(400, "a chunk line that does not end in CRLF")
            fed.append(self._take_line(line[:-2]))
        return at, b"".join(fed)

    def _check_line(self, size: int) -> None:
        if self._state == "trailer":
            if self._trailer_octets + size > self._limits.total:
                raise Refused(431, f"the trailer section is longer than {self._limits.total} octets")
        elif size > (4096 if self._state == "size" else 2):
            raise Refused(
                400, "a chunk does not end where its size says" if self._state == "end" else "an overlong chunk line"
            )

    def _take_line(self, line: bytes) -> bytes:
        """A chunk-size line, the end of a chunk, or a trailer field (RFC 9112 section 7.1)."""
        if self._state == "end":
            if line:
                raise Refused(400, "a chunk does not end where its size says")
            self._state = "size"
            return b"\r\n"
        if self._state == "trailer":
            return self._take_trailer(line)
        chunk = _CHUNK.match(line)
        if chunk is None:
            raise Refused(400, "a chunk size that is not one hexadecimal number")
        self._left = int(chunk[1], 16)
        self._total += self._left
        if self._total > self._limits.body:
            raise Refused(413, f"the body is longer than {self._limits.body} octets")
        self._state = "data" if self._left else "trailer"
        return b"%x\r\n" % self._left if self._left else b""

    def _take_trailer(self, line: bytes) -> bytes:
        """Trailer fields stay here: the parser would put them among the header fields."""
        if not line:
            self.done = True
            return LAST_CHUNK
        self._trailer_octets += len(line) + 2
        if reason := _field_fault(line):
            raise Refused(400, reason)
        if len(self.trailers) >= self._limits.fields:
            raise Refused(431, f"more than {self._limits.fields} trailer fields")
        name, _, value = line.partition(b":")
        if name.lower() in FORBIDDEN_TRAILERS:
            raise Refused(400, "a field that may not stand in a trailer section")
        self.trailers.append((name.lower(), value.strip(b" \t")))
        return b""
