"""A LAN for each test."""

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.interop.lan import Lan
from tests.interop.nodes import needs

_numbers = itertools.count(1)


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Make a LAN whose namespaces nobody else has."""
    needs("ip", "ping")
    with Lan(f"hf{os.getpid()}x{next(_numbers)}") as made:
        yield made
