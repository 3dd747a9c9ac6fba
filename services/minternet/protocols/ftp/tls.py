"""TLS as pyOpenSSL has it: contexts, and whether a handshake resumed a session.

Where data connections must resume the control connection's session (RFC 4217 section 10.2 lets a server ask for it),
each control connection gets a context of its own: its tickets are sealed with keys nobody else has, so a resumed
session can only be this connection's, with TLS 1.2 and 1.3 alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from OpenSSL import SSL

from ...wire.tls import Leaf

__all__ = ["SSL", "make_context", "make_flawed_context", "make_upload_context", "offers_tls_1_2", "resumed"]

SESSION_ID: Final = b"minternet"
SUPPORTED_VERSIONS: Final = 43
"""The extension of that name (RFC 8446 section 4.2)."""


def make_context(chain_file: Path, key_file: Path, watched: bool = False) -> SSL.Context:
    """A server's context: TLS 1.2 and later, this certificate; `watched` for `resumed` to work."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.use_certificate_chain_file(str(chain_file))
    context.use_privatekey_file(str(key_file))
    context.set_session_id(SESSION_ID)
    if watched:
        context.set_info_callback(_watch_handshake)
    return context


def make_upload_context(chain_file: Path, key_file: Path) -> SSL.Context:
    """The same up to TLS 1.2, which sends no tickets after the handshake.

    A client that only uploads never reads what TLS 1.3 sends it; when it closes, its kernel resets the connection for
    what was left unread, and the end of the file is lost (curl does so). pyOpenSSL cannot turn tickets off.
    """
    context = make_context(chain_file, key_file)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    return context


def offers_tls_1_2(hello: bytes) -> bool:
    """Whether a ClientHello says that TLS 1.2 would do (RFC 8446 section 4.2.1); False where that cannot be told."""
    try:
        at = 43 + 1 + hello[43]
        at += 2 + int.from_bytes(hello[at : at + 2])
        at += 1 + hello[at]
        end = at + 2 + int.from_bytes(hello[at : at + 2])
        at += 2
        while at < min(end, len(hello)):
            kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
            if kind == SUPPORTED_VERSIONS:
                versions = hello[at + 5 : at + 4 + size]
                return b"\x03\x03" in (versions[n : n + 2] for n in range(0, len(versions), 2))
            at += 4 + size
    except IndexError:
        pass
    return False


def make_flawed_context(leaf: Leaf | str) -> SSL.Context:
    """A context that clients must refuse: with a flawed certificate, or with none, so that no cipher is shared."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    if not isinstance(leaf, str):
        context.use_certificate_chain_file(str(leaf.chain_file))
        context.use_privatekey_file(str(leaf.key_file))
    return context


def _watch_handshake(connection: SSL.Connection, where: int, result: int) -> None:
    """pyOpenSSL does not tell what was resumed, but a server shows its certificate in full handshakes only."""
    if where & SSL.SSL_CB_LOOP and b"write certificate" in connection.get_state_string():
        connection.set_app_data("full")


def resumed(connection: SSL.Connection) -> bool:
    """Whether the handshake that is over resumed a session."""
    return bool(connection.get_app_data() != "full")
