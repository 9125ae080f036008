"""Does the simulator see a broken core? Bugs are planted one at a time.

The same run without the bug breaks nothing; with it, it has to.
"""

from functools import cache

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim.faults import Fault
from hafailover.sim.schedule import run
from tests.sim.plants import CASES, Case

ENOUGH = 25


@cache
def is_good_without(seed: int, faults: tuple[Fault, ...], arbiter: ArbiterKind) -> bool:
    return run(seed, faults=faults, arbiter=arbiter).is_good


def test_enough_bugs_are_planted() -> None:
    assert len({case.plant.__name__ for case in CASES}) >= ENOUGH


@pytest.mark.parametrize("case", CASES, ids=[case.plant.__name__ for case in CASES])
def test_a_planted_bug_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_good_without(case.seed, case.faults, case.arbiter)

    case.plant(monkeypatch)

    assert not run(case.seed, faults=case.faults, arbiter=case.arbiter).is_good
