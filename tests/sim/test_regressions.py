"""Schedules that once broke a promise, cut down to the faults that matter."""

from dataclasses import replace

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.actions import AlertKind, RaiseAlert
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim.agent import Agent
from hafailover.sim.explore import Struck, replay
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import play, run, settle, start, start_of
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, assert_in_order, assert_kept, copies, role, running


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


def test_a_restarted_agent_adopts_no_mount_that_is_just_being_taken_down() -> None:
    """The agent was killed while its umount hung on a late ggate; the umount is a process of its own and goes on."""
    outcome = run(
        69,
        faults=(
            fault(FaultKind.SWITCHOVER, "A", 1, 0.55),
            fault(FaultKind.ONE_WAY, "B", 13.78, 4.64),
            fault(FaultKind.STOP, "B", 2.52, 0.10),
        ),
    )

    assert outcome.is_good


def test_an_agent_that_could_not_record_its_demotion_leaves_no_mount_to_be_adopted() -> None:
    """Its umount waits for a cut cable when it is killed, and ends beneath the next life of the agent."""
    world = running()
    world.run_for(3 * SECOND)
    world.record_problem["A"] = "No space left on device"
    unmounts: list[str] = []

    def note(_agent: Agent, phase: str, what: str) -> None:
        if phase == "begins" and what.startswith("umount"):
            unmounts.append(what)

    world.on_moment = note
    switch_over(world)
    assert world.run_until(lambda: unmounts != [], 10 * SECOND)
    world.cut(REPLICATION)
    world.kill_agent("A")
    world.run_for(700 * MILLISECOND)
    world.heal()

    world.run_for(5 * SECOND)
    world.record_problem.clear()
    assert settle(world, MINUTE)

    assert_in_order(world)


def test_a_standby_learns_from_a_stopping_primary_that_it_is_behind() -> None:
    outcome = run(
        167,
        faults=(
            fault(FaultKind.REPLICATION, "A", 3.58, 0.08),
            fault(FaultKind.STOP, "A", 10.24, 0.19),
            fault(FaultKind.POWER, "A", 0.66, 7.54),
        ),
    )

    assert outcome.is_good


def test_a_demotion_under_way_gives_way_to_a_peer_that_serves() -> None:
    """Its umount hangs when it hears, after a partition, that the peer has taken over."""
    outcome = run(
        35,
        arbiter=ArbiterKind.NONE,
        faults=(
            fault(FaultKind.ONE_WAY, "A", 3.59, 2.34),
            fault(FaultKind.LAN_PORT, "A", 5.45, 0.0),
        ),
    )

    assert outcome.violations == ()


def test_a_disk_that_takes_records_again_is_noticed() -> None:
    """The write that failed was taken back: nothing is left to be written, and yet it has to be tried."""
    outcome = run(
        361,
        faults=(
            fault(FaultKind.BOTH, "A", 6.73, 0.11),
            fault(FaultKind.RECORDS, "A", 5.18, 7.76),
        ),
    )

    assert outcome.is_good


def test_a_closing_that_cannot_be_recorded_leaves_a_copy_that_is_still_known() -> None:
    """The marker in the image must not be newer than anything that the record on disk knows of."""
    outcome = run(
        771,
        faults=(
            fault(FaultKind.RECORDS, "A", 7.82, 0.61),
            fault(FaultKind.LAN_PORT, "A", 6.34, 0.17),
            fault(FaultKind.POWER, "A", 13.03, 2.52),
        ),
    )

    assert outcome.is_good


def test_what_only_the_secondarys_copy_holds_is_not_overwritten_after_a_power_cut() -> None:
    """The primary's disk fails, the kernel goes on with the secondary's copy alone, and both hosts lose power."""
    outcome = run(
        134,
        arbiter=ArbiterKind.ETCD,
        faults=(
            fault(FaultKind.DISK_ERRORS, "A", 9.992, 1.153),
            fault(FaultKind.BOTH, "B", 12.431, 0.655),
        ),
    )

    assert outcome.violations == ()


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_the_secondarys_copy_counts_when_the_primarys_disk_failed_before_its_power(
    arbiter: ArbiterKind,
) -> None:
    """The primary is back at once, its record calls its copy in sync, and it is the preferred node."""
    outcome = run(
        134,
        arbiter=arbiter,
        faults=(
            fault(FaultKind.DISK_ERRORS, "A", 2.0, 1.15),
            fault(FaultKind.POWER, "A", 0.1, 0.4),
        ),
    )

    assert outcome.violations == ()


