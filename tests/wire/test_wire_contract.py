"""What every wire does, in memory and over sockets alike."""

from __future__ import annotations

import zlib

import pytest
from wire_clients import Client, play

from minternet.wire.tls import Authority
from minternet.wire.wire import Hangup, TooLong, Wire

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


async def echo_lines(wire: Wire) -> None:
    """Answers each line with what it was; knows a few commands."""
    while True:
        line = wire.next_line()
        if line is None:
            try:
                line = await wire.line()
            except TooLong as error:
                if error.fatal:
                    raise
                wire.send(b"too long, limit %d\r\n" % error.limit)
                continue
        match line.split(b" "):
            case [b"QUIT"]:
                wire.send(b"bye\r\n")
                return
            case [b"DATA"]:
                try:
                    wire.send(b"<%b>" % await wire.block(200))
                except TooLong:
                    wire.send(b"block too long\r\n")
            case [b"LITERAL", size]:
                wire.send(b"<%b>" % await wire.exactly(int(size)))
            case [b"CHUNKS", size]:
                wire.send(b"<%b>" % b"".join([chunk async for chunk in wire.chunks(int(size))]))
            case [b"STARTTLS"]:
                wire.send(b"begin\r\n")
                await wire.start_tls()
                wire.send(b"secure %s\r\n" % str(wire.secure and wire.tls_version is not None).encode())
            case [b"COMPRESS"]:
                wire.send(b"deflating\r\n")
                wire.compress()
            case _:
                wire.send(b"[%b]" % line)


def test_lines_end_in_crlf_or_a_bare_lf(kind: str, authority: Authority) -> None:
    seen: list[int] = []

    async def body(wire: Wire) -> None:
        await echo_lines(wire)
        seen.append(wire.bare_line_feeds)

    async def script(client: Client) -> None:
        await client.say(b"a\r\nb\n\r\n\nc\rd\r\r\nQUIT\r\n")
        await client.expect(b"[a][b][][][c\rd\r]bye\r\n")
        await client.expect_close()

    play(kind, authority, body, script)
    assert seen == [2]


def test_what_comes_byte_by_byte_is_the_same(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        for octet in b"ab\r\nDATA\r\n.x\r\n..\r\n.\r\nLITERAL 3\r\n\r\n.CHUNKS 2\r\nxyQUIT\r\n":
            await client.say(bytes([octet]))
        await client.expect(b"[ab]<x\r\n.\r\n><\r\n.><xy>bye\r\n")
        await client.expect_close()

    play(kind, authority, echo_lines, script)


def test_an_overlong_line_is_consumed_and_the_next_is_served(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"x" * 100 + b"\r\n" + b"x" * 101 + b"\r\nnext\r\n")
        await client.expect(b"[" + b"x" * 100 + b"]too long, limit 100\r\n[next]")
        await client.say(b"y" * 70000)
        await client.say(b"y" * 70000)
        await client.say(b"\r\n" + b"z" * 101 + b"\nlast\r\n")
        await client.expect(b"too long, limit 100\r\ntoo long, limit 100\r\n[last]")
        await client.say(b"w" * 100 + b"\r")  # might be the end of a line that fits
        await client.say(b"\n")
        await client.expect(b"[" + b"w" * 100 + b"]")

    play(kind, authority, echo_lines, script)


def test_a_line_that_never_ends_is_told_so_and_closed(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"x" * (1200 << 10))
        await client.expect(b"BYE line too long\r\n")
        await client.expect_close()

    play(kind, authority, echo_lines, script)


def test_a_limit_of_its_own_for_one_line(kind: str, authority: Authority) -> None:
    async def body(wire: Wire) -> None:
        for limit in (150, 3, 3):
            try:
                wire.send(b"%d " % len(await wire.line(limit)))
            except TooLong as error:
                wire.send(b">%d " % error.limit)

    async def script(client: Client) -> None:
        await client.say(b"x" * 150 + b"\r\nabc\r\nabcd\r\n")
        await client.expect(b"150 3 >3 ")
        await client.expect_close()

    play(kind, authority, body, script)


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n...\r\n.a\r\n.\r\n", b".\r\n..\r\na\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
        (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
        (b"a\r.\rb\r\n.\r\n", b"a\r.\rb\r\n"),
        (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
        (b"a\r.\r\nb\r\r\n.\r\n", b"a\r.\r\nb\r\r\n"),
        (b"\x00\xff\r\n.\r\n", b"\x00\xff\r\n"),
    ],
)
def test_only_crlf_dot_crlf_ends_a_block(kind: str, authority: Authority, sent: bytes, content: bytes) -> None:
    async def script(client: Client) -> None:
        await client.say(b"DATA\r\n" + sent + b"next\r\n")
        await client.expect(b"<" + content + b">[next]")

    play(kind, authority, echo_lines, script)


def test_an_overlong_block_is_consumed(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"DATA\r\n" + b"x" * 198 + b"\r\n.\r\n" + b"DATA\r\n" + b"x" * 199 + b"\r\n.\r\n")
        await client.expect(b"<" + b"x" * 198 + b"\r\n>block too long\r\n")
        await client.say(b"DATA\r\n" + b"y" * 300000)
        await client.say(b"\r\n..\r\n.\r\nnext\r\n")
        await client.expect(b"block too long\r\n[next]")

    play(kind, authority, echo_lines, script)


def test_what_came_before_the_end_is_still_answered(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"one\r\ntwo\r\nunfinished")
        await client.hang_up()
        await client.expect(b"[one][two]")
        await client.expect_close()

    play(kind, authority, echo_lines, script)


def test_the_end_is_no_octets_for_some_and_hangup_for_all_else(kind: str, authority: Authority) -> None:
    ends: list[str] = []

    async def body(wire: Wire) -> None:
        while data := await wire.some():
            wire.send(data)
        for read in (wire.line(), wire.exactly(1), wire.block(9)):
            try:
                await read
            except Hangup:
                ends.append("hangup")
        wire.send(b"end")
        wire.send_eof()

    async def script(client: Client) -> None:
        await client.say(b"abc")
        await client.expect(b"abc")
        await client.hang_up()
        await client.expect(b"end")
        await client.expect_close()

    play(kind, authority, body, script)
    assert ends == ["hangup"] * 3


def test_plaintext_pipelined_before_tls_is_dropped(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"a\r\nSTARTTLS\r\nEVIL\r\n" + b"EVIL\r\n" * 3)
        await client.expect(b"[a]begin\r\n")
        await client.start_tls()
        await client.expect(b"secure True\r\n")
        await client.say(b"b\r\nQUIT\r\n")
        await client.expect(b"[b]bye\r\n")

    play(kind, authority, echo_lines, script)


def test_what_follows_the_compress_command_is_inflated(kind: str, authority: Authority) -> None:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    inflate = zlib.decompressobj(-15)

    def packed(data: bytes) -> bytes:
        return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)

    async def script(client: Client) -> None:
        await client.say(b"a\r\nCOMPRESS\r\n" + packed(b"early\r\n"))
        await client.expect(b"[a]deflating\r\n")
        reply = zlib.compressobj(6, zlib.DEFLATED, -15)
        expected = reply.compress(b"[early]") + reply.flush(zlib.Z_SYNC_FLUSH)
        await client.expect(expected)
        assert inflate.decompress(expected) == b"[early]"
        for octet in packed(b"DATA\r\nlong\r\n.\r\n"):
            await client.say(bytes([octet]))
        await client.expect(reply.compress(b"<long\r\n>") + reply.flush(zlib.Z_SYNC_FLUSH))
        await client.say(b"\xff" * 50)  # not DEFLATE at all
        await client.expect_close()

    play(kind, authority, echo_lines, script)


