"""Is every moment of a small world explored, with every fault, and is there always a way out?"""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import schedule
from hafailover.sim.explore import FAULTS, Explorer


def test_an_undisturbed_story_is_played_once() -> None:
    found = Explorer(ArbiterKind.PING, faults=0, moments=0).explore()

    assert (found.runs, found.cut, found.failures) == (1, 0, [])
    assert len(found.states) > 20
    assert ("standby in_sync", "primary in_sync") in found.pairs


def test_one_fault_at_each_of_the_first_moments_leaves_a_way_out() -> None:
    found = Explorer(ArbiterKind.PING, faults=1, moments=4).explore()

    assert found.failures == []
    assert found.runs + found.cut >= len(FAULTS)
    assert len(found.states) > 100


def test_a_pair_that_does_not_come_back_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "recover", lambda _world: False)

    found = Explorer(ArbiterKind.PING, faults=0, moments=0).explore()

    assert [each.what.startswith("no way out: ") for each in found.failures] == [True]
