"""Replies of a wanted kind: status codes, response headers, redirects, cookies, sometimes failures."""

from __future__ import annotations

import json
import random
import re
from urllib.parse import quote

from starlette.responses import Response

from ..exchange import phrase
from ..forms import parse_form, whole_body
from ..paths import escaped
from ..visit import Problem, Visit, bounded, encode_json, grouped, reply_json

IMAGE_TYPES = ["image/webp", "image/svg+xml", "image/jpeg", "image/png", "image/*"]
TEAPOT = r"""
        _______
       |  tea  |__
     /||       |  \
    //||  418  |   |
    \/ |       |__/
       |_______|
"""
REALM = 'Basic realm="Fake Realm"'
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*\Z")


def status_reply(code: int) -> Response:
    """The reply for a status code, with what belongs to some of them."""
    if code in (301, 302, 303, 305, 307):
        return Response(status_code=code, headers={"Location": "/redirect/1"})
    if code == 401:
        return Response(status_code=code, headers={"WWW-Authenticate": REALM})
    if code == 402:
        return Response(
            "Payment, please!", code, {"X-More-Info": "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.3"}
        )
    if code == 406:
        told = {"message": "Client did not request a supported media type.", "accept": IMAGE_TYPES}
        return Response(json.dumps(told), code, media_type="application/json")
    if code == 407:
        return Response(status_code=code, headers={"Proxy-Authenticate": REALM})
    if code == 418:
        return Response(TEAPOT, code, {"X-More-Info": "http://tools.ietf.org/html/rfc2324"})
    return Response(status_code=code, media_type=None if code == 304 else "text/html")


async def status(visit: Visit) -> Response:
    """A status code, or one of several: `200,500:0.3` (code:weight)."""
    codes, weights = weighted(visit.params["codes"])
    code = visit.around.chance.choices(codes, weights)[0]
    if code < 200:
        # An interim reply alone would leave the client waiting: the final one follows it.
        await visit.sender({"type": "minternet.interim", "status": code})
        return Response(f"after {code} {phrase(code)}\n", media_type="text/plain")
    return status_reply(code)


def weighted(text: str) -> tuple[list[int], list[float]]:
    """Codes and weights of `200,500:0.3`; Problem 400. A final reply may have any code of three digits but 101."""
    codes: list[int] = []
    weights: list[float] = []
    for choice in text.split(","):
        code, colon, weight = choice.partition(":")
        if not re.fullmatch(r"[1-9][0-9]{2}", code) or code == "101":
            raise Problem(400, "Invalid status code")
        codes.append(int(code))
        weights.append(bounded(weight, "weight", 0, 1e9) if colon else 1.0)
    return codes, weights if any(weights) else [1.0] * len(codes)


async def unstable(visit: Visit) -> Response:
    """500 at `failure_rate` (0.5), 200 otherwise; `seed` makes it the same each time."""
    rate = visit.number("failure_rate", 0.5, 0.0, 1.0)
    seed = visit.argument("seed")
    chance = random.Random(visit.integer("seed", 0, -(1 << 62))) if seed else visit.around.chance
    return Response(status_code=500 if chance.random() < rate else 200, media_type="text/plain")


async def response_headers(visit: Visit) -> Response:
    """The query's names and values come back as header fields, and all fields as JSON."""
    pairs = visit.pairs
    for name, value in pairs:
        if not _TOKEN.match(name) or _CONTROL.search(value):
            raise Problem(400, f"{name[:100]!r} with that value cannot be a header field")
    if visit.shape == "go-httpbin":
        return _go_response_headers(pairs)
    taken = {name.lower() for name, _ in pairs}
    told = [("Content-Type", "application/json"), *pairs]
    length = 0
    while True:  # the body tells its own length
        fields = told if "content-length" in taken else [("Content-Length", str(length)), *told]
        body = encode_json(grouped(fields, "httpbin"))
        if len(body) == length or "content-length" in taken:
            break
        length = len(body)
    reply = Response(body, media_type="application/json")
    return _add_fields(reply, pairs)


def _go_response_headers(pairs: list[tuple[str, str]]) -> Response:
    kinds = [value for name, value in pairs if name.lower() == "content-type"]
    kind = kinds[0] if kinds else "application/json; charset=utf-8"
    told = pairs if kinds else [*pairs, ("Content-Type", kind)]
    if not re.match(r"(application/(json|octet-stream|xml)|text/(plain|csv))\b", kind):
        # A page must not be written by a query.
        told = [(escaped(name), escaped(value)) for name, value in told]
    reply = Response(encode_json(grouped(told, "go-httpbin")), headers={"Content-Type": kind})
    return _add_fields(reply, [(name, value) for name, value in pairs if name.lower() != "content-type"])


