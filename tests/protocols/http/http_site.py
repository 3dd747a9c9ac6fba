"""A world with a little site, for the HTTP tests."""

from __future__ import annotations

from small_world import NOW, small_world

from minternet.world.changes import StoreFile
from minternet.world.records import Kind
from minternet.world.world import World

BIG = bytes(range(256)) * 12_000
"""Content large enough to lie in a file."""
STYLE = b"body { color: black }\n" * 40
SITE: dict[str, bytes] = {
    "/style.css": STYLE,
    "/page.html": "<!doctype html><title>Grüße</title>\n".encode() * 20,
    "/latin1.html": "<meta charset=iso-8859-1><title>Grüße</title>\n".encode("latin-1"),
    "/packed.js": b"let packed = false;\n" * 30,
    "/packed.js.gz": b"not really gzip, but what was packed beforehand",
    "/docs/index.html": b"<title>Docs</title>\n",
    "/docs/deep/one.txt": b"one\n",
    "/docs/deep/a:b <c>.txt": b"odd name\n",
    "/get": b"an endpoint is in front of this\n",
    "/404.html": b"<title>Not here</title>\n",
    "/big.bin": BIG,
}


def site_world() -> World:
    """The small world and a site of more than two files."""
    world = small_world()
    for path, content in SITE.items():
        store(world, path, content)
    store(world, "/pub/big.bin", BIG, "files")
    store(world, "/pub/gr\u00fc\u00dfe.txt", b"Gr\xfc\xdfe\n", "files")
    return world


def store(world: World, path: str, content: bytes, tree: Kind = "site") -> None:
    """Put a file into a tree of the world."""
    world.commit_now(StoreFile(path, world.blobs.of(content), NOW.timestamp(), parents=True, tree=tree))
