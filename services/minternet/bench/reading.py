"""What a test reads of a message and of an article alike: octets, header fields, and the standard library's view."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..world import mime
from ..world.blobs import Blob

if TYPE_CHECKING:
    from email.message import EmailMessage


class Readable:
    """Content, read as far as it is asked for."""

    def __init__(self, content: Blob) -> None:
        self._content = content

    @cached_property
    def raw(self) -> bytes:
        """The octets that every server gives."""
        return self._content.bytes()

    @cached_property
    def parsed(self) -> EmailMessage:
        """The same as the standard library reads it."""
        import email
        import email.policy

        return email.message_from_bytes(self.raw, policy=email.policy.default)

    def header(self, name: str) -> str:
        """A header field, decoded; "" where there is none."""
        value = mime.first_header(self.raw, name.encode())
        return "" if value is None else mime.decode_header(value)

    @property
    def subject(self) -> str:
        return self.header("Subject")
