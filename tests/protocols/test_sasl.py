"""SASL: the mechanisms against the vectors of their RFCs, and how they fail."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator

import pytest
from conversation_player import run_at_once
from conversation_script import FUNCTIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import empty_world

from minternet.protocols import sasl
from minternet.protocols.sasl.passwords import cram_md5_digest
from minternet.protocols.sasl.prepare import Prohibited, saslprep
from minternet.protocols.sasl.scram import proves, salted_keys
from minternet.settings import Settings
from minternet.world.changes import AddAccount, ReplaceAccount
from minternet.world.records import Account, Token
from minternet.world.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = empty_world()
    yield world
    world.close()


def log_in(world: World, name: str, *responses: bytes | Callable[[bytes], bytes], service: str = "imap") -> Account:
    """Answer the mechanism's challenges, one response each, the first by itself where the client speaks first."""
    exchange = sasl.exchange(name, world, service=service)
    challenge = next(exchange)
    try:
        for response in responses:
            challenge = exchange.send(response if isinstance(response, bytes) else response(challenge))
    except StopIteration as finished:
        account: Account = finished.value
        return account
    raise AssertionError(f"it wants more: {challenge!r}")


def failure(world: World, name: str, *responses: bytes | Callable[[bytes], bytes], service: str = "imap") -> str:
    with pytest.raises(sasl.Failed) as failed:
        log_in(world, name, *responses, service=service)
    return failed.value.code


# -- vectors


def test_cram_md5_vector_of_rfc_2195() -> None:
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert cram_md5_digest(b"tanstaaftanstaaf", challenge) == b"b913a602c7eda7a495b4e6e7334d3890"


def test_scram_vector_of_rfc_7677() -> None:
    keys = salted_keys(b"pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    transcript = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert proves(keys.stored, transcript, proof)
    assert not proves(keys.stored, transcript, proof[::-1])
    assert not proves(keys.stored, transcript, proof[:-1])
    # The tests' own client, which plays the conversations, agrees with the RFC too.
    arguments = b"pencil," + transcript.rpartition(b",c=")[0]
    assert FUNCTIONS["scram"](arguments).endswith(b"p=" + base64.b64encode(proof))
    assert FUNCTIONS["scram-server"](arguments) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_saslprep_examples_of_rfc_4013(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "a\x00b", "\u0627a\u0628", "\ue000"])
def test_saslprep_prohibits(text: str) -> None:
    with pytest.raises(Prohibited):
        saslprep(text)


# -- each mechanism


