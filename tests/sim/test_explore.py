"""Is every moment of a small world explored, with every fault, and is there always a way out?"""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import schedule
from hafailover.sim.explore import Explorer

EVERY = 10_000
"""More moments than any story has."""


def test_an_undisturbed_story_is_played_once() -> None:
    found = Explorer(ArbiterKind.PING, faults=0, moments=0).explore()

    assert (found.runs, found.cut, found.failures) == (1, 0, [])
    assert len(found.states) > 20
    assert ("standby in_sync", "primary in_sync") in found.pairs


@pytest.mark.slow
@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
def test_one_fault_at_any_moment_leaves_a_way_out(arbiter: ArbiterKind) -> None:
    found = Explorer(arbiter, faults=1, moments=EVERY).explore()

    assert found.failures == []
    assert found.runs + found.cut >= 100
    assert len(found.states) > 1000
    assert len(found.pairs) > 20


def test_a_pair_that_does_not_come_back_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "recover", lambda _world: False)

    found = Explorer(ArbiterKind.PING, faults=0, moments=0).explore()

    assert [each.what.startswith("no way out: ") for each in found.failures] == [True]
