"""mdconfig(8): attach, detach and list memory disks over files."""

import re

from hafailover.emulation.commands.result import Options, Result, UsageError, failed, read_options
from hafailover.emulation.errors import describe
from hafailover.emulation.files import FileError, FileStat
from hafailover.emulation.machine import Machine
from hafailover.emulation.md import MdUnit
from hafailover.emulation.tasks import Coroutine

_SPEC = "ab:df:lnrt:o:s:S:u:vx:y:L:"
_USAGE = """usage: mdconfig -a -t type [-n] [-o [no]option] ... [-f file]
                [-s size] [-S sectorsize] [-u unit] [-L label]
                [-x sectors/track] [-y heads/cylinder]
       mdconfig -d -u unit [-o [no]force]
       mdconfig -r -u unit -s size [-o [no]force]
       mdconfig -l [-v] [-n] [-f file] [-u unit]
       mdconfig file
"""
_UNIT = re.compile(r"(?:/dev/)?(?:md)?(\d+)$")
_IOCTL = "mdconfig: ioctl(/dev/mdctl): "


def run(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Do what the options say."""
    try:
        options = read_options(argv[1:], _SPEC)
    except UsageError as error:
        return Result(status=1, stderr=f"mdconfig: {error}\n{_USAGE}")
    unit: int | None = None
    if options.has("u"):
        match = _UNIT.match(options.last("u"))
        if match is None:
            return failed(f"mdconfig: bad unit: {options.last('u')}")
        unit = int(match.group(1))
    if options.has("l"):
        return (yield from _list(machine, options, unit))
    if options.has("d"):
        if unit is None:
            return failed("mdconfig: -d requires -u")
        return (yield from _detach(machine, options, unit))
    return (yield from _attach(machine, options, unit))


def _attach(machine: Machine, options: Options, unit: int | None) -> Coroutine[Result]:
    path = options.last("f") or (options.operands[0] if options.operands else "")
    if not path or options.last("t", "vnode") != "vnode":
        return failed("mdconfig: unable to determine type")
    stat = _stat(machine, path)
    if isinstance(stat, Result):
        return stat
    warning = ""
    if not stat.writable and "readonly" not in options.values.get("o", []):
        warning = f"mdconfig: WARNING: opening backing store: {path} readonly\n"
    readonly = "readonly" in options.values.get("o", []) or not stat.writable
    sector = int(options.last("S", "512"))
    attached = machine.md.attach(path, unit, readonly=readonly, sector=sector)
    if not isinstance(attached, MdUnit):
        return failed(_IOCTL + describe(attached))
    yield from machine.events.wait_idle()
    stdout = ""
    if unit is None:
        stdout = f"{attached.unit}\n" if options.has("n") else f"md{attached.unit}\n"
    return Result(stdout=stdout, stderr=warning)


def _stat(machine: Machine, path: str) -> FileStat | Result:
    if machine.files.directory(path):
        return failed(f"mdconfig: {path} is not a regular file")
    try:
        stat = machine.files.stat(path)
    except FileError as error:
        return failed(f"mdconfig: realpath: {describe(error.error)}")
    if not stat.regular:
        return failed(f"mdconfig: {path} is not a regular file")
    return stat


def _detach(machine: Machine, options: Options, unit: int) -> Coroutine[Result]:
    error = machine.md.detach(unit, force="force" in options.values.get("o", []))
    if error:
        return failed(_IOCTL + describe(error))
    yield from machine.events.wait_idle()
    return Result()


def _list(machine: Machine, options: Options, unit: int | None) -> Coroutine[Result]:
    # Reads confxml, and so waits for the event thread.
    yield from machine.events.run_in(_nothing)
    units = [machine.md.units[number] for number in sorted(machine.md.units)]
    if options.has("f"):
        stat = _stat(machine, options.last("f"))
        if isinstance(stat, Result):
            return stat
        units = [md for md in units if md.path == stat.path]
    if unit is not None:
        units = [md for md in units if md.unit == unit]
    verbose = options.has("v") or unit is not None
    if not units:
        return Result(status=255 if unit is not None or options.has("f") else 0)
    prefix = "" if options.has("n") else "md"
    if verbose:
        lines = [f"{prefix}{md.unit}\tvnode\t{_size(md.length):>6}\t{md.path}\t\n" for md in units]
        return Result(stdout="".join(lines))
    return Result(stdout="".join(f"{prefix}{md.unit} " for md in units) + "\n")


def _nothing() -> Coroutine[None]:
    yield from ()


def _size(size: int) -> str:
    """Write a size as mdconfig does: whole units, the largest that stays exact enough."""
    for shift, suffix in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if size >= 1 << shift and (size % (1 << shift) == 0 or shift == 10):
            return f"{(size + (1 << shift - 1)) >> shift}{suffix}"
    return f"{size}B"
