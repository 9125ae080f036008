"""Random runs: the same from the same seed, and no promise broken."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import summary
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.schedule import run, shrink
from hafailover.sim.workload import Workload
from hafailover.units import SECOND

BLOCK = 10
BLOCKS = [
    *((ArbiterKind.PING, first) for first in range(1, 131, BLOCK)),
    *((ArbiterKind.NONE, first) for first in range(1, 51, BLOCK)),
]


def story(seed: int) -> list[str]:
    told: list[str] = []
    run(seed, tell=told.append)
    return told


def test_the_same_seed_tells_the_same_story() -> None:
    assert story(7) == story(7)
    assert story(7) != story(8)


@pytest.mark.parametrize(("arbiter", "first"), BLOCKS)
def test_random_faults_break_no_promise(arbiter: ArbiterKind, first: int) -> None:
    found = summary.play_all(range(first, first + BLOCK), arbiter)

    assert [(each.outcome.seed, each.smallest) for each in found.broken] == []
    assert len(found.seeds) == BLOCK


def test_a_broken_run_is_cut_down_to_the_fault_that_matters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A record that cannot be found again after any loss of power, and only then."""
    dark = Fault(kind=FaultKind.POWER, node="B", span_ns=6 * SECOND)
    idle = Fault(kind=FaultKind.SWITCHOVER, wait_ns=SECOND)
    monkeypatch.setattr(
        Workload,
        "lost",
        lambda _self, host: [("sites", 1, 1)] if host.world.host("B").life > 1 else [],
    )
    broken = run(1, faults=(idle, dark, idle))
    assert not broken.is_good

    small = shrink(broken)

    assert [fault.kind for fault in small.faults] == [FaultKind.POWER]
    assert small.faults[0].span_ns <= SECOND
