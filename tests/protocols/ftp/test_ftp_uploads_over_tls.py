"""Which TLS an upload's data connection speaks: without tickets after the handshake, where the client can do so."""

from __future__ import annotations

import ftplib
import io
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minternet.protocols.ftp.tls import offers_tls_1_2
from minternet.wire.tls import Authority

from ftp_place import place  # isort: skip


@pytest.mark.parametrize(
    ("least", "upload", "download"),
    [(ssl.TLSVersion.TLSv1_2, "TLSv1.2", "TLSv1.3"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3", "TLSv1.3")],
)
def test_uploads_speak_tls_1_2_with_who_can(
    authority: Authority, least: ssl.TLSVersion, upload: str, download: str
) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.minimum_version = least
    with place(authority) as ftp, ftplib.FTP_TLS(context=context, timeout=10) as client:
        client.connect("localhost", ftp.port)
        client.login("alice", "wonderland")
        client.prot_p()
        with client.transfercmd("STOR x") as data:
            assert data.version() == upload  # type: ignore[attr-defined]
            data.sendall(b"kept")
            data.unwrap()  # type: ignore[attr-defined]
        client.voidresp()
        got = io.BytesIO()
        with client.transfercmd("RETR x") as data:
            assert data.version() == download  # type: ignore[attr-defined]
            got.write(data.recv(100))
        client.voidresp()
        assert got.getvalue() == b"kept"


def hello_of(least: ssl.TLSVersion, most: ssl.TLSVersion) -> bytes:
    """What OpenSSL says first."""
    context = ssl.create_default_context()
    context.minimum_version, context.maximum_version = least, most
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def test_what_a_client_offers() -> None:
    both = hello_of(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert offers_tls_1_2(both)
    assert not offers_tls_1_2(hello_of(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3))
    assert not any(offers_tls_1_2(both[:cut]) for cut in range(43))


@given(st.binary(max_size=200))
def test_nonsense_is_no_hello(octets: bytes) -> None:
    assert offers_tls_1_2(octets) in (True, False)
