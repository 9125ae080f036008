"""Random runs: the same from the same seed, no promise broken, and a broken core does not go unseen."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import summary
from hafailover.sim.schedule import run

RUNS = {ArbiterKind.PING: 130, ArbiterKind.NONE: 50}


def story(seed: int) -> list[str]:
    told: list[str] = []
    run(seed, tell=told.append)
    return told


def test_the_same_seed_tells_the_same_story() -> None:
    assert story(7) == story(7)
    assert story(7) != story(8)


@pytest.mark.parametrize("arbiter", RUNS)
def test_random_faults_break_no_promise(arbiter: ArbiterKind) -> None:
    found = summary.play(range(1, RUNS[arbiter] + 1), arbiter)

    assert [str(each.smallest) for each in found.broken] == []
    assert len(found.seeds) == RUNS[arbiter]
