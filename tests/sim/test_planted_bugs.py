"""Does the simulator see a broken core? Bugs are planted one at a time.

The same run without the bug breaks nothing; with it, it has to. Most bugs show in a run as the tests draw it anyway:
nobody picked its faults for the bug. Three show in no such run: a mixture that is promoted, a commit that etcd never
hears of, and a drop by the kernel that is hidden take faults that follow each other at the right moment.
"""

from functools import cache

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim.faults import Fault
from hafailover.sim.schedule import run
from hafailover.sim.stories import FIRST_SEED
from tests.sim.plants import CASES, Case
from tests.sim.test_schedule import TOLD, further

ENOUGH = 25


@cache
def is_good_without(seed: int, faults: tuple[Fault, ...] | None, arbiter: ArbiterKind) -> bool:
    return run(seed, faults=faults, arbiter=arbiter).is_good


def is_played_anyway(case: Case) -> bool:
    return FIRST_SEED <= case.seed < FIRST_SEED + TOLD or case.seed in further(case.arbiter)


def test_enough_bugs_show_in_runs_that_are_drawn_anyway() -> None:
    drawn = {
        case.plant.__name__ for case in CASES if case.faults is None and is_played_anyway(case)
    }

    assert len(drawn) >= ENOUGH


@pytest.mark.parametrize("case", CASES, ids=[case.plant.__name__ for case in CASES])
def test_a_planted_bug_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_good_without(case.seed, case.faults, case.arbiter)

    case.plant(monkeypatch)

    assert not run(case.seed, faults=case.faults, arbiter=case.arbiter).is_good
