"""urllib.request (and response, error, robotparser) against HTTP, HTTPS and FTP."""
# mypy: disable-error-code="arg-type, attr-defined, comparison-overlap, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import time
import warnings
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib import error, request, response, robotparser
from urllib.parse import quote

import pytest
from stdlib.parts import TIMEOUT, Sites, service

from minternet.ready import Credentials, Ready

NO_PROXY = request.ProxyHandler({})


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's environment says."""
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def installed() -> Iterator[None]:
    """Puts back the opener that urlopen uses."""
    yield
    request.install_opener(None)  # type: ignore[arg-type]


def opener(*handlers: Any) -> request.OpenerDirector:
    return request.build_opener(NO_PROXY, *handlers)


def told(director: request.OpenerDirector, asked: str | request.Request, data: bytes | None = None) -> Any:
    with director.open(asked, data, TIMEOUT) as reply:
        return json.load(reply)


# -- opening


def test_urlopen(web: Sites) -> None:
    with request.urlopen(f"{web.base}/get?a=1", timeout=TIMEOUT) as reply:
        assert (reply.status, reply.getcode(), reply.reason) == (200, 200, "OK")
        assert reply.geturl() == reply.url == f"{web.base}/get?a=1"
        assert reply.info().get_content_type() == reply.headers["Content-Type"] == "application/json"
        assert json.load(reply)["args"] == {"a": "1"}


def test_urlopen_by_tls(web: Sites, tls: ssl.SSLContext) -> None:
    with request.urlopen(f"{web.secure_base}/get", timeout=TIMEOUT, context=tls) as reply:
        assert json.load(reply)["url"].startswith("https://")
    with pytest.raises(error.URLError) as caught:
        request.urlopen(f"{web.secure_base}/get", timeout=TIMEOUT)
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)


