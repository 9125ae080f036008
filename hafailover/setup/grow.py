"""Which steps are left until an image, its file system, its record and the configuration have the new size?

Done while nothing uses the image: md(4) and gmirror(8) take the size of what they stand on when they are made, and each
activation labels the mirror anew, so its metadata simply comes to lie in the new last sector. Only the copy that holds
the data, and whose record says so (``sole``), gets its file system grown; the other one, ``stale``, is rebuilt from it.
So no lineage changes: the records say before the first byte what they say after the last.

Derived anew from what is there before each step, so that it can be cut off anywhere and run again.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from hafailover.lineage.record import CopyState
from hafailover.setup.growth import (
    Growth,
    GrowthFacts,
    GrowthPhase,
    GrowthPlan,
    GrowthStep,
    GrowthTask,
)
from hafailover.setup.growth_refusals import bound_size, growth_refusal, way_back
from hafailover.storage import commands
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import CommandStep
from hafailover.storage.view import VolumeView, view_volume
from hafailover.units import seconds

GROWFS: Final = seconds(3600)


def plan_growth(facts: GrowthFacts, wanted: int, new_id: str) -> GrowthPlan:
    """Return what is left to do on this node for ``wanted`` bytes, in order; nothing = it has that size."""
    refused = growth_refusal(facts, wanted)
    if refused is not None:
        return refused
    view = view_volume(facts.settings, facts.storage)
    assert view is not None  # noqa: S101 - the storage was seen
    steps: list[GrowthStep] = []
    growth = facts.growth
    if growth is not None and _is_finished(facts, view, growth):
        steps.append(GrowthStep(task=GrowthTask.FORGET_NOTE, text="tidy up"))
        growth = None
    if growth is not None and wanted == way_back(facts):
        return tuple(_go_back(facts, view, growth))
    return (*steps, *_steps(facts, view, growth, wanted, new_id))


def holds_data(facts: GrowthFacts) -> bool:
    """Whether this node's copy is the one whose file system has to grow."""
    return facts.record is not None and facts.record.copy is CopyState.SOLE


def _is_finished(facts: GrowthFacts, view: VolumeView, growth: Growth) -> bool:
    image = view.image
    return (
        image is not None
        and image.size_bytes == growth.wanted == facts.settings.size_bytes == bound_size(facts)
        and view.is_untouched
    )


def _steps(
    facts: GrowthFacts, view: VolumeView, growth: Growth | None, wanted: int, new_id: str
) -> Iterator[GrowthStep]:
    image = view.image
    assert image is not None  # noqa: S101 - it would have been refused
    settings = replace(facts.settings, size_bytes=wanted)
    if growth is None:
        if image.size_bytes == wanted == facts.settings.size_bytes:
            return
        growth = _begun(facts, view, wanted, new_id)
        yield _note(growth, f"note that {settings.image} is being enlarged")
    elif growth.wanted < wanted:
        yield from _take_down(settings, view)
        growth = _extended(growth, facts, view, wanted)
        yield _note(growth, f"note that {settings.image} is to become larger still")
        view = replace(view, disks=(), mirror=None)
    if growth.phase is GrowthPhase.ENLARGING:
        growth = replace(growth, phase=GrowthPhase.ENLARGED)
        yield GrowthStep(
            task=GrowthTask.ENLARGE,
            text=f"enlarge {settings.image} to {wanted >> 20} MB, every block of it",
            size=wanted,
            after=growth,
        )
    if holds_data(facts) and growth.phase is GrowthPhase.ENLARGED:
        yield from _grow(facts, settings, view, growth)
        growth = replace(growth, phase=GrowthPhase.GROWN, is_suspect=False)
        # What was set up for that is seen by the next look; this plan names its end as well.
        unit = _unit(settings, view)
        yield _run(commands.destroy_mirror(settings))
        yield _run(commands.detach_memory_disk(settings, unit))
    else:
        yield from _take_down(settings, view)
    yield from _conclude(facts, settings, growth)


def _go_back(facts: GrowthFacts, view: VolumeView, growth: Growth) -> Iterator[GrowthStep]:
    settings = replace(facts.settings, size_bytes=growth.was)
    yield from _take_down(settings, view)
    if view.image is None or view.image.size_bytes != growth.was:
        yield GrowthStep(
            task=GrowthTask.CUT_BACK,
            text=f"cut {settings.image} back to {growth.was} bytes, as it was",
            size=growth.was,
        )
    yield from _conclude(facts, settings, growth)


