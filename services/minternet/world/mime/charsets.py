"""From bytes to text: charsets, encoded words (RFC 2047), content transfer encodings (RFC 2045, section 6).

Nothing here raises: what cannot be read comes out as well as it can be, with U+FFFD for the rest. Only codecs that
Python lists as text encodings are ever looked up, so a message cannot make the process import or run odd ones.
"""

from __future__ import annotations

import binascii
import re
from encodings import normalize_encoding
from encodings.aliases import aliases

_NOT_CHARSETS = frozenset(
    ("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "uu_codec", "zlib_codec", "rot_13", "mbcs", "tactis")
)
_CODECS = frozenset(aliases.values()) - _NOT_CHARSETS | frozenset(
    (
        "koi8_u",
        "koi8_t",
        "utf_8_sig",
        "cp720",
        "cp737",
        "cp856",
        "cp874",
        "cp875",
        "cp1006",
        "mac_arabic",
        "mac_croatian",
    )
)
# Names that mail uses and Python does not know, and names whose superset is what senders really write.
_MAIL_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_6_i": "iso8859_6",
    "iso_8859_6_e": "iso8859_6",
    "ks_c_5601_1987": "cp949",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "sjis": "cp932",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "x_mac_roman": "mac_roman",
    "x_cp1251": "cp1251",
    "x_cp1252": "cp1252",
    "tis_620": "cp874",
    "windows_874": "cp874",
}
_ENCODED_WORD = re.compile(rb"=\?([^?\s*]++)(?:\*[^?\s]*+)?\?([bBqQ])\?([^?]*+)\?=")
_FOLD = re.compile(rb"\r?\n(?=[ \t])|[\r\n]+")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_IDENTITY = frozenset((b"7bit", b"8bit", b"binary"))
_UUENCODE = frozenset((b"x-uuencode", b"uuencode", b"x-uue", b"uue"))
_QUOTED_PRINTABLE = b"quoted-printable"


def codec_of(charset: str) -> str | None:
    """Python's name for a charset, or None for one it does not know."""
    if not charset.isascii():
        return None
    name = normalize_encoding(charset.strip()).lower()
    codec = _MAIL_ALIASES.get(name) or aliases.get(name, name)
    return codec if codec in _CODECS else None


def decode_bytes(data: bytes, charset: str = "") -> str:
    """Text of `data`; with no or an unknown charset UTF-8 where that is valid, else latin-1 or replacement characters."""
    codec = codec_of(charset) if charset else "ascii"
    if codec not in (None, "ascii"):
        try:
            text = data.decode(codec or "", "replace")
        except (UnicodeError, ValueError):
            pass
        else:
            return _whole(text) if codec == "utf_7" else text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # No charset was named (or one that cannot be true): most such mail is latin-1. A named one is not guessed.
        return data.decode("latin-1") if codec == "ascii" else data.decode("ascii", "replace")


def _whole(text: str) -> str:
    """Halves of surrogate pairs, which UTF-7 alone lets through, are no text: nothing that holds one can be encoded."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def decode_header(value: bytes) -> str:
    """A header value as text: unfolded, encoded words decoded, spaces between two encoded words dropped."""
    if b"\n" in value or b"\r" in value:
        value = _FOLD.sub(b"", value)
    value = value.strip(b" \t")
    if b"=?" not in value:
        return decode_bytes(value)
    text: list[str] = []
    charset, position = "", 0
    pending: list[bytes] = []
    for word in _ENCODED_WORD.finditer(value):
        between = value[position : word.start()]
        joins = bool(position) and not between.strip(b" \t")
        name = word[1].decode("latin-1").lower()
        if not joins or name != charset:
            # Characters may be split over neighbouring words, so words of one charset are decoded together.
            text += (decode_bytes(b"".join(pending), charset), "" if joins else decode_bytes(between))
            charset, pending = name, []
        pending.append(_decode_word(word[2], word[3]))
        position = word.end()
    text += (decode_bytes(b"".join(pending), charset), decode_bytes(value[position:]))
    return "".join(text)


def _decode_word(encoding: bytes, data: bytes) -> bytes:
    if encoding in b"bB":
        return _decode_base64(data)
    return binascii.a2b_qp(data, header=True)


def _decode_base64(data: bytes) -> bytes:
    clean = data.translate(None, _NOT_BASE64)
    clean = clean[: clean.index(b"=")] if b"=" in clean else clean
    if len(clean) % 4 == 1:
        clean = clean[:-1]  # six bits make no octet
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def _decode_uuencode(data: bytes) -> bytes:
    lines = iter(data.splitlines())
    for line in lines:
        if line.startswith(b"begin "):
            break
    result: list[bytes] = []
    for line in lines:
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            result.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders leave trailing blanks or garbage: the length octet says how much of the line counts.
            count = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                result.append(binascii.a2b_uu(line[:count]))
            except binascii.Error:
                continue
    return b"".join(result)


def decode_transfer(data: bytes, encoding: bytes | None) -> bytes | None:
    """The body with its content transfer encoding undone, leniently; None for an encoding that is not known."""
    name = (encoding or b"7bit").strip().lower()
    if name in _IDENTITY:
        return data
    if name == b"base64":
        return _decode_base64(data)
    if name == _QUOTED_PRINTABLE:
        return binascii.a2b_qp(data)
    if name in _UUENCODE:
        return _decode_uuencode(data)
    return None
