"""wget, lftp and ncftp: files up, down, resumed and mirrored; a site fetched whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from client_machine import Machine

from minternet.bench import AccountHandle


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pub_of(machine: Machine, path: str = "/pub") -> dict[str, bytes]:
    """The files below a folder of the world, by path from there."""
    files = machine.net.world.files
    found: dict[str, bytes] = {}
    for entry in files.list(path):
        if entry.is_folder:
            found |= {f"{entry.name}/{name}": it for name, it in pub_of(machine, f"{path}/{entry.name}").items()}
        else:
            found[entry.name] = files.content(f"{path}/{entry.name}").bytes()
    return found


@pytest.mark.parametrize("how", ["http", "https"])
def test_wget_fetches_a_page_and_what_it_needs(machine: Machine, how: str) -> None:
    url = f"{how}://localhost:{getattr(machine.net, how).port}/"
    ca = f"--ca-certificate={machine.net.ca_file}"
    machine.run("wget", "--no-config", "-q", ca, "-r", "-l", "2", "-np", "-nH", "-P", "site", url, status=None)
    fetched = tree_of(machine.home / "site")
    assert {"index.html", "robots.txt"} <= fetched.keys()
    assert fetched["index.html"] == machine.net.world.site.tree.content("/index.html").bytes()
    assert len(fetched) > 5


def test_wget_resumes_and_keeps_the_time(machine: Machine) -> None:
    url = f"http://localhost:{machine.net.http.port}/files/pub/noise.bin"
    content = machine.net.files.read("/pub/noise.bin")
    machine.write("noise.bin", content[:50])
    machine.run("wget", "--no-config", "-q", "-c", url)
    assert (machine.home / "noise.bin").read_bytes() == content
    modified = machine.net.world.files.get("/pub/noise.bin").modified
    assert int((machine.home / "noise.bin").stat().st_mtime) == int(modified)
    assert b"304" in machine.run("wget", "--no-config", "-N", url).errors.encode()


def test_wget_mirrors_by_ftp(machine: Machine) -> None:
    machine.run("wget", "--no-config", "-q", "-m", "-nH", f"ftp://localhost:{machine.net.ftp.port}/pub/")
    fetched = tree_of(machine.home / "pub")
    fetched.pop(".listing", None)
    ascii_only = {name: content for name, content in pub_of(machine).items() if name.isascii()}
    assert {name: fetched.get(name) for name in ascii_only} == ascii_only


def lftp(machine: Machine, script: str, service: str = "ftp", login: str = "anonymous,x@example.test") -> str:
    port = getattr(machine.net, service).port
    options = (
        f"set ssl:ca-file {machine.net.ca_file}; set net:max-retries 1; set net:timeout 10; set cmd:fail-exit true;"
        " set cmd:interactive false; set ftp:ssl-force true; set ftp:ssl-protect-data true; set net:reconnect-interval-base 1;"
    )
    command = f"{options} open -u {login} {service}://localhost:{port}; {script}"
    return machine.run("lftp", "--norc", "-c", command).text


@pytest.mark.parametrize("service", ["ftp", "ftps"])
def test_lftp_mirrors_both_ways(machine: Machine, me: AccountHandle, service: str) -> None:
    lftp(machine, "mirror --parallel=3 /pub down", service)
    assert tree_of(machine.home / "down") == pub_of(machine)
    login = f"{me.login},{me.password}"
    lftp(
        machine,
        "mirror -R --parallel=3 down up; mkdir empty; mv up/readme.txt moved.txt; rm up/dos.txt",
        service,
        login,
    )
    expected = pub_of(machine)
    moved = expected.pop("readme.txt")
    del expected["dos.txt"]
    assert pub_of(machine, f"{me.home}/up") == expected
    assert machine.net.files.read(f"{me.home}/moved.txt") == moved
    assert machine.net.files.list(f"{me.home}/empty") == []


def test_lftp_resumes_both_ways_and_in_pieces(machine: Machine, me: AccountHandle) -> None:
    content = os.urandom(400_000)
    machine.write("big.bin", content)
    machine.net.files.write(f"{me.home}/big.bin", content[:150_000])
    login = f"{me.login},{me.password}"
    lftp(machine, "put -c big.bin; pget -n 4 big.bin -o pieces.bin", login=login)
    assert machine.net.files.read(f"{me.home}/big.bin") == content
    assert (machine.home / "pieces.bin").read_bytes() == content
    machine.write("half.bin", content[:1000])
    lftp(machine, "get -c big.bin -o half.bin", login=login)
    assert (machine.home / "half.bin").read_bytes() == content


def test_lftp_lists_in_every_way(machine: Machine) -> None:
    said = lftp(machine, "cd /pub; ls; nlist; cls -l; find; du -s; cat readme.txt")
    assert machine.net.files.read("/pub/readme.txt").decode() in said
    assert "Brücke/grüße.txt" in said


def test_ncftp_gets_and_puts(machine: Machine, me: AccountHandle) -> None:
    machine.has("ncftpget", "ncftpput")
    machine.run("ncftpget", "-V", "-P", str(machine.net.ftp.port), "localhost", machine.home, "/pub/readme.txt")
    assert (machine.home / "readme.txt").read_bytes() == machine.net.files.read("/pub/readme.txt")
    login = ("-u", me.login, "-p", me.password, "-P", str(machine.net.ftp.port))
    machine.run("ncftpput", "-V", *login, "localhost", me.home, machine.home / "readme.txt")
    assert machine.net.files.read(f"{me.home}/readme.txt") == machine.net.files.read("/pub/readme.txt")
