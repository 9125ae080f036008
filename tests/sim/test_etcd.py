"""What etcd's word does for a pair: nobody serves or is let go without it, and lost answers lose nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hafailover.arbiter.answers import Answer, Unknown
from hafailover.arbiter.record import ArbiterRecord, decode_record, encode_record
from hafailover.arbiter.requests import ChangeStanding, Purpose, ReadStanding
from hafailover.emulation.files import Opener
from hafailover.group import arbiters, loss
from hafailover.group.events import OrderKind
from hafailover.group.grant import Watch
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, WatchdogSettings
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Dropping
from hafailover.group.view import describe
from hafailover.lineage.record import CopyState
from hafailover.sim.agent import Agent
from hafailover.sim.etcd import PLACE
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import mend
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND, later
from tests.sim.worlds import MINUTE, assert_in_order, copies, role, running, serving

Answered = Callable[[Answer], None]


def pair_in_service(seed: int = 1) -> World:
    """Return a pair in service under etcd, counted there as in sync."""
    world = running(seed, arbiter=ArbiterKind.ETCD)
    assert world.run_until(lambda: record(world).in_sync == ("A", "B"), 5 * SECOND)
    world.run_for(3 * SECOND)
    return world


def record(world: World) -> ArbiterRecord:
    text = world.etcd.standing("web").record
    read = decode_record(text or "")
    assert isinstance(read, ArbiterRecord)
    return read


def is_void(agent: Agent) -> bool:
    """Whether it serves on an operator's word."""
    return agent.state.grant.is_void


def cut_from_etcd(world: World, node: str) -> None:
    world.network.cut(LAN, node, PLACE)
    world.network.cut(LAN, PLACE, node)


def mounted(world: World) -> list[str]:
    """Return the nodes that have the volume mounted, whatever their address."""
    return [
        host.name
        for host in world.hosts
        if host.kernel is not None and host.kernel.machine.mounts.at("/home/sites") is not None
    ]


def refusal(world: World, node: str) -> str:
    agent = world.host(node).agent
    assert agent is not None
    return agent.state.candidacy_refusal


def health(world: World, node: str) -> str:
    """Return what the status of a node calls the pair."""
    agent = world.host(node).agent
    assert agent is not None
    return str(describe(agent.state, agent.settings, agent.state.moved_at)["health"])


def test_a_pair_is_called_healthy_only_once_etcd_counts_both_copies() -> None:
    world = running(arbiter=ArbiterKind.ETCD)
    world.power_off("B")
    assert world.run_until(lambda: record(world).in_sync == ("A",), 20 * SECOND)
    world.power_on("B")
    assert world.run_until(lambda: copies(world)["B"] is CopyState.SYNCING, MINUTE)
    assert world.run_until(lambda: set(copies(world).values()) == {CopyState.IN_SYNC}, MINUTE)

    while record(world).in_sync != ("A", "B"):
        assert (health(world, "A"), health(world, "B")) == ("degraded", "degraded")
        world.run_for(100 * MILLISECOND)
    world.run_for(5 * SECOND)
    assert (health(world, "A"), health(world, "B")) == ("healthy", "healthy")


