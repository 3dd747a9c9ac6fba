"""What a webhook may be: targets on this machine, secrets as the specification has them, lines of text."""

from __future__ import annotations

import base64

import pytest

from minternet.webhooks import lines
from minternet.webhooks.client import seconds_of
from minternet.webhooks.errors import WebhookError
from minternet.webhooks.signing import key_of, masked, new_secret, signature
from minternet.webhooks.target import target_of


@pytest.mark.parametrize(
    ("url", "addresses", "port", "path"),
    [
        ("http://127.0.0.1:9000/hook?a=b", ("127.0.0.1",), 9000, "/hook?a=b"),
        ("http://127.1.2.3", ("127.1.2.3",), 80, "/"),
        ("https://localhost", ("127.0.0.1", "::1"), 443, "/"),
        ("HTTP://LOCALHOST:8080/x", ("127.0.0.1", "::1"), 8080, "/x"),
        ("http://[::1]:9/", ("::1",), 9, "/"),
        ("http://[0:0:0:0:0:0:0:1]:9/", ("::1",), 9, "/"),
    ],
)
def test_targets_on_this_machine(url: str, addresses: tuple[str, ...], port: int, path: str) -> None:
    target = target_of(url)
    assert (target.addresses, target.port, target.path) == (addresses, port, path)
    assert target.secure == url.startswith("https")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "example.com",
        "0.0.0.0",
        "10.0.0.1",
        "128.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.01",
        "[::ffff:8.8.8.8]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "[fe80::1]",
        "[::1%25lo]",
        "[127.0.0.1]",
        "localhost.evil.test",
        "localhost.",
        "localhost%00",
        "%6cocalhost",
        "evil.test:80",
        "127.0.0.1.nip.io",
        "host.docker.internal",
    ],
)
def test_no_other_host(host: str) -> None:
    with pytest.raises(WebhookError) as refused:
        target_of(f"http://{host}/")
    assert refused.value.field == "url"
    if "[127" not in host:  # older Pythons let it through to us, newer ones do not
        assert "events" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:80",
        "//127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http:///path",
        "http://user@127.0.0.1/",
        "http://localhost@evil.test/",
        "http://evil.test@localhost/",
        "http://127.0.0.1\\@evil.test/",
        "http://127.0.0.1/#fragment",
        "http://127.0.0.1/#",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/\n",
        "http://127.0.0.1/\x00",
        "http://127.0.0.1/\x7f",
        "http://127.0.0.1/\u00e9",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://[::1/",
        "http://[::1]evil.test/",
        "http://[::1]evil.test:80/",
        "http://evil.test[::1]/",
        "http://[::1]127.0.0.1/",
        "http://127.0.0.1/" + "x" * 2000,
    ],
)
def test_no_other_url(url: str) -> None:
    with pytest.raises(WebhookError):
        target_of(url)


def test_a_signature_is_the_specifications() -> None:
    """HMAC-SHA256 of `msg_1.1674087231.{"a":1}` by that key, worked out with `openssl dgst -mac HMAC`."""
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    assert signature(key_of(secret), "msg_1", 1674087231, b'{"a":1}') == (
        "v1,fnNKWKn9YJSx7T/Ahsk/W5BQTp6PJzQosUoaMQK6sCQ="
    )


@pytest.mark.parametrize(
    "secret", ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_" + base64.b64encode(b"x" * 65).decode()]
)
def test_secrets_that_will_not_do(secret: str) -> None:
    with pytest.raises(WebhookError, match="24 to 64"):
        key_of(secret)


def test_a_made_secret_is_new_and_is_masked() -> None:
    assert new_secret() != new_secret()
    assert len(key_of(new_secret())) == 32
    secret = new_secret()
    assert secret[10:-4] not in masked(secret)


def test_lines() -> None:
    assert lines.read("http://localhost:9/x") == {"url": "http://localhost:9/x"}
    told = lines.read("http://localhost:9/x name=ci events=deliver|store-* since=0 timeout=2.5 verify=no secret=abc")
    assert told["events"] == ("deliver", "store-*")
    assert (told["name"], told["since"], told["timeout"], told["verify"], told["secret"]) == (
        "ci",
        0,
        2.5,
        False,
        "abc",
    )
    assert lines.masked("http://localhost:9/?secret=a secret=abc name=x") == (
        "http://localhost:9/?secret=a secret=(set) name=x"
    )


@pytest.mark.parametrize("words", ["colour=red", "name", "since=x", "since=-1", "timeout=nan", "verify=perhaps"])
def test_lines_that_are_not_understood(words: str) -> None:
    with pytest.raises(WebhookError):
        lines.read(f"http://localhost:9/ {words}")


def test_a_secret_that_is_misspelt_is_not_told() -> None:
    with pytest.raises(WebhookError, match=r"'Secret=\.\.\.' is not understood") as refused:
        lines.read("http://localhost:9/ Secret=whsec_c2VjcmV0")
    assert "c2VjcmV0" not in str(refused.value)


def test_retry_after() -> None:
    assert seconds_of("7") == 7
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert (seconds_of("Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 1e6
    assert [seconds_of(text) for text in ("", "soon", "-1", "9" * 50, "²")] == [None] * 5
