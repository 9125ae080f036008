"""What is drawn for a run? Below a million each fault by itself, from there on a story."""

from random import Random

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import faults, stories
from hafailover.sim.faults import KINDS, FaultKind
from hafailover.sim.schedule import FAULTS, STARTS, draw, found, start_of
from hafailover.units import SECOND

MANY = range(stories.FIRST_SEED, stories.FIRST_SEED + 2000)


def test_a_seed_below_the_stories_draws_each_fault_by_itself() -> None:
    assert draw(658, ArbiterKind.ETCD) == faults.draw(Random(658), FAULTS, ArbiterKind.ETCD)
    assert start_of(658) == 658 % STARTS


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_the_stories_draw_every_fault_that_an_arbiter_knows(arbiter: ArbiterKind) -> None:
    drawn = {fault.kind for seed in MANY for fault in draw(seed, arbiter)}

    assert drawn == {*KINDS[arbiter], FaultKind.JUMP, FaultKind.FORCE, FaultKind.LAN}


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_story_is_short(arbiter: ArbiterKind) -> None:
    for seed in MANY:
        drawn = draw(seed, arbiter)
        assert 2 <= len(drawn) <= FAULTS + 1
        assert all(fault.wait_ns <= 14 * SECOND for fault in drawn)
        assert all(fault.span_ns <= 40 * SECOND for fault in drawn)


def test_some_stories_strike_a_group_with_two_volumes() -> None:
    counts = {
        len(found(start_of(seed), arbiter=ArbiterKind.PING).settings["A"].volumes)
        for seed in MANY[:STARTS]
    }

    assert counts == {1, 2}
