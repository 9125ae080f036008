"""Does the checker see what it has to see? Each promise is broken by hand, past the agents."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.striking import mend
from hafailover.sim.workload import FIRST_BLOCK
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import running

IMAGES = {"A": "/images/A.img", "B": "/images/B.img"}


def broken(world: World) -> list[str]:
    return [each.invariant for each in world.checker.violations]


def without_agents() -> World:
    world = running()
    world.restarts = False
    world.kill_agent("A")
    world.kill_agent("B")
    return world


def command(world: World, node: str, line: str) -> None:
    """Run one command by hand and wait until it has ended."""
    ended: list[int] = []
    world.host(node).run(tuple(line.split()), lambda effect: ended.append(effect.status))
    assert world.run_until(lambda: bool(ended), 10 * SECOND)
    assert ended == [0], line


def mount_by_hand(world: World, node: str) -> None:
    world.host(node).write_tail(IMAGES[node], bytes(512))
    for line in (
        f"mdconfig -a -t vnode -f {IMAGES[node]} -u 11",
        "gmirror label -b prefer mine md11",
        "fsck_ffs -f -y /dev/mirror/mine",
        "mount -t ufs /dev/mirror/mine /home/sites",
    ):
        command(world, node, line)


def test_a_pair_in_service_breaks_nothing() -> None:
    world = running()
    world.run_for(20 * SECOND)
    world.checker.ended()
    world.checker.in_sync()

    assert broken(world) == []


def test_two_mounts_are_seen() -> None:
    world = without_agents()
    world.workload.kill(world.host("A"))
    mount_by_hand(world, "B")

    assert "S1" in broken(world)


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.NONE])
def test_two_mounts_in_a_named_partition_are_a_split_and_no_violation(
    arbiter: ArbiterKind,
) -> None:
    world = running(arbiter=arbiter)
    world.cut(LAN)
    world.cut(REPLICATION)
    world.run_for(20 * SECOND)
    mend(world)
    world.run_for(20 * SECOND)

    assert world.checker.is_split
    assert broken(world) == []


def test_a_second_writer_of_an_attached_image_is_seen() -> None:
    world = without_agents()
    command(world, "B", f"mdconfig -a -t vnode -f {IMAGES['B']} -u 11")
    world.run_for(2 * SECOND)

    assert "S2" in broken(world)


def test_a_rebuild_over_the_only_copy_of_a_record_is_seen() -> None:
    world = running()
    world.run_for(2 * SECOND)
    good, old = world.host("A"), world.host("B")
    block = next(iter(world.workload.acked["sites"]))
    old.files.pwrite(IMAGES["B"], FIRST_BLOCK + block * 512, bytes(512))

    world.checker.rebuild_began(good)
    assert broken(world) == []
    world.checker.rebuild_began(old)

    assert "S3" in broken(world)


def test_different_copies_joined_as_equal_are_seen() -> None:
    world = running()
    world.run_for(2 * SECOND)
    block = next(iter(world.workload.acked["sites"]))
    world.host("B").files.pwrite(IMAGES["B"], FIRST_BLOCK + block * 512, bytes(512))

    world.checker.joined(world.host("B"))

    assert broken(world) == ["S3"]


def test_a_lost_record_is_seen_at_the_end() -> None:
    world = running()
    world.run_for(2 * SECOND)
    block = next(iter(world.workload.acked["sites"]))
    for node, image in IMAGES.items():
        world.host(node).files.pwrite(image, FIRST_BLOCK + block * 512, bytes(512))

    world.checker.ended()
    world.checker.in_sync()

    assert broken(world) == ["S5", "L2"]


def test_an_address_without_its_volume_is_seen() -> None:
    world = running()
    world.host("A").virtual = set()
    world.host("B").virtual = {"192.0.2.100/32"}
    world.checker.look()

    assert broken(world) == ["S6"]


def test_a_mixture_that_is_mounted_is_seen() -> None:
    world = without_agents()
    world.power_off("A")
    world.checker.rebuild_began(world.host("A"))
    world.host("B").processes.lose_all()
    mount_by_hand(world, "B")

    assert "S7" in broken(world)


def test_nobody_serving_is_seen_at_the_end() -> None:
    world = without_agents()
    world.power_off("A")

    world.checker.ended()

    assert broken(world) == ["L1"]
