"""Schedules that once broke a promise, cut down to the faults that matter."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import REPLICATION
from hafailover.sim.schedule import run
from hafailover.units import MILLISECOND, SECOND


def fault(
    kind: FaultKind, node: str, span: float, after: float = 0.0, network: str = REPLICATION
) -> Fault:
    """Return a fault with its times in seconds."""
    return Fault(
        kind=kind,
        node=node,
        network=network,
        span_ns=int(span * SECOND),
        wait_ns=int(after * 1000) * MILLISECOND,
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_handover_that_is_cut_off_half_way_stops_in_time(seed: int) -> None:
    """The demotion began in order; that it now belongs to an isolated node has to shorten it all the same."""
    outcome = run(
        seed,
        faults=(
            fault(FaultKind.LAN_PORT, "A", 7.57, 0.14),
            fault(FaultKind.REPLICATION, "B", 9.42, 0.23),
        ),
    )

    assert outcome.violations == ()
    assert outcome.problem == ""
    assert not outcome.is_diverged


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.2, 0.5])
def test_a_primary_that_is_cut_off_on_every_side_acknowledges_nothing(gap: float) -> None:
    """The last word of the peer, from before the cut, is no leave to go on alone."""
    outcome = run(
        1,
        faults=(
            fault(FaultKind.REPLICATION, "B", 14.93, 1.0),
            fault(FaultKind.LAN_PORT, "A", 14.45, gap),
        ),
    )

    assert outcome.violations == ()
    assert outcome.problem == ""


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.NONE])
def test_one_way_silence_on_both_networks_is_named_and_nothing_is_overwritten(
    arbiter: ArbiterKind,
) -> None:
    outcome = run(
        1,
        arbiter=arbiter,
        faults=(
            fault(FaultKind.REPLICATION, "B", 12.70, 1.0),
            fault(FaultKind.RECORDS, "A", 5.04, 0.28),
            fault(FaultKind.ONE_WAY, "A", 9.86, 0.05, network="lan"),
        ),
    )

    assert outcome.is_good
