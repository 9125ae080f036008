"""Is every moment of a small world explored, with every fault, and is there always a way out?"""

import json
import subprocess
import sys
from typing import Any

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import schedule
from hafailover.sim.checker import Violation
from hafailover.sim.disturbances import FAULTS
from hafailover.sim.explore import Explorer, Struck, replay
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.known import Known
from hafailover.sim.world import World
from hafailover.units import SECOND

KINDS = [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE]
PARTS = {ArbiterKind.PING: 60, ArbiterKind.ETCD: 240, ArbiterKind.FENCE: 120}
"""Of two faults, one of so many parts is explored here; all of them take an hour of one core."""


def explored(arbiter: ArbiterKind, *words: str) -> dict[str, Any]:
    """Explore in a process of its own: it is copied thousands of times, and the one of the tests is large."""
    command = (sys.executable, "-m", "hafailover", "simulate", "--json", "--arbiter", arbiter.value)
    ended = subprocess.run([*command, *words], capture_output=True, check=False, text=True)
    assert ended.returncode in (0, 1), ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_an_undisturbed_story_is_played_once() -> None:
    found = Explorer(ArbiterKind.PING, faults=0).explore()

    assert (found.runs, found.cut, found.failures) == (1, 0, [])
    assert found.states > 20
    assert ("standby in_sync", "primary in_sync") in found.pairs


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("arbiter", KINDS)
def test_one_fault_at_any_moment_leaves_a_way_out(arbiter: ArbiterKind) -> None:
    found = explored(arbiter, "--explore", "1")

    assert found["failures"] == []
    assert found["runs"] + found["cut"] >= 100
    assert found["states"] > 1000
    assert len(found["pairs"]) > 20


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("arbiter", KINDS)
def test_a_second_fault_at_any_moment_after_some_first_ones_leaves_a_way_out(
    arbiter: ArbiterKind,
) -> None:
    found = explored(arbiter, "--explore", "2", "--part", f"1/{PARTS[arbiter]}")

    assert found["failures"] == []
    assert found["states"] > 1000


def test_the_parts_together_try_every_first_fault() -> None:
    """Each part plays the undisturbed story, and no first fault is in two of them."""
    count = 30
    found = [Explorer(ArbiterKind.PING, faults=1, part=(which, count)) for which in (1, 2, count)]
    played = [each.explore() for each in found]

    assert all(each.failures == [] for each in played)
    assert all(1 < each.runs + each.cut < 40 for each in played)
    assert played[0].states != played[1].states


def test_a_pair_that_does_not_come_back_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "recover", lambda _world, _patience_ns: False)

    found = Explorer(ArbiterKind.PING, faults=0).explore()

    assert [each.what.startswith("no way out: ") for each in found.failures] == [True]


def test_a_promise_that_is_broken_in_a_story_that_is_cut_short_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything is taken for known once a fault has struck, and the fault itself breaks a promise."""
    kill = World.kill_agent

    def killed(world: World, name: str) -> None:
        world.checker.violations.append(Violation("S9", world.timeline.now, "planted"))
        kill(world, name)

    monkeypatch.setitem(FAULTS, ArbiterKind.PING, (Fault(kind=FaultKind.AGENT, node="A"),))
    monkeypatch.setattr(Known, "add", lambda _known, _state, left: left > 0)
    monkeypatch.setattr(World, "kill_agent", killed)

    found = Explorer(ArbiterKind.PING, faults=1, part=(1, 10)).explore()

    assert found.runs == 1
    assert found.cut == len(found.failures) > 1
    assert {each.what for each in found.failures} == {"S9: planted"}


def test_an_order_of_faults_that_was_found_can_be_played_again() -> None:
    dark = Fault(kind=FaultKind.POWER, node="B", span_ns=4 * SECOND)
    killed = Fault(kind=FaultKind.AGENT, node="A")
    told: list[str] = []

    failures = replay(ArbiterKind.PING, (Struck(5, dark), Struck(6, killed)), tell=told.append)

    assert failures == []
    faults = [line for line in told if " fault " in line]
    assert [
        kind.value in line for kind, line in zip((dark.kind, killed.kind), faults, strict=True)
    ] == [True, True]
    assert faults[0].split()[0] == faults[1].split()[0]
