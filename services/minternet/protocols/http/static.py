"""The world's trees over HTTP: the static site, and the files under /files/."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from starlette.responses import Response

from ...world.blobs import Blob
from ...world.changes import RemoveFile, StoreFile
from ...world.errors import EntryMissing, NotAFile, NotAFolder, WorldError
from ...world.files import Files
from ...world.journal import Origin
from ...world.records import Account, Entry
from ...world.world import World
from .endpoints.answers import redirect
from .endpoints.authentication import basic_credentials
from .endpoints.content import compress_brotli, compress_gzip, compress_zstd
from .forms import pieces
from .partial import Pieces, content_reply
from .paths import escaped, is_textual, media_type, tree_path, url_path
from .ranges import Validators
from .visit import Problem, Visit, encode_json

INDEXES = ("index.html", "index.htm")
COMPRESS_FROM, COMPRESS_TO = 256, 1 << 20
"""Content between these sizes is compressed on the way; smaller gains nothing, larger would hold up the loop."""
COMPRESS_IN_THREAD = 16 * 1024
PIECE = 1 << 18
SNIFFED = 1 << 16
"""How much of a text is looked at to tell its charset."""
PRECOMPRESSED = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
COMPRESSORS = {"br": compress_brotli, "zstd": compress_zstd, "gzip": compress_gzip}
REALM = 'Basic realm="minternet files", charset="UTF-8"'
CHANGES_ALLOWED = "DELETE, GET, HEAD, OPTIONS, PUT"


def accepted_codings(accept: str) -> list[str]:
    """The content codings of ours that Accept-Encoding wants, the best liked first (RFC 9110 section 12.5.3)."""
    weights: dict[str, float] = {}
    for item in accept.lower().split(",")[:32]:
        name, _, parameters = item.strip().partition(";")
        match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", parameters) if parameters else None
        weights[name.strip()] = float(match[1]) if match else 1.0
    liked = [(weights.get(name, weights.get("*", 0.0)), name) for name in PRECOMPRESSED]
    identity = weights.get("identity", 0.0) if "identity" in weights else 0.0
    return [name for weight, name in sorted(liked, key=lambda pair: -pair[0]) if weight > 0 and weight >= identity]


class Trees:
    """The site and the files of a world, as replies."""

    def __init__(self, world: World) -> None:
        self.world = world

    # -- the site

    async def site(self, visit: Visit) -> Response | None:
        """The site's reply for a path; None where the site has nothing there."""
        path = tree_path(visit.scope["raw_path"].decode("latin-1"))
        if path is None:
            raise Problem(400, "the path is not one of this site")
        tree = self.world.site.tree
        entry = tree.find(path)
        if entry is None:
            return None
        if visit.method not in ("GET", "HEAD"):
            raise Problem(405, "the site is read only", {"Allow": "GET, HEAD, OPTIONS"})
        asked_folder = visit.scope["raw_path"].endswith(b"/")
        if entry.content is not None:
            return None if asked_folder else await self._file(visit, tree, path, entry)
        if not asked_folder:
            return self._to_folder(visit)
        for name in INDEXES:
            found = tree.find(_below(path, name))
            if found is not None and found.content is not None:
                return await self._file(visit, tree, _below(path, name), found)
        return None if path == "/" else _listing(visit, tree, path)

    async def missing(self, visit: Visit) -> Response | None:
        """The site's own 404 page, where it has one."""
        entry = self.world.site.tree.find("/404.html")
        if entry is None or entry.content is None or visit.method not in ("GET", "HEAD"):
            return None
        content = entry.content.bytes()
        return Response(content, 404, headers={"Content-Type": media_type("404.html", content)})

    def _to_folder(self, visit: Visit) -> Response:
        query = visit.scope["query_string"].decode("latin-1")
        # Two leading slashes would make the redirect lead to another host.
        path = "/" + visit.scope["raw_path"].decode("latin-1").lstrip("/")
        return redirect(path + "/" + ("?" + query if query else ""), 301)

    async def _file(self, visit: Visit, tree: Files, path: str, entry: Entry) -> Response:
        content = entry.content
        assert content is not None
        digest, kind = content.tag[:32], media_type(entry.name, content.slice(0, SNIFFED))
        headers = {"Cache-Control": "public, max-age=0, must-revalidate"}
        if kind.startswith("text/html"):
            headers["X-Content-Type-Options"] = "nosniff"
        if is_textual(kind) and "range" not in visit.headers:
            headers["Vary"] = "Accept-Encoding"
            packed = await self._compressed(visit, tree, path, content)
            if packed is not None:
                coding, content = packed
                headers["Content-Encoding"] = coding
        used = headers.get("Content-Encoding")
        tag = f'"{digest}-{used}"' if used else f'"{digest}"'
        known = Validators(tag, entry.modified)
        return content_reply(visit, _pieces(content), content.size, kind, known, headers)

    async def _compressed(self, visit: Visit, tree: Files, path: str, content: Blob) -> tuple[str, Blob] | None:
        """A file beside it that holds it compressed, or it compressed now."""
        codings = accepted_codings(visit.headers.get("accept-encoding", ""))
        for coding in codings:
            beside = tree.find(path + PRECOMPRESSED[coding])
            if beside is not None and beside.content is not None:
                return coding, beside.content
        if not codings or not COMPRESS_FROM <= content.size <= COMPRESS_TO:
            return None
        compress = COMPRESSORS[codings[0]]
        if content.size > COMPRESS_IN_THREAD:
            packed = await asyncio.to_thread(lambda: compress(content.bytes()))
        else:
            packed = compress(content.bytes())
        return codings[0], Blob("", len(packed), packed, None)

    # -- the files

    async def files(self, visit: Visit) -> Response:
        """/files/...: content, listings, and with a log-in PUT and DELETE."""
        raw = visit.scope["raw_path"].decode("latin-1").removeprefix("/files")
        path = tree_path(raw or "/")
        if path is None:
            raise Problem(400, "the path is not one of these files")
        account = self._account(visit)
        if visit.method in ("GET", "HEAD"):
            return self._read(visit, path, raw)
        if visit.method == "PUT":
            return await self._store(visit, path, raw, account)
        if visit.method == "DELETE":
            return await self._remove(visit, path, account)
        if visit.method == "OPTIONS":
            return Response(headers={"Allow": CHANGES_ALLOWED})
        raise Problem(405, "files are read with GET, stored with PUT, removed with DELETE", {"Allow": CHANGES_ALLOWED})

    def _account(self, visit: Visit) -> Account | None:
        """Who asks: by Basic or a bearer token; a wrong one is refused rather than ignored."""
        given = visit.headers.get("authorization")
        if given is None:
            return None
        scheme, _, token = given.partition(" ")
        credentials = basic_credentials(given)
        if credentials is not None:
            account = self.world.accounts.check(*credentials)
        elif scheme.lower() == "bearer":
            found = self.world.accounts.token(token.strip())
            expired = found is not None and found[1].expires is not None and found[1].expires < self.world.clock.now()
            account = None if found is None or expired or found[0].disabled else found[0]
        else:
            account = None
        if account is None:
            raise Problem(401, "no such account, or a wrong password", {"WWW-Authenticate": REALM})
        return account

    def _read(self, visit: Visit, path: str, raw: str) -> Response:
        """All may read, homes too: what is stored by FTP is there for whoever has its URL."""
        entry = self.world.files.find(path)
        if entry is None:
            raise Problem(404, f"no such file: {path}")
        if entry.content is None:
            if not raw.endswith("/"):
                return self._to_folder(visit)
            return _listing(visit, self.world.files, path)
        if raw.endswith("/"):
            raise Problem(404, f"{path} is a file")
        known = Validators(f'"{entry.content.tag[:32]}"', entry.modified)
        kind = media_type(entry.name, entry.content.slice(0, SNIFFED))
        return content_reply(visit, _pieces(entry.content), entry.size, kind, known)

    async def _store(self, visit: Visit, path: str, raw: str, account: Account | None) -> Response:
        """The file appears when all of it came; a cut-off upload leaves nothing."""
        if account is None or not may_write(path, account):
            raise _denied(account)
        if raw.endswith("/") or "content-range" in visit.headers:
            raise Problem(400, "PUT stores a whole file under a name (RFC 9110 section 9.3.4)")
        before = self.world.files.find(path)
        _check_condition(visit, before)
        writer = self.world.blobs.writer(hashed=False)
        done = False
        try:
            async for piece in pieces(visit):
                writer.write(piece)
            exchange = visit.exchange
            if exchange is not None and exchange.disconnected:
                raise Problem(400, "the body did not come in whole")
            content = writer.finish()
            done = True
            change = StoreFile(path, content, self.world.clock.now(), account.login, parents=True)
            entry = await self.world.commit(change, _origin(visit))
        except WorldError as error:
            raise Problem(409, str(error)) from None
        finally:
            if not done:
                writer.abandon()
        assert entry.content is not None
        tag = {"ETag": f'"{entry.content.tag[:32]}"'}
        if before is None:
            return Response(status_code=201, headers={**tag, "Location": "/files" + url_path(path)})
        return Response(status_code=204, headers=tag)

    async def _remove(self, visit: Visit, path: str, account: Account | None) -> Response:
        if account is None or not may_write(path, account):
            raise _denied(account)
        _check_condition(visit, self.world.files.find(path))
        try:
            await self.world.commit(RemoveFile(path), _origin(visit))
        except EntryMissing as error:
            raise Problem(404, str(error)) from None
        except (NotAFile, NotAFolder) as error:
            raise Problem(409, str(error)) from None
        return Response(status_code=204)