def test_an_old_primary_whose_agent_returns_gives_way_to_the_newer_one() -> None:
    """It hears of the newer epoch before it has looked at what it finds up; that does not make its mount any newer."""
    world = running(arbiter=ArbiterKind.NONE)
    world.run_for(SECOND)
    world.restarts = False
    world.cut(REPLICATION)
    world.cut(LAN)
    world.kill_agent("A")
    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, MINUTE)

    world.heal()
    world.run_for(SECOND)
    world.comes_back(world.host("A"))

    assert world.run_until(lambda: role(world, "A") is Role.STANDBY, MINUTE)
    assert role(world, "B") is Role.PRIMARY


@pytest.mark.parametrize("arbiter", [ArbiterKind.ETCD, ArbiterKind.FENCE])
def test_a_primary_looks_at_its_own_copy_before_it_lets_a_stopping_peer_go(
    arbiter: ArbiterKind,
) -> None:
    """The kernel had lost the primary's own copy half a second before, and went on with the peer's alone."""
    outcome = run(
        160449,
        arbiter=arbiter,
        faults=(
            fault(FaultKind.DISK_ERRORS, "A", 1.551, 0.209),
            fault(FaultKind.STOP, "B", 12.391, 0.735),
        ),
    )

    assert outcome.is_good


def test_a_demotion_sees_that_the_kernel_goes_on_with_the_peers_copy_alone() -> None:
    """The host stood still while the kernel lost its disk, and hands over before it has looked again."""
    outcome = run(
        160177,
        arbiter=ArbiterKind.FENCE,
        faults=(
            fault(FaultKind.DISK_ERRORS, "A", 2.053, 0.097),
            fault(FaultKind.FREEZE, "A", 6.899, 0.038, network="lan"),
            fault(FaultKind.SWITCHOVER, "A", 5.85, 0.82),
        ),
    )

    assert outcome.is_good


def test_a_primary_looks_at_its_own_copy_before_it_lets_a_silent_peer_go() -> None:
    """Both fail within half a second: the mirror had dropped the primary's own copy when the peer's was let go."""
    outcome = run(
        658,
        arbiter=ArbiterKind.ETCD,
        faults=(
            fault(FaultKind.POWER, "B", 2.898, 5.618, network="lan"),
            fault(FaultKind.DISK_ERRORS, "A", 3.716, 0.15),
        ),
    )

    assert outcome.violations == ()


@pytest.mark.parametrize("arbiter", [ArbiterKind.FENCE, ArbiterKind.PING])
def test_a_primary_whose_disk_fails_unseen_claims_nothing(arbiter: ArbiterKind) -> None:
    """Nobody can look at the mirror, which has dropped the primary's own copy; then the peer's host is lost as well."""
    outcome = run(
        2,
        arbiter=arbiter,
        faults=(
            fault(FaultKind.DISK_ERRORS, "A", 4, 0.1),
            fault(FaultKind.BLIND, "A", 6),
            fault(FaultKind.POWER, "B", 3, 0.5),
        ),
    )

    assert outcome.violations == ()


def test_an_image_that_was_synced_is_no_less_worth_for_a_closing_that_cannot_be_recorded() -> None:
    """The primary gave its copy up when the other one was seen identical, and that one's promotion failed at once."""
    outcome = run(
        160035,
        arbiter=ArbiterKind.FENCE,
        faults=(
            fault(FaultKind.SLOW, "B", 0.699, 0.745),
            replace(fault(FaultKind.ORDER, "B", 1.265, 0.061), choice=973),
            fault(FaultKind.RECORDS, "B", 1.999, 0.085),
        ),
    )

    assert outcome.is_good


def test_a_service_that_was_killed_in_a_demotion_by_force_is_started_again() -> None:
    """Its node serves again before its agent is restarted: the address was up, and nothing answered there."""
    outcome = run(
        1_000_019,
        arbiter=ArbiterKind.ETCD,
        faults=(
            fault(FaultKind.REPLICATION, "A", 6.99, 0.43),
            fault(FaultKind.LAN_PORT, "A", 10.3, 1.26),
        ),
    )

    assert outcome.is_good


