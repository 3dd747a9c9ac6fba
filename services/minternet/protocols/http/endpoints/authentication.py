"""Authentication: Basic, hidden Basic, Bearer and Digest with MD5, SHA-256 and SHA-512, auth and auth-int."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from http.cookies import CookieError, SimpleCookie

from starlette.responses import Response

from ..forms import whole_body
from ..visit import Problem, Visit, reply_json
from .answers import REALM, status_reply

ALGORITHMS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}
DIGEST_REALM = "httpbin@minternet"
_FIELD = r'(?<![A-Za-z])([A-Za-z]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,]*+))\s*+(?:,|$)'


def basic_credentials(value: str | None) -> tuple[str, str] | None:
    """User and password of an Authorization field (RFC 7617)."""
    scheme, _, encoded = (value or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (user, password) if colon else None


def _authenticated(visit: Visit, user: str, given: bool = True) -> dict[str, object]:
    """The JSON that says so; go-httpbin says it in one word more."""
    told: dict[str, object] = {"authenticated": given, "user": user}
    return {**told, "authorized": given} if visit.shape == "go-httpbin" else told


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _basic_right(visit: Visit) -> bool:
    given = basic_credentials(visit.headers.get("authorization"))
    return given is not None and _same(given[0], visit.params["user"]) and _same(given[1], visit.params["password"])


async def basic(visit: Visit) -> Response:
    if _basic_right(visit):
        return reply_json(visit, _authenticated(visit, visit.params["user"]))
    if visit.shape == "go-httpbin":
        given = basic_credentials(visit.headers.get("authorization")) or ("", "")
        return reply_json(visit, _authenticated(visit, given[0], False), 401, {"WWW-Authenticate": REALM})
    return status_reply(401)


async def hidden_basic(visit: Visit) -> Response:
    if _basic_right(visit):
        return reply_json(visit, _authenticated(visit, visit.params["user"]))
    if visit.shape == "go-httpbin":
        raise Problem(404)
    return status_reply(404)


async def bearer(visit: Visit) -> Response:
    scheme, _, token = visit.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"}, media_type="text/html")
    return reply_json(visit, {"authenticated": True, "token": token})


def digest_fields(value: str) -> dict[str, str] | None:
    """The fields of a Digest Authorization (RFC 7616 section 3.4), or None where it is another scheme."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "digest":
        return None
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in re.finditer(_FIELD, rest)
    }


def digest_response(
    fields: dict[str, str], method: str, body: bytes, user: str, password: str, algorithm: str
) -> str | None:
    """The response that is right for these fields (RFC 7616 section 3.4.1); None where one is missing."""

    def hashed(*parts: str) -> str:
        return ALGORITHMS[algorithm](":".join(parts).encode()).hexdigest()

    quality = fields.get("qop")
    secret = hashed(user, fields.get("realm", ""), password)
    if quality == "auth-int":
        target = hashed(method, fields.get("uri", ""), ALGORITHMS[algorithm](body).hexdigest())
    elif quality in (None, "auth"):
        target = hashed(method, fields.get("uri", ""))
    else:
        return None
    if quality is None:
        return hashed(secret, fields.get("nonce", ""), target)
    if not all(name in fields for name in ("nonce", "nc", "cnonce")):
        return None
    return hashed(secret, fields["nonce"], fields["nc"], fields["cnonce"], quality, target)


def _challenge(visit: Visit, qop: str | None, algorithm: str, stale: bool = False) -> Response:
    nonce = ALGORITHMS[algorithm](visit.around.chance.randbytes(16)).hexdigest()
    opaque = ALGORITHMS[algorithm](visit.around.chance.randbytes(10)).hexdigest()
    value = (
        f'Digest realm="{DIGEST_REALM}", nonce="{nonce}", opaque="{opaque}", qop="{qop or "auth, auth-int"}", '
        f"algorithm={algorithm}, stale={'TRUE' if stale else 'FALSE'}"
    )
    return Response(status_code=401, headers={"WWW-Authenticate": value}, media_type="text/html")


def _set(reply: Response, **cookies: str) -> Response:
    for name, value in cookies.items():
        if re.fullmatch(r"[!#-+\--:<-\[\]-~]*", value):
            reply.raw_headers.append((b"set-cookie", f"{name}={value}; Path=/".encode("ascii")))
    return reply


async def digest(visit: Visit) -> Response:
    """Cookies carry the state, as in httpbin: `stale_after` counts down, `last_nonce` makes a refused nonce stale."""
    algorithm = visit.params.get("algorithm", "MD5").upper()
    algorithm = algorithm if algorithm in ALGORITHMS else "MD5"
    qop = visit.params["qop"] if visit.params["qop"] in ("auth", "auth-int") else None
    after = visit.params.get("stale_after", "never")
    fields = digest_fields(visit.headers.get("authorization", ""))
    cookies = _cookies(visit)
    strict = visit.argument("require-cookie").lower() in ("1", "t", "true")
    if fields is None or (strict and not visit.headers.get("cookie")):
        return _set(_challenge(visit, qop, algorithm), stale_after=after, fake="fake_value")
    if strict and cookies.get("fake") != "fake_value":
        told = reply_json(visit, {"errors": ["missing cookie set on challenge"]}, 403)
        return _set(told, fake="fake_value")
    nonce = fields.get("nonce", "")
    counted = cookies.get("stale_after")
    stale = counted == "0" or (nonce != "" and cookies.get("last_nonce") == nonce)
    if stale or not await _digest_right(visit, fields, qop, algorithm):
        reply = _challenge(visit, qop, algorithm, stale)
        return _set(reply, stale_after=after, last_nonce=nonce, fake="fake_value")
    reply = _set(reply_json(visit, _authenticated(visit, visit.params["user"])), fake="fake_value")
    if counted:
        _set(reply, stale_after=str(int(counted) - 1) if re.fullmatch("[0-9]{1,9}", counted) else "never")
    return reply


async def _digest_right(visit: Visit, fields: dict[str, str], qop: str | None, algorithm: str) -> bool:
    target = visit.scope["raw_path"] + (b"?" + visit.scope["query_string"] if visit.scope["query_string"] else b"")
    uri = re.sub(r"\A[a-z]+://[^/?]*", "", fields.get("uri", ""))
    if uri != target.decode("latin-1") or fields.get("username") != visit.params["user"]:
        return False
    if qop is not None and fields.get("qop", qop) != qop:
        return False
    if fields.get("algorithm", algorithm).upper() != algorithm:
        return False
    body = await whole_body(visit) if fields.get("qop") == "auth-int" else b""
    right = digest_response(fields, visit.method, body, visit.params["user"], visit.params["password"], algorithm)
    return right is not None and _same(right, fields.get("response", "").lower())


def _cookies(visit: Visit) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(visit.headers.get("cookie", "")).items()}
    except CookieError:
        return {}
