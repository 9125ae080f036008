"""Two live hosts on loopback."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab_host.live import LiveHost


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[LiveHost, LiveHost]]:
    """Boot two hosts; afterwards nothing of them is left."""
    pair = LiveHost(tmp_path / "A", "nodeA"), LiveHost(tmp_path / "B", "nodeB")
    try:
        for host in pair:
            host.boot()
        yield pair
    finally:
        for host in pair:
            host.power_off()


@pytest.fixture
def port() -> int:
    """Return a TCP port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