@pytest.mark.parametrize("unwritable", [5.78, 60.0])
def test_a_copy_that_was_written_alone_is_judged_though_its_records_cannot_be_written(
    unwritable: float,
) -> None:
    """The kernel lost the primary's own copy, then both hosts were lost: only the other image's sector tells of it."""
    outcome = run(
        400213,
        arbiter=ArbiterKind.ETCD,
        faults=(
            fault(FaultKind.RECORDS, "B", unwritable, 5.2),
            fault(FaultKind.DISK_ERRORS, "A", 7.44, 0.02),
            fault(FaultKind.BOTH, "B", 2.69, 0.98),
        ),
    )

    assert outcome.violations == ()
    assert outcome.problem == ""
    assert outcome.is_diverged


def test_a_group_that_was_paused_as_its_host_lost_power_serves_once_changes_are_allowed_again() -> (
    None
):
    """The order to resume finds no agent while the host boots; whoever gave it comes back."""
    outcome = run(
        600130,
        arbiter=ArbiterKind.FENCE,
        faults=(
            fault(FaultKind.FREEZE, "B", 2.51, 0.04),
            fault(FaultKind.PAUSE, "B", 0.82, 0.12),
            fault(FaultKind.STOP, "A", 2.09, 0.52),
        ),
    )

    assert outcome.is_good


def test_a_stopping_peer_is_let_go_after_a_look_that_began_when_it_said_so() -> None:
    """The last look was 47 ms old, and the primary's own component had been dropped since then."""
    outcome = run(
        502302,
        arbiter=ArbiterKind.ETCD,
        faults=(
            fault(FaultKind.DISK_HANGS, "B", 0.574, 0.183),
            fault(FaultKind.DISK_ERRORS, "A", 2.695, 2.891),
            fault(FaultKind.STOP, "B", 2.422, 0.235),
        ),
    )

    assert outcome.is_good


@pytest.mark.parametrize("moment", range(0, 1000, 250))
@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
def test_what_the_kernel_let_go_by_itself_is_told_whoever_notices_first(
    arbiter: ArbiterKind, moment: int
) -> None:
    """The peer, whose disk it is, may say that its copy is stale before this node has looked at its mirror."""
    world = running(arbiter=arbiter)
    world.run_for(SECOND + moment * MILLISECOND)
    raised: list[AlertKind] = []
    world.on_said = lambda _, said: (
        raised.append(said.kind) if isinstance(said, RaiseAlert) else None
    )
    world.host("B").files.fail("/images/B.img", EIO)

    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 15 * SECOND)
    world.run_for(SECOND)

    assert world.records["A"]["sites"].doubt
    assert AlertKind.DROPPED_UNANNOUNCED in raised
    assert AlertKind.PEER_LOST not in raised
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_disk_that_hangs_while_its_copy_is_attached_does_not_keep_the_peer_blind(
    arbiter: ArbiterKind,
) -> None:
    """The ggate exists, the kernel tastes it for ever, no look comes to an end: nobody knew what to destroy."""
    outcome = run(
        31931,
        faults=(
            fault(FaultKind.DISK_HANGS, "B", 7.96, 0.05),
            fault(FaultKind.POWER, "B", 0.71, 5.01),
        ),
        arbiter=arbiter,
    )

    assert outcome.violations == ()
    assert outcome.problem == ""


@pytest.mark.parametrize("moment", [12, 16, 20])
@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
def test_both_may_lose_power_in_the_middle_of_a_handover(arbiter: ArbiterKind, moment: int) -> None:
    """The former primary had offered its image before its successor had ended its own export: both were stale then."""
    dark = [fault(FaultKind.POWER, node, 4) for node in ("B", "A")]

    struck = tuple(Struck(moment + after, each) for after, each in enumerate(dark))

    assert replay(arbiter, struck) == []


@pytest.mark.parametrize(
    ("seed", "arbiter"),
    [
        # An insert hung behind an export that had just ended: nobody destroyed its ggate, and no look came back.
        (114399, ArbiterKind.ETCD),
        # The kernel had dropped the peer's copy, and the ggatec was killed by hand: no look could tell, for minutes.
        (114405, ArbiterKind.FENCE),
    ],
)
def test_a_primary_that_cannot_look_does_not_take_it_for_well(
    seed: int, arbiter: ArbiterKind
) -> None:
    assert run(seed, arbiter=arbiter).is_good


