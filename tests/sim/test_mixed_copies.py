"""One of two volumes is lost, a disk dies with its records, an agent ends meanwhile: what is whole serves."""

from dataclasses import replace

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.actions import AlertKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, role, running, serving

ALL = list(ArbiterKind)


def alerts(world: World) -> set[AlertKind]:
    return {
        alert.kind
        for host in world.hosts
        if host.agent is not None
        for alert in host.agent.state.alerts
    }


def doubled(arbiter: ArbiterKind, told: list[str], service_s: int = 0) -> World:
    """A pair with two volumes, in service for a while."""
    world = running(16, arbiter=arbiter, tell=told.append, gate_timeout_s=2)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    if service_s:
        world.host("A").stubbornness.service_ns = service_s * SECOND
    return world


def lose_own(world: World) -> None:
    """A's disk under its first volume fails, and A begins to hand over."""
    world.host("A").files.fail(world.images("A")[0], EIO)
    assert world.run_until(lambda: role(world, "A") is Role.DEMOTING, 5 * SECOND)


def is_in_sync(world: World) -> bool:
    return all(
        record.copy is CopyState.IN_SYNC
        for host in world.hosts
        for record in world.records[host.name].values()
    )


@pytest.mark.parametrize("arbiter", ALL)
def test_a_disk_that_fails_with_the_records_on_it_leaves_the_peer_free_to_serve(
    arbiter: ArbiterKind,
) -> None:
    """One volume. A's whole disk dies: image and records. A demotes in order and calls its copy stale, in memory only.

    What is reported is durable: in_sync, open. A is not durable, so it never agrees; B, whole, clean and heard, says
    "A has not agreed yet" for ever. Nobody serves, with any arbiter, after one dead disk.
    """
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    world.record_problem["A"] = "Input/output error"
    world.host("A").files.fail(world.images("A")[0], EIO)
    world.run_for(3 * MINUTE)

    assert serving(world) == ["B"]


@pytest.mark.parametrize("arbiter", ALL)
def test_one_lost_volume_of_two_does_not_make_the_pair_diverge(arbiter: ArbiterKind) -> None:
    """A {stale, in_sync} handed over to B {in_sync, in_sync}. B begins to promote and says touched.

    Volume 1: theirs. Volume 2: A's in_sync outranks B's touched: mine. "Mine and theirs" is called divergence, A writes
    diverged for volume 2 durably, and the pair waits for an operator for ever, though the disk works again.
    """
    told: list[str] = []
    world = doubled(arbiter, told)
    lose_own(world)
    world.run_for(20 * SECOND)
    world.host("A").files.fail(world.images("A")[0], 0)

    assert world.run_until(lambda: is_in_sync(world), 3 * MINUTE)
    assert AlertKind.DIVERGED not in alerts(world)
    assert world.fence.shots == []


@pytest.mark.parametrize("arbiter", ALL)
def test_an_unmount_by_hand_of_one_volume_of_two_costs_a_rebuild_only(arbiter: ArbiterKind) -> None:
    """The same by a human: ``umount -f`` of one of the two volumes."""
    told: list[str] = []
    world = doubled(arbiter, told)
    world.host("A").run(("umount", "-f", "/home/sites"), lambda _: None)
    world.run_for(2 * MINUTE)

    assert len(serving(world)) == 1
    assert is_in_sync(world)
    assert world.fence.shots == []


def test_a_standby_that_stops_in_a_hiccup_of_etcd_does_not_have_the_primary_reset() -> None:
    """Etcd has no majority for 6 s (an election); the standby's agent is stopped for an upgrade meanwhile.

    A takes "B is stopping" for a loss, and before etcd has agreed its wish is already RECORD_STALE: B calls its copy
    stale and ends its export. Now writes wait, etcd still cannot agree, the abort clock runs out: A's host is reset.
    The lease had more than 5 s left, and B could have waited.
    """
    told: list[str] = []
    world = running(arbiter=ArbiterKind.ETCD, tell=told.append)
    world.run_for(3 * SECOND)
    strike(world, Fault(kind=FaultKind.ETCD_DOWN, span_ns=6 * SECOND))
    world.run_for(SECOND)
    world.stop_agent("B")
    world.run_for(20 * SECOND)

    assert not [line for line in told if "RESET" in line]
    assert serving(world) == ["A"]
    assert role(world, "B") is Role.STOPPED


@pytest.mark.parametrize("arbiter", ALL)
def test_what_one_of_two_volumes_still_takes_is_not_lost_with_a_partition(
    arbiter: ArbiterKind,
) -> None:
    """A lost volume 1, says so at etcd ("leave the set"), and its services take 25 s to stop. Both cables are cut.

    ``free_stuck`` rightly lets nothing go any more. Without an end by force the kernel
    drops B's copy of volume 2 by itself and acknowledges there alone. B, the only one that counts, serves without it.
    """
    told: list[str] = []
    world = doubled(arbiter, told, 25)
    lose_own(world)
    world.run_for(SECOND)
    world.cut(REPLICATION)
    world.cut(LAN)
    world.run_for(2 * MINUTE)

    assert not [host for host in serving(world) if world.workload.lost(world.host(host))]


@pytest.mark.parametrize("arbiter", ALL)
def test_a_standby_that_stops_does_not_call_the_newest_copy_of_a_volume_old(
    arbiter: ArbiterKind,
) -> None:
    """A lost volume 1 (stale), volume 2 is in sync, services end slowly; B is stopped and cannot wait longer.

    ``_is_peer_behind`` asks for *all* of A's copies: B calls its own copy of volume 1 stale as well. Both are then.
    """
    told: list[str] = []
    world = doubled(arbiter, told, 45)
    lose_own(world)
    world.stop_agent("B")
    world.run_for(2 * MINUTE)

    assert world.records["A"]["sites"].copy is CopyState.STALE
    assert world.records["B"]["sites"].copy is not CopyState.STALE


@pytest.mark.parametrize("arbiter", ALL)
def test_an_image_that_cannot_be_read_after_a_boot_is_told(arbiter: ArbiterKind) -> None:
    """Both hosts were shut down in order; A's disk does not survive it. A is starting for ever, and agrees to nothing.

    B's copy is whole and closed. Nobody serves, B says "A has not agreed yet", and no alert is raised on either node.
    """
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    both_off(world)
    world.host("A").files.fail(world.images("A")[0], EIO)
    both_on(world)

    assert serving(world) == ["B"] or AlertKind.WAITING_FOR_OPERATOR in alerts(world)


@pytest.mark.parametrize("arbiter", ALL)
def test_an_image_that_was_replaced_while_both_were_off_is_told(arbiter: ArbiterKind) -> None:
    """The same with an image that was restored: its copy is unknown, and an operator has to choose."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    both_off(world)
    record = world.records["A"]["sites"]
    assert record.binding is not None
    binding = replace(record.binding, inode=record.binding.inode + 77)
    world.records["A"]["sites"] = replace(record, binding=binding)
    both_on(world)

    assert serving(world) == ["B"] or AlertKind.WAITING_FOR_OPERATOR in alerts(world)


def both_off(world: World) -> None:
    for node in ("A", "B"):
        world.stop_agent(node)
    world.run_for(20 * SECOND)
    for node in ("A", "B"):
        world.power_off(node)


def both_on(world: World) -> None:
    for node in ("A", "B"):
        world.power_on(node)
    world.run_for(3 * MINUTE)
