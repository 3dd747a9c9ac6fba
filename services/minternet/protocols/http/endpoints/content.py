"""Content of many kinds: documents, pictures, encodings, links, forms, conditions."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from starlette.responses import Response

from ..paths import escaped
from ..ranges import Validators, evaluate, http_date, matches
from ..visit import Problem, Visit, encode_json, reply_json
from . import pictures
from .answers import redirect, status_reply
from .inspection import told_headers, told_request

MAX_LINKS = 200
_MEDIA_TYPE = re.compile(r"[!-~][ -~]*\Z")
SLIDESHOW = {
    "slideshow": {
        "author": "Yours Truly",
        "date": "date of publication",
        "slides": [
            {"title": "Wake up to WonderWidgets!", "type": "all"},
            {
                "items": ["Why <em>WonderWidgets</em> are great", "Who <em>buys</em> WonderWidgets"],
                "title": "Overview",
                "type": "all",
            },
        ],
        "title": "Sample Slide Show",
    }
}
"""The document of /json: clients' tests know its keys and values, so it says the same as httpbin's."""
SLIDES_XML = b"""<?xml version='1.0' encoding='us-ascii'?>
<!-- The slides of /json -->
<slideshow title="Sample Slide Show" date="Date of publication" author="Yours Truly">
    <slide type="all">
        <title>Wake up to WonderWidgets!</title>
    </slide>
    <slide type="all">
        <title>Overview</title>
        <item>Why <em>WonderWidgets</em> are great</item>
        <item/>
        <item>Who <em>buys</em> WonderWidgets</item>
    </slide>
</slideshow>
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Moby-Dick</title>
  </head>
  <body>
    <h1>Herman Melville - Moby-Dick</h1>
    <div>
      <p>
        Call me Ishmael. Some years ago\u2014never mind how long precisely\u2014having little or no money in my purse, and
        nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of the
        world. It is a way I have of driving off the spleen and regulating the circulation.
      </p>
    </div>
  </body>
</html>
"""
ALPHABETS = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Unicode Demo</title></head>
<body>
<h1>Unicode Demo</h1>
<pre>
Greek      \u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5
Russian    \u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439, \u043c\u0438\u0440
Hebrew     \u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd
Arabic     \u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645
Hindi      \u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e
Thai       \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01
Japanese   \u4e16\u754c\u3088\u3001\u3053\u3093\u306b\u3061\u306f
Korean     \uc548\ub155, \uc138\uc0c1
Chinese    \u4f60\u597d\uff0c\u4e16\u754c
German     Gr\u00fc\u00dfe, \u00c4pfel und \u00d6l f\u00fcr drei\u00dfig \u20ac
Polish     Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144
Box        \u250c\u2500\u252c\u2500\u2510 \u2502\u2591\u2502\u2592\u2502 \u2514\u2500\u2534\u2500\u2518
Maths      \u2200x\u2208\u211d: \u2308x\u2309 = \u2212\u230a\u2212x\u230b, \u03b1 \u2227 \u00ac\u03b2 = \u00ac(\u00ac\u03b1 \u2228 \u03b2)
Combining  e\u0301 a\u0308 n\u0303 \u0e01\u0e49\u0e4d
Beyond     \U0001d54c\U0001d55f\U0001d55a \U0001f30d\U0001f40b
</pre>
</body>
</html>
"""
ORDER_FORM = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Order</title></head>
<body>
<form method="post" action="/post">
 <p><label>Customer name: <input name="custname"></label></p>
 <p><label>Telephone: <input type="tel" name="custtel"></label></p>
 <p><label>E-mail address: <input type="email" name="custemail"></label></p>
 <fieldset>
  <legend>Pizza size</legend>
  <p><label><input type="radio" name="size" value="small"> Small</label></p>
  <p><label><input type="radio" name="size" value="medium"> Medium</label></p>
  <p><label><input type="radio" name="size" value="large"> Large</label></p>
 </fieldset>
 <fieldset>
  <legend>Pizza toppings</legend>
  <p><label><input type="checkbox" name="topping" value="bacon"> Bacon</label></p>
  <p><label><input type="checkbox" name="topping" value="cheese"> Extra cheese</label></p>
  <p><label><input type="checkbox" name="topping" value="onion"> Onion</label></p>
  <p><label><input type="checkbox" name="topping" value="mushroom"> Mushroom</label></p>
 </fieldset>
 <p><label>Delivery time: <input type="time" min="11:00" max="21:00" step="900" name="delivery"></label></p>
 <p><label>Delivery instructions: <textarea name="comments"></textarea></label></p>
 <p><button>Submit order</button></p>
