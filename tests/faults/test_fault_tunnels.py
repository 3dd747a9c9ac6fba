"""CONNECT tunnels of the HTTP proxy: faults in requests act inside as without it; the network's see what the proxy sees."""

from __future__ import annotations

import http.client
import ssl
from typing import Any

import pytest
from faults.clients import PATIENT

from minternet import Internet


def tunnelled(net: Internet) -> tuple[int, bytes]:
    """GET by TLS to a host behind the proxy."""
    client = http.client.HTTPSConnection("localhost", net.http.port, timeout=PATIENT, context=net.ssl_context())
    client.set_tunnel("www.example.test", 443)
    try:
        client.request("GET", "/get")
        reply = client.getresponse()
        return reply.status, reply.read()
    finally:
        client.close()


def saw(net: Internet) -> Any:
    try:
        return tunnelled(net)
    except Exception as error:
        return error


INSIDE = {
    "http GET: reply 503 busy": lambda seen: seen[0] == 503,
    "http GET /get: corrupt offset=0": lambda seen: isinstance(seen, http.client.BadStatusLine),
    "http GET: truncate 200": lambda seen: isinstance(seen, http.client.IncompleteRead),
    "http GET: reset": lambda seen: isinstance(seen, ConnectionResetError),
    "http GET: close, when=instead": lambda seen: isinstance(seen, http.client.RemoteDisconnected),
    "http GET: lying_literal then=close": lambda seen: isinstance(seen, http.client.IncompleteRead),
    "http GET: no_terminator then=close": lambda seen: isinstance(seen, http.client.IncompleteRead),
    "http GET: delay 5": lambda seen: seen[0] == 200,
    "http GET: rate_limit rate=0.001": lambda seen: seen[0] in (200, 429),
}


@pytest.mark.parametrize("line", INSIDE)
def test_faults_in_requests_act_inside(net: Internet, line: str) -> None:
    """To the octet: a tunnel's TLS lies beneath them."""
    fault = net.faults.add(line)
    seen = saw(net)
    assert INSIDE[line](seen), seen
    assert net.faults.uses(fault) == 1


CIPHERTEXT = ("http: limit_data 200", "http: corrupt offset=200")


@pytest.mark.parametrize("line", CIPHERTEXT)
def test_the_networks_faults_see_what_the_proxy_sees(net: Internet, line: str) -> None:
    """Ciphertext: a handshake that is cut or damaged."""
    net.faults.add(line)
    assert isinstance(saw(net), ssl.SSLError)


def test_what_the_proxy_holds_back_comes(net: Internet) -> None:
    net.faults.add("http: slicer average_size=100")
    net.faults.add("http: latency 5, stream=upstream")
    assert tunnelled(net)[0] == 200


def test_another_services_faults_are_not_the_tunnels(net: Internet) -> None:
    net.faults.add("=https: reply 503 no")
    assert tunnelled(net)[0] == 200