def strikes(kind: FaultKind, node: str, moment: int) -> Struck:
    """Return a fault of four seconds at a moment of the switchover that is explored."""
    return Struck(moment, fault(kind, node, 4))


def test_a_promotion_that_hangs_on_a_lost_peer_is_undone_though_its_agent_was_killed() -> None:
    """The kernel tastes a ggate whose peer has just lost power: no look comes to an end, for ten minutes and more."""
    told: list[str] = []

    failures = replay(
        ArbiterKind.FENCE,
        (strikes(FaultKind.POWER, "A", 24), strikes(FaultKind.AGENT, "B", 25)),
        tell=told.append,
    )

    assert failures == []
    last = float(told[-1].split()[0])
    assert last < 60


def test_a_copy_that_a_restarted_agent_was_about_to_let_go_does_not_keep_it_from_serving() -> None:
    """It stood still as well, and could not see its storage for a moment; then it saw that nothing was up any more."""
    struck = (Struck(5, fault(FaultKind.AGENT, "A", 1)), strikes(FaultKind.FREEZE, "A", 7))

    assert replay(ArbiterKind.ETCD, struck) == []


def test_a_copy_that_was_to_be_called_in_sync_is_let_go_only_with_proof() -> None:
    """Its host stood still as it wrote that down; by its last report it was behind, and it served after all."""
    struck = (strikes(FaultKind.FREEZE, "A", 29), strikes(FaultKind.FREEZE, "B", 78))

    assert replay(ArbiterKind.FENCE, struck) == []


def test_a_copy_that_is_given_up_for_a_drill_is_good_until_the_other_one_is_closed() -> None:
    """The peer could not see its storage, its export stayed open, and both hosts lost power: both copies were stale."""
    outcome = run(612081, arbiter=ArbiterKind.FENCE)

    assert outcome.is_good


def test_a_host_that_stood_still_may_have_written_alone_and_is_not_overwritten() -> None:
    """Its kernel let the peer's copy go by itself in the forced demotion: what it wrote then is an operator's."""
    frozen = fault(FaultKind.FREEZE, "A", 24.803, 1.621)

    outcome = run(40000095, arbiter=ArbiterKind.ETCD, faults=(frozen,))

    assert outcome.is_good
    assert outcome.is_diverged


@pytest.mark.parametrize("span", [0.2, 2.55])
@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
def test_a_mirror_that_lost_both_copies_is_no_reason_to_call_the_first_one_the_newest(
    span: float, arbiter: ArbiterKind
) -> None:
    """The kernel went on with the peer's copy, then somebody destroyed the mirror by hand: A claimed to be the newest.

    If the own sector can be read, it tells that this copy was lost first; else an operator chooses.
    """
    faults = (
        fault(FaultKind.FREEZE, "A", 2.563, 5.958),
        fault(FaultKind.DISK_ERRORS, "A", span, 3.3),
        replace(fault(FaultKind.HAND, "A", 14.27, 0.24), choice=213),
    )

    outcome = run(624760, arbiter=arbiter, faults=faults)

    assert outcome.is_good
    assert outcome.is_diverged is (span > 1)


def test_a_copy_that_has_just_come_into_sync_knows_the_counters_of_its_mirror() -> None:
    """It had those of before it was let go, its host was fenced a moment later, and the copies were called diverged."""
    outcome = run(631830, arbiter=ArbiterKind.FENCE)

    assert outcome.is_good
    assert not outcome.is_diverged