def test_a_primary_that_is_cut_off_has_stopped_before_the_other_one_mounts() -> None:
    """Its switch port dies: neither etcd nor the peer; what the kernel would acknowledge must not be (attack 1)."""
    world = pair_in_service()
    world.cut(REPLICATION)
    world.isolate("A", LAN)

    assert world.run_until(lambda: mounted(world) == [], 15 * SECOND)
    assert world.run_until(lambda: serving(world) == ["B"], 20 * SECOND)
    assert world.workload.lost(world.host("B")) == []

    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_writes_are_not_acknowledged_by_the_kernel_when_etcd_cannot_be_asked() -> None:
    world = pair_in_service()
    world.etcd.has_majority = False
    world.power_off("B")
    acknowledged = len(world.workload.acknowledged)

    world.run_for(4 * SECOND)

    assert len(world.workload.acknowledged) - acknowledged <= 2
    assert mounted(world) == []
    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_dead_agents_host_is_reset_by_its_watchdog_before_the_other_one_serves() -> None:
    """Mount, address and ggate would live on in the kernel (attack 9)."""
    world = pair_in_service()
    world.restarts = False
    world.kill_agent("A")

    assert world.run_until(lambda: not world.host("A").is_on, 5 * SECOND)
    assert world.run_until(lambda: serving(world) == ["B"], 20 * SECOND)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_restarted_agent_finds_its_grant_and_goes_on_serving() -> None:
    """The id of its lease is lost, the grant is not (attack 29)."""
    world = pair_in_service()
    epoch = record(world).epoch
    world.kill_agent("A")

    assert world.run_until(lambda: role(world, "A") is Role.PRIMARY, 5 * SECOND)
    world.run_for(20 * SECOND)

    assert serving(world) == ["A"]
    assert record(world).epoch == epoch
    agent = world.host("A").agent
    assert agent is not None
    assert agent.state.guard.watch is Watch.ARMED
    assert_in_order(world)


def test_without_etcd_the_peers_promise_keeps_a_primary_in_service() -> None:
    """And when the peer is lost too it stops before the promise ends, and the peer starts only after it (attack 8)."""
    world = pair_in_service()
    cut_from_etcd(world, "A")
    world.run_for(MINUTE)
    assert serving(world) == ["A"]

    world.cut(LAN)
    world.cut(REPLICATION)
    assert world.run_until(lambda: mounted(world) == [], 15 * SECOND)
    assert world.run_until(lambda: serving(world) == ["B"], 20 * SECOND)

    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_primary_that_reaches_etcd_again_takes_its_grant_again() -> None:
    world = pair_in_service()
    epoch = record(world).epoch
    cut_from_etcd(world, "A")
    world.run_for(30 * SECOND)
    assert world.etcd.standing("web").holder is None

    world.heal()
    world.run_for(3 * SECOND)

    assert world.etcd.standing("web").holder is not None
    assert record(world).epoch == epoch
    assert serving(world) == ["A"]


def test_a_promise_outlives_the_promisers_own_life() -> None:
    world = pair_in_service()
    cut_from_etcd(world, "A")
    world.run_for(20 * SECOND)
    world.cut(LAN)
    world.cut(REPLICATION)
    world.kill_agent("B")

    world.run_for(5 * SECOND)
    assert "promised" in refusal(world, "B")
    assert world.run_until(lambda: serving(world) == ["B"], 20 * SECOND)


def test_an_etcd_that_went_back_to_a_backup_grants_nothing() -> None:
    """The set in the backup is older than what the nodes have lived through (attack 33)."""
    world = running(arbiter=ArbiterKind.ETCD)
    backup = found(1, arbiter=ArbiterKind.ETCD).etcd.backup()
    for node in ("A", "B"):
        world.power_off(node)
    world.etcd.restore(backup)
    world.power_on("A")

    world.run_for(MINUTE)

    assert serving(world) == []
    assert "restored from a backup" in refusal(world, "A")


def test_only_the_counted_copy_serves_after_a_power_cut_of_both() -> None:
    world = pair_in_service()
    for node in ("A", "B"):
        world.power_off(node)

    world.power_on("B")
    world.run_for(MINUTE)
    assert serving(world) == []  # It was exported when the power went: an operator decides.

    world.power_off("B")
    world.power_on("A")
    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_lost_secondary_is_let_go_while_role_changes_are_paused() -> None:
    """A pause stops changes of role, neither losses nor renewals (attack 34)."""
    world = pair_in_service()
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.PAUSE, until_wall=0)
    world.power_off("B")

    world.run_for(20 * SECOND)

    assert record(world).in_sync == ("A",)
    assert serving(world) == ["A"]
    assert copies(world)["A"] is CopyState.SOLE
    assert world.workload.longest_stall_ns < 3 * SECOND


