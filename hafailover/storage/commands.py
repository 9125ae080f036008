"""The only place where command lines for the storage are made, one function per command.

Each says how long it may take, whether it can destroy data, and how its success is *seen*: these
commands exit 0 and 1 for reasons that mislead. Names of devices are given without ``/dev/``, since
``gmirror configure -p`` with a path matches nothing and still exits 0 (gmirror(8), read in source).
Looking at the host is in ``observing``.
"""

from typing import Final

from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import CommandStep
from hafailover.units import Nanoseconds, seconds

REMOTE_PRIORITY: Final = 0
"""The peer's component: with balance ``prefer`` the highest priority is read, so never this one."""
EXPORTS_FILE: Final = "exports"
"""Name of the exports file in a session's directory."""
PID_FILE: Final = "ggated.pid"
"""Name of ggated's pid file in a session's directory."""
_START: Final = seconds(5)
_REBOOT: Final = seconds(5)


def attach_memory_disk(settings: VolumeSettings, unit: int) -> CommandStep:
    """Attach the image (mdconfig(8)).

    Tasting starts a mirror if the last sector still holds metadata. A file that cannot be written
    is attached read-only with exit status 0. The unit is always given, so nothing is printed.
    """
    return CommandStep(
        verb="mdconfig -a",
        argv=("mdconfig", "-a", "-t", "vnode", "-f", settings.image, "-u", str(unit)),
        deadline=settings.deadlines.attach,
        destroys=False,
        seen_by=f"md{unit} backed by {settings.image}, read-write",
        volume=settings.name,
        unit=unit,
    )


def detach_memory_disk(settings: VolumeSettings, unit: int) -> CommandStep:
    """Detach the image (mdconfig(8)); busy while a mirror or a mount holds it."""
    return CommandStep(
        verb="mdconfig -d",
        argv=("mdconfig", "-d", "-u", str(unit)),
        deadline=settings.deadlines.attach,
        destroys=False,
        seen_by=f"no md{unit}",
        volume=settings.name,
        unit=unit,
    )


def label_mirror(settings: VolumeSettings, *, md_unit: int, ggate_unit: int | None) -> CommandStep:
    """Start a new life of the mirror (gmirror(8)): fresh ids, genid 0, syncid 1.

    With ``ggate_unit`` both components are ACTIVE at once and *nothing is copied*: only for copies
    that are known to be identical. Priorities count up from 0 by position, so the md stands last.
    """
    gate = () if ggate_unit is None else (f"ggate{ggate_unit}",)
    return CommandStep(
        verb="gmirror label",
        argv=("gmirror", "label", "-b", "prefer", settings.mirror, *gate, f"md{md_unit}"),
        deadline=settings.deadlines.label,
        destroys=True,
        seen_by=f"mirror {settings.mirror} with {' and '.join((*gate, f'md{md_unit}'))} ACTIVE",
        volume=settings.name,
        unit=md_unit,
    )


def set_local_priority(settings: VolumeSettings, provider: str, priority: int) -> CommandStep:
    """Let reads stay local (gmirror(8)): a newcomer of equal priority would go first."""
    return CommandStep(
        verb="gmirror configure -p",
        argv=("gmirror", "configure", "-p", str(priority), settings.mirror, provider),
        deadline=settings.deadlines.label,
        destroys=False,
        seen_by=f"priority {priority} on {provider}",
        volume=settings.name,
    )


def create_gate(
    settings: VolumeSettings, unit: int, address: str, port: int, path: str
) -> CommandStep:
    """Connect to the peer's export (ggatec(8)).

    ``-t`` always: without it operations on the mirror can hang for ever. Success and failure are
    both silent. The connect(2) inside has no limit of its own (76 s seen), and the device node may
    appear 0.1 s after the command has returned (both observed on 14.0).
    """
    timeout, queue = str(settings.gate_timeout_s), str(settings.queue_size)
    where = ("-p", str(port), "-u", str(unit), address, path)
    return CommandStep(
        verb="ggatec create",
        argv=("ggatec", "create", "-t", timeout, "-q", queue, *where),
        deadline=settings.deadlines.gate,
        destroys=False,
        seen_by=f"ggate{unit} with info {address}:{port} {path}",
        volume=settings.name,
        unit=unit,
    )


def destroy_gate(settings: VolumeSettings, unit: int, *, force: bool) -> CommandStep:
    """Remove a ggate (ggatec(8)).

    With ``force`` it goes through a stuck kernel, and every write that waits for the peer completes
    at once: it *is* their acknowledgement. Without, it fails while anybody has the device open,
    also for a moment after create, while the device is tasted. The ggatec process outlives both.
    """
    option = ("-f",) if force else ()
    return CommandStep(
        verb=" ".join(("ggatec destroy", *option)),
        argv=("ggatec", "destroy", *option, "-u", str(unit)),
        deadline=settings.deadlines.destroy,
        destroys=force,
        seen_by=f"no ggate{unit}, or a withering one",
        volume=settings.name,
        unit=unit,
    )


