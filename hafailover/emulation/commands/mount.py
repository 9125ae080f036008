"""mount(8) and umount(8)."""

from hafailover.emulation.commands.result import Options, Result, UsageError, failed, read_options
from hafailover.emulation.errors import EBUSY, EPERM, describe
from hafailover.emulation.machine import Machine
from hafailover.emulation.mounts import Mount
from hafailover.emulation.tasks import Coroutine


def mount(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """List what is mounted, or mount or change one file system."""
    try:
        options = read_options(argv[1:], "adF:fLlno:prt:uvw")
    except UsageError as error:
        return failed(f"mount: {error}")
    if not options.operands:
        # The cached answer; with -p and -v every file system is asked.
        entries = [m for m in machine.mounts.entries if options.last("t", m.kind) == m.kind]
        line = _fstab_line if options.has("p") else _plain_line
        return Result(stdout="".join(line(entry) for entry in entries))
    words = tuple(word for value in options.values.get("o", []) for word in value.split(","))
    if options.has("r"):
        words = (*words, "ro")
    if options.has("u"):
        return (yield from _update(machine, options, words))
    if len(options.operands) != 2:
        return failed(f"mount: {options.operands[0]}: unknown special file or file system")
    device, directory = options.operands
    if not machine.files.directory(directory):
        return failed(f"mount: {directory}: No such file or directory")
    directory = machine.files.real(directory)
    if options.last("t", "ufs") != "ufs":
        return failed(f"mount: {device}: Invalid fstype: Invalid argument")
    kept = tuple(word for word in words if word != "rw")
    refusal = yield from machine.mounts.mount(device, directory, kept)
    yield from machine.events.wait_idle()
    if isinstance(refusal, str):
        return failed(f"mount: {device}: {refusal}: {describe(EPERM)}")
    if refusal in (EBUSY, EPERM):
        return failed(f"mount: {device}: {describe(refusal)}")
    if refusal:
        return failed(f"mount: {device}: Invalid fstype: Invalid argument")
    return Result()


def _update(machine: Machine, options: Options, words: tuple[str, ...]) -> Coroutine[Result]:
    entry = machine.mounts.at(options.operands[-1])
    if entry is None:
        return failed(f"mount: {options.operands[-1]}: not currently mounted")
    readonly = "ro" in words
    error = yield from machine.mounts.remount(entry, readonly=readonly, force=options.has("f"))
    if error:
        return failed(f"mount: {entry.device}: {describe(error)}")
    return Result()


def _plain_line(entry: Mount) -> str:
    return f"{entry.device} on {entry.directory} ({entry.words})\n"


def _fstab_line(entry: Mount) -> str:
    """Write a line for fstab(5), aligned by tabs as mount -p does."""
    words = ["ro" if entry.readonly else "rw"]
    words += [word for word in entry.options if word == "noatime"]
    options = ",".join(words)
    gap = "\t" if len(options) < 8 else " "
    where = f"{entry.device}{_tabs(entry.device)}{entry.directory}{_tabs(entry.directory)}"
    return f"{where}{entry.kind}\t{options}{gap}\t{entry.dump} {entry.order}\n"


def _tabs(text: str) -> str:
    for limit, tabs in ((8, 3), (16, 2), (24, 1)):
        if len(text) < limit:
            return "\t" * tabs
    return " "


def umount(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Unmount file systems, by directory or device."""
    try:
        options = read_options(argv[1:], "Aadfh:F:nNt:v")
    except UsageError as error:
        return failed(f"umount: {error}")
    stderr = ""
    for path in options.operands:
        if options.has("N"):
            stderr += f"umount: {path}: Function not implemented\n"
            continue
        stderr += yield from _unmount(machine, path, force=options.has("f"))
    yield from machine.events.wait_idle()
    return Result(status=int(bool(stderr)), stderr=stderr)


def _unmount(machine: Machine, path: str, *, force: bool) -> Coroutine[str]:
    entry = machine.mounts.at(path)
    if entry is None:
        if path.startswith("/dev/"):
            return f"umount: {path}: unknown file system\n"
        if machine.files.directory(path):
            return f"umount: {path}: not a file system root directory\n"
        return (
            f"umount: {path}: statfs: No such file or directory\n"
            f"umount: {path}: unknown file system\n"
        )
    error = yield from machine.mounts.unmount(entry, force=force)
    if error:
        return f"umount: unmount of {entry.directory} failed: {describe(error)}\n"
    return ""