def test_lost_answers_in_the_middle_of_moves_lose_nothing() -> None:
    """Applied but unknown, or unknown and applied much later: a drop, a release, a promotion (attack 12)."""
    for seed in range(1, 6):
        world = pair_in_service(seed)
        world.etcd.loss = 1 / 3
        for _ in range(3):
            switch_over(world)
            world.run_for(10 * SECOND)
        world.power_off("B" if serving(world) == ["A"] else "A")
        world.run_for(10 * SECOND)
        mend(world)
        assert settle(world, 2 * MINUTE)
        assert_in_order(world)


def test_between_equal_copies_the_counted_one_serves_however_it_was_closed() -> None:
    """A rebuild was done, but etcd could not be told; then the only counted copy crashed: the other is the cleaner."""
    world = pair_in_service()
    world.power_off("B")
    world.run_for(5 * SECOND)
    world.power_on("B")
    assert world.run_until(lambda: copies(world)["B"] is CopyState.SYNCING, MINUTE)
    world.etcd.has_majority = False
    assert world.run_until(lambda: copies(world)["A"] is CopyState.IN_SYNC, 5 * SECOND)
    assert record(world).in_sync == ("A",)
    world.power_off("A")
    world.run_for(SECOND)

    mend(world)

    assert settle(world, 2 * MINUTE)
    assert serving(world) == ["A"]
    assert_in_order(world)


def test_a_copy_is_not_let_go_while_etcd_may_be_about_to_count_it() -> None:
    """Otherwise the answer that comes late leaves a copy in the set that lacks what was acknowledged meanwhile."""
    world = pair_in_service()
    agent = world.host("A").agent
    assert agent is not None
    alone = replace(record(world), in_sync=("A",))
    text, holder = encode_record(alone), agent.state.grant.standing.holder
    adding = ChangeStanding(
        purpose=Purpose.ADD,
        record_before=text,
        record_after=encode_record(record(world)),
        holder_before=holder,
        holder_after=holder,
    )
    known = replace(agent.state.grant, record=alone, request=None, asking=0, is_in_doubt=False)
    dropping = Dropping(since=world.timeline.now, reason="its host has booted", lineage="L")

    def may_drop(request: ChangeStanding | None) -> bool:
        grant = replace(known, request=request, asking=1 if request else 0)
        state = agent.state.changed({"grant": grant, "dropping": dropping})
        return arbiters.may_drop(Turn(state, world.timeline.now, agent.settings))

    assert may_drop(None)
    assert not may_drop(adding)


@pytest.mark.parametrize(
    ("their_role", "is_let_go"),
    [(Role.STANDBY, True), (Role.DEMOTING, True), (Role.PROMOTING, False), (Role.PRIMARY, False)],
)
def test_a_peer_that_takes_down_what_is_left_there_is_parted_from_like_any_other(
    their_role: Role, *, is_let_go: bool
) -> None:
    """Its export is gone meanwhile: without the question to etcd the kernel would acknowledge on its own one day."""
    world = pair_in_service()
    agent = world.host("A").agent
    assert agent is not None
    assert agent.state.peer.report is not None
    now, report = world.timeline.now, replace(agent.state.peer.report, role=their_role)
    stalled = tuple((volume, later(now, -5 * SECOND)) for volume, _ in agent.state.canaries)
    peer = replace(agent.state.peer, report=report)
    state = agent.state.changed({"peer": peer, "canaries": stalled, "synced_images": ()})
    turn = Turn(state, now, agent.settings)
    loss.advance(turn)
    assert (turn.state.dropping is not None) == is_let_go


