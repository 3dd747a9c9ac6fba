"""News, files, HTTP and the internet itself by the API."""

from __future__ import annotations

import base64
import http.client
import json
import socket

from control_client import Client

from minternet import Internet

ARTICLE = b"From: Dora <dora@example.net>\nNewsgroups: local.test\nSubject: Buns\n\nFresh.\n"


# -- the internet


def test_health_and_services(api: Client, net: Internet) -> None:
    assert api.get("//healthz") == {"status": "ok"}
    ready = api.get("//readyz")
    assert ready["ready"] is True
    assert [each["name"] for each in ready["services"]] == list(net.supervisor.supervised)
    echo = api.get("/services/echo")
    assert (echo["port"], echo["status"], echo["connections"]) == (net.echo.port, "running", 0)
    with socket.create_connection(net.echo.address) as client:
        client.sendall(b"x")
        client.recv(1)
        assert api.get("/services/echo")["connections"] == 1
    api.problem("GET", "/services/gopher", 404)
    assert api.get("")["name"] == net.world.name


def test_a_service_is_restarted_on_its_port(api: Client, net: Internet) -> None:
    with socket.create_connection(net.echo.address) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        before = api.get("/services/echo")
        after = api.send("POST", "/services/echo/restart")
        assert (after["status"], after["port"], after["restarts"]) == (
            "running",
            before["port"],
            before["restarts"] + 1,
        )
        assert client.recv(1) == b""
    with socket.create_connection(net.echo.address) as client:
        client.sendall(b"y")
        assert client.recv(1) == b"y"
    api.problem("POST", "/services/control/restart", 409)
    api.problem("POST", "/services/gopher/restart", 404)


def test_what_clients_need_to_know(api: Client, net: Internet) -> None:
    import msgspec

    assert api.get("/ready") == json.loads(msgspec.json.encode(net.ready()))
    settings = api.get("/settings")
    assert settings["limits"]["message"] == net.settings.limits.message
    assert settings["control_token"] is None
    assert b"BEGIN CERTIFICATE" in api.ask("GET", "/ca.pem").body


def test_the_clock(api: Client) -> None:
    frozen = api.send("POST", "/clock/freeze", {"at": "2031-02-03T04:05:06Z"})
    assert frozen == {"now": "2031-02-03T04:05:06Z", "frozen": True}
    assert api.send("POST", "/clock/advance", {"seconds": 60})["now"] == "2031-02-03T04:06:06Z"
    assert api.get("/clock")["frozen"] is True
    assert api.send("POST", "/clock/resume")["frozen"] is False
    assert api.send("POST", "/clock/freeze")["frozen"] is True
    assert api.problem("POST", "/clock/advance", 422, {"seconds": -1}).errors[0].pointer == "/seconds"
    assert api.problem("POST", "/clock/freeze", 422, {"at": "9999-01-01T00:00:00Z"}).errors[0].pointer == "/at"


def test_snapshots_and_reset(api: Client) -> None:
    api.send("DELETE", "/accounts/bob", status=204)
    api.send("PUT", "/snapshots/no%20bob", status=201)
    assert set(api.get("/snapshots")["names"]) >= {"seed", "no bob"}
    assert api.send("POST", "/reset")["snapshot"] == "seed"
    assert api.get("/accounts/bob")
    api.send("POST", "/snapshots/no%20bob/restore")
    api.problem("GET", "/accounts/bob", 404)
    api.send("PUT", "/snapshots/no%20bob", status=200)
    api.problem("PUT", "/snapshots/seed", 409)
    api.problem("POST", "/snapshots/none/restore", 404)


# -- news


