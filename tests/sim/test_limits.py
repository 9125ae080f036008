"""A grant that is used to its end, under clocks that run as far apart as is tolerated."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import limits
from hafailover.sim.schedule import draw, found, run, start_of
from hafailover.units import SECOND

SEEDS = range(limits.FIRST_SEED, limits.FIRST_SEED + 3)
"""One with each lease."""


def story(seed: int) -> list[str]:
    told: list[str] = []
    outcome = run(seed, arbiter=ArbiterKind.ETCD, tell=told.append)
    assert outcome.is_good
    return told


def test_the_leases_are_of_all_lengths() -> None:
    leases = {
        found(start_of(seed), arbiter=ArbiterKind.ETCD).settings["A"].lease.lease // SECOND
        for seed in SEEDS
    }

    assert leases == set(limits.LEASES_S)


def test_the_fault_lasts_until_the_other_node_could_take_over() -> None:
    for seed in SEEDS:
        (fault,) = draw(seed, ArbiterKind.ETCD)
        lease = found(start_of(seed), arbiter=ArbiterKind.ETCD).settings["A"].lease.lease

        assert fault.span_ns >= lease + 10 * SECOND


@pytest.mark.parametrize("seed", SEEDS)
def test_the_watchdog_of_a_dead_agent_ends_what_it_serves_right_before_the_other_one_may(
    seed: int,
) -> None:
    told = [line for line in story(seed) if "DIES FOR GOOD" in line or "WATCHDOG" in line]

    assert [line.split(maxsplit=2)[2].strip() for line in told] == [
        "AGENT DIES FOR GOOD",
        "WATCHDOG",
    ]