def may_write(path: str, account: Account) -> bool:
    """An account writes below its home and below /incoming."""
    roots = ("/incoming/", account.home.rstrip("/") + "/") if account.home != "/" else ("/incoming/",)
    return path.startswith(roots)


def _denied(account: Account | None) -> Problem:
    if account is None:
        return Problem(401, "log in first", {"WWW-Authenticate": REALM})
    return Problem(403, f"{account.login} may not do that there")


def _origin(visit: Visit) -> Origin:
    return Origin(visit.exchange.conversation if visit.exchange is not None else 0)


def _check_condition(visit: Visit, entry: Entry | None) -> None:
    """If-Match and If-None-Match before a change (RFC 9110 section 13.1); `*` stands for any file at all."""
    from .ranges import evaluate

    tag = f'"{entry.content.tag[:32]}"' if entry is not None and entry.content is not None else None
    wanted, unwanted = visit.headers.get("if-match"), visit.headers.get("if-none-match")
    if tag is None:
        if wanted is not None:
            raise Problem(412, "there is no such file")
    elif (wanted or unwanted) and evaluate(visit.headers, visit.method, Validators(tag)) != "go":
        raise Problem(412, "the file is another one by now")


def _pieces(content: Blob) -> Pieces:
    def give(start: int, stop: int) -> Iterator[bytes]:
        return content.pieces(start, stop, PIECE)

    return give


