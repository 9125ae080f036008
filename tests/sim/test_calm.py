"""A step that is spared, since all is as it was, would have done nothing."""

from dataclasses import fields

import pytest

from hafailover.group import calm, machine, reporting
from hafailover.group.actions import SendReport
from hafailover.group.events import Event
from hafailover.group.report import says_the_same
from hafailover.group.settings import ArbiterKind
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.sim.schedule import run
from hafailover.units import SECOND
from tests.sim.worlds import running

SEEDS = 12
LATER = {"moved_at"}
"""What a whole step remembers of itself."""


class Watch:
    """Takes a whole step beside every repetition, and remembers how the two differ."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.repeated = 0
        self.confirmed = 0
        self.whole = 0
        self.differences: list[str] = []
        self._repeat, self._confirms, self._move_on = calm.repeat, calm.confirms, machine._move_on
        patch.setattr(calm, "repeat", self._beside_repetition)
        patch.setattr(calm, "confirms", self._beside_confirmation)
        patch.setattr(machine, "_move_on", self._count)

    def _count(self, turn: Turn) -> None:
        self.whole += 1
        self._move_on(turn)

    def _beside_repetition(self, turn: Turn) -> bool:
        whole = Turn(turn.state, turn.now, turn.settings)
        if not self._repeat(turn):
            return False
        self.repeated += 1
        self._compare(turn, whole)
        return True

    def _beside_confirmation(self, before: GroupState, turn: Turn, event: Event) -> bool:
        if not self._confirms(before, turn, event):
            return False
        self.confirmed += 1
        spared = Turn(turn.state, turn.now, turn.settings)
        if reporting.is_due_soon(spared):
            reporting.repeat(spared)
        self._compare(spared, Turn(turn.state, turn.now, turn.settings))
        return True

    def _compare(self, turn: Turn, whole: Turn) -> None:
        self._move_on(whole)
        assert turn.state.sent is not None
        assert whole.state.sent is not None
        if turn.state.sent.sequence != whole.state.sent.sequence or not says_the_same(
            turn.state.sent, whole.state.sent
        ):
            self.differences.append(f"says {whole.state.sent}, repeats {turn.state.sent}")
        left = [each for each in whole.actions if not isinstance(each, SendReport)]
        if left:
            self.differences.append(f"leaves undone: {left}")
        names = [field.name for field in fields(GroupState) if field.name not in {*LATER, "sent"}]
        self.differences += [
            f"{name}: {getattr(whole.state, name)} with a whole step, {getattr(turn.state, name)} without"
            for name in names
            if getattr(turn.state, name) != getattr(whole.state, name)
        ]


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_whole_step_would_have_done_nothing_else(
    monkeypatch: pytest.MonkeyPatch, arbiter: ArbiterKind
) -> None:
    watch = Watch(monkeypatch)

    for seed in range(1, SEEDS + 1):
        run(seed, arbiter=arbiter)

    assert watch.differences == []
    assert watch.repeated > 20 * SEEDS
    assert watch.confirmed > SEEDS


def test_most_heartbeats_of_a_pair_at_rest_repeat_the_last_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = running()
    world.run_for(5 * SECOND)
    watch = Watch(monkeypatch)

    world.run_for(20 * SECOND)

    assert watch.differences == []
    assert watch.repeated > 2 * watch.whole > 0
