"""A name is found, or not, or a resolver hangs; the end waits for none of them."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hafailover.system.etcd_connection import NoAnswerError, parse_endpoint
from hafailover.system.etcd_place import Place
from hafailover.system.eventloop import run

HANGS_S = 20.0


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have no resolver answer before the test has ended, or after a long while; set when one was asked."""
    asked, over = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        over.wait(HANGS_S)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


def place(host: str) -> Place:
    return Place(parse_endpoint(f"http://{host}:2379"), None)


def test_the_end_does_not_wait_for_a_resolver(hanging: threading.Event) -> None:
    async def life() -> None:
        looking = asyncio.create_task(place("etcd.example").addresses())
        assert await asyncio.to_thread(hanging.wait, HANGS_S)
        looking.cancel()

    begun = time.monotonic()
    run(life())
    assert time.monotonic() - begun < HANGS_S / 2


def test_an_address_needs_no_resolver(hanging: threading.Event) -> None:
    assert run(place("192.0.2.1").addresses()) == ("192.0.2.1",)
    assert not hanging.is_set()


def test_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(socket.AF_INET, 0, 0, "", (address, 2379)) for address in ("192.0.2.1",) * 2]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    assert run(place("etcd.example").addresses()) == ("192.0.2.1",)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "not known"),
        (UnicodeError("label too long"), "it is no name: label too long"),
    ],
)
def test_a_name_that_is_not_found_is_said(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> list[Any]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NoAnswerError, match=words):
        run(place("etcd.example").addresses())
