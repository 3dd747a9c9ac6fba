"""A small world for tests: short enough to be known by heart, the same every time, ready in a millisecond.

Its clock stands still at 2024-05-01 12:00:00 UTC and its randomness is seeded. `empty_world` has the accounts and nothing else.

    alice/wonderland  bob/builder  carol/christmas  catchall/catchall   @example.test
    info@example.test -> alice, team@example.test -> alice and bob (a list), all else -> catchall

    alice INBOX          1 Lunch (\\Seen)   2 Dots   3 Parts (\\Flagged, $Work)
    alice Projects/2024  1 Plan
    local.test (y)  1 Hello, 2 Re: Hello     local.moderated (m)     local.announce (n)  1 Welcome (also in local.test, 3)
    /pub/readme.txt   /pub/data.bin (256 octets)   /incoming   /home/LOGIN   /home/alice/notes.txt
    site: /index.html   /robots.txt

Tokens of alice: `alice-token` for everything, `alice-expired`, `alice-imap`, `alice-pop3`, `alice-smtp` and `alice-nntp` for one service each.
"""

from __future__ import annotations

from datetime import UTC, datetime

from minternet.world.changes import (
    AddAccount,
    Append,
    CreateGroup,
    CreateMailbox,
    MakeFolder,
    Post,
    SetAlias,
    SetList,
    SetRule,
    StoreFile,
)
from minternet.world.news import overview_fields
from minternet.world.records import Account, NewMessage, Token
from minternet.world.world import World

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
SERVICES = ("imap", "pop3", "smtp", "nntp")
TOKENS = (
    Token("alice-token"),
    Token("alice-expired", expires=NOW.timestamp() - 1),
    *(Token(f"alice-{service}", scopes=(service,)) for service in SERVICES),
)

LUNCH = b"""\
From: Bob <bob@example.test>
To: Alice <alice@example.test>
Subject: Lunch
Date: Wed, 1 May 2024 10:00:00 +0000
Message-ID: <lunch@example.test>

At noon?
Bob
"""
DOTS = b"""\
From: Carol <carol@example.test>
To: Alice <alice@example.test>
Subject: Dots
Date: Wed, 1 May 2024 10:30:00 +0000
Message-ID: <dots@example.test>

.
..
.one
two.
"""
PARTS = b"""\
From: Bob <bob@example.test>
To: Alice <alice@example.test>
Cc: Carol <carol@example.test>
Subject: =?utf-8?q?Caf=C3=A9?= parts
Date: Wed, 1 May 2024 11:00:00 +0000
Message-ID: <parts@example.test>
In-Reply-To: <lunch@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=cut

--cut
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Caf=C3=A9
--cut
Content-Type: application/octet-stream; name=data.bin
Content-Disposition: attachment; filename=data.bin
Content-Transfer-Encoding: base64

AAECAwQF
--cut--
"""
PLAN = b"""\
From: Alice <alice@example.test>
To: Alice <alice@example.test>
Subject: Plan
Date: Wed, 1 May 2024 09:00:00 +0000
Message-ID: <plan@example.test>

First this, then that.
"""
HELLO = (
    b"""\
Path: news.example.test!not-for-mail
From: Alice <alice@example.test>
Newsgroups: local.test
Subject: Hello
Date: Wed, 1 May 2024 08:00:00 +0000
Message-ID: <hello@example.test>
""",
    b"Hello, everybody.\n",
)
REPLY = (
    b"""\
Path: news.example.test!not-for-mail
From: Bob <bob@example.test>
Newsgroups: local.test
Subject: Re: Hello
Date: Wed, 1 May 2024 08:30:00 +0000
Message-ID: <re-hello@example.test>
References: <hello@example.test>
""",
    b"> Hello, everybody.\n\nHello, Alice.\n",
)
WELCOME = (
    b"""\
Path: news.example.test!not-for-mail
From: News <news@example.test>
Newsgroups: local.announce,local.test
Subject: Welcome
Date: Wed, 1 May 2024 08:45:00 +0000
Message-ID: <welcome@example.test>
""",
    b"Be kind.\n",
)


def empty_world() -> World:
    """The accounts, aliases and lists; mailboxes, groups and folders without content."""
    world = World(seed=1, hostname="mail.example.test")
    world.clock.freeze(NOW)
    people = (
        ("alice", "wonderland", TOKENS),
        ("bob", "builder", ()),
        ("carol", "christmas", ()),
        ("catchall", "catchall", ()),
    )
    for login, password, tokens in people:
        account = Account(
            login, f"{login}@example.test", password, login.capitalize(), home=f"/home/{login}", tokens=tokens
        )
        world.commit_now(AddAccount(account, NOW.timestamp()))
    world.commit_now(SetRule("domain", "example.test"))
    world.commit_now(SetRule("catch_all", "catchall"))
    world.commit_now(SetAlias("info@example.test", ("alice@example.test",)))
    world.commit_now(SetList("team@example.test", ("alice@example.test", "bob@example.test")))
    for folder in ("/pub", "/incoming"):
        world.commit_now(MakeFolder(folder, NOW.timestamp()))
    for name, status in (("local.test", "y"), ("local.moderated", "m"), ("local.announce", "n")):
        moderator = "moderator@example.test" if status == "m" else ""
        world.commit_now(CreateGroup(name, NOW.timestamp(), f"The group {name}", status, moderator))
    return world


def small_world() -> World:
    """The world described above, with a snapshot "seed"."""
    world = empty_world()
    world.commit_now(CreateMailbox("alice", "Projects/2024"))
    append(world, "alice", "INBOX", crlf(LUNCH), "\\Seen")
    append(world, "alice", "INBOX", crlf(DOTS))
    append(world, "alice", "INBOX", crlf(PARTS), "\\Flagged", "$Work")
    append(world, "alice", "Projects/2024", crlf(PLAN))
    for head, body in (HELLO, REPLY, WELCOME):
        post(world, crlf(head), crlf(body))
    for tree, path, content in (
        ("files", "/pub/readme.txt", b"Welcome to /pub.\n"),
        ("files", "/pub/data.bin", bytes(range(256))),
        ("files", "/home/alice/notes.txt", b"Buy milk.\n"),
        ("site", "/index.html", b"<!doctype html><title>Small</title><a href=/robots.txt>robots</a>\n"),
        ("site", "/robots.txt", b"User-agent: *\nDisallow:\n"),
    ):
        kind = "files" if tree == "files" else "site"
        owner = "alice" if "alice" in path else ""
        world.commit_now(
            StoreFile(path, world.blobs.of(content), NOW.timestamp(), owner, parents=True, tree=kind)  # type: ignore[arg-type]
        )
    world.snapshot("seed")
    return world


def append(world: World, login: str, mailbox: str, text: bytes, *flags: str) -> int:
    """Store a message, dated by the world's clock; its UID."""
    now = world.clock.datetime()
    message = NewMessage(world.blobs.of(text), now, frozenset(flags))
    return world.commit_now(Append(login, mailbox, (message,), now)).uids[0]


def post(world: World, head: bytes, body: bytes) -> None:
    """Post an article, complete with Path, Message-ID and Newsgroups."""
    fields = dict(line.split(b": ", 1) for line in head.splitlines())
    world.commit_now(
        Post(
            message_id=fields[b"Message-ID"].decode(),
            groups=tuple(fields[b"Newsgroups"].decode().split(",")),
            head=head,
            body=world.blobs.of(body),
            overview=overview_fields(head),
            at=world.clock.now(),
        )
    )


def crlf(text: bytes) -> bytes:
    """Every line end as CRLF."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
