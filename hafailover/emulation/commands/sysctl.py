"""sysctl(8): the GEOM tree, the tunables of the storage, and what an agent asks about a host."""

from collections.abc import Callable
from typing import Final

from hafailover.emulation.commands.result import Result, UsageError, failed, read_options
from hafailover.emulation.effects import Reset
from hafailover.emulation.machine import Machine
from hafailover.emulation.tasks import Coroutine
from hafailover.units import SECOND

_MIRROR: Final = (
    "sync_update_period",
    "sync_requests",
    "disconnect_on_failure",
    "idletime",
    "timeout",
    "launch_mirror_before_timeout",
    "debug",
)
_LABELS: Final = ("ufs", "ufsid")
_PANIC: Final = "debug.kdb.panic"
_TREE: Final = "kern.geom.confxml"
_FIXED: Final = {
    _PANIC: "0",
    "kern.ostype": "FreeBSD",
    "kern.osreldate": "1400063",
    "kern.securelevel": "-1",
    "kern.vm_guest": "none",
    "kern.geom.label.disk_ident.enable": "1",
    "kern.geom.label.gptid.enable": "1",
    "kern.geom.label.gpt.enable": "1",
    "kern.geom.label.debug": "0",
    "kern.geom.gate.maxunits": "256",
    "kern.geom.debugflags": "0",
    "hw.physmem": "2096316416",
    "hw.machine_arch": "amd64",
    "hw.ncpu": "2",
    "net.inet.tcp.keepinit": "75000",
    "net.inet.tcp.keepidle": "7200000",
    "net.inet.tcp.keepintvl": "75000",
    "net.inet.tcp.keepcnt": "8",
    "net.inet.tcp.maxunacktime": "0",
    "net.inet.ip.forwarding": "0",
    "net.inet.carp.allow": "1",
    "net.link.ether.inet.garp_rexmit_count": "0",
    "net.inet6.ip6.dad_count": "1",
    "security.jail.jailed": "0",
    "security.jail.vnet": "0",
}


def run(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Print or set values."""
    try:
        options = read_options(argv[1:], "AabB:defhiNnoqTtWx")
    except UsageError as error:
        return failed(f"sysctl: {error}")
    stdout = stderr = ""
    for word in options.operands:
        name, assigned, wanted = word.partition("=")
        if name == _TREE and not assigned:
            document = yield from machine.events.run_in(lambda: _document(machine))
            stdout += (document if options.has("n") else f"{name}: {document}") + "\n"
            continue
        names = _names(machine)
        found = [known for known in names if known == name or known.startswith(f"{name}.")]
        if not found:
            stderr += f"sysctl: unknown oid '{name}'\n"
            continue
        if assigned:
            stdout += _set(machine, name, wanted)
            continue
        for known in found:
            value = _value(machine, known)
            stdout += f"{value}\n" if options.has("n") else f"{known}: {value}\n"
    return Result(status=int(bool(stderr)), stdout=stdout, stderr=stderr)


def _document(machine: Machine) -> Coroutine[str]:
    yield from ()
    return machine.tell_tree(machine.topology, machine.modules)


def _dynamic(machine: Machine) -> dict[str, Callable[[], str]]:
    boot = machine.config.boot_time
    return {
        "kern.osrelease": lambda: machine.config.release,
        "kern.hostname": lambda: machine.config.hostname,
        "kern.boottime": lambda: f"{{ sec = {boot}, usec = 0 }}",
        "kern.hostuuid": lambda: f"00000000-0000-4000-8000-{machine.config.seed:012x}",
        "kern.boot_id": lambda: f"{boot:x}{machine.config.seed:08x}",
        "kern.uptime": lambda: str(machine.scheduler.now // SECOND),
    }


def _names(machine: Machine) -> list[str]:
    return [
        *(f"kern.geom.mirror.{name}" for name in _MIRROR),
        *(f"kern.geom.label.{name}.enable" for name in _LABELS),
        *(name for name, _ in machine.config.values),
        *_dynamic(machine),
        *_FIXED,
    ]


def _value(machine: Machine, name: str) -> str:
    dynamic = _dynamic(machine)
    if name in dynamic:
        return dynamic[name]()
    given = dict(machine.config.values)
    if name in given:
        return given[name]
    leaf = name.removeprefix("kern.geom.mirror.")
    if leaf in _MIRROR:
        return str(getattr(machine.settings, leaf))
    label = name.removeprefix("kern.geom.label.").removesuffix(".enable")
    if label in _LABELS:
        return str(machine.labels[label])
    return _FIXED[name]


def _set(machine: Machine, name: str, wanted: str) -> str:
    before = _value(machine, name)
    leaf = name.removeprefix("kern.geom.mirror.")
    label = name.removeprefix("kern.geom.label.").removesuffix(".enable")
    if leaf == "sync_requests":
        return f"sysctl: oid '{name}' is a read only tunable\n"
    if leaf in _MIRROR:
        setattr(machine.settings, leaf, int(wanted))
    elif label in _LABELS:
        machine.labels[label] = int(wanted)
    elif name == _PANIC and wanted != "0":
        # Nothing runs any more from here on, and nobody is asked.
        machine.effects.append(Reset(reason=f"{name}={wanted}"))
    else:
        return f"{name}: {before}\n"
    return f"{name}: {before} -> {wanted}\n"
