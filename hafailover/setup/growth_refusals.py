"""Why is a volume not enlarged? Each refusal comes with what to do about it."""

from typing import Final

from hafailover.lineage.record import CopyState
from hafailover.setup.growth import Growth, GrowthFacts, GrowthPhase
from hafailover.setup.refusals import Refused, mirror_refusal
from hafailover.storage.view import VolumeView, view_volume

ALIGNMENT: Final = 4096
GROWTH_MIN: Final = 1 << 20
"""growfs(8) needs room for at least one block behind the bookkeeping of a new cylinder group."""
_SPARE: Final = 64 << 20
"""So much room is left beside the image."""


def growth_refusal(facts: GrowthFacts, wanted: int) -> Refused | None:
    """Return why nothing is done to a volume; None = nothing speaks against it."""
    if not facts.storage.is_complete:
        return Refused(
            f"the storage of this host cannot be seen: {facts.storage.problem}",
            "look what sysctl kern.geom.confxml, mount and ps say",
        )
    view = view_volume(facts.settings, facts.storage)
    assert view is not None  # noqa: S101 - the storage was seen
    return (
        _of_image(facts, view)
        or _in_use(facts, view)
        or _of_record(facts)
        or _of_size(facts, view, wanted)
        or _of_file_system(facts)
    )


def way_back(facts: GrowthFacts) -> int:
    """Return the size at which an enlarging that was begun can be given up; 0 = there is no way back.

    As long as only zeros are being written behind the old end, everything that the record vouches for is as it was.
    """
    growth = facts.growth
    is_untouched = growth is not None and growth.phase is GrowthPhase.ENLARGING
    return (
        growth.was if growth is not None and is_untouched and bound_size(facts) == growth.was else 0
    )


def bound_size(facts: GrowthFacts) -> int:
    """Return the size of the image that the record vouches for; 0 = of none."""
    binding = facts.record.binding if facts.record is not None else None
    return binding.size_bytes if binding is not None else 0


def _of_image(facts: GrowthFacts, view: VolumeView) -> Refused | None:
    settings, image = facts.settings, view.image
    if image is None or not image.exists:
        return Refused(f"there is no image {settings.image}", "set this node up: hafailover init")
    is_cut_off = facts.growth is not None and facts.growth.phase is GrowthPhase.ENLARGING
    if (image.problem and not is_cut_off) or not image.is_writable:
        return Refused(
            image.problem or f"{settings.image} cannot be written", "look at the file's permissions"
        )
    return None


def _in_use(facts: GrowthFacts, view: VolumeView) -> Refused | None:
    """Between two steps only what the plan itself sets up may be there: the local md and its mirror."""
    device = facts.settings.device
    if view.is_mounted or view.device_mounts:
        where = (view.device_mounts or (view.mount,))[0]
        point = where.mount_point if where is not None else facts.settings.mount_point
        return Refused(
            f"{device} is mounted on {point}", "stop the agent in order: service hafailover stop"
        )
    if view.exporters or view.gates or view.carriers:
        return Refused(
            f"{facts.settings.image} is exported, or connected to the other node",
            "stop the agent in order: service hafailover stop",
        )
    if facts.growth is None and (view.mirror is not None or view.disks):
        return Refused(
            f"{facts.settings.image} is attached",
            "stop the agent in order: service hafailover stop; then look at mdconfig -lv",
        )
    return mirror_refusal(view, is_written=True)