def test_a_zip_bomb_is_inflated_in_pieces(kind: str, authority: Authority) -> None:
    most: list[int] = []

    async def body(wire: Wire) -> None:
        await wire.line()
        wire.compress()
        most.extend([len(chunk) async for chunk in wire.chunks(64 << 20)])
        wire.send(b"swallowed")

    async def script(client: Client) -> None:
        bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
        deflated = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush(zlib.Z_SYNC_FLUSH)
        assert len(deflated) < 100_000
        await client.say(b"COMPRESS\r\n" + deflated)
        reply = zlib.compressobj(6, zlib.DEFLATED, -15)
        await client.expect(reply.compress(b"swallowed") + reply.flush(zlib.Z_SYNC_FLUSH))

    play(kind, authority, body, script)
    assert max(most) <= 1 << 16
    assert sum(most) == 64 << 20


def test_a_dismissed_session_says_farewell_and_hears_no_more(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"a\r\nunfinished")
        await client.expect(b"[a]")
        await client.dismiss("the world was reset")
        await client.expect(b"BYE the world was reset\r\n")
        await client.expect_close()

    play(kind, authority, echo_lines, script)


def test_dismissal_leaves_pipelined_commands_unread(kind: str, authority: Authority) -> None:
    async def body(wire: Wire) -> None:
        wire.send(b"[%b]" % await wire.line())
        wire.dismiss("now")
        assert wire.next_line() is None
        await wire.line()

    async def script(client: Client) -> None:
        await client.say(b"a\r\nb\r\nc\r\n")
        await client.expect(b"[a]BYE now\r\n")
        await client.expect_close()

    play(kind, authority, body, script)


def test_the_idle_limit_ends_a_silent_conversation(kind: str, authority: Authority) -> None:
    async def script(client: Client) -> None:
        await client.say(b"a\r\n")
        await client.expect(b"[a]")
        await client.pass_idle_limit()
        await client.expect(b"BYE idle for too long\r\n")
        await client.expect_close()

    play(kind, authority, echo_lines, script)


def test_a_pause_hands_over_what_was_said(kind: str, authority: Authority) -> None:
    async def body(wire: Wire) -> None:
        wire.send(b"wrong")
        await wire.pause(0.01)
        wire.send(b"now")

    async def script(client: Client) -> None:
        await client.expect(b"wrongnow")
        await client.expect_close()

    play(kind, authority, body, script)


def test_many_pipelined_commands_with_large_replies_leave_little_unsent(kind: str, authority: Authority) -> None:
    most = 0

    async def body(wire: Wire) -> None:
        nonlocal most
        for _ in range(2000):
            line = wire.next_line()
            if line is None:
                line = await wire.line()
            wire.send(b"x" * 5000)
            most = max(most, sum(map(len, wire._unsent)))

    async def script(client: Client) -> None:
        await client.say(b"a\r\n" * 2000)
        for _ in range(2000):
            await client.expect(b"x" * 5000)

    play(kind, authority, body, script)
    assert most < 80_000
