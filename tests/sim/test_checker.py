"""Does the checker see what it has to see? Each promise is broken by hand, past the agents."""

from dataclasses import replace

import pytest

from hafailover.emulation.errors import EIO
from hafailover.emulation.superblock import OFFSET, SOFT_UPDATES, UNCLEAN, Superblock
from hafailover.group import machine
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import pair, stepping
from hafailover.sim.agent import Agent
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.striking import mend
from hafailover.sim.workload import FIRST_BLOCK
from hafailover.sim.world import World
from hafailover.storage.steps import Step, StepOutcome
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, copies, running

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


def test_an_address_on_both_nodes_is_seen() -> None:
    world = running()
    for host in world.hosts:
        host.virtual = {"192.0.2.100/32"}
    world.checker.look()

    assert broken(world) == ["S6"]


def test_what_the_kernel_took_away_by_itself_is_forgiven_for_a_moment_only() -> None:
    world = without_agents()
    kernel = world.host("A").kernel
    assert kernel is not None
    kernel.machine.mounts.entries.clear()
    kernel.machine.mounts.lost += 1
    world.run_for(SECOND)
    assert broken(world) == []

    world.run_for(SECOND)

    assert broken(world) == ["S6"]


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


def test_an_old_copy_that_was_kept_before_may_be_overwritten() -> None:
    world = running()
    world.run_for(2 * SECOND)
    block = next(iter(world.workload.acked["sites"]))
    world.host("B").files.pwrite(IMAGES["B"], FIRST_BLOCK + block * 512, bytes(512))

    world.keep(world.host("A"))
    world.checker.rebuild_began(world.host("B"))

    assert broken(world) == []


def test_different_copies_joined_as_equal_are_seen() -> None:
    world = running()
    world.run_for(2 * SECOND)
    block = next(iter(world.workload.acked["sites"]))
    world.host("B").files.pwrite(IMAGES["B"], FIRST_BLOCK + block * 512, bytes(512))

    world.checker.joined(world.host("B"))

    assert broken(world) == ["S3"]


def test_a_service_that_does_not_run_is_seen_at_the_end() -> None:
    world = without_agents()
    world.workload.kill(world.host("A"))

    world.checker.ended()

    assert broken(world) == ["L1"]


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


def test_a_mixture_as_a_source_is_seen() -> None:
    world = running()
    one, other = world.hosts
    world.checker.rebuild_began(one)
    world.checker.rebuild_ended(one)
    world.checker.rebuild_began(other)
    assert broken(world) == []

    world.checker.rebuild_began(one)

    assert broken(world) == ["S7"]


def test_a_copy_that_is_complete_and_checked_may_be_mounted() -> None:
    world = without_agents()
    world.checker.rebuild_began(world.host("A"))
    world.checker.rebuild_ended(world.host("A"))
    world.power_off("A")
    world.host("B").processes.lose_all()
    mount_by_hand(world, "B")

    assert broken(world) == []


def test_an_image_that_is_attached_beside_its_ggated_is_seen_without_a_write() -> None:
    world = without_agents()
    world.workload.kill(world.host("A"))
    world.run_for(SECOND)
    world.checker.attached(world.host("B"))
    assert broken(world) == []

    command(world, "B", f"mdconfig -a -t vnode -f {IMAGES['B']} -u 11")

    assert [each.text for each in world.checker.violations] == [
        "/images/B.img on B was attached beside a ggated that serves it"
    ]


def test_a_dirty_file_system_that_is_mounted_is_seen() -> None:
    """FreeBSD mounts one with plain soft updates without a word."""
    world = without_agents()
    world.workload.kill(world.host("A"))
    world.power_off("A")
    world.host("B").processes.lose_all()
    block = Superblock(
        fs_id=(1, 2), size=pair.IMAGE_SIZE - 4096, flags=SOFT_UPDATES | UNCLEAN, clean=False
    )
    world.host("B").files.pwrite(IMAGES["B"], OFFSET, block.encode())
    world.host("B").write_tail(IMAGES["B"], bytes(512))
    for line in (
        f"mdconfig -a -t vnode -f {IMAGES['B']} -u 11",
        "gmirror label -b prefer mine md11",
        "mount -t ufs /dev/mirror/mine /home/sites",
    ):
        command(world, "B", line)

    assert broken(world) == ["S4"]


@pytest.mark.parametrize(("copy", "seen"), [(CopyState.IN_SYNC, ["S8"]), (CopyState.SOLE, [])])
def test_a_record_acknowledged_before_the_lineage_says_so_is_seen(
    copy: CopyState, seen: list[str]
) -> None:
    world = running()
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 10 * SECOND)
    record = world.records["A"]["sites"]
    world.records["A"]["sites"] = replace(record, copy=copy)

    world.run_for(3 * SECOND)

    assert broken(world) == seen


def test_what_the_kernel_drops_by_itself_is_the_one_exception() -> None:
    world = without_agents()
    world.host("B").files.fail(IMAGES["B"], EIO)
    before = len(world.workload.acknowledged)

    world.run_for(5 * SECOND)

    assert len(world.workload.acknowledged) > before
    assert broken(world) == []


@pytest.mark.parametrize(("doubt", "seen"), [("", ["S8"]), ("the kernel dropped it", [])])
def test_what_such_a_drop_may_have_cost_is_not_hidden(doubt: str, seen: list[str]) -> None:
    world = without_agents()
    world.host("B").files.fail(IMAGES["B"], EIO)
    world.run_for(5 * SECOND)
    record = world.records["A"]["sites"]
    assert record.copy is CopyState.IN_SYNC

    world.records["A"]["sites"] = replace(record, copy=CopyState.SOLE, doubt=doubt)
    world.run_for(SECOND)

    assert broken(world) == seen


def test_an_agent_admits_what_such_a_drop_may_have_cost() -> None:
    world = running()
    world.host("B").files.fail(IMAGES["B"], EIO)
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 10 * SECOND)
    world.run_for(SECOND)

    assert world.records["A"]["sites"].doubt
    assert broken(world) == []


def test_a_node_that_waits_for_ever_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of one step is not told to the agent on B: it does not get on, and nobody else would."""
    world = running()
    world.power_off("A")
    tell = stepping._finish

    def swallow(agent: Agent, number: int, step: Step, outcome: StepOutcome) -> None:
        if "label" not in getattr(step, "argv", ()):
            tell(agent, number, step, outcome)

    monkeypatch.setattr(stepping, "_finish", swallow)
    world.run_for(5 * MINUTE)
    world.checker.ended()

    assert set(broken(world)) == {"S9", "L1"}


def test_a_node_that_gave_up_with_a_reason_does_not_wait() -> None:
    world = running()
    assert world.host("B").kernel is not None
    world.power_off("A")
    world.host("B").files.fail(IMAGES["B"], EIO)
    world.run_for(5 * MINUTE)
    world.checker.ended()

    assert broken(world) == ["L1"]


def test_an_agent_that_spins_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    world = running()
    monkeypatch.setattr(machine, "deadline", lambda state, _settings: state.moved_at)

    world.run_for(2 * SECOND)

    assert "S9" in broken(world)


def test_nobody_serving_is_seen_at_the_end() -> None:
    world = without_agents()
    world.power_off("A")

    world.checker.ended()

    assert broken(world) == ["L1"]
