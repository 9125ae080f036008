"""The command lines and the parsers against a modelled host: what is done is what is then seen."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hafailover.emulation.files import Opener as Holder
from hafailover.storage import commands, observing
from hafailover.storage.exit_status import CheckResult, after_preen
from hafailover.storage.facts import ComponentState, Mirror, MirrorState, Mount, Opener, TailKind
from hafailover.storage.geom_facts import GeomFacts, see_geom
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.openers import parse_openers
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import CommandStep, StepOutcome
from hafailover.storage.tail import decode_tail
from hafailover.units import MILLISECOND, SECOND
from tests.emulation.hosts import MEGABYTE, Host, pair

VOLUME = VolumeSettings(
    name="data",
    image="/img/a",
    size_bytes=8 * MEGABYTE,
    mirror="data",
    mount_point="/mnt/data",
    mount_options=("noatime",),
    md_units=(10, 11),
    ggate_units=(10, 11),
)
PEER_IMAGE = "/img/b"


def run(host: Host, step: CommandStep) -> StepOutcome:
    done = host.run(" ".join(step.argv))
    return StepOutcome(status=done.status, stdout=done.stdout, stderr=done.stderr)


def do(host: Host, *steps: CommandStep) -> None:
    for step in steps:
        outcome = run(host, step)
        assert outcome.status in step.accepts, (step, outcome)


def seen(host: Host) -> GeomFacts:
    return see_geom(run(host, observing.look_at_geom()).stdout)


def mirror(host: Host) -> Mirror:
    (found,) = seen(host).mirrors
    return found


def mounted(host: Host) -> tuple[Mount, ...]:
    table = parse_mounts(run(host, observing.look_at_mounts()).stdout)
    return tuple(mount for mount in table if mount.device == VOLUME.device)


def last_sector(host: Host, path: str) -> TailKind:
    size = host.files.stat(path).size
    return decode_tail(host.files.pread(path, size - 512, 512)).kind


def mirrored() -> tuple[Host, Host]:
    """Return two hosts of which the first has both copies in a mounted, rebuilt mirror."""
    one, two = pair()
    do(one, commands.attach_memory_disk(VOLUME, 10))
    do(one, commands.label_mirror(VOLUME, md_unit=10, ggate_unit=None))
    one.ok(f"newfs -U -j {VOLUME.device}")
    do(one, commands.preen(VOLUME), commands.mount(VOLUME))
    do(one, commands.set_local_priority(VOLUME, "md10", 100))
    one.connect(two, PEER_IMAGE, 10)
    do(one, commands.insert_gate(VOLUME, 10))
    for _ in range(1000):
        if mirror(one).state is MirrorState.COMPLETE:
            return one, two
        one.advance(100 * MILLISECOND)
    raise AssertionError(mirror(one))


def test_a_volume_is_brought_up_and_every_step_is_seen() -> None:
    one, _ = mirrored()
    facts = seen(one)
    (disk,) = facts.memory_disks
    assert (disk.unit, disk.file, disk.is_read_only) == (10, "/img/a", False)
    assert disk.size_bytes == VOLUME.size_bytes
    (gate,) = facts.gates
    assert (gate.unit, gate.timeout_s, gate.info) == (10, 30, f"10.77.0.2:3080 {PEER_IMAGE}")
    found = mirror(one)
    assert (found.wanted_components, found.balance) == (2, "prefer")
    local, remote = found.component("md10"), found.component("ggate10")
    assert local is not None
    assert remote is not None
    assert (local.state, local.priority) == (ComponentState.ACTIVE, 100)
    assert (remote.state, remote.priority) == (ComponentState.ACTIVE, commands.REMOTE_PRIORITY)
    (mount,) = mounted(one)
    assert (mount.mount_point, mount.kind, mount.is_read_only) == ("/mnt/data", "ufs", False)


def test_a_volume_is_taken_down_and_nothing_is_left_on_either_image() -> None:
    one, two = mirrored()
    do(one, commands.unmount(VOLUME, force=False))
    assert mounted(one) == ()
    do(one, commands.destroy_mirror(VOLUME))
    assert seen(one).mirrors == ()
    do(one, commands.destroy_gate(VOLUME, 10, force=False))
    do(one, commands.detach_memory_disk(VOLUME, 10))
    one.advance(10 * SECOND)
    facts = seen(one)
    assert (facts.mirrors, facts.gates, facts.memory_disks) == ((), (), ())
    assert last_sector(one, "/img/a") is TailKind.ZERO
    assert last_sector(two, PEER_IMAGE) is TailKind.ZERO


def test_a_lost_peer_is_dropped_and_forgotten() -> None:
    one, _ = mirrored()
    do(one, commands.destroy_gate(VOLUME, 10, force=True))
    one.advance(SECOND)
    found = mirror(one)
    assert found.state is MirrorState.DEGRADED
    assert found.wanted_components == 2
    assert [part.provider for part in found.components] == ["md10"]
    do(one, commands.forget(VOLUME))
    assert (mirror(one).state, mirror(one).wanted_components) == (MirrorState.COMPLETE, 1)


def test_both_copies_labelled_are_active_at_once() -> None:
    one, two = mirrored()
    do(one, commands.unmount(VOLUME, force=False), commands.destroy_mirror(VOLUME))
    do(one, commands.label_mirror(VOLUME, md_unit=10, ggate_unit=10))
    one.advance(SECOND)
    found = mirror(one)
    assert found.state is MirrorState.COMPLETE
    local, remote = found.component("md10"), found.component("ggate10")
    assert local is not None
    assert remote is not None
    assert local.priority > remote.priority
    assert last_sector(one, "/img/a") is TailKind.MIRROR
    assert last_sector(two, PEER_IMAGE) is TailKind.MIRROR


def test_what_the_checks_say_is_understood() -> None:
    one, _ = mirrored()
    assert after_preen(run(one, commands.preen(VOLUME))) is CheckResult.NOT_WRITABLE
    do(one, commands.unmount(VOLUME, force=False))
    assert after_preen(run(one, commands.preen(VOLUME))) is CheckResult.CLEAN
    do(one, commands.full_check(VOLUME))
    do(one, commands.destroy_mirror(VOLUME))
    assert after_preen(run(one, commands.preen(VOLUME))) is CheckResult.NO_DEVICE
    do(one, commands.label_mirror(VOLUME, md_unit=10, ggate_unit=None))
    assert after_preen(run(one, commands.preen(VOLUME))) is CheckResult.CLEAN
    blank = VolumeSettings(
        name="blank",
        image=PEER_IMAGE,
        size_bytes=8 * MEGABYTE,
        mirror="blank",
        mount_point="/mnt/blank",
        md_units=(20, 21),
        ggate_units=(20, 21),
    )
    one.files.create(PEER_IMAGE, 8 * MEGABYTE)
    do(one, commands.attach_memory_disk(blank, 20))
    do(one, commands.label_mirror(blank, md_unit=20, ggate_unit=None))
    assert after_preen(run(one, commands.preen(blank))) is CheckResult.NO_FILE_SYSTEM


def test_openers_of_an_image_are_read() -> None:
    one, _ = pair()
    look = observing.look_at_openers("/img/a")
    assert parse_openers(run(one, look).stdout) == ()
    one.files.holders["/img/a"] = (
        Holder(command="ggated", pid=594, descriptor=8, writes=True),
        Holder(command="dd", pid=7, descriptor=3, writes=False),
    )
    assert parse_openers(run(one, look).stdout) == (
        Opener(command="ggated", pid=594, may_write=True),
        Opener(command="dd", pid=7, may_write=False),
    )


ORDERS = st.sampled_from(
    [
        commands.attach_memory_disk(VOLUME, 10),
        commands.attach_memory_disk(VOLUME, 11),
        commands.detach_memory_disk(VOLUME, 10),
        commands.label_mirror(VOLUME, md_unit=10, ggate_unit=None),
        commands.label_mirror(VOLUME, md_unit=10, ggate_unit=10),
        commands.set_local_priority(VOLUME, "md10", 100),
        commands.insert_gate(VOLUME, 10),
        commands.forget(VOLUME),
        commands.destroy_mirror(VOLUME),
        commands.destroy_gate(VOLUME, 10, force=False),
        commands.destroy_gate(VOLUME, 10, force=True),
        commands.preen(VOLUME),
        commands.mount(VOLUME),
        commands.unmount(VOLUME, force=False),
        commands.unmount(VOLUME, force=True),
    ]
)
PAUSES = st.sampled_from([0, 10 * MILLISECOND, SECOND, 5 * SECOND])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(ORDERS, PAUSES), max_size=12))
def test_whatever_was_done_the_host_is_understood(
    orders: list[tuple[CommandStep, int]],
) -> None:
    """After any orders in any order, the parsers say the same as gmirror status and mdconfig."""
    one, _ = mirrored()
    for order, pause in orders:
        run(one, order)
        one.advance(pause)
        facts = seen(one)
        status = one.run("gmirror status -s").stdout.split()
        running = [m for m in facts.mirrors if m.state is not MirrorState.STARTING]
        for each in running:
            assert (f"mirror/{each.name}" in status) == bool(each.open_mode)
            assert each.state.value in status or not each.open_mode
            for part in each.components:
                assert part.provider in status or not each.open_mode
        units = one.run("mdconfig -l").stdout.split()
        assert [f"md{disk.unit}" for disk in facts.memory_disks] == sorted(units)
        mounted(one)