@pytest.mark.parametrize("name", [b"alice", b"ALICE", b"alice@example.test"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "plain", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
def test_login_and_address_both_log_in(world: World, mechanism: str, name: bytes) -> None:
    responses: dict[str, tuple[bytes | Callable[[bytes], bytes], ...]] = {
        "PLAIN": (b"\0" + name + b"\0wonderland",),
        "LOGIN": (name, b"wonderland"),
        "CRAM-MD5": (lambda challenge: name + b" " + cram_md5_digest(b"wonderland", challenge),),
        "SCRAM-SHA-256": scram(name, b"wonderland"),
    }
    assert log_in(world, mechanism, *responses[mechanism.upper()]).login == "alice"


def scram(name: bytes, password: bytes) -> tuple[bytes | Callable[[bytes], bytes], Callable[[bytes], bytes], bytes]:
    bare = b"n=" + name + b",r=nonce"

    def final(challenge: bytes) -> bytes:
        return FUNCTIONS["scram"](b"%b,%b,%b" % (password, bare, challenge))

    return b"n,," + bare, final, b""


def test_an_authorization_identity_must_be_ones_own(world: World) -> None:
    assert log_in(world, "PLAIN", b"alice@example.test\0alice\0wonderland").login == "alice"
    assert failure(world, "PLAIN", b"bob\0alice\0wonderland") == "invalid"
    assert failure(world, "PLAIN", b"nobody\0alice\0wonderland") == "invalid"


@pytest.mark.parametrize(
    "response", [b"", b"alice", b"\0alice", b"\0alice\0", b"\0\0wonderland", b"\0a\0b\0c", b"\0\xff\0x"]
)
def test_malformed_plain(world: World, response: bytes) -> None:
    assert failure(world, "PLAIN", response) == "malformed"


@pytest.mark.parametrize("name", [b"alice", b"nobody", b"catchall"])
def test_wrong_passwords_fail_alike(world: World, name: bytes) -> None:
    texts = set()
    for mechanism, responses in {
        "PLAIN": (b"\0" + name + b"\0wrong",),
        "LOGIN": (name, b"wrong"),
        "CRAM-MD5": (name + b" 0123456789abcdef0123456789abcdef",),
        "SCRAM-SHA-256": scram(name, b"wrong"),
    }.items():
        with pytest.raises(sasl.Failed) as failed:
            log_in(world, mechanism, *responses)
        assert failed.value.code == "invalid"
        texts.add(failed.value.text)
    assert texts == {"wrong user name or password"}


def test_disabled_accounts_and_changed_passwords(world: World) -> None:
    assert log_in(world, "SCRAM-SHA-256", *scram(b"bob", b"builder")).login == "bob"
    world.commit_now(ReplaceAccount(Account("bob", "bob@example.test", "rebuilt")))
    assert failure(world, "SCRAM-SHA-256", *scram(b"bob", b"builder")) == "invalid"
    assert log_in(world, "SCRAM-SHA-256", *scram(b"bob", b"rebuilt")).login == "bob"
    world.commit_now(ReplaceAccount(Account("bob", "bob@example.test", "rebuilt", disabled=True)))
    assert failure(world, "PLAIN", b"\0bob\0rebuilt") == "invalid"
    assert failure(world, "SCRAM-SHA-256", *scram(b"bob", b"rebuilt")) == "invalid"


def test_names_and_passwords_beyond_ascii(world: World) -> None:
    world.commit_now(AddAccount(Account("jörg", "jörg@example.test", "pa\u00aass wörd, =="), 0))
    name, password = "jörg", "paass wörd, =="
    assert log_in(world, "PLAIN", f"\0{name}\0{password}".encode()).login == "jörg"
    assert log_in(world, "SCRAM-SHA-256", *_scram_of(name, password))
    digest = lambda challenge: f"{name} ".encode() + cram_md5_digest(password.encode(), challenge)  # noqa: E731
    assert log_in(world, "CRAM-MD5", digest).login == "jörg"


def _scram_of(name: str, password: str) -> tuple[bytes | Callable[[bytes], bytes], ...]:
    """A client of its own, for the tests' function parts its arguments at commas."""
    bare = f"n={name},r=nonce".encode()

    def final(first: bytes) -> bytes:
        fields = dict(part.split(b"=", 1) for part in first.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        message = b"c=biws,r=" + fields[b"r"]
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), b",".join((bare, first, message)), "sha256")
        return message + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))

    return b"n,," + bare, final, b""


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n,,",
        b"n,,n=alice",
        b"n,,r=x,n=alice",
        b"x,,n=alice,r=x",
        b"p=tls-exporter,,n=alice,r=x",
        b"n,b=x,n=alice,r=x",
        b"n,,m=ext,n=alice,r=x",
        b"n,,n=al=ice,r=x",
        b"n,,n=alice,r=",
        b"n,,n=alice,r=\x7f",
        b"n,,n=\xff,r=x",
    ],
)
def test_malformed_first_messages_of_scram(world: World, first: bytes) -> None:
    assert failure(world, "SCRAM-SHA-256", first) == "malformed"


@pytest.mark.parametrize(
    "change",
    [
        lambda final: b"",
        lambda final: final.replace(b"c=biws", b"c=eSws"),
        lambda final: final.replace(b"r=nonce", b"r=other"),
        lambda final: final.partition(b",p=")[0],
        lambda final: final[:-2] + b"!!",
    ],
)
def test_malformed_final_messages_of_scram(world: World, change: Callable[[bytes], bytes]) -> None:
    first, final, _ = scram(b"alice", b"wonderland")
    assert failure(world, "SCRAM-SHA-256", first, lambda challenge: change(final(challenge))) == "malformed"


def test_scram_escapes_and_authorization(world: World) -> None:
    world.commit_now(AddAccount(Account("a,b=c", "abc@example.test", "secret"), 0))
    assert log_in(world, "SCRAM-SHA-256", *_scram_of("a=2Cb=3Dc", "secret")).login == "a,b=c"