@pytest.mark.parametrize(
    ("seed", "arbiter"),
    [(640041, ArbiterKind.FENCE), (644729, ArbiterKind.ETCD), (644729, ArbiterKind.FENCE)],
)
def test_an_unmount_by_hand_is_noticed_though_the_storage_cannot_be_seen(
    seed: int, arbiter: ArbiterKind
) -> None:
    """The canary has nothing to write to any more; an unmount that hung until the peer was let go is seen at once."""
    outcome = run(seed, arbiter=arbiter)

    assert outcome.is_good


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
@pytest.mark.parametrize(("disk", "hand"), [(0.6, 0.7), (0.9, 1.0)])
def test_a_copy_that_may_have_failed_unseen_is_not_the_one_that_goes_on_alone(
    disk: float, hand: float, arbiter: ArbiterKind
) -> None:
    """The kernel had lost A's copy while nobody could look, and the unmount by hand made writes fail: B was let go."""
    faults = (
        fault(FaultKind.BLIND, "A", 13, 2.5),
        fault(FaultKind.DISK_ERRORS, "A", 3, disk),
        replace(fault(FaultKind.HAND, "A", 0.2, hand), choice=1),
    )

    outcome = run(1, arbiter=arbiter, faults=faults)

    assert outcome.is_good


def test_writes_that_fail_are_no_reason_to_let_the_peer_go() -> None:
    """Somebody unmounts by hand while nobody can look: nothing waits for the peer, whose copy is whole."""
    told: list[str] = []
    faults = (
        fault(FaultKind.BLIND, "A", 13, 1),
        replace(fault(FaultKind.HAND, "A", 0.2, 0.1), choice=1),
    )

    outcome = run(1, arbiter=ArbiterKind.FENCE, faults=faults, tell=told.append)

    assert outcome.is_good
    assert not [line for line in told if "let go" in line]


def test_a_look_that_comes_late_is_followed_by_one_that_shows_what_the_kernel_did() -> None:
    """The look had begun just before B called its copy stale: A let it go as if the kernel had not done so before."""
    outcome = run(662038, arbiter=ArbiterKind.FENCE)

    assert outcome.is_good


def test_a_mirror_that_loses_the_own_copy_while_the_peers_is_to_be_let_go_leaves_the_choice_to_an_operator() -> (
    None
):
    """The record that B's copy goes could not be written, B woke up, and the mirror dropped A's: B has newer writes."""
    told: list[str] = []
    world = start(start_of(722826), arbiter=ArbiterKind.ETCD, tell=told.append)

    faults = (
        fault(FaultKind.FREEZE, "B", 1.4, 5.748),
        fault(FaultKind.RECORDS, "A", 13.438, 0.174),
        fault(FaultKind.DISK_ERRORS, "A", 0.9, 1.2),
    )

    outcome = play(world, 722826, faults=faults)

    assert outcome.is_good
    assert outcome.is_diverged
    assert any("while it had that of B, which has newer writes" in line for line in told)

    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.RESOLVE, keep="B", reason="it has the newer writes")

    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_standby_that_stops_while_the_peer_has_begun_to_serve_stays_what_it_is() -> None:
    """Its copy was closed, and stale on record: it has no writes of its own, and no users to be ended."""
    told: list[str] = []

    outcome = run(725067, arbiter=ArbiterKind.FENCE, tell=told.append)

    assert outcome.is_good
    assert not outcome.is_diverged
    assert not [line for line in told if "KILL_USERS" in line]


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
def test_a_canary_that_always_fails_does_not_keep_a_dead_peer(arbiter: ArbiterKind) -> None:
    """Something is in the way of the canary's file: writes of others wait for the peer all the same."""
    told: list[str] = []
    world = running(arbiter=arbiter, tell=told.append)
    world.workload.write_canary = lambda _host, _volume, done: done(EIO)  # type: ignore[method-assign, assignment]
    world.run_for(5 * SECOND)
    assert not [line for line in told if "let go" in line]

    world.power_off("B")
    world.run_for(8 * SECOND)

    assert [line for line in told if "let go" in line]
    if (
        arbiter is not ArbiterKind.ETCD
    ):  # Without any proof of progress the abort clock has run out there: A is reset.
        assert role(world, "A") is Role.PRIMARY


def test_a_rebuild_that_hangs_half_way_is_given_up_though_its_copy_was_taken_in() -> None:
    """Both disks fail in turn: whoever reads the GEOM tree waits behind the rebuild's ggate, for five minutes."""
    faults = (
        fault(FaultKind.STOP, "A", 2.55, 0.551),
        fault(FaultKind.DISK_ERRORS, "B", 11.24, 0.339),
        fault(FaultKind.DISK_ERRORS, "A", 8.822, 3.274),
    )
    assert_kept(run(1_001_359, arbiter=ArbiterKind.ETCD, faults=faults))
