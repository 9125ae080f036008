"""What the agents say of themselves is held against what a scenario wants."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hafailover.lab import agent_view
from hafailover.lab.orders import Ended
from hafailover.lab.scenario import Truth

if TYPE_CHECKING:
    from hafailover.lab.world import World

PRIMARY = {
    "role": "primary",
    "in_sync": False,
    "volumes": [{"copy": "sole"}],
    "alerts": [{"kind": "unprotected"}],
}
STANDBY = {"role": "standby", "in_sync": True, "volumes": [{"copy": "in_sync"}], "alerts": []}


def world(**groups: dict[str, Any] | None) -> World:
    """Return a lab of which only the status of its nodes is there; a node without one is off."""

    def node(group: dict[str, Any] | None) -> SimpleNamespace:
        async def run(*_: str, deadline_s: float) -> Ended:
            assert deadline_s > 0
            return Ended(status=0, output=json.dumps({"groups": [group]}), error="")

        return SimpleNamespace(pid=None if group is None else 1, run=run)

    nodes = {name: node(group) for name, group in groups.items()}
    return cast("World", SimpleNamespace(nodes=nodes, hafailover=lambda *words: list(words)))


@pytest.mark.parametrize(
    ("truth", "missing"),
    [
        (Truth(copies={"A": "sole", "B": "in_sync"}), ""),
        (Truth(roles={"A": "primary", "B": "standby"}), ""),
        (Truth(alerts={"A": "unprotected", "B": "no unprotected"}), ""),
        (Truth(primary="A"), ""),
        (Truth(copies="in_sync"), "the copies are {'A': 'in_sync', 'B': 'in_sync'} (they are "),
        (Truth(roles={"B": "primary"}), "B is primary (it is standby)"),
        (Truth(alerts={"B": "unprotected"}), "B has the alert unprotected (it has none)"),
        (Truth(alerts={"A": "no unprotected"}), "A has the alert no unprotected (it has unpr"),
    ],
)
def test_what_is_wanted_is_compared(truth: Truth, missing: str) -> None:
    found = asyncio.run(agent_view.missing(world(A=PRIMARY, B=STANDBY), truth))
    assert found.startswith(missing)
    assert bool(found) == bool(missing)


def test_of_a_node_that_is_off_nothing_is_known() -> None:
    off = world(A=PRIMARY, B=None)
    assert asyncio.run(agent_view.missing(off, Truth(roles={"B": "down"}))) == ""
    assert asyncio.run(agent_view.copies(off)) == {"A": "sole"}
    said = asyncio.run(agent_view.missing(off, Truth(copies={"B": "in_sync"})))
    assert "not known" in said


def test_a_node_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: str, deadline_s: float) -> Ended:
        await asyncio.sleep(60 + deadline_s)
        raise AssertionError

    frozen = world(A=PRIMARY)
    monkeypatch.setattr(agent_view, "_STANDSTILL_S", 0.05)
    monkeypatch.setattr(frozen.nodes["A"], "run", never)
    assert asyncio.run(agent_view.status(frozen, "A")) == {}