def _of_record(facts: GrowthFacts) -> Refused | None:
    record, name = facts.record, facts.settings.name
    if record is None:
        return Refused(f"{name} has no record here", "set this node up: hafailover init")
    if facts.misfit:
        return Refused(
            f"the record of {name} is not one of the image that is there: {facts.misfit}",
            "nothing is done to a copy that nobody can vouch for: look at hafailover status",
        )
    if record.is_open:
        return Refused(
            f"the record of {name} says that its copy is open: it was not closed in order",
            "start the agent, let it settle, and stop it in order: service hafailover stop",
        )
    if record.copy not in (CopyState.SOLE, CopyState.STALE):
        return Refused(
            f"this node's copy of {name} is {record.copy.value}: with two copies that count alike, "
            "growing one would leave two different ones",
            "start both agents and wait until the pair is healthy; then stop the agent of the node that "
            "does not serve first, so that the other one goes on alone, and begin there",
        )
    if record.copy is CopyState.SOLE and not record.clean:
        return Refused(
            f"the file system of {name} was not unmounted in order",
            "start the agent, let it serve, and stop it in order: service hafailover stop",
        )
    return None


def _of_size(facts: GrowthFacts, view: VolumeView, wanted: int) -> Refused | None:
    image, growth = view.image, facts.growth
    assert image is not None  # noqa: S101 - looked at before
    if growth is not None and wanted == way_back(facts):
        return None
    if wanted % ALIGNMENT:
        return Refused(f"{wanted} bytes are no multiple of {ALIGNMENT}", "take a round size")
    if growth is not None:
        return _while_growing(facts, growth, image.size_bytes, wanted)
    configured = facts.settings.size_bytes
    if wanted < image.size_bytes:
        return Refused(
            f"{facts.settings.image} has {image.size_bytes} bytes, {wanted} are fewer: no volume is shrunk",
            "make a smaller volume beside it and move the files",
        )
    if configured not in (image.size_bytes, wanted):
        return Refused(
            f"{facts.settings.image} has {image.size_bytes} bytes, the configuration says {configured}, "
            f"and {wanted} are asked for",
            f"leave size at {image.size_bytes}B in the configuration: it is changed with the image",
        )
    if image.size_bytes < wanted < image.size_bytes + GROWTH_MIN:
        return Refused("that is less than 1M more", "growfs needs room to make use of")
    if configured != wanted and facts.edit_problem:
        return Refused(
            f"the configuration file cannot be changed: {facts.edit_problem}",
            f"put the size into it by hand, on this node: size: {wanted}B; and run this again",
        )
    return _room(facts, wanted - image.size_bytes)


def _while_growing(facts: GrowthFacts, growth: Growth, size: int, wanted: int) -> Refused | None:
    if wanted < growth.wanted and not _is_at(facts, growth.wanted):
        return Refused(
            f"enlarging {facts.settings.name} to {growth.wanted} bytes was begun and not finished",
            f"finish it: {_command(facts, growth.wanted)}{_or_back(facts)}",
        )
    if wanted < size and _is_at(facts, growth.wanted):
        return Refused(
            f"{facts.settings.image} has {size} bytes, {wanted} are fewer: no volume is shrunk",
            "make a smaller volume beside it and move the files",
        )
    return _room(facts, wanted - size)


def _is_at(facts: GrowthFacts, size: int) -> bool:
    """Whether record and configuration have a size already: then only the note is left."""
    return bound_size(facts) == size == facts.settings.size_bytes


def _command(facts: GrowthFacts, size: int) -> str:
    return f"hafailover grow {facts.group}/{facts.settings.name} {size}B"


def _or_back(facts: GrowthFacts) -> str:
    size = way_back(facts)
    return f"; or go back to what it was: {_command(facts, size)}" if size else ""


def _room(facts: GrowthFacts, more: int) -> Refused | None:
    if more <= 0 or facts.free_bytes >= more + _SPARE:
        return None
    return Refused(
        f"{facts.settings.image} needs {(more + _SPARE) >> 20} MB more, and "
        f"{facts.free_bytes >> 20} MB are free",
        f"make room, on both nodes{_or_back(facts)}",
    )


def _of_file_system(facts: GrowthFacts) -> Refused | None:
    is_source = facts.record is not None and facts.record.copy is CopyState.SOLE
    if is_source and facts.superblock is None:
        return Refused(
            f"{facts.settings.image} holds no UFS2 file system", "growfs can do nothing with it"
        )
    return None