def test_an_operators_word_stands_for_etcd_until_it_answers_again() -> None:
    world = pair_in_service()
    world.etcd.has_majority = False
    world.power_off("A")
    world.run_for(20 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    assert serving(world) == []

    agent.order(OrderKind.PROMOTE)
    world.run_for(5 * SECOND)
    assert serving(world) == []
    agent.order(OrderKind.PROMOTE, peer_is_off=True)
    assert world.run_until(lambda: serving(world) == ["B"], 10 * SECOND)
    assert is_void(agent)

    world.etcd.has_majority = True
    world.run_for(5 * SECOND)
    assert not is_void(agent)
    assert record(world).in_sync == ("B",)
    world.power_on("A")
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_without_a_watchdog_a_host_that_answers_is_not_taken_over_from() -> None:
    world = found(1, arbiter=ArbiterKind.ETCD)
    for node, settings in world.settings.items():
        world.settings[node] = replace(settings, watchdog=WatchdogSettings())
    for node in ("A", "B"):
        world.power_on(node)
    assert settle(world, MINUTE)
    world.restarts = False
    world.run_for(3 * SECOND)
    world.kill_agent("A")

    world.run_for(MINUTE)

    assert mounted(world) == ["A"]
    assert "no watchdog" in refusal(world, "B")


def test_a_host_whose_agent_is_alive_is_never_reset_by_its_watchdog() -> None:
    world = pair_in_service()
    world.etcd.loss = 1 / 3
    before = world.host("A").life

    world.run_for(2 * MINUTE)

    assert world.host("A").life == before
    assert world.workload.longest_stall_ns < 100 * MILLISECOND


def test_a_copy_that_etcd_has_counted_out_says_so_though_etcd_is_restored_and_the_primary_lost() -> (
    None
):
    """The nodes hear each other no more, but etcd; what it knew is gone with the backup, and then the primary is."""
    world = pair_in_service()
    backup = world.etcd.backup()
    world.cut(REPLICATION)
    world.cut(LAN)
    assert world.run_until(lambda: record(world).in_sync == ("A",), 10 * SECOND)
    assert world.run_until(lambda: copies(world)["B"] is CopyState.STALE, 5 * SECOND)

    world.etcd.restore(backup)
    world.power_off("A")
    world.run_for(30 * SECOND)

    assert mounted(world) == []
    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_restored_etcd_is_told_again_whose_copy_counts() -> None:
    world = pair_in_service()
    before = encode_record(record(world))
    world.power_off("B")
    assert world.run_until(lambda: record(world).in_sync == ("A",), 10 * SECOND)

    world.etcd.put("web", before)

    assert record(world).in_sync == ("A", "B")
    assert world.run_until(lambda: record(world).in_sync == ("A",), 5 * SECOND)
    assert serving(world) == ["A"]


def test_the_peer_may_serve_though_the_primarys_disk_failed_before_etcd_counted_the_rebuilt_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both nodes have recorded in_sync; only etcd has not heard of it yet."""
    world = pair_in_service()
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 10 * SECOND)
    ask = world.etcd.ask

    def forget(agent: Agent, request: ChangeStanding | ReadStanding, give: Answered) -> None:
        is_add = isinstance(request, ChangeStanding) and request.purpose is Purpose.ADD
        if is_add:
            world.timeline.after(SECOND, lambda: give(Unknown(reason="lost on the way")))
        else:
            ask(agent, request, give)

    monkeypatch.setattr(world.etcd, "ask", forget)
    world.power_on("B")
    assert world.run_until(lambda: set(copies(world).values()) == {CopyState.IN_SYNC}, MINUTE)
    assert record(world).in_sync == ("A",)

    world.host("A").files.fail(world.images("A")[0], 5)

    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    assert world.workload.lost(world.host("B")) == []


def test_a_closing_that_is_never_seen_ends_with_the_host_and_the_grant() -> None:
    """Somebody holds the image open for writing: nothing is mounted, but nobody else could serve either."""
    world = pair_in_service()
    image = world.images("A")[0]
    opener = Opener(command="dd", pid=4711, descriptor=3, writes=True)
    world.host("A").files.holders[image] = (opener,)
    switch_over(world)
    assert world.run_until(lambda: mounted(world) == [], 20 * SECOND)

    assert world.run_until(lambda: serving(world) == ["B"], 2 * MINUTE)

    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)