def test_scram_salts_are_steady_and_logins_quick(world: World) -> None:
    first, final, last = scram(b"alice", b"wonderland")
    salts = set()

    def keeping(challenge: bytes) -> bytes:
        salts.add(re.findall(rb",s=([^,]+),", challenge)[0])
        return final(challenge)

    log_in(world, "SCRAM-SHA-256", first, keeping, last)
    log_in(world, "SCRAM-SHA-256", first, keeping, last)
    assert len(salts) == 1
    # With keys kept, the server's half is far from the milliseconds that 4,096 rounds cost.
    spent = []
    for _ in range(20):
        exchange = sasl.exchange("SCRAM-SHA-256", world, service="imap")
        next(exchange)
        started = time.perf_counter()
        challenge = exchange.send(b"n,,n=alice,r=nonce")
        between = time.perf_counter() - started
        answer = final(challenge)
        started = time.perf_counter()
        exchange.send(answer)
        spent.append(between + time.perf_counter() - started)
    assert min(spent) < 0.001


def test_two_worlds_know_nothing_of_each_other(world: World) -> None:
    other = empty_world()
    log_in(world, "SCRAM-SHA-256", *scram(b"alice", b"wonderland"))
    assert world.scratch
    assert not other.scratch
    other.close()


# -- tokens


@pytest.mark.parametrize(
    ("token", "service", "code"),
    [
        (b"alice-token", "imap", None),
        (b"alice-imap", "imap", None),
        (b"alice-imap", "pop3", "scope"),
        (b"alice-expired", "imap", "expired"),
        (b"nonsense", "imap", "invalid"),
        (b"\xff", "imap", "invalid"),
    ],
)
@pytest.mark.parametrize("user", [b"alice", b"alice@example.test"])
def test_tokens(world: World, token: bytes, service: str, code: str | None, user: bytes) -> None:
    oauthbearer = b"n,a=" + user + b",\x01host=localhost\x01port=143\x01auth=Bearer " + token + b"\x01\x01"
    xoauth2 = b"user=" + user + b"\x01auth=Bearer " + token + b"\x01\x01"
    if code is None:
        assert log_in(world, "OAUTHBEARER", oauthbearer, service=service).login == "alice"
        assert log_in(world, "XOAUTH2", xoauth2, service=service).login == "alice"
    else:
        assert failure(world, "OAUTHBEARER", oauthbearer, b"\x01", service=service) == code
        assert failure(world, "XOAUTH2", xoauth2, b"", service=service) == code


def test_a_bad_token_is_explained_before_it_fails(world: World) -> None:
    exchange = sasl.exchange("OAUTHBEARER", world, service="imap")
    next(exchange)
    told = exchange.send(b"n,,\x01auth=Bearer nonsense\x01\x01")
    assert told == b'{"status":"invalid_token","schemes":"bearer","scope":"imap"}'
    with pytest.raises(sasl.Failed, match="unknown"):
        exchange.send(b"\x01")


def test_a_token_is_its_holders_only(world: World) -> None:
    assert failure(world, "XOAUTH2", b"user=bob\x01auth=Bearer alice-token\x01\x01", b"") == "invalid"
    assert failure(world, "OAUTHBEARER", b"n,a=bob,\x01auth=Bearer alice-token\x01\x01", b"\x01") == "invalid"


def test_tokens_expire_with_the_worlds_clock(world: World) -> None:
    account = Account("dora", "dora@example.test", "x", tokens=(Token("soon", expires=world.clock.now() + 60),))
    world.commit_now(AddAccount(account, 0))
    assert log_in(world, "XOAUTH2", b"user=dora\x01auth=Bearer soon\x01\x01").login == "dora"
    world.clock.advance(60)
    assert failure(world, "XOAUTH2", b"user=dora\x01auth=Bearer soon\x01\x01", b"") == "expired"


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("OAUTHBEARER", b""),
        ("OAUTHBEARER", b"n,a=alice,"),
        ("OAUTHBEARER", b"n,x=alice,\x01auth=Bearer alice-token\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer alice-token\x01"),
        ("OAUTHBEARER", b"n,,\x01auth\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Basic YWxpY2U=\x01\x01"),
        ("XOAUTH2", b""),
        ("XOAUTH2", b"user=alice\x01auth=Bearer alice-token"),
        ("XOAUTH2", b"user=alice\x01auth=Bearer \x01\x01"),
    ],
)
def test_malformed_tokens(world: World, mechanism: str, response: bytes) -> None:
    assert failure(world, mechanism, response) == "malformed"