</form>
</body>
</html>
"""
KEEP_OUT = """
      .-----.
     |  \\ /  |
     |   X   |
     |  / \\  |
      '--+--'
         |
   YOU SHOULDN'T BE HERE
"""


async def html(visit: Visit) -> Response:
    return Response(PAGE, media_type="text/html")


async def json(visit: Visit) -> Response:
    return reply_json(visit, SLIDESHOW)


async def xml(visit: Visit) -> Response:
    return Response(SLIDES_XML, media_type="application/xml")


async def utf8(visit: Visit) -> Response:
    return Response(ALPHABETS, media_type="text/html")


async def forms_post(visit: Visit) -> Response:
    return Response(ORDER_FORM, media_type="text/html")


async def robots(visit: Visit) -> Response:
    return Response("User-agent: *\nDisallow: /deny\n", headers={"Content-Type": "text/plain"})


async def deny(visit: Visit) -> Response:
    return Response(KEEP_OUT, headers={"Content-Type": "text/plain"})


async def problem(visit: Visit) -> Response:
    """Problem details (RFC 9457)."""
    status = visit.integer("status", 403, 400, 599)
    told = {
        "type": visit.absolute("/problem"),
        "title": "You do not have enough credit.",
        "status": status,
        "detail": "Your current balance is 30, but that costs 50.",
        "instance": "/account/12345/msgs/abc",
        "balance": 30,
    }
    return Response(encode_json(told), status, headers={"Content-Type": "application/problem+json"})


async def pdf(visit: Visit) -> Response:
    return Response(make_pdf("minternet"), media_type="application/pdf")


def make_pdf(text: str) -> bytes:
    """A document of one page with one line of text (ISO 32000-1)."""
    stream = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
    ]
    content, offsets = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        content
        + b"xref\n0 5\n0000000000 65535 f \n%btrailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (
            table,
            len(content),
        )
    )


# -- pictures

IMAGES = {
    "png": ("image/png", pictures.PNG),
    "jpeg": ("image/jpeg", pictures.JPEG),
    "webp": ("image/webp", pictures.WEBP),
    "svg": ("image/svg+xml", pictures.SVG),
}
PREFERENCE = ("webp", "svg", "jpeg", "png")
"""httpbin's order of what it looks for in Accept."""


async def image(visit: Visit) -> Response:
    """The picture that Accept asks for; PNG by default."""
    accept = visit.headers.get("accept", "").lower()
    for kind in PREFERENCE:
        if IMAGES[kind][0] in accept:
            return _picture(kind)
    if not accept or "image/*" in accept:
        return _picture("png")
    if visit.shape == "go-httpbin":
        raise Problem(415)
    return status_reply(406)


async def image_of(visit: Visit) -> Response:
    kind = visit.params["kind"]
    if kind not in IMAGES:
        raise Problem(404, f"no image of kind {kind[:50]!r}; there are {', '.join(IMAGES)}")
    return _picture(kind)


def _picture(kind: str) -> Response:
    media_type, content = IMAGES[kind]
    return Response(content, headers={"Content-Type": media_type})


# -- encodings


def _encoded(visit: Visit, name: str, coding: str) -> tuple[bytes, dict[str, str]]:
    told = {"headers": told_headers(visit), "method": visit.method, "origin": visit.origin, name: True}
    if visit.shape == "go-httpbin":
        told = {**told_request(visit), name: True}
    kind = "application/json" if visit.shape == "httpbin" else "application/json; charset=utf-8"
    return encode_json(told), {"Content-Encoding": coding, "Content-Type": kind}


def compress_gzip(content: bytes, level: int = 6) -> bytes:
    """gzip without a time in it, so that the same content gives the same octets (RFC 1952)."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def compress_brotli(content: bytes, level: int = 5) -> bytes:
    """Brotli (RFC 7932); imported here for it is large and seldom wanted."""
    import brotli

    return bytes(brotli.compress(content, quality=level))


def compress_zstd(content: bytes, level: int = 3) -> bytes:
    """Zstandard (RFC 8878), by the standard library where it has it."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        import zstandard

        return zstandard.ZstdCompressor(level=level).compress(content)
    return bytes(zstd.compress(content, level))