def _conclude(facts: GrowthFacts, settings: VolumeSettings, growth: Growth) -> Iterator[GrowthStep]:
    wanted = settings.size_bytes
    if bound_size(facts) != wanted:
        yield GrowthStep(
            task=GrowthTask.BIND,
            text=f"mark {settings.image} in its new last sector, and let the record say its size",
            size=wanted,
            after=growth,
        )
    if facts.settings.size_bytes != wanted:
        yield GrowthStep(
            task=GrowthTask.CONFIGURE,
            text=f"put the size of {settings.name} into the configuration file",
            size=wanted,
        )
    yield GrowthStep(task=GrowthTask.FORGET_NOTE, text="tidy up")


def _begun(facts: GrowthFacts, view: VolumeView, wanted: int, new_id: str) -> Growth:
    image = view.image
    assert image is not None  # noqa: S101 - it would have been refused
    block = facts.superblock if holds_data(facts) else None
    return Growth(
        phase=GrowthPhase.ENLARGING,
        wanted=wanted,
        was=image.size_bytes,
        file_system=block.size_bytes if block is not None else 0,
        is_suspect=False,
        inode=image.inode,
        birth_ns=image.birth_ns,
        close_id=f"{new_id}-{facts.settings.name}"[:64],
    )


def _extended(growth: Growth, facts: GrowthFacts, view: VolumeView, wanted: int) -> Growth:
    """Go on to a larger size: what has become part of the image, and maybe of the file system, is not zeroed again."""
    image, block = view.image, facts.superblock
    assert image is not None  # noqa: S101 - it would have been refused
    is_first = growth.phase is GrowthPhase.ENLARGING
    size = block.size_bytes if holds_data(facts) and block is not None else 0
    return replace(
        growth,
        phase=GrowthPhase.ENLARGING,
        wanted=wanted,
        was=growth.was if is_first else image.size_bytes,
        file_system=size,
    )


def _grow(
    facts: GrowthFacts, settings: VolumeSettings, view: VolumeView, growth: Growth
) -> Iterator[GrowthStep]:
    """Grow the file system: on a mirror of the one image, as it is used."""
    unit = _unit(settings, view)
    if "MIRROR" not in facts.classes:
        yield GrowthStep(
            task=GrowthTask.RUN, text="load geom_mirror", argv=("kldload", "geom_mirror")
        )
    if not view.disks:
        yield _run(commands.attach_memory_disk(settings, unit))
    if view.local is None:
        yield _run(commands.label_mirror(settings, md_unit=unit, ggate_unit=None))
    block = facts.superblock
    is_grown = block is not None and block.size_bytes > growth.file_system
    if not is_grown:
        if growth.is_suspect:
            whole = replace(growth, is_suspect=False)
            yield _fsck(settings, "-y", "growfs was cut off: check everything", whole)
        yield GrowthStep(
            task=GrowthTask.RUN,
            text=f"growfs -y {settings.device}",
            argv=("growfs", "-y", settings.device),
            deadline=GROWFS,
            before=replace(growth, is_suspect=True),
        )
    grown = replace(growth, phase=GrowthPhase.GROWN, is_suspect=False)
    yield _fsck(settings, "-p", "check the whole file system", grown)


def _fsck(settings: VolumeSettings, how: str, why: str, after: Growth) -> GrowthStep:
    argv = ("fsck_ffs", "-f", how, settings.device)
    return GrowthStep(
        task=GrowthTask.RUN,
        text=f"{' '.join(argv)} ({why})",
        argv=argv,
        deadline=settings.deadlines.full_check,
        after=after,
    )


def _take_down(settings: VolumeSettings, view: VolumeView) -> Iterator[GrowthStep]:
    if view.local is not None:
        yield _run(commands.destroy_mirror(settings))
    for disk in view.disks:
        yield _run(commands.detach_memory_disk(settings, disk.unit))


def _unit(settings: VolumeSettings, view: VolumeView) -> int:
    """Return the unit that the image is attached to, or will be."""
    if view.disks:
        return view.disks[0].unit
    free = (unit for unit in settings.md_units if f"md{unit}" not in view.taken_units)
    return next(free, settings.md_units[0])


def _note(growth: Growth, text: str) -> GrowthStep:
    return GrowthStep(task=GrowthTask.NOTE, text=text, after=growth)


def _run(step: CommandStep) -> GrowthStep:
    return GrowthStep(
        task=GrowthTask.RUN, text=" ".join(step.argv), argv=step.argv, deadline=step.deadline
    )
