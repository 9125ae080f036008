"""fstat(1), kldstat(8), kldload(8), procstat(1) and reboot(8), as far as storage needs them."""

from hafailover.emulation.commands.result import Result, UsageError, failed, read_options
from hafailover.emulation.effects import Reset
from hafailover.emulation.files import FileError, Opener
from hafailover.emulation.machine import Machine
from hafailover.emulation.tasks import Coroutine

_ROOT = "     2 drwxr-xr-x     512"
_FILE = "     3 -rw-r--r--       0"
"""Inodes are not told apart below a mount point: nobody asks for them."""
_IN_KERNEL = ("g_md", "g_label", "ufs", "geom_label")
_MODULE_OF = {
    "geom_mirror": "g_mirror",
    "geom_gate": "g_gate",
    "if_carp": "carp",
    "carp": "carp",
}
_KNOWN = ("geom_mirror", "geom_gate", "carp", "if_carp", "geom_md")
_FILES = {"geom_mirror": 0xEEE0, "geom_gate": 0x4528, "carp": 0x77D0, "if_carp": 0x77D0}


def fstat(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Name the processes that have a file open, or with -f that use a file system."""
    yield from ()
    try:
        options = read_options(argv[1:], "fmnvu:p:M:N:")
    except UsageError as error:
        return failed(f"fstat: {error}")
    named = not options.has("f")
    stdout = "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W"
    stdout += " NAME\n" if named else "\n"
    stderr = ""
    for path in options.operands:
        if named:
            try:
                stat = machine.files.stat(path)
            except FileError:
                stderr += f"fstat: {path}: No such file or directory\n"
                continue
            where = f"/          {stat.inode:>4} -rw-r--r--  {stat.size:>6} "
            for opener in machine.files.openers(path):
                stdout += _opener(opener, where) + f"  {path}\n"
        else:
            for opener in machine.files.users(path):
                stdout += (
                    _opener(opener, f"{path:<10} {_ROOT if _is_place(opener) else _FILE} ") + "\n"
                )
    if stderr and len(argv) == 2:
        return Result(status=1, stderr=stderr)
    return Result(stdout=stdout, stderr=stderr)


def _is_place(opener: Opener) -> bool:
    return opener.descriptor in ("wd", "root")


def _opener(opener: Opener, where: str) -> str:
    access = "rw" if opener.writes else " r"
    process = f"{opener.user:<8.8} {opener.command:<10.10} {opener.pid:>5}"
    return f"{process} {opener.descriptor:>4} {where}{access}"


def kldstat(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """List loaded files, or with -q -m say by the exit status whether a module is there."""
    yield from ()
    try:
        options = read_options(argv[1:], "dhi:m:n:qv")
    except UsageError as error:
        return failed(f"kldstat: {error}")
    if options.has("m"):
        wanted = options.last("m")
        loaded = {_MODULE_OF.get(module, module) for module in machine.modules}
        present = wanted in loaded or wanted in _IN_KERNEL
        if present or options.has("q"):
            stdout = "" if options.has("q") else f"Id  Refs Name\n  1    1 {wanted}\n"
            return Result(status=0 if present else 1, stdout=stdout)
        return failed(f"kldstat: can't find module {wanted}: No such file or directory")
    loaded_files = sorted(machine.modules - {"kernel"})
    lines = ["Id Refs Address                Size Name\n"]
    lines.append(f" 1 {1 + 2 * len(loaded_files) + bool(loaded_files):>4} 0xffffffff80200000   ")
    lines.append("b94a40 kernel\n")
    address = 0xFFFFFFFF814F8000
    for number, name in enumerate(loaded_files, 2):
        size = _FILES.get(name, 0x4000)
        lines.append(f"{number:>2}    1 {address:#x} {size:>8x} {name}.ko\n")
        address += (size + 0xFFF) & ~0xFFF
    return Result(stdout="".join(lines))


def kldload(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Load modules; the mirror class tastes everything when it comes."""
    try:
        options = read_options(argv[1:], "nqv")
    except UsageError as error:
        return failed(f"kldload: {error}")
    for module in options.operands:
        name = module.removesuffix(".ko")
        if name not in _KNOWN:
            return failed(f"kldload: can't load {module}: No such file or directory")
        if name in machine.modules:
            if options.has("n"):
                continue
            return failed(f"kldload: can't load {module}: module already loaded or in kernel")
        machine.load(name)
    yield from machine.events.wait_idle()
    return Result()


def procstat(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Show where a process sleeps; the model knows only that it does."""
    yield from ()
    del machine
    stdout = "  PID    TID COMM                TDNAME              KSTACK                       \n"
    for pid in argv[1:]:
        if pid.isdigit():
            stdout += (
                f"{int(pid):>5} {100000 + int(pid):>6} -                   -                   "
                "mi_switch sleepq_wait _sleep g_waitidle\n"
            )
    return Result(stdout=stdout)


def reboot(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Reset the host; with -n nothing is synced before, but up to 14.0 the mirrors are asked all the same."""
    for worker in tuple(machine.mirrors.workers.values()):
        yield from worker.shut_down()
    machine.effects.append(Reset(reason=" ".join(argv)))
    return Result()