async def gzip(visit: Visit) -> Response:
    content, headers = _encoded(visit, "gzipped", "gzip")
    return Response(compress_gzip(content), headers=headers)


async def deflate(visit: Visit) -> Response:
    """`deflate` is the zlib format (RFC 9110 section 8.4.1.2)."""
    content, headers = _encoded(visit, "deflated", "deflate")
    return Response(zlib.compress(content), headers=headers)


async def brotli(visit: Visit) -> Response:
    content, headers = _encoded(visit, "brotli", "br")
    return Response(compress_brotli(content), headers=headers)


async def zstd(visit: Visit) -> Response:
    content, headers = _encoded(visit, "zstd", "zstd")
    return Response(compress_zstd(content), headers=headers)


async def base64_decode(visit: Visit) -> Response:
    return _base64(visit, "decode", visit.params["value"])


async def base64_operation(visit: Visit) -> Response:
    return _base64(visit, visit.params["operation"], visit.params["value"])


def _base64(visit: Visit, operation: str, value: str) -> Response:
    """Both alphabets are read, the URL-safe one is written (RFC 4648)."""
    kind = visit.argument("content-type") or ("text/html" if visit.shape == "httpbin" else "text/plain")
    if not _MEDIA_TYPE.match(kind):
        raise Problem(400, "content-type is no media type")
    if operation == "encode":
        return Response(base64.urlsafe_b64encode(value.encode("utf-8")), media_type="text/plain")
    if operation != "decode":
        raise Problem(400, f"invalid operation: {operation[:50]}")
    try:
        padded = value + "=" * (-len(value) % 4)
        decoded = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
        text = decoded.decode("utf-8")
    except (binascii.Error, ValueError):
        if visit.shape == "go-httpbin":
            raise Problem(400, "base64 decode failed: illegal base64 data") from None
        return Response("Incorrect Base64 data try: SFRUUEJJTiBpcyBhd2Vzb21l", media_type="text/html")
    return Response(text if kind.startswith("text/plain") else escaped(text), media_type=kind)


# -- links, conditions


async def links(visit: Visit) -> Response:
    return redirect(f"/links/{int(visit.params['n'])}/0")


async def links_page(visit: Visit) -> Response:
    count = min(max(1, int(visit.params["n"])), MAX_LINKS)
    here = int(visit.params["offset"])
    anchors = [f"{at} " if at == here else f"<a href='/links/{count}/{at}'>{at}</a> " for at in range(count)]
    return Response(
        f"<html><head><title>Links</title></head><body>{''.join(anchors)}</body></html>", media_type="text/html"
    )


async def cache(visit: Visit) -> Response:
    """304 to any conditional request."""
    if visit.headers.get("if-modified-since") or visit.headers.get("if-none-match"):
        return status_reply(304)
    headers = {"Last-Modified": http_date(visit.around.now()), "ETag": visit.around.chance.randbytes(16).hex()}
    return reply_json(visit, told_request(visit), headers=headers)


async def cache_seconds(visit: Visit) -> Response:
    seconds = int(visit.params["n"])
    return reply_json(visit, told_request(visit), headers={"Cache-Control": f"public, max-age={seconds}"})


async def etag(visit: Visit) -> Response:
    """The resource has the ETag that the path says; If-Match and If-None-Match decide."""
    tag = visit.params["etag"]
    if any(not " " < letter < "\x7f" or letter == '"' for letter in tag):
        raise Problem(400, "an entity-tag holds neither quotes nor control characters nor letters beyond ASCII")
    if visit.shape == "go-httpbin":
        verdict = evaluate(visit.headers, visit.method, Validators(f'"{tag}"'))
        headers = {"ETag": f'"{tag}"'}
        if verdict != "go":
            return Response(status_code=304 if verdict == "unchanged" else 412, headers=headers)
        return reply_json(visit, told_request(visit), headers=headers)
    unwanted, wanted = visit.headers.get("if-none-match"), visit.headers.get("if-match")
    if unwanted:
        if matches(unwanted, tag, weak=True):
            return Response(status_code=304, headers={"ETag": tag})
    elif wanted and not matches(wanted, tag, weak=False):
        return status_reply(412)
    return reply_json(visit, told_request(visit), headers={"ETag": tag})
