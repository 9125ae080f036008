"""Runs in which disks of both nodes fail while the role changes hands."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import unsteady
from hafailover.sim.faults import FaultKind
from hafailover.sim.schedule import draw, run

FEW = range(unsteady.FIRST_SEED, unsteady.FIRST_SEED + 200)
TURNS = {FaultKind.SWITCHOVER, FaultKind.STOP, FaultKind.RESTART, FaultKind.AGENT}
DISKS = {FaultKind.DISK_ERRORS, FaultKind.DISK_HANGS, FaultKind.BLIND}


def test_each_run_turns_the_roles_and_strikes_both_nodes() -> None:
    for seed in FEW:
        faults = draw(seed, ArbiterKind.FENCE)
        kinds = {fault.kind for fault in faults}

        assert kinds & TURNS
        assert kinds & DISKS
        assert {fault.node for fault in faults} == {"A", "B"}
        assert all(fault.wait_ns >= 0 and fault.span_ns > 0 for fault in faults)
        assert faults == draw(seed, ArbiterKind.ETCD)


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
@pytest.mark.parametrize("seed", FEW[:4])
def test_every_arbiter_keeps_its_promises(seed: int, arbiter: ArbiterKind) -> None:
    outcome = run(seed, arbiter=arbiter)

    assert (outcome.violations, outcome.problem) == ((), "")
