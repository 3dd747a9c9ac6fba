"""Transcripts: bounded, masked, readable."""

from __future__ import annotations

import itertools
import sys
import threading

from minternet.wire.transcript import PIECE_COST, TranscriptRing

CLIENT, SERVER = ("127.0.0.1", 40000), ("::1", 2143)


def ticking(max_bytes: int = 1 << 20, max_conversations: int = 100) -> TranscriptRing:
    """A ring whose clock ticks by a second each time it is asked."""
    ticks = itertools.count(1_700_000_000)
    return TranscriptRing(max_bytes, max_conversations=max_conversations, now=lambda: float(next(ticks)))


def test_a_transcript_reads_like_the_conversation() -> None:
    transcript = ticking().open("imap", CLIENT, SERVER)
    transcript.server(b"* OK\r\n")
    transcript.client(b"a1 NO")
    transcript.client(b"OP\r\na2 \xffX\x00\xc3\xa4\ty\n")
    transcript.note("TLSv1.3")
    transcript.note("late")
    transcript.server(b"unended")
    transcript.close()
    assert transcript.text() == (
        "# imap #1 127.0.0.1:40000 -> [::1]:2143 2023-11-14T22:13:20Z 7.000 s\n"
        "S: * OK\nC: a1 NOOP\nC: a2 \\xffX\\x00ä\ty\n*: TLSv1.3\n*: late\nS: unended\n"
    )
    assert transcript.text(times=True).splitlines()[2] == "    2.000 C: a1 NOOP"
    assert [(piece.side, piece.data) for piece in transcript.pieces()][:2] == [("S", b"* OK\r\n"), ("C", b"a1 NO")]


def test_secrets_are_masked_wherever_they_lie() -> None:
    transcript = ticking().open("pop3", CLIENT, SERVER)
    transcript.client(b"PASS wonder")
    transcript.server(b"+OK pushed\r\n")
    transcript.client(b"land\r\nPASS it\r\nwith\r\n")
    transcript.conceal(b"wonderland")
    transcript.conceal(b"it")  # a short one is masked only where it stands alone
    transcript.conceal(b"")
    transcript.server(b"-ERR not wonderland.\r\n")
    text = transcript.text()
    assert "wonder" not in text
    assert "C: PASS ******\nS: +OK pushed\nC: ****\nC: PASS **\nC: with\nS: -ERR not **********.\n" in text
    assert b"".join(piece.data for piece in transcript.pieces(masked=False)).count(b"wonderland") == 1


def test_one_large_conversation_leaves_the_others_alone() -> None:
    ring = ticking(max_bytes=40_000)
    small, large = ring.open("nntp", CLIENT, SERVER), ring.open("http", CLIENT, SERVER)
    small.client(b"HELP\r\n")
    for _ in range(100):
        large.server(b"x" * 1000)
    assert ring.octets <= 10_000 + 1000
    assert "C: HELP" in small.text()
    assert f"# {large.dropped_pieces} earlier pieces ({large.dropped_pieces * 1000} octets) dropped" in large.text()
    assert large.dropped_pieces + len(large.pieces()) == 100


def test_the_oldest_conversations_go_first() -> None:
    ring = ticking(max_bytes=10_000)
    kept_open = ring.open("imap", CLIENT, SERVER)
    kept_open.client(b"a\r\n")
    for number in range(100):
        transcript = ring.open("smtp", CLIENT, SERVER)
        transcript.client(b"%03d" % number + b"x" * 500)
        transcript.close()
    assert ring.octets <= 10_000
    kept = ring.conversations("smtp")
    assert kept[-1].pieces()[0].data.startswith(b"099")
    assert len(kept) == 10_000 // (503 + PIECE_COST)
    assert kept_open in ring.conversations()
    assert kept_open.dropped_pieces == 1
    assert ring.conversations() == sorted(ring.conversations(), key=lambda transcript: transcript.number)


def test_the_number_of_conversations_is_bounded() -> None:
    ring = ticking(max_conversations=3)
    opened = [ring.open("echo", CLIENT, SERVER) for _ in range(5)]
    for transcript in opened:
        transcript.client(b"hello")
    assert ring.conversations() == opened[2:]
    assert opened[0].pieces() == []
    assert ring.octets == 3 * (5 + PIECE_COST)
    assert ring.find(opened[2].number) is opened[2]
    assert ring.find(opened[0].number) is None
    ring.clear()
    assert ring.octets == 0
    opened[4].client(b"more")
    assert (ring.conversations(), ring.octets) == ([], 0)


def test_clients_that_are_left_out() -> None:
    """They are heard of by nobody, not even by the numbers of those after them."""
    ring = TranscriptRing()
    ring.left_out.add(CLIENT)
    unkept = ring.open("imap", CLIENT, SERVER)
    ring.left_out.clear()
    unkept.server(b"* OK\r\n")
    unkept.close()
    assert (ring.opened, ring.octets, ring.conversations(), unkept.kept_pieces) == (0, 0, [], 0)
    assert ring.open("imap", CLIENT, SERVER).number == 1


def test_another_thread_may_read_meanwhile() -> None:
    ring = TranscriptRing(100_000)
    transcript = ring.open("imap", CLIENT, SERVER)
    transcript.conceal(b"xyzxyz")
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                for conversation in ring.conversations():
                    conversation.text()
        except BaseException as error:
            failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5000):
        transcript.client(b"xyzxyz\r\n")
        ring.open("imap", CLIENT, SERVER).close()
    stop.set()
    reader.join()
    sys.setswitchinterval(before)
    assert failures == []