def test_posting_a_form(web: Sites) -> None:
    said = told(opener(), f"{web.base}/post", b"a=1&b=%C3%BC")
    assert said["form"] == {"a": "1", "b": "ü"}
    assert said["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_bodies_of_many_kinds(web: Sites) -> None:
    sent = b"x" * 100_000
    wanted = (len(sent), hashlib.sha256(sent).hexdigest())
    for data in (sent, io.BytesIO(sent), (sent[at : at + 999] for at in range(0, len(sent), 999))):
        said = told(opener(), request.Request(f"{web.base}/upload", data, {"Content-Type": "a/b"}))  # type: ignore[arg-type]
        assert (said["size"], said["sha256"]) == wanted
    with pytest.raises(TypeError, match="POST data should be bytes"):
        opener().open(f"{web.base}/post", "text")  # type: ignore[arg-type]


def test_requests(web: Sites) -> None:
    asked = request.Request(f"{web.base}/anything#fragment", method="PATCH", origin_req_host="x", unverifiable=True)
    asked.add_header("x-one", "1")
    asked.add_header("X-Gone", "2")
    asked.add_unredirected_header("X-Only-Here", "3")
    asked.remove_header("X-gone")
    assert (asked.get_method(), asked.fragment, asked.origin_req_host) == ("PATCH", "fragment", "x")
    assert (asked.get_header("X-one"), asked.get_header("X-none", "default")) == ("1", "default")
    assert (asked.has_header("X-only-here"), asked.has_header("X-gone"), asked.unverifiable) == (True, False, True)
    assert sorted(asked.header_items()) == [("X-one", "1"), ("X-only-here", "3")]
    assert asked.get_full_url() == asked.full_url == f"{web.base}/anything#fragment"
    assert (asked.type, asked.host, asked.selector) == ("http", web.host, "/anything")
    said = told(opener(), asked)
    assert (said["method"], said["headers"]["X-One"], said["headers"]["X-Only-Here"]) == ("PATCH", "1", "3")
    asked.data = b"changed"
    assert request.Request("http://x/", b"").get_method() == "POST"
    assert request.Request("http://x/").get_method() == "GET"
    with pytest.raises(ValueError, match="unknown url type"):
        request.Request("no-scheme")


def test_openers_say_who_they_are(web: Sites) -> None:
    director = opener()
    director.addheaders = [("User-agent", "minternet-test/1")]
    assert told(director, f"{web.base}/user-agent") == {"user-agent": "minternet-test/1"}
    assert told(opener(), f"{web.base}/user-agent")["user-agent"].startswith("Python-urllib/3.")
    director.close()


def test_the_installed_opener(web: Sites, installed: None) -> None:
    director = opener()
    director.addheaders = [("X-Installed", "yes")]
    request.install_opener(director)
    with request.urlopen(f"{web.base}/headers", timeout=TIMEOUT) as reply:
        assert json.load(reply)["headers"]["X-Installed"] == "yes"


def test_handlers_of_ones_own(web: Sites) -> None:
    class Quack(request.BaseHandler):
        handler_order = 100

        def duck_open(self, asked: request.Request) -> Any:
            fields = Message()
            fields["Content-Type"] = "text/plain"
            return response.addinfourl(io.BytesIO(asked.selector.encode()), fields, asked.full_url, 200)

        def http_request(self, asked: request.Request) -> request.Request:
            asked.add_header("X-Handled", "before")
            return asked

        def http_response(self, asked: request.Request, reply: Any) -> Any:
            reply.handled = "after"
            return reply

    handler = Quack()
    director = request.OpenerDirector()
    for each in (handler, request.HTTPHandler(), request.UnknownHandler(), request.HTTPErrorProcessor()):
        director.add_handler(each)
    with director.open("duck://pond/quack") as reply:
        assert (reply.read(), reply.status) == (b"/quack", 200)
    with director.open(f"{web.base}/headers") as reply:
        assert json.load(reply)["headers"]["X-Handled"] == "before"
        assert reply.handled == "after"
    assert handler.parent is director
    with pytest.raises(error.URLError, match="unknown url type: goose"):
        director.open("goose://pond/")
    handler.close()
    with pytest.raises(TypeError, match="BaseHandler"):
        director.add_handler(object())  # type: ignore[arg-type]


def test_debug_output(web: Sites, capsys: pytest.CaptureFixture[str]) -> None:
    handler = request.HTTPHandler(debuglevel=1)
    told(opener(handler), f"{web.base}/get")
    assert "send: b'GET /get HTTP/1.1" in capsys.readouterr().out
    if hasattr(handler, "set_http_debuglevel"):
        handler.set_http_debuglevel(0)
    told(opener(handler), f"{web.base}/get")
    assert capsys.readouterr().out == ""


# -- errors


@pytest.mark.parametrize("code", [400, 404, 418, 503])
def test_statuses_are_errors_that_can_be_read(web: Sites, code: int) -> None:
    with pytest.raises(error.HTTPError) as caught:
        opener().open(f"{web.base}/status/{code}")
    with caught.value as found:
        assert (found.code, found.status, found.url) == (code, code, f"{web.base}/status/{code}")
        assert found.headers["Server"] is not None or found.headers["Date"]
        assert str(found) == f"HTTP Error {code}: {found.reason}"
        assert isinstance(found, error.URLError)
        assert isinstance(found.read(), bytes)


def test_nobody_listens() -> None:
    with pytest.raises(error.URLError) as caught:
        opener().open("http://127.0.0.1:1/", timeout=TIMEOUT)
    assert isinstance(caught.value.reason, ConnectionRefusedError)
    assert str(caught.value).startswith("<urlopen error")


def test_time_runs_out(web: Sites) -> None:
    with pytest.raises((TimeoutError, error.URLError)):
        opener().open(f"{web.base}/broken/hang?seconds=1", timeout=0.05)


def test_errors_by_hand() -> None:
    found = error.URLError("why", "file")
    assert (found.reason, found.filename) == ("why", "file")
    short = error.ContentTooShortError("too short", b"content")
    assert (short.content, short.reason) == (b"content", "too short")
    assert isinstance(short, error.URLError)


# -- redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects(web: Sites, code: int) -> None:
    with opener().open(f"{web.base}/redirect-to?url=/get?a=1&status_code={code}", timeout=TIMEOUT) as reply:
        assert reply.url == f"{web.base}/get?a=1"
        assert json.load(reply)["args"] == {"a": "1"}


@pytest.mark.parametrize(("code", "followed"), [(301, True), (302, True), (303, True), (307, False), (308, False)])
def test_posts_become_gets(web: Sites, code: int, followed: bool) -> None:
    address = f"{web.base}/redirect-to?url=/anything&status_code={code}"
    if followed:
        said = told(opener(), address, b"form=1")
        assert (said["method"], said["data"], said["form"]) == ("GET", "", {})
    else:
        with pytest.raises(error.HTTPError) as caught:
            opener().open(address, b"form=1")
        caught.value.close()
        assert caught.value.code == code


@pytest.mark.parametrize("path", ["/redirect/3", "/relative-redirect/3", "/absolute-redirect/3"])
def test_chains_of_redirects(web: Sites, path: str) -> None:
    with opener().open(web.base + path, timeout=TIMEOUT) as reply:
        assert reply.url in (f"{web.base}/get", f"{web.base.removesuffix(':80')}/get")


def test_redirects_without_end(web: Sites) -> None:
    for path in ("/broken/redirect-loop", "/broken/endless-redirects/1", "/redirect/11"):
        with pytest.raises(error.HTTPError, match="infinite loop") as caught:
            opener().open(web.base + path)
        caught.value.close()


def test_redirects_to_where_it_will_not_go(web: Sites) -> None:
    with pytest.raises(error.HTTPError, match="is not allowed") as caught:
        opener().open(f"{web.base}/redirect-to?url=file:///etc/passwd")
    caught.value.close()
    with pytest.raises(error.HTTPError) as caught:
        opener().open(f"{web.base}/broken/redirect-nowhere")
    caught.value.close()


def test_a_redirect_handler_of_ones_own(web: Sites) -> None:
    seen = []

    class Careful(request.HTTPRedirectHandler):
        def redirect_request(
            self, req: request.Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> request.Request | None:
            seen.append((code, newurl))
            return super().redirect_request(req, fp, code, msg, headers, newurl) if newurl.endswith("2") else None

    with pytest.raises(error.HTTPError) as caught:
        opener(Careful()).open(f"{web.base}/relative-redirect/3")
    caught.value.close()
    assert seen == [(302, f"{web.base}/relative-redirect/2"), (302, f"{web.base}/relative-redirect/1")]


# -- cookies


def test_cookies(web: Sites) -> None:
    jar = CookieJar()
    director = opener(request.HTTPCookieProcessor(jar))
    assert told(director, f"{web.base}/cookies/set?flavour=oat&size=2") == {"cookies": {"flavour": "oat", "size": "2"}}
    assert {cookie.name: cookie.value for cookie in jar} == {"flavour": "oat", "size": "2"}
    assert told(director, f"{web.base}/cookies/delete?size") == {"cookies": {"flavour": "oat"}}
    assert told(opener(request.HTTPCookieProcessor()), f"{web.base}/cookies") == {"cookies": {}}


# -- who is it


def passwords(web: Sites, user: str, password: str) -> request.HTTPPasswordMgrWithDefaultRealm:
    manager = request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, web.base, user, password)  # type: ignore[arg-type]
    return manager


def test_basic_authentication(web: Sites) -> None:
    address = f"{web.base}/basic-auth/duck/quack"
    right = opener(request.HTTPBasicAuthHandler(passwords(web, "duck", "quack")))
    assert told(right, address) == {"authenticated": True, "user": "duck"}
    for wrong in (opener(request.HTTPBasicAuthHandler(passwords(web, "duck", "moo"))), opener()):
        with pytest.raises(error.HTTPError) as caught:
            wrong.open(address)
        caught.value.close()
        assert caught.value.code == 401
        assert caught.value.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_basic_authentication_in_the_realm(web: Sites) -> None:
    manager = request.HTTPPasswordMgr()
    handler = request.HTTPBasicAuthHandler(manager)
    handler.add_password("Fake Realm", [web.base, "http://else.example/"], "duck", "quack")
    assert told(opener(handler), f"{web.base}/basic-auth/duck/quack")["authenticated"] is True
    assert manager.find_user_password("Fake Realm", f"{web.base}/deep/er") == ("duck", "quack")
    assert manager.find_user_password("Other Realm", web.base) == (None, None)
    assert manager.reduce_uri("http://x/y") == ("x:80", "/y")
    assert manager.is_suburi(("x", "/a"), ("x", "/a/b"))
    assert not manager.is_suburi(("x", "/a"), ("y", "/a/b"))


def test_authentication_without_being_asked(web: Sites) -> None:
    manager = request.HTTPPasswordMgrWithPriorAuth()
    manager.add_password(None, web.base, "duck", "quack", is_authenticated=True)  # type: ignore[arg-type]
    director = opener(request.HTTPBasicAuthHandler(manager))
    assert manager.is_authenticated(web.base)
    assert told(director, f"{web.base}/hidden-basic-auth/duck/quack")["authenticated"] is True
    manager.update_authenticated(web.base, False)
    with pytest.raises(error.HTTPError) as caught:
        director.open(f"{web.base}/hidden-basic-auth/duck/quack")
    caught.value.close()
    assert caught.value.code == 404


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_authentication(web: Sites, algorithm: str) -> None:
    if algorithm == "SHA-256" and not _digest_knows("SHA-256"):
        pytest.skip("this Python's digest knows MD5 and SHA")
    address = f"{web.base}/digest-auth/auth/duck/quack/{algorithm}"
    right = opener(request.HTTPDigestAuthHandler(passwords(web, "duck", "quack")))
    assert told(right, address) == {"authenticated": True, "user": "duck"}
    wrong = opener(request.HTTPDigestAuthHandler(passwords(web, "duck", "moo")))
    with pytest.raises(error.HTTPError) as caught:
        wrong.open(address)
    caught.value.close()
    assert caught.value.code == 401


def _digest_knows(algorithm: str) -> bool:
    try:
        request.HTTPDigestAuthHandler().get_algorithm_impls(algorithm)
    except ValueError:
        return False
    return True


def test_parts_of_the_digest() -> None:
    handler = request.HTTPDigestAuthHandler()
    hashed, _ = handler.get_algorithm_impls("MD5")
    assert hashed("a") == hashlib.md5(b"a").hexdigest()
    assert len(handler.get_cnonce("nonce")) == 16
    assert handler.get_entity_digest(b"data", {}) is None
    handler.reset_retry_count()
    with pytest.raises(ValueError):
        handler.get_algorithm_impls("ROT13")


# -- proxies


def test_an_http_proxy(web: Sites) -> None:
    director = request.build_opener(request.ProxyHandler({"http": web.base}))
    assert told(director, "http://shop.example.test/get?a=1")["url"] == "http://shop.example.test/get?a=1"


def test_a_tunnel_through_the_proxy(web: Sites, tls: ssl.SSLContext) -> None:
    handlers = request.ProxyHandler({"https": web.base}), request.HTTPSHandler(context=tls)
    with request.build_opener(*handlers).open("https://shop.example.test/get", timeout=TIMEOUT) as reply:
        assert json.load(reply)["url"] == "https://shop.example.test/get"


def test_proxies_of_the_environment(web: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.base)
    monkeypatch.setenv("no_proxy", "direct.example.test")
    assert request.getproxies()["http"] == web.base
    with request.build_opener().open("http://by.environment.example/get", timeout=TIMEOUT) as reply:
        assert json.load(reply)["headers"]["Host"] == "by.environment.example"


def test_a_request_by_proxy(web: Sites) -> None:
    asked = request.Request("http://far.example.test/anything")
    assert not asked.has_proxy()
    asked.set_proxy(web.host, "http")
    assert asked.has_proxy()
    assert (asked.host, asked.selector) == (web.host, "http://far.example.test/anything")
    assert told(opener(), asked)["url"] == "http://far.example.test/anything"


@pytest.mark.parametrize("kind", [request.ProxyBasicAuthHandler, request.ProxyDigestAuthHandler])
def test_proxies_that_ask_for_a_password(web: Sites, kind: Any) -> None:
    """/status/407 asks as a proxy would, and is never content."""
    manager = passwords(web, "duck", "quack")
    with pytest.raises((error.HTTPError, ValueError)) as caught:
        opener(kind(manager)).open(f"{web.base}/status/407")
    if isinstance(caught.value, error.HTTPError):
        assert caught.value.code == 407
        caught.value.close()
    else:
        assert "Basic" in str(caught.value)  # what the digest handler cannot do


def test_credentials_for_the_proxy(web: Sites) -> None:
    proxy = web.base.replace("://", f"://duck:{quote('qu@ck')}@")
    asked = request.Request("http://far.example.test/get")
    request.build_opener(request.ProxyHandler({"http": proxy})).open(asked, timeout=TIMEOUT).close()
    assert asked.get_header("Proxy-authorization") == "Basic " + base64.b64encode(b"duck:qu@ck").decode()


# -- ftp:, file:, data:


@pytest.fixture
def ftp_base(ready: Ready) -> str:
    return service(ready, "ftp").url.rstrip("/")


def test_files_by_ftp(default_world: None, ftp_base: str, web: Sites) -> None:
    with opener().open(f"{ftp_base}/pub/bytes.bin", timeout=TIMEOUT) as reply:
        content = reply.read()
        assert content == web.get("/files/pub/bytes.bin") == bytes(range(256)) * 16
        assert reply.headers["Content-Length"] == "4096"
    with opener().open(f"{ftp_base}/pub/readme.txt", timeout=TIMEOUT) as reply:
        assert reply.headers["Content-Type"] == "text/plain"
    with opener().open(f"{ftp_base}/pub/readme.txt;type=a", timeout=TIMEOUT) as reply:
        assert reply.read().replace(b"\r\n", b"\n") == web.get("/files/pub/readme.txt").replace(b"\r\n", b"\n")


def test_folders_and_names_by_ftp(default_world: None, ftp_base: str) -> None:
    with opener().open(f"{ftp_base}/pub/;type=d", timeout=TIMEOUT) as reply:
        lines = reply.read().decode().splitlines()
    assert any(line.endswith(" readme.txt") and line.startswith("-r") for line in lines)
    assert any(line.endswith(" Brücke") and line.startswith("dr") for line in lines)
    with pytest.raises(error.URLError):
        opener().open(f"{ftp_base}/pub/no-such-file", timeout=TIMEOUT)


def test_logged_in_by_ftp(default_world: None, ftp_base: str, account: Credentials, web: Sites) -> None:
    handler = request.CacheFTPHandler()
    handler.setTimeout(30)
    handler.setMaxConns(2)
    director = opener(handler)
    base = ftp_base.replace("://", f"://{account.login}:{account.password}@")
    for _ in range(2):
        with director.open(f"{base}/%2Fpub/unix.txt", timeout=TIMEOUT) as reply:
            assert reply.read() == web.get("/files/pub/unix.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        handler.check_cache()
        handler.clear_cache()


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "Grüße & more.txt"
    path.write_bytes(b"on the disk")
    address = "file://" + request.pathname2url(str(path)).removeprefix("//")
    assert request.url2pathname(request.pathname2url(str(path))) == str(path)
    for prefix in ("file://", "file://localhost"):
        with opener().open(address.replace("file://", prefix, 1)) as reply:
            assert (reply.read(), reply.headers["Content-Length"]) == (b"on the disk", "11")
            assert reply.headers.get_content_type() == "text/plain"
    with pytest.raises(error.URLError):
        opener().open(f"{address}.missing")
    with pytest.raises(error.URLError):
        opener().open(f"file://elsewhere.example{path.parent.as_posix()}")
    assert isinstance(request.FileHandler().get_names(), tuple)


def test_data(default_world: None) -> None:
    for address, kind, content in (
        ("data:,Hello%2C%20duck", "text/plain", b"Hello, duck"),
        ("data:text/plain;charset=utf-8;base64,8J+mhg==", "text/plain", "🦆".encode()),
        ("data:text/html,%3Cp%3Equack", "text/html", b"<p>quack"),
    ):
        with opener().open(address) as reply:
            assert (reply.headers.get_content_type(), reply.read()) == (kind, content)
            assert reply.headers["Content-Length"] == str(len(content))


# -- retrieving


def test_urlretrieve(web: Sites, tmp_path: Path) -> None:
    told_of: list[tuple[int, int, int]] = []
    path = tmp_path / "file"
    name, fields = request.urlretrieve(
        f"{web.base}/range/20000", path, reporthook=lambda *progress: told_of.append(progress)
    )
    assert (Path(name), path.stat().st_size, fields["Content-Length"]) == (path, 20000, "20000")
    assert (told_of[0], told_of[-1][0] * told_of[-1][1] >= 20000) == ((0, 8192, 20000), True)
    name, _ = request.urlretrieve(f"{web.base}/get")
    assert json.loads(Path(name).read_bytes())["args"] == {}
    request.urlcleanup()
    assert not Path(name).exists()
    with pytest.raises(error.ContentTooShortError) as caught:
        request.urlretrieve(f"{web.base}/broken/long-length", tmp_path / "short")
    assert caught.value.content[0] == str(tmp_path / "short") or caught.value.content[0] == tmp_path / "short"


def test_replies_by_hand() -> None:
    closed: list[str] = []
    fields = Message()
    fields["A"] = "b"
    with response.addclosehook(io.BytesIO(b"content"), closed.append, "closed") as hooked:
        assert hooked.read() == b"content"
    assert closed == ["closed"]
    with response.addinfo(io.BytesIO(b"x"), fields) as informed:
        assert informed.info()["A"] == "b"
    with response.addinfourl(io.BytesIO(b"x"), fields, "http://x/", 203) as whole:
        assert (whole.geturl(), whole.getcode(), whole.status, whole.info()["A"]) == ("http://x/", 203, 203, "b")
    base = response.addbase(io.BytesIO(b"y"))
    assert [base.read(), repr(base).startswith("<addbase at")] == [b"y", True]
    base.close()


# -- robots


def test_robots(default_world: None, web: Sites) -> None:
    robots = robotparser.RobotFileParser()
    robots.set_url(f"{web.base}/robots.txt")
    assert not robots.can_fetch("PigeonPost", "/")  # until it has been read
    robots.read()
    assert robots.can_fetch("*", f"{web.base}/index.html")
    assert robots.can_fetch("Anybody", "/notes/first.txt")
    assert not robots.can_fetch("Anybody", "/notes/older/last-year.txt")
    assert not robots.can_fetch("DuckBot/1.0", "/index.html")
    assert robots.can_fetch("GooseBot", "/images/duck.gif")
    assert robots.can_fetch("PigeonPost", "/notes/older/")
    assert (robots.crawl_delay("Anybody"), robots.crawl_delay("DuckBot")) == (2, None)
    rate = robots.request_rate("Anybody")
    assert rate is not None
    assert (rate.requests, rate.seconds) == (3, 10)
    assert robots.site_maps() == ["http://www.example.test/sitemap.xml"]
    assert abs(robots.mtime() - time.time()) < 60


def test_robots_by_hand(web: Sites) -> None:
    robots = robotparser.RobotFileParser()
    robots.parse(["User-agent: *", "Disallow: /deny"])
    robots.modified()
    assert (robots.can_fetch("x", "/deny"), robots.can_fetch("x", "/get")) == (False, True)
    assert robots.mtime() > 0
    missing = robotparser.RobotFileParser(f"{web.base}/status/404")
    missing.read()
    assert missing.can_fetch("x", "/anything")
    forbidden = robotparser.RobotFileParser(f"{web.base}/status/403")
    forbidden.read()
    assert not forbidden.can_fetch("x", "/anything")