def test_groups(api: Client) -> None:
    assert "local.test" in [each["name"] for each in api.get("/groups")["groups"]]
    api.send("POST", "/groups", {"name": "local.buns", "description": "Buns"}, 201)
    assert api.send("PATCH", "/groups/local.buns", {"status": "n"})["status"] == "n"
    assert api.get("/groups/local.buns")["description"] == "Buns"
    api.send("DELETE", "/groups/local.buns", status=204)
    api.problem("GET", "/groups/local.buns", 404)
    api.problem("POST", "/groups", 409, {"name": "local.test"})
    assert api.problem("POST", "/groups", 422, {"name": "a..b"}).errors[0].pointer == "/name"
    assert api.problem("PATCH", "/groups/local.test", 422, {"status": "x"}).errors[0].pointer == "/status"


def test_articles(api: Client, net: Internet) -> None:
    posted = api.mail("/articles", ARTICLE)
    number = posted["places"][0][1]
    by_id = api.get(posted["url"].removeprefix("/api/v1"))
    assert by_id == api.get(f"/groups/local.test/articles/{number}")
    assert (by_id["subject"], by_id["text"].strip(), by_id["places"]) == ("Buns", "Fresh.", [["local.test", number]])
    raw = api.ask("GET", by_id["raw"].removeprefix("/api/v1")).body
    assert raw.endswith(b"\r\nFresh.\r\n")
    with socket.create_connection(net.nntp.address) as client:
        file = client.makefile("rb")
        file.readline()
        client.sendall(b"STAT %b\r\n" % by_id["message_id"].encode())
        assert file.readline().startswith(b"223")
    api.problem(
        "POST",
        "/articles",
        409,
        raw.split(b"Xref", 1)[0].replace(b"!.POSTED.control", b"") + b"\r\nx\r\n",
        "message/rfc822",
    )
    api.send("DELETE", posted["url"].removeprefix("/api/v1"), status=204)
    api.problem("GET", f"/groups/local.test/articles/{number}", 404)
    api.problem("GET", posted["url"].removeprefix("/api/v1"), 404)


def test_articles_in_pages_and_found(api: Client) -> None:
    whole = [each["number"] for each in api.get("/groups/local.test/articles?limit=500")["articles"]]
    first = api.get("/groups/local.test/articles?limit=2")
    rest = api.get(f"/groups/local.test/articles?limit=500&cursor={first['next']}")
    assert [each["number"] for each in first["articles"] + rest["articles"]] == whole
    newest = api.get("/groups/local.test/articles?limit=500&order=newest")["articles"]
    assert [each["number"] for each in newest] == whole[::-1]
    api.mail("/articles", ARTICLE)
    found = api.get("/groups/local.test/articles?subject=buns&from=DORA&text=fresh")["articles"]
    assert [each["subject"] for each in found] == ["Buns"]


def test_articles_that_cannot_be(api: Client) -> None:
    for wrong in (
        b"Subject: x\n\nx",
        ARTICLE.replace(b"local.test", b"no.such"),
        ARTICLE.replace(b"\n\n", b"\nControl: newgroup x\n\n"),
        b"no header",
    ):
        api.problem("POST", "/articles", 422, wrong, "message/rfc822")


# -- files


def test_files(api: Client, net: Internet) -> None:
    content = bytes(range(256)) * 8192  # large enough to lie in a file
    new = api.ask("PUT", "/trees/files/content/pub/deep/er/noise.bin?owner=alice", content, "application/octet-stream")
    assert (new.status, new.json["size"], new.json["owner"]) == (201, len(content), "alice")
    assert api.ask("GET", "/trees/files/content/pub/deep/er/noise.bin").body == content
    assert api.ask("HEAD", "/trees/files/content/pub/deep/er/noise.bin").headers["content-length"] == str(len(content))
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("GET", "/files/pub/deep/er/noise.bin")
    assert connection.getresponse().read() == content
    connection.close()
    assert api.send("PUT", "/trees/files/content/pub/deep/er/noise.bin", b"", 200, "text/plain")["size"] == 0
    moved = api.send("PATCH", "/trees/files/entries/pub%2Fdeep%2Fer", {"path": "/pub/there", "mode": 0o700})
    assert (moved["path"], moved["mode"]) == ("/pub/there", 0o700)
    listing = api.get("/trees/files/entries/pub/?recursive=true")
    assert "/pub/there/noise.bin" in [below["path"] for each in listing["entries"] for below in each["entries"] or ()]
    api.problem("DELETE", "/trees/files/entries/pub/there", 409)
    api.send("DELETE", "/trees/files/entries/pub/there?recursive=true", status=204)
    api.problem("GET", "/trees/files/entries/pub/there", 404)


