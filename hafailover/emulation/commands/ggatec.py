"""ggatec(8), as far as it is no process of its own: destroy and list."""

from hafailover.emulation.commands.result import (
    Options,
    Result,
    UsageError,
    failed,
    human,
    read_options,
)
from hafailover.emulation.errors import describe
from hafailover.emulation.gate import GateUnit
from hafailover.emulation.machine import Machine
from hafailover.emulation.tasks import Coroutine

USAGE = """usage: ggatec create [-nv] [-o <ro|wo|rw>] [-p port] [-q queue_size] [-R rcvbuf] \
[-S sndbuf] [-s sectorsize] [-t timeout] [-u unit] <host> <path>
       ggatec rescue [-nv] [-o <ro|wo|rw>] [-p port] [-R rcvbuf] [-S sndbuf] <-u unit> <host> <path>
       ggatec destroy [-f] <-u unit>
       ggatec list [-v] [-u unit]
"""
SPEC = "fno:p:q:R:S:s:t:u:v"
_ALLOWED = {"create": "nopqRSstuv", "rescue": "nopRSuv", "destroy": "fu", "list": "uv"}
_ACCESS = {"rw": "read-write", "ro": "read-only", "wo": "write-only"}


def run(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Do what the verb says; create and rescue come here only to be refused."""
    options = read(argv)
    if isinstance(options, Result):
        return options
    if argv[1] == "destroy":
        return (yield from _destroy(machine, options))
    if argv[1] == "list":
        return (yield from _list(machine, options))
    return failed(USAGE.rstrip("\n"))


def read(argv: tuple[str, ...]) -> Options | Result:
    """Read the options of any verb, or say what is wrong with them."""
    verb = argv[1] if len(argv) > 1 else ""
    allowed = _ALLOWED.get(verb)
    if allowed is None:
        return failed(USAGE.rstrip("\n"))
    try:
        options = read_options(argv[2:], SPEC)
    except UsageError as error:
        return failed(f"ggatec: {error}\n{USAGE}".rstrip("\n"))
    if any(letter not in allowed for letter in options.values):
        return failed(USAGE.rstrip("\n"))
    if options.last("o", "rw") not in _ACCESS:
        return failed("ggatec: Invalid argument for '-o' option.")
    if verb in ("destroy", "rescue") and not options.has("u"):
        return failed(f"Required unit number.\n{USAGE}".rstrip("\n"))
    if verb in ("create", "rescue") and len(options.operands) != 2:
        return failed(USAGE.rstrip("\n"))
    return options


def _destroy(machine: Machine, options: Options) -> Coroutine[Result]:
    if "geom_gate" not in machine.modules:
        return failed("ggatec: open(/dev/ggctl): No such file or directory")
    error = yield from machine.gates.destroy(int(options.last("u")), force=options.has("f"))
    if error:
        text = f"error: ggatec: ioctl(/dev/ggctl): {describe(error)}.\nerror: Exiting.\n"
        return Result(status=1, stdout=text)
    return Result()


def _list(machine: Machine, options: Options) -> Coroutine[Result]:
    units = yield from machine.events.run_in(lambda: _snapshot(machine))
    if options.has("u"):
        units = [unit for unit in units if unit.unit == int(options.last("u"))]
    if options.has("v"):
        return Result(stdout="".join(_describe(unit) for unit in units))
    return Result(stdout="".join(f"ggate{unit.unit}\n" for unit in units))


def _snapshot(machine: Machine) -> Coroutine[list[GateUnit]]:
    yield from ()
    # libgeom turns the kernel's order (newest first) round.
    return list(machine.gates.units.values())


def _describe(gate: GateUnit) -> str:
    provider = gate.provider
    fields = (
        ("NAME", provider.name),
        ("info", gate.spec.info),
        ("access", _ACCESS[gate.spec.access]),
        ("timeout", gate.spec.timeout),
        ("queue_count", gate.queued),
        ("queue_size", gate.spec.queue_size),
        ("references", 1 + gate.serving),
        ("mediasize", f"{provider.mediasize} ({human(provider.mediasize)})"),
        ("sectorsize", provider.sectorsize),
        ("mode", provider.opened.text),
    )
    return "".join(f"{name:>11}: {value}\n" for name, value in fields) + "\n"