def _add_fields(reply: Response, pairs: list[tuple[str, str]]) -> Response:
    for name, value in pairs:
        lowered = name.lower().encode("ascii")
        if lowered not in (b"content-length", b"transfer-encoding", b"connection"):
            reply.raw_headers.append((lowered, field_value(value)))
    return reply


def field_value(value: str) -> bytes:
    """A field's value in ISO 8859-1, or UTF-8 where it needs more letters (RFC 9110 section 5.5)."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")


def redirect(location: str, status: int = 302) -> Response:
    """A redirect as httpbin words it."""
    safe = _location(location)
    body = f'<!doctype html>\n<title>Redirecting</title>\n<p>Go on to <a href="{escaped(safe)}">{escaped(safe)}</a>.\n'
    return Response(body, status, {"Location": safe}, media_type="text/html")


def _redirects(visit: Visit) -> int:
    number = int(visit.params["n"])
    if number < 1:
        raise Problem(400, "redirect count must be > 0")
    return number


async def redirects(visit: Visit) -> Response:
    number = _redirects(visit)
    absolute = visit.argument("absolute").lower() == "true"
    kind = "absolute" if absolute else "relative"
    path = "/get" if number == 1 else f"/{kind}-redirect/{number - 1}"
    return redirect(visit.absolute(path) if absolute else path)


async def relative_redirects(visit: Visit) -> Response:
    number = _redirects(visit)
    return redirect("/get" if number == 1 else f"/relative-redirect/{number - 1}")


async def absolute_redirects(visit: Visit) -> Response:
    number = _redirects(visit)
    return redirect(visit.absolute("/get" if number == 1 else f"/absolute-redirect/{number - 1}"))


async def redirect_to(visit: Visit) -> Response:
    """Location is `url`; `status_code` (300 to 399) says which redirect."""
    pairs = visit.pairs
    if visit.method != "GET":
        form = parse_form(visit.headers.get("content-type", ""), await whole_body(visit))
        pairs = pairs + (form.fields if form else [])
    arguments = {name.lower(): value for name, value in reversed(pairs)}
    if not arguments.get("url"):
        raise Problem(400, "missing required query parameter: url")
    code = arguments.get("status_code", "302")
    good = re.fullmatch("3[0-9][0-9]", code) is not None
    if not good and visit.shape == "go-httpbin":
        raise Problem(400, "invalid status code: not in range [300, 399]")
    headers = {"Location": _location(arguments["url"])}
    return Response(status_code=int(code) if good else 302, headers=headers, media_type="text/html")


def _location(url: str) -> str:
    return "".join(letter if " " < letter < "\x7f" else quote(letter) for letter in url)


async def cookies(visit: Visit) -> Response:
    told = {name or value: value if name else "" for name, value in visit.cookies.items()}
    return reply_json(visit, {"cookies": told} if visit.shape == "httpbin" else told)


async def set_cookies(visit: Visit) -> Response:
    return _with_cookies(visit, [(name, value, "Path=/") for name, value in dict(visit.pairs).items()])


async def set_cookie(visit: Visit) -> Response:
    return _with_cookies(visit, [(visit.params["name"], visit.params["value"], "Path=/")])


async def delete_cookies(visit: Visit) -> Response:
    past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"
    return _with_cookies(visit, [(name, "", past) for name in dict(visit.pairs)])


def _with_cookies(visit: Visit, cookies: list[tuple[str, str, str]]) -> Response:
    reply = redirect("/cookies")
    secure = "Secure; " if visit.scope["scheme"] == "https" else ""
    if visit.shape == "go-httpbin":
        secure = "HttpOnly; "
    for name, value, attributes in cookies:
        if not _TOKEN.match(name):
            raise Problem(400, f"{name[:100]!r} cannot be a cookie's name")
        reply.raw_headers.append(
            (b"set-cookie", f"{name}={_cookie_value(value)}; {secure}{attributes}".encode("ascii"))
        )
    return reply


def _cookie_value(value: str) -> str:
    """Quoted, with octets beyond RFC 6265's in octal, as werkzeug and http.cookies write them."""
    if _COOKIE_VALUE.match(value):
        return value
    octets = value.encode("utf-8")
    return '"' + "".join(_cookie_octet(octet) for octet in octets) + '"'


def _cookie_octet(octet: int) -> str:
    letter = chr(octet)
    if letter in '"\\':
        return "\\" + letter
    return letter if 0x20 <= octet < 0x7F and letter not in ",;" else f"\\{octet:03o}"