# -- what is offered, and the lines


def test_what_is_offered() -> None:
    everything = ("SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN")
    strict = Settings(plaintext_login=False)
    assert sasl.mechanisms(secure=False, settings=Settings()) == everything
    assert sasl.mechanisms(secure=True, settings=strict) == everything
    assert sasl.mechanisms(secure=False, settings=strict) == ("SCRAM-SHA-256", "CRAM-MD5")
    hidden = frozenset({"AUTH=PLAIN", "LOGIN", "XOAUTH2"})
    assert sasl.mechanisms(secure=True, settings=Settings(), hidden=hidden) == (
        "SCRAM-SHA-256",
        "OAUTHBEARER",
        "CRAM-MD5",
    )


def test_unknown_and_weak_mechanisms(world: World) -> None:
    with pytest.raises(sasl.Failed) as unknown:
        sasl.exchange("GSSAPI", world, service="imap")
    assert unknown.value.code == "unknown"
    with pytest.raises(sasl.Failed) as weak:
        sasl.exchange("plain", world, service="imap", offered=("CRAM-MD5",))
    assert weak.value.code == "weak"


def converse(world: World, name: str, initial: bytes | None, *lines: bytes) -> tuple[str, list[bytes]]:
    """The login, or the failure's code, and the challenges that were sent."""
    challenges: list[bytes] = []
    waiting = iter(lines)
    outcome = ""

    async def ask(challenge: bytes) -> bytes:
        challenges.append(challenge)
        return next(waiting)

    async def run() -> None:
        nonlocal outcome
        try:
            outcome = (await sasl.converse(sasl.exchange(name, world, service="imap"), initial, ask)).login
        except sasl.Failed as failed:
            outcome = failed.code

    run_at_once(run())
    return outcome, challenges


def test_lines_of_base64(world: World) -> None:
    plain = base64.b64encode(b"\0alice\0wonderland")
    assert converse(world, "PLAIN", plain) == ("alice", [])
    assert converse(world, "PLAIN", None, plain) == ("alice", [b""])
    assert converse(world, "PLAIN", b"=") == ("malformed", [])
    assert converse(world, "PLAIN", b"") == ("malformed", [])
    assert converse(world, "PLAIN", None, b"*") == ("cancelled", [b""])
    asked = [b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"]
    alice, password = base64.b64encode(b"alice"), base64.b64encode(b"wonderland")
    assert converse(world, "LOGIN", None, alice, password) == ("alice", asked)
    assert converse(world, "LOGIN", alice, password) == ("alice", asked[1:])
    assert converse(world, "LOGIN", None, alice, b"*") == ("cancelled", asked)
    assert converse(world, "CRAM-MD5", alice)[0] == "malformed"


@pytest.mark.parametrize(
    "line", [b"AGE", b"AG E=", b"AGE=\r", b"=AGE", b"AGE==", b"A===", "ÄGE=".encode(), b"AGE=AGE="]
)
def test_what_is_no_base64(world: World, line: bytes) -> None:
    assert converse(world, "PLAIN", line) == ("malformed", [])


@settings(deadline=None)
@given(name=st.sampled_from(["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"]), data=st.data())
def test_nothing_but_failures_and_challenges(name: str, data: st.DataObject) -> None:
    responses = st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    b"n,",
                    b"a=",
                    b"alice",
                    b"\0",
                    b"\x01",
                    b"auth=Bearer ",
                    b"r=x",
                    b",",
                    b"n=",
                    b"c=biws",
                    b"p=",
                    b"user=",
                ]
            ),
            max_size=8,
        ).map(b"".join),
    )
    exchange = sasl.exchange(name, WORLD, service="imap")
    challenge: object = next(exchange)
    with contextlib.suppress(sasl.Failed, StopIteration):
        for _ in range(5):
            assert isinstance(challenge, bytes)
            challenge = exchange.send(data.draw(responses))
        raise AssertionError("it asks for ever")


WORLD = empty_world()
