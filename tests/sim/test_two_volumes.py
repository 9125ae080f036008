"""A group with two volumes moves, loses and regains its copies as one."""

from dataclasses import replace

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import GroupSettings
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.schedule import is_settled
from hafailover.sim.world import World
from hafailover.units import SECOND

MINUTE = 60 * SECOND


def two_volumes(node: str) -> GroupSettings:
    settings = pair.group_settings(node)
    (first,) = settings.volumes
    second = replace(
        first,
        name="mail",
        image=f"/images/{node}-mail.img",
        mirror="sites-mail",
        mount_point="/home/mail",
        md_units=(20, 21),
        ggate_units=(20, 21),
        port=3090,
    )
    return replace(settings, volumes=(first, second))


def running() -> World:
    world = World(3, {node: two_volumes(node) for node in pair.NODES})
    for node in pair.NODES:
        world.power_on(node)
    assert world.run_until(lambda: is_settled(world), MINUTE)
    return world


def copies(world: World, node: str) -> dict[str, CopyState]:
    return {volume: record.copy for volume, record in world.records[node].items()}


def mounts(world: World, node: str) -> set[str]:
    kernel = world.host(node).kernel
    assert kernel is not None
    return {each.directory for each in kernel.machine.mounts.entries if each.consumer is not None}


def test_both_volumes_come_up_and_both_copies_are_rebuilt() -> None:
    world = running()

    assert mounts(world, "A") >= {"/home/sites", "/home/mail"}
    assert set(copies(world, "A").values()) == {CopyState.IN_SYNC}
    assert copies(world, "A") == copies(world, "B")
    assert world.checker.violations == []


def test_both_volumes_move_together() -> None:
    world = running()
    agent = world.host("A").agent
    assert agent is not None

    agent.order(OrderKind.SWITCHOVER)

    assert world.run_until(
        lambda: is_settled(world) and mounts(world, "B") >= {"/home/mail"}, MINUTE
    )
    assert mounts(world, "B") >= {"/home/sites", "/home/mail"}
    assert copies(world, "A") == copies(world, "B")
    assert world.checker.violations == []


def test_the_loss_of_the_peer_lets_both_of_its_copies_go() -> None:
    world = running()

    world.power_off("B")
    world.run_for(5 * SECOND)

    assert set(copies(world, "A").values()) == {CopyState.SOLE}
    lineages = {record.lineage for record in world.records["A"].values()}
    assert len(lineages) == 1
    world.power_on("B")
    assert world.run_until(lambda: is_settled(world), 2 * MINUTE)
    world.run_for(SECOND)
    world.checker.in_sync()
    assert world.checker.violations == []


def test_the_survivor_serves_both_volumes() -> None:
    world = running()

    world.power_off("A")

    def serves() -> bool:
        agent = world.host("B").agent
        return agent is not None and agent.state.role is Role.PRIMARY

    assert world.run_until(serves, MINUTE)
    world.run_for(SECOND)
    assert mounts(world, "B") >= {"/home/sites", "/home/mail"}
    world.checker.ended()
    assert world.checker.violations == []
