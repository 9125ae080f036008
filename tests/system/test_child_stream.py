"""The bytes between the agent and a child that may be slow, silent, or gone."""

import socket
from collections.abc import Iterator

import pytest

from hafailover.system.child_stream import ChildStream
from tests.system.conftest import Bench

MOST = 100


class End:
    """A stream, what was taken from it, and the child's end of it."""

    def __init__(self, bench: Bench) -> None:
        ours, self.theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.taken: list[bytes] = []
        self.losses = 0
        self.is_open = True
        self.stream = ChildStream(bench.loop, ours, took=self._took, lost=self._lost, most=MOST)

    def hang_up(self) -> None:
        self.stream.close()
        self.is_open = False

    def close(self) -> None:
        if self.is_open:
            self.hang_up()
        self.theirs.close()

    def _took(self, received: bytearray) -> None:
        while b"\n" in received:
            line, _, rest = received.partition(b"\n")
            self.taken.append(bytes(line))
            received[:] = rest

    def _lost(self) -> None:
        self.losses += 1


@pytest.fixture
def end(bench: Bench) -> Iterator[End]:
    made = End(bench)
    yield made
    made.close()


def test_what_is_not_taken_out_comes_again_with_what_follows(bench: Bench, end: End) -> None:
    end.theirs.send(b"one\ntw")
    bench.until(lambda: end.taken == [b"one"])
    end.theirs.send(b"o\n")
    bench.until(lambda: end.taken == [b"one", b"two"])


def test_a_child_that_does_not_read_is_not_waited_for(bench: Bench, end: End) -> None:
    text = b"x" * (1 << 20)
    end.stream.send(text)
    assert not end.stream.is_sent
    got = bytearray()
    end.theirs.settimeout(0)

    def read() -> bool:
        try:
            got.extend(end.theirs.recv(1 << 16))
        except BlockingIOError:
            return False
        return end.stream.is_sent and len(got) == len(text)

    bench.until(read)


def test_what_was_not_sent_is_never_sent_after_the_end(end: End) -> None:
    end.stream.send(b"x" * (1 << 20))
    end.hang_up()
    received = 0
    while chunk := end.theirs.recv(1 << 16):
        received += len(chunk)
    assert 0 < received < 1 << 20


def test_the_end_is_told_once(bench: Bench, end: End) -> None:
    end.theirs.close()
    bench.until(lambda: end.losses)
    end.stream.send(b"into the void")
    bench.until(lambda: end.stream.is_sent)
    bench.turn()
    assert end.losses == 1


def test_a_child_that_says_too_much_is_lost(bench: Bench, end: End) -> None:
    end.theirs.send(b"x" * (MOST + 1))
    bench.until(lambda: end.losses == 1)
    assert not end.taken