def insert_gate(settings: VolumeSettings, unit: int) -> CommandStep:
    """Take the peer's image into the mirror (gmirror(8)): everything is copied onto it.

    Returns before the copy. Refuses while a known component is missing: ``forget`` goes first.
    """
    priority = str(REMOTE_PRIORITY)
    return CommandStep(
        verb="gmirror insert",
        argv=("gmirror", "insert", "-p", priority, settings.mirror, f"ggate{unit}"),
        deadline=settings.deadlines.label,
        destroys=True,
        seen_by=f"ggate{unit} in mirror {settings.mirror}",
        volume=settings.name,
        unit=unit,
    )


def forget(settings: VolumeSettings) -> CommandStep:
    """Give up components that are not connected (gmirror(8)); exits 0 also when there is none."""
    return CommandStep(
        verb="gmirror forget",
        argv=("gmirror", "forget", settings.mirror),
        deadline=settings.deadlines.label,
        destroys=False,
        seen_by=f"mirror {settings.mirror} wants as many components as it has",
        volume=settings.name,
    )


def destroy_mirror(settings: VolumeSettings) -> CommandStep:
    """End the mirror and erase its metadata (gmirror(8)).

    Never ``stop``: 3 s after it the label class offers the component again and the mirror is back,
    degraded, holding the md (observed on 14.0). Never ``-f``: that takes it from under a mount.
    """
    return CommandStep(
        verb="gmirror destroy",
        argv=("gmirror", "destroy", settings.mirror),
        deadline=settings.deadlines.destroy,
        destroys=False,
        seen_by=f"no mirror {settings.mirror}",
        volume=settings.name,
    )


def preen(settings: VolumeSettings) -> CommandStep:
    """Check, replay the journal, repair what loses nothing (fsck_ffs(8)).

    Before every mount, since plain soft updates mount dirty without a word (observed on 14.0). Its
    exit status is read by ``exit_status.after_preen``.
    """
    return CommandStep(
        verb="fsck_ffs -p",
        argv=("fsck_ffs", "-p", settings.device),
        deadline=settings.deadlines.preen,
        destroys=False,
        seen_by="exit status 0 on a device that is not mounted",
        volume=settings.name,
    )


def full_check(settings: VolumeSettings) -> CommandStep:
    """Check everything and answer every question with yes (fsck_ffs(8)): files can be lost."""
    return CommandStep(
        verb="fsck_ffs -f -y",
        argv=("fsck_ffs", "-f", "-y", settings.device),
        deadline=settings.deadlines.full_check,
        destroys=True,
        seen_by="a following fsck_ffs -p that ends with 0",
        volume=settings.name,
    )


def mount(settings: VolumeSettings) -> CommandStep:
    """Mount the volume read-write (mount(8)). Never ``-f``: that throws the journal away."""
    options = ("-o", ",".join(settings.mount_options)) if settings.mount_options else ()
    return CommandStep(
        verb="mount",
        argv=("mount", "-t", "ufs", *options, settings.device, settings.mount_point),
        deadline=settings.deadlines.mount,
        destroys=False,
        seen_by=f"{settings.device} on {settings.mount_point}, read-write",
        volume=settings.name,
    )


def unmount(settings: VolumeSettings, *, force: bool) -> CommandStep:
    """Unmount the volume (umount(8)); with ``force`` open files are lost to their users.

    Both hang, unkillable, while the mirror waits for a stuck ggate: that goes first.
    """
    option = ("-f",) if force else ()
    return CommandStep(
        verb=" ".join(("umount", *option)),
        argv=("umount", *option, settings.mount_point),
        deadline=settings.deadlines.unmount,
        destroys=force,
        seen_by=f"nothing on {settings.mount_point}",
        volume=settings.name,
    )


def start_ggated(settings: VolumeSettings, address: str, session_directory: str) -> CommandStep:
    """Serve the image in one session (ggated(8)), with a pid file and exports file of its own.

    Exits 0 before it binds its socket, whatever comes of that; errors go to syslog only.
    """
    pid_file, exports = f"{session_directory}/{PID_FILE}", f"{session_directory}/{EXPORTS_FILE}"
    where = ("-a", address, "-p", str(settings.port), "-F", pid_file)
    return CommandStep(
        verb="ggated",
        argv=("ggated", *where, exports),
        deadline=_START,
        destroys=True,
        seen_by=f"a ggated process with {exports}",
        volume=settings.name,
        listens_at=f"{address}:{settings.port}",
    )


def reboot(reason: str, deadline: Nanoseconds = _REBOOT) -> CommandStep:
    """Reset the host (reboot(8)): ``-q`` ends no process in order, ``-n`` does not sync.

    Syncing would write out, or wait for, just those writes that must not be acknowledged any more.
    """
    return CommandStep(
        verb="reboot",
        argv=("reboot", "-nq"),
        deadline=deadline,
        destroys=True,
        seen_by=f"this host is gone ({reason})",
    )


def units_of(step: CommandStep) -> tuple[str, ...]:
    """Name the devices that a stuck child of ``step`` may still act on: ``md10``, ``ggate11``.

    They must not be used again while that child lives.
    """
    named = tuple(word for word in step.argv if _is_unit(word))
    prefix = {"mdconfig": "md", "ggatec": "ggate"}.get(step.argv[0])
    if prefix is None or "-u" not in step.argv:
        return named
    return (*named, f"{prefix}{step.argv[step.argv.index('-u') + 1]}")


def _is_unit(word: str) -> bool:
    return any(
        word.startswith(kind) and word.removeprefix(kind).isdecimal() for kind in ("ggate", "md")
    )