def _below(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _listing(visit: Visit, tree: Files, path: str) -> Response:
    """A folder as HTML, or as JSON where Accept likes that better."""
    entries = sorted(tree.list(path), key=lambda entry: (not entry.is_folder, entry.name))
    accept = visit.headers.get("accept", "")
    if "application/json" in accept and "text/html" not in accept:
        body = encode_json({"path": path, "entries": [_told(entry) for entry in entries]})
        return Response(body, headers={"Vary": "Accept"}, media_type="application/json")
    return Response(_page(path, entries), headers={"Vary": "Accept"}, media_type="text/html")


def _told(entry: Entry) -> dict[str, object]:
    modified = datetime.fromtimestamp(entry.modified, UTC).isoformat().replace("+00:00", "Z")
    if entry.content is None:
        return {"name": entry.name, "type": "folder", "modified": modified}
    return {
        "name": entry.name,
        "type": "file",
        "size": entry.size,
        "modified": modified,
        "media_type": media_type(entry.name),
        "sha256": entry.content.known_digest,
    }


def _page(path: str, entries: list[Entry]) -> str:
    title = escaped(f"Index of {path}")
    rows = [] if path == "/" else ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>']
    for entry in entries:
        name = entry.name + ("/" if entry.is_folder else "")
        modified = datetime.fromtimestamp(entry.modified, UTC).strftime("%Y-%m-%d %H:%M")
        size = "" if entry.is_folder else str(entry.size)
        link = "./" + url_path(name)  # "./": a name like "a:b" would be a scheme
        rows.append(
            f'<tr><td><a href="{escaped(link)}">{escaped(name)}</a></td><td>{modified}</td><td>{size}</td></tr>'
        )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title></head>\n<body>\n'
        f"<h1>{title}</h1>\n<table>\n<tr><th>Name</th><th>Modified (UTC)</th><th>Size</th></tr>\n"
        + "\n".join(rows)
        + "\n</table>\n</body>\n</html>\n"
    )
