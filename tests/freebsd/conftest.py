"""Which host do the contracts run on, and where do the raw transcripts go?"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.freebsd.contract import Host
from tests.freebsd.hosts import emulated_host, is_freebsd, real_host


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--transcripts", type=Path, help="write what came back into this directory")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    if not is_freebsd():
        with emulated_host(tmp_path) as emulated:
            yield emulated
        return
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with real_host(tmp_path) as real:
        yield real


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
