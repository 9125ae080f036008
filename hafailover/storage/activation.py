"""How is a volume brought up on this node, from whatever is found? Attach, label anew, check, mount.

Every activation labels the mirror anew, with random ids, so that metadata of an earlier life matches nothing.
"""

from dataclasses import dataclass

from hafailover.storage import commands
from hafailover.storage.closing import clear_tail, plan_unexported
from hafailover.storage.ending import plan_carriers_ended
from hafailover.storage.facts import ComponentState, MirrorState, TailKind
from hafailover.storage.guarding import plan_guarded
from hafailover.storage.steps import Next, Plan, Reached, Refused, Wait
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerExport:
    """Where the peer's image can be reached: one session of one ggated."""

    address: str
    port: int
    path: str

    @property
    def info(self) -> str:
        """The text that ggatec hands to the kernel, by which a ggate of this session is known."""
        return f"{self.address}:{self.port} {self.path}"


def plan_active(view: VolumeView, tries: Tries, *, with_peer: PeerExport | None) -> Plan:
    """Return the next step towards "the mirror runs on this node's image".

    Args:
        view: What is seen.
        tries: How often the last step was tried.
        with_peer: The peer's export that is labelled together with the local copy, without copying. Only with a valid
            handover token; otherwise the mirror starts on the local copy alone.
    """
    if view.mirror is None:
        return _plan_labelled(view, tries, with_peer)
    return _plan_running(view, with_peer)


def _plan_labelled(view: VolumeView, tries: Tries, with_peer: PeerExport | None) -> Plan:
    if not view.disks:
        return _plan_attached(view, tries)
    disk = view.disks[0]
    if len(view.disks) > 1:
        units = ", ".join(f"md{each.unit}" for each in view.disks)
        return Refused(
            f"{view.settings.image} is attached more than once ({units}). Detach all but none by hand"
        )
    if disk.is_read_only:
        return Refused(
            f"md{disk.unit} came up read-only: {view.settings.image} is not writable (mode or flags)"
        )
    if with_peer is None:
        return _without_gates(view, tries) or Next(
            commands.label_mirror(view.settings, md_unit=disk.unit, ggate_unit=None),
            "a new life of the mirror, on the local copy alone",
        )
    gate = next((each for each in view.gates if each.info == with_peer.info), None)
    if gate is None:
        return plan_gate(view, tries, with_peer)
    return Next(
        commands.label_mirror(view.settings, md_unit=disk.unit, ggate_unit=gate.unit),
        "both copies are identical by a handover that was seen: nothing is copied",
    )


def _plan_attached(view: VolumeView, tries: Tries) -> Plan:
    if view.mount is not None or view.device_mounts:
        return Refused(
            f"something is mounted on {view.settings.mount_point} already. Unmount it by hand"
        )
    free = plan_unexported(view, tries)
    if not isinstance(free, Reached):
        return free
    image = view.image
    if image is None or not image.exists:
        return Refused(
            f"{view.settings.image} is not there" if image else "the image was not looked at"
        )
    if image.size_bytes != view.settings.size_bytes:
        return Refused(
            f"{view.settings.image} has {image.size_bytes} bytes, the configuration says {view.settings.size_bytes}"
        )
    if not image.is_writable:
        return Refused(
            f"{view.settings.image} is not writable: md(4) would attach it read-only and exit 0"
        )
    if image.tail is not TailKind.ZERO:
        return Next(
            clear_tail(view), "metadata of an earlier life must not start a mirror by taste"
        )
    unit = free_unit(view, "md", view.settings.md_units)
    if unit is None:
        return Refused(f"both md units of {view.settings.name} are taken: {_taken(view)}")
    return Next(
        commands.attach_memory_disk(view.settings, unit), "the mirror stands on this node's image"
    )


def _plan_running(view: VolumeView, with_peer: PeerExport | None) -> Plan:
    mirror = view.mirror
    assert mirror is not None  # noqa: S101
    if mirror.state in (MirrorState.STARTING, MirrorState.WITHERING):
        return Wait(f"mirror {mirror.name} is {mirror.state.value}")
    local = view.local
    if local is None:
        names = ", ".join(part.provider for part in mirror.components) or "nothing"
        return Refused(
            f"mirror {mirror.name} runs on {names}, not on this node's image: it came up by taste"
        )
    if local.state is not ComponentState.ACTIVE:
        return Refused(f"the local component of {mirror.name} is {local.state.value}, not ACTIVE")
    if with_peer is not None and not view.has_two_active:
        return Refused("the peer's copy was lost while both were labelled")
    return Reached()


def plan_gate(view: VolumeView, tries: Tries, export: PeerExport) -> Plan:
    """Return the next step towards "a ggate of exactly this session exists"."""
    if any(gate.info == export.info and not gate.is_withering for gate in view.gates):
        return Reached()
    leftover = _without_gates(view, tries)
    if leftover is not None:
        return leftover
    unit = free_unit(view, "ggate", view.settings.ggate_units)
    if unit is None:
        return Refused(f"both ggate units of {view.settings.name} are taken: {_taken(view)}")
    return Next(
        commands.create_gate(view.settings, unit, export.address, export.port, export.path),
        "the peer exports its image",
    )


def _without_gates(view: VolumeView, tries: Tries) -> Next | None:
    """Ggates of earlier sessions, and the processes that outlived theirs, go first. None of them is in a mirror."""
    in_mirror = {part.provider for part in view.mirror.components} if view.mirror else set()
    for gate in view.gates:
        if f"ggate{gate.unit}" in in_mirror or gate.is_withering:
            continue
        step = commands.destroy_gate(view.settings, gate.unit, force=False)
        if tries.of(step) >= 2:
            step = commands.destroy_gate(view.settings, gate.unit, force=True)
        return Next(step, "this ggate belongs to an earlier session")
    serving = frozenset(f"{gate.unit}" for gate in view.gates)
    return plan_carriers_ended(view, tries, serving=serving)


def free_unit(view: VolumeView, kind: str, units: tuple[int, int]) -> int | None:
    """Return a unit on which nothing is and on which no abandoned child may still act."""
    return next((unit for unit in units if f"{kind}{unit}" not in view.taken_units), None)


def _taken(view: VolumeView) -> str:
    return ", ".join(sorted(view.taken_units))


def plan_mounted(view: VolumeView, tries: Tries) -> Plan:
    """Return the next step towards "the checked file system is mounted read-write on its mount point"."""
    if view.is_mounted and view.mount is not None:
        if view.mount.is_read_only:
            return Refused(f"{view.settings.mount_point} is mounted read-only")
        return Reached()
    if view.mount is not None:
        return Refused(
            f"{view.mount.device} is mounted on {view.settings.mount_point}. Unmount it by hand"
        )
    mount = commands.mount(view.settings)
    guard = plan_guarded(view.settings, tries, mount)
    return guard or Next(mount, "the file system is clean")
