"""Which step brings a volume up, beside what earlier lives have left."""

from hafailover.sim import pair
from hafailover.storage.activation import PeerExport, free_unit, plan_active, plan_gate
from hafailover.storage.facts import GateProcess, ImageFacts, MemoryDisk, StorageFacts, TailKind
from hafailover.storage.steps import CommandStep, Next, Plan, Refused, SignalStep, Step
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView, view_volume

(VOLUME,) = pair.volumes("A", 1)
OLD, OTHER = VOLUME.ggate_units


def seen_beside_a_stuck_ggatec() -> VolumeView:
    """Return a volume whose image is attached, while a ggatec without a device waits inside the kernel."""
    disk = MemoryDisk(
        unit=VOLUME.md_units[0],
        file=VOLUME.image,
        is_read_only=False,
        size_bytes=VOLUME.size_bytes,
        open_mode="r0w0e0",
    )
    stuck = GateProcess(
        program="ggatec",
        pid=77,
        parent=1,
        process_group=77,
        state="D",
        arguments=("ggatec", "create", "-u", str(OLD), "192.0.2.2", "/x.img"),
    )
    facts = StorageFacts(memory_disks=(disk,), gates=(), mirrors=(), mounts=(), processes=(stuck,))
    view = view_volume(VOLUME, facts)
    assert view is not None
    return view


def pursued(view: VolumeView, export: PeerExport | None = None) -> list[Step]:
    """Return the steps that are tried, while none has any effect, until one is no signal."""
    tries, steps = Tries(), list[Step]()
    while not steps or isinstance(steps[-1], SignalStep):
        plan: Plan = (
            plan_active(view, tries, with_peer=None)
            if export is None
            else plan_gate(view, tries, export)
        )
        assert isinstance(plan, Next)
        assert len(steps) < 10, "it is tried for ever"
        steps.append(plan.step)
        tries = tries.plus(plan.step, "")
    return steps


def test_a_ggatec_that_does_not_end_keeps_nobody_from_serving() -> None:
    *signals, last = pursued(seen_beside_a_stuck_ggatec())

    assert [each.signal for each in signals if isinstance(each, SignalStep)] == [
        "TERM",
        "KILL",
        "KILL",
    ]
    assert isinstance(last, CommandStep)
    assert last.verb == "gmirror label"


def test_the_unit_of_a_ggatec_that_does_not_end_is_not_used_again() -> None:
    view = seen_beside_a_stuck_ggatec()
    export = PeerExport(address="192.0.2.2", port=3080, path="/y.img")

    *_, last = pursued(view, export)

    assert isinstance(last, CommandStep)
    assert (last.verb, last.unit) == ("ggatec create", OTHER)
    assert free_unit(view, "ggate", VOLUME.ggate_units) == OTHER


def seen_before_it_is_attached(*others: int, writable: bool = True, **own: bool) -> VolumeView:
    """Return a volume with a good image, beside md units of somebody else; ``own``: it is on the last unit itself."""
    disks = tuple(
        MemoryDisk(unit=unit, file="/their.img", is_read_only=False, size_bytes=512, open_mode="")
        for unit in others
    )
    if own:
        disks += (
            MemoryDisk(
                unit=VOLUME.md_units[1],
                file=VOLUME.image,
                is_read_only=own["is_read_only"],
                size_bytes=VOLUME.size_bytes,
                open_mode="r0w0e0",
            ),
        )
    image = ImageFacts(
        exists=True, size_bytes=VOLUME.size_bytes, is_writable=writable, tail=TailKind.ZERO
    )
    facts = StorageFacts(
        memory_disks=disks,
        gates=(),
        mirrors=(),
        mounts=(),
        processes=(),
        images=((VOLUME.image, image),),
        openers=((VOLUME.image, ()),),
    )
    view = view_volume(VOLUME, facts)
    assert view is not None
    return view


def test_a_unit_that_somebody_else_has_is_left_to_him() -> None:
    first, second = VOLUME.md_units
    for others, chosen in (((), first), ((first,), second)):
        plan = plan_active(seen_before_it_is_attached(*others), Tries(), with_peer=None)
        assert isinstance(plan, Next)
        assert isinstance(plan.step, CommandStep)
        assert plan.step.argv[-2:] == ("-u", str(chosen))
    plan = plan_active(seen_before_it_is_attached(first, second), Tries(), with_peer=None)
    assert plan == Refused(f"both md units of {VOLUME.name} are taken: md{first}, md{second}")


def test_what_came_up_or_would_come_up_read_only_is_refused() -> None:
    """mdconfig(8) attaches an image that it may not write read-only, and exits 0."""
    before = plan_active(seen_before_it_is_attached(writable=False), Tries(), with_peer=None)
    assert isinstance(before, Refused)
    assert "is not writable" in before.reason
    after = plan_active(seen_before_it_is_attached(is_read_only=True), Tries(), with_peer=None)
    assert isinstance(after, Refused)
    assert "came up read-only" in after.reason
