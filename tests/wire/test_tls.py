"""The test authority: certificates made once, agreed on, renewed, and accepted by strict clients."""

from __future__ import annotations

import asyncio
import ssl
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minternet.wire.tls import DAY, LEAF_DAYS, Authority

SHOW = (
    "import sys; from pathlib import Path; from minternet.wire.tls import Authority; a = Authority(Path(sys.argv[1])); \
print(a.ca_file.read_bytes().hex(), a.chain_file.read_bytes().hex(), a.leaf('x.test').key_file.read_bytes().hex())"
)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Shake hands in memory; raises what the client objects to."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    served = server.wrap_bio(to_server, to_client, server_side=True)
    asked = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (asked, served):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return asked


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "example.test", "mail.example.test", "extra.test"])
def test_strict_clients_accept_its_names(tmp_path: Path, authority: Authority, name: str) -> None:
    extra = Authority(authority.ca_file.parent.parent, names=["extra.test"])
    client = extra.client_context()
    assert client.verify_flags & ssl.VERIFY_X509_STRICT
    assert client.check_hostname
    assert handshake(extra.server_context(), client, name).version() == "TLSv1.3"


def test_clients_refuse_other_names_and_other_authorities(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(authority.server_context(), authority.client_context(), "elsewhere.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.server_context(), Authority(tmp_path).client_context(), "localhost")


def test_a_leaf_for_any_name_is_made_once(authority: Authority) -> None:
    leaf = authority.leaf("httpbin.example")
    assert leaf == authority.leaf("httpbin.example")
    context = authority.server_context(["h2", "http/1.1"], names=["httpbin.example"])
    assert context is authority.server_context(["h2", "http/1.1"], names=["httpbin.example"])
    client = ssl.create_default_context(cafile=str(authority.ca_file))
    client.set_alpn_protocols(["http/1.1"])
    assert handshake(context, client, "httpbin.example").selected_alpn_protocol() == "http/1.1"


def test_private_keys_are_private_and_all_else_can_be_read(authority: Authority) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(authority.key_file) == mode(authority.ca_file.parent / "ca.key") == 0o600
    assert mode(authority.ca_file) == mode(authority.chain_file) == 0o644
    assert mode(authority.ca_file.parent) == 0o755


def test_old_versions_of_tls_are_refused(authority: Authority) -> None:
    assert authority.server_context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHOW, str(tmp_path / "new" / "folder")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    shown = {process.communicate(timeout=60)[0] for process in started}
    assert len(shown) == 1
    assert all(process.returncode == 0 for process in started)
    left = [path.name for path in (tmp_path / "new" / "folder").rglob(".*")]
    assert left == []


def test_what_is_on_disk_is_used_without_making_keys(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    shown = (first.ca_file.read_bytes(), first.chain_file.read_bytes())
    script = (
        SHOW.replace(", a.leaf('x.test').key_file.read_bytes().hex()", "")
        + "; assert 'cryptography' not in sys.modules"
    )
    again = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True, timeout=60)
    assert again.stdout.split() == [content.hex().encode() for content in shown]


def test_a_leaf_about_to_expire_is_made_anew_by_the_same_authority(tmp_path: Path) -> None:
    old = Authority(tmp_path)
    old_chain = old.chain_file
    now = time.time() + (LEAF_DAYS - 29) * DAY
    new = Authority(tmp_path, now=lambda: now)
    assert new.ca_file == old.ca_file
    assert new.chain_file != old_chain
    assert old_chain.exists()
    assert Authority(tmp_path, now=lambda: now).chain_file == new.chain_file
    handshake_fails_as_not_yet_valid = new.server_context()
    with pytest.raises(ssl.SSLCertVerificationError, match="not yet valid"):
        handshake(handshake_fails_as_not_yet_valid, new.client_context(), "localhost")


def test_a_damaged_entry_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "authority-1").mkdir()
    (tmp_path / "authority-1" / "expires").write_text("never\n")
    assert Authority(tmp_path).ca_file.parent.name == "authority-2"


def test_without_a_folder_it_can_write_to_it_uses_a_temporary_one(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    authority = Authority(in_the_way / "cache")
    place = authority.ca_file.parent.parent
    assert handshake(authority.server_context(), authority.client_context(), "localhost").version() == "TLSv1.3"
    assert tmp_path not in place.parents
    del authority
    assert not place.exists()


def test_its_default_folder_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Authority().ca_file == tmp_path / "minternet" / "authority-1" / "ca.pem"


def test_contexts_serve_asyncio(loop: str, authority: Authority) -> None:
    from wire_clients import run

    async def main() -> bytes:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server_context())
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority.client_context())
        heard = await reader.read()
        writer.close()
        server.close()
        return heard

    assert run(loop, main()) == b"hello"
