"""Each node finds itself in the one file."""

import socket

import pytest

from hafailover.config import identity
from hafailover.config.problems import ConfigErrors
from tests.config.texts import PAIR, changed, read


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose name and addresses are nobody's."""
    monkeypatch.delenv(identity.ENVIRONMENT, raising=False)
    monkeypatch.setattr(socket, "gethostname", lambda: "stranger")
    monkeypatch.setattr(identity, "is_local", lambda _: False)


def test_by_order() -> None:
    assert read(PAIR).this_node("b") == "b"


def test_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(identity.ENVIRONMENT, "b")

    assert read(PAIR).this_node() == "b"


def test_an_order_stands_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(identity.ENVIRONMENT, "b")

    assert read(PAIR).this_node("a") == "a"


@pytest.mark.parametrize(
    ("configured", "host", "found"),
    [
        ("www1.example.net", "www1.example.net", True),
        ("www1.example.net", "WWW1", True),
        ("www1", "www1.example.net", True),
        ("www1.example.net", "www1.example.org", False),
        ("www1", "www2", False),
    ],
)
def test_by_host_name_short_or_full(
    monkeypatch: pytest.MonkeyPatch, configured: str, host: str, *, found: bool
) -> None:
    node = read(changed("b: {lan", f"b: {{hostname: {configured}, lan")).root.sections("nodes")["b"]

    assert identity.is_named("b", node, host) is found


def test_by_host_name_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "b.example.net")

    assert read(PAIR).this_node() == "b"


def test_by_an_address_on_an_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "is_local", lambda address: address == "10.0.0.12")

    assert read(PAIR).this_node() == "b"


def test_a_host_that_is_both_is_told_to_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "is_local", lambda _: True)

    with pytest.raises(ConfigErrors, match="this host has the addresses of a and b; say which"):
        read(PAIR).this_node()


def test_a_stranger_is_told_what_was_compared() -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(PAIR).this_node()

    assert str(caught.value) == (
        'f:3:3: nodes: none of the nodes is this host: its name is "stranger", the nodes\' are '
        "a, b, and none of their addresses is on an interface here; say which with --node or "
        "HAFAILOVER_NODE"
    )


def test_a_misspelt_order_gets_a_suggestion() -> None:
    text = changed("b: {lan", "server-b: {lan", PAIR.replace("b: 100", "server-b: 100"))

    with pytest.raises(ConfigErrors, match='did you mean "server-b"'):
        read(text).this_node("serverb")
