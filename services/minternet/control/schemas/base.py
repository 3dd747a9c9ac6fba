"""What the records of the API are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

COUNT = Meta(ge=0, le=1 << 53)
Count = Annotated[int, COUNT]
Name = Annotated[str, Meta(min_length=1, max_length=1000)]
END = r"$(?!\n)"
"""The end of a text: Python's `$` alone lets a line end follow."""
_SPACELESS = r"[^\x00-\x20\x7f-\xa0@<>]+"
Address = Annotated[str, Meta(pattern=f"^{_SPACELESS}@{_SPACELESS}{END}", max_length=320)]
Login = Annotated[str, Meta(pattern=rf"^[^\x00-\x20\x7f-\xa0/]+{END}", max_length=64)]
Flag = Annotated[str, Meta(pattern=rf"^\\?[!#$&-'+-\[^-z|}}~]+{END}", max_length=128)]
"""A system flag or keyword (RFC 9051 section 9, flag)."""
SpecialUse = Annotated[str, Meta(pattern=rf"^\\[A-Za-z]+{END}", max_length=64)]
Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its offset (RFC 3339)."""
Tree = Literal["files", "site"]
Limit = Annotated[int, Meta(ge=1, le=500, description="how many at most")]
Seconds = Annotated[float, Meta(ge=0, le=300, description="how long to wait, in seconds")]
Since = Annotated[int, Meta(ge=0, le=1 << 53, description="a cursor: only what came after the event of this number")]
Words = Annotated[str, Meta(max_length=1000)]


class In(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked: a field that is not known is an error."""


class Out(Struct, frozen=True):
    """What is answered."""
