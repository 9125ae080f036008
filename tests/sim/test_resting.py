"""A turn of a group at rest ends as it would have if every rule had been asked."""

from collections import Counter
from functools import partial

import pytest

from hafailover.group import machine, resting
from hafailover.group.events import Event
from hafailover.group.settings import ArbiterKind, GroupSettings
from hafailover.group.state import GroupState
from hafailover.sim.copies import in_copy
from hafailover.sim.schedule import STARTS, play, start
from hafailover.units import Instant

RUNS = 30
"""Of each arbiter."""


def both_ways(patch: pytest.MonkeyPatch, turns: Counter[bool]) -> None:
    """Have every turn of a group at rest worked out the short way and in full, and compared."""
    step = machine.step

    def compared(
        state: GroupState, event: Event, now: Instant, settings: GroupSettings
    ) -> machine.Step:
        short = step(state, event, now, settings)
        if state.is_at_rest:
            with pytest.MonkeyPatch.context() as context:
                context.setattr(resting, "goes_on", lambda *_: False)
                full = step(state, event, now, settings)
            assert short == full, event
            turns[short.state.is_at_rest] += 1
        return short

    patch.setattr(machine, "step", compared)


@pytest.mark.slow
@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_turn_at_rest_is_as_if_it_had_been_worked_out_in_full(arbiter: ArbiterKind) -> None:
    world = start(0, arbiter=arbiter)

    def both(seed: int) -> Counter[bool]:
        turns: Counter[bool] = Counter()
        with pytest.MonkeyPatch.context() as patch:
            both_ways(patch, turns)
            play(world, seed)
        return turns

    turns: Counter[bool] = Counter()
    for number in range(RUNS):
        turns += in_copy(partial(both, 5000 + number * STARTS))

    assert turns[True] > 20 * RUNS
    assert turns[False] > RUNS // 2
