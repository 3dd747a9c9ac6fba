"""What can be set about HTTP, from the settings to the client; and what its start does not cost."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from http_clients import converse, fetch, statuses
from stage import serving

from minternet.settings import Settings, from_environment, make
from minternet.wire.tls import Authority
from minternet.world.changes import ReceiveRequest


def test_proxy_credentials(authority: Authority) -> None:
    settings = make(from_environment({"MINTERNET_HTTP_PROXY_CREDENTIALS": "duck:pier:three"}))
    with serving("http", authority=authority, settings=settings) as served:
        port = served.ports["http"]
        for request in (
            b"GET http://a.test/ip HTTP/1.1\r\nHost: a.test\r\n",
            b"CONNECT a.test:80 HTTP/1.1\r\nHost: a\r\n",
        ):
            refused = converse(port, request + b"Connection: close\r\n\r\n")
            assert statuses(refused) == [407]
            assert b'\r\nProxy-Authenticate: Basic realm="minternet"\r\n' in refused
        given = b"Proxy-Authorization: Basic " + base64.b64encode(b"duck:pier:three")
        accepted = converse(
            port, b"GET http://a.test/ip HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + given + b"\r\n\r\n"
        )
        assert statuses(accepted) == [200]
        assert fetch(port, "/ip").status == 200


@pytest.mark.parametrize("wanted", [True, False])
def test_recording_and_other_origins(authority: Authority, wanted: bool) -> None:
    with serving("http", authority=authority, settings=Settings(http_record=wanted, http_cors=wanted)) as served:
        reply = fetch(served.ports["http"], "/ip", headers={"Origin": "http://a.test"})
        recorded = served.call(
            lambda: [each for each in served.world.journal.since(0) if isinstance(each.change, ReceiveRequest)]
        )
    assert ("access-control-allow-origin" in reply.headers, bool(recorded)) == (wanted, wanted)


def test_the_start_does_not_import_what_only_websocket_needs() -> None:
    code = "import sys, minternet.protocols.http.service; print(sorted({'uvicorn', 'click', 'websockets'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"
