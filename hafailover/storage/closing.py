"""How is a volume brought down until nothing can write its image? From whatever is found, one step at a time.

Order: umount, mirror, ggate, its ggatec process, md, every ggated, then seen closed. ``gmirror destroy`` and never
``stop``: three seconds after a stop the label class offers the component again and the mirror is back (seen on 14.0).
"""

from hafailover.storage import commands
from hafailover.storage.ending import end_server, plan_carriers_ended
from hafailover.storage.facts import MirrorState, TailKind
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import (
    FileStep,
    FileTask,
    Look,
    Next,
    Plan,
    Reached,
    Refused,
    Step,
    Wait,
)
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView

_PATIENT_TRIES = 2
"""So often a step is tried in its gentle form before its forced form."""


def plan_closed(view: VolumeView, tries: Tries, *, may_force: bool, in_haste: bool = False) -> Plan:
    """Return the next step towards "nothing of this volume is up here, and nobody has its image open".

    Args:
        view: What is seen.
        tries: How often the last step was tried.
        may_force: Whether users of the volume may be ended and the unmount forced. Never while a drop of the peer is
            not confirmed: a forced unmount needs the mirror to answer.
        in_haste: Whether the users are ended before the first, forced, unmount: nothing of theirs counts any more.
    """
    if view.mount is not None or view.device_mounts:
        return _plan_unmounted(view, tries, may_force=may_force, in_haste=in_haste)
    if view.mirror is not None:
        if view.mirror.state is MirrorState.WITHERING:
            return Wait(f"mirror {view.mirror.name} is being torn down")
        return Next(commands.destroy_mirror(view.settings), "the mirror must not outlive the mount")
    if view.gates:
        step = commands.destroy_gate(view.settings, view.gates[0].unit, force=False)
        if tries.of(step) >= _PATIENT_TRIES:
            step = commands.destroy_gate(view.settings, view.gates[0].unit, force=True)
        return Next(step, "no mirror uses the ggate any more")
    leftover = plan_carriers_ended(view, tries)
    if leftover is not None:
        return leftover
    if view.disks:
        return Next(
            commands.detach_memory_disk(view.settings, view.disks[0].unit), "the image must be free"
        )
    return plan_unexported(view, tries)


def plan_unexported(view: VolumeView, tries: Tries) -> Plan:
    """Return the next step towards "no ggated serves the image, and nobody has it open"."""
    if view.exporters:
        return Next(
            end_server(view.exporters[0], view.settings.name, tries),
            "every ggated process of the session must be gone before the image is used",
        )
    if view.openers is None:
        return Look("only fstat(1) shows that nobody has the image open", (view.settings.image,))
    writers = [opener for opener in view.openers if opener.may_write]
    if writers:
        who = ", ".join(f"{opener.command} (pid {opener.pid})" for opener in writers)
        return Refused(
            f"{view.settings.image} is still open: {who}. End that process; the agent looks again"
        )
    return Reached()


def plan_marked(view: VolumeView, close_id: str) -> Plan:
    """Return the next step towards "the closed image carries the marker of this closing"."""
    image = view.image
    if image is None:
        return Look("the last sector of the image must be read before it is written")
    if not image.exists or image.tail is TailKind.UNREAD:
        return Refused(image.problem or f"{view.settings.image} cannot be read")
    if image.tail is TailKind.FOREIGN:
        return Refused(
            f"the last sector of {view.settings.image} holds something unknown; it is left alone"
        )
    if image.tail is TailKind.MARKER and image.marker == close_id:
        return Reached()
    return Next(
        FileStep(
            task=FileTask.WRITE_MARKER,
            path=view.settings.image,
            volume=view.settings.name,
            deadline=view.settings.deadlines.attach,
            arguments=(("close_id", close_id), *_expected(view)),
        ),
        "a closed image carries the marker that its record knows",
    )


def kill_users(settings: VolumeSettings) -> Step:
    """Return the step that names, tells and then ends the processes that use the volume."""
    return FileStep(
        task=FileTask.KILL_USERS,
        path=settings.mount_point,
        volume=settings.name,
        deadline=settings.deadlines.unmount,
    )


def clear_tail(view: VolumeView) -> Step:
    """Return the step that zeroes the last sector, so that attaching starts no mirror by taste."""
    return FileStep(
        task=FileTask.CLEAR_TAIL,
        path=view.settings.image,
        volume=view.settings.name,
        deadline=view.settings.deadlines.attach,
        arguments=_expected(view),
        destroys=True,
    )


def _expected(view: VolumeView) -> tuple[tuple[str, str], ...]:
    """Say what the image must still be like when its last sector is written: the size, and what was read there."""
    size = ("size", str(view.settings.size_bytes))
    image = view.image
    return (
        (size, ("expect", image.tail_sha256))
        if image is not None and image.tail_sha256
        else (size,)
    )


def _plan_unmounted(view: VolumeView, tries: Tries, *, may_force: bool, in_haste: bool) -> Plan:
    settings = view.settings
    if view.mount is not None and not view.is_mounted:
        return Refused(
            f"{view.mount.device} is mounted on {settings.mount_point}, which belongs to {settings.device}. "
            f"Unmount it by hand"
        )
    gentle = commands.unmount(settings, force=False)
    has_begun_harshly = tries.key.split(":")[-1] in _HARSH
    is_first = tries.of(gentle) == 0 and not has_begun_harshly
    if not may_force or (is_first and not in_haste):
        return Next(gentle, "the volume leaves this node")
    if not has_begun_harshly:
        return Next(kill_users(settings), "processes hold the volume")
    forced = commands.unmount(settings, force=True)
    return Next(forced, "the volume is still mounted after its users were told to go")


_HARSH = frozenset({FileTask.KILL_USERS.name, "umount -f"})