def test_folders_and_the_site(api: Client) -> None:
    assert api.send("PUT", "/trees/site/folders/a/b", status=201)["type"] == "folder"
    api.send("PUT", "/trees/site/folders/a/b", status=200)
    api.send("PUT", "/trees/site/content/a/b/x.html", b"<p>", 201, "text/html")
    page = api.ask("GET", "/trees/site/content/a/b/x.html")
    assert page.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in page.headers["content-security-policy"]
    api.problem("PUT", "/trees/site/folders/a/b/x.html", 409)
    api.problem("GET", "/trees/site/content/a", 409)
    api.problem("GET", "/trees/other/entries/", 404)
    api.problem("DELETE", "/trees/files/entries/", 409)
    assert api.get("/trees/site/entries/../../x", 404)
    api.problem("PATCH", "/trees/files/entries/pub", 409, {"path": "/home"})
    api.problem("PUT", "/trees/files/content/" + "a/" * 300, 422, b"", "text/plain")


# -- HTTP


def test_routes_answer_and_are_counted(api: Client, net: Internet) -> None:
    def fetch(path: str) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection(*net.http.address)
        connection.request("GET", path)
        response = connection.getresponse()
        found = response.status, response.read(), response.getheader("content-type")
        connection.close()
        return found

    replies = [
        {"status": 503},
        {"json": {"ding": True}},
        {"base64": base64.b64encode(b"\xff").decode(), "headers": {"X-A": "b"}},
    ]
    api.send("PUT", "/routes/bell", {"path": "/bell", "replies": replies}, 201)
    assert fetch("/bell")[0] == 503
    assert fetch("/bell") == (200, b'{"ding": true}', "application/json")
    assert fetch("/bell")[1] == b"\xff"
    route = api.get("/routes/bell")
    assert (route["used"], route["replies"][2]["base64"]) == (3, "/w==")
    assert api.send("PUT", "/routes/bell", {"path": "/bell", "replies": [{"body": "ding"}]}, 200)["used"] == 0
    assert fetch("/bell") == (200, b"ding", "text/plain; charset=utf-8")
    requests = api.get("/requests?path=/bell&method=get")["requests"]
    assert [each["status"] for each in requests] == [200, 200, 200, 503]
    one = api.get(f"/requests/{requests[0]['number']}")
    assert one["route"] == "bell"
    assert api.ask("GET", f"/requests/{requests[0]['number']}/body").body == b""
    api.problem("GET", "/requests/999999", 404)
    assert [each["name"] for each in api.get("/routes")["routes"]] == ["bell"]
    api.send("DELETE", "/routes/bell", status=204)
    api.problem("DELETE", "/routes/bell", 404)
    api.send("PUT", "/routes/a", {}, 201)
    assert api.send("DELETE", "/routes") == {"removed": 1}


def test_routes_that_cannot_be(api: Client) -> None:
    for body, pointer in (
        ({"replies": []}, "/replies"),
        ({"replies": [{"status": 99}]}, "/replies/0/status"),
        ({"replies": [{"body": "x", "file": "/y"}]}, "/replies/0"),
        ({"replies": [{"headers": {"X": "a\r\nb"}}]}, "/replies/0/headers/0"),
        ({"replies": [{"base64": "%"}]}, "/replies/0/base64"),
        ({"method": "get"}, "/method"),
    ):
        assert api.problem("PUT", "/routes/x", 422, body).errors[0].pointer == pointer
