"""gmirror(8): the verbs that go to the kernel, and the way to the others."""

from collections.abc import Callable
from typing import Final

from hafailover.emulation.commands import gmirror_device, gmirror_show
from hafailover.emulation.commands.result import Options, Result, UsageError, failed, read_options
from hafailover.emulation.machine import Machine, device_name
from hafailover.emulation.mirror_control import Change, MirrorControl
from hafailover.emulation.tasks import Coroutine

_OPTIONS: Final = {
    "activate": "v",
    "clear": "v",
    "configure": "adfFhnvb:s:p:",
    "deactivate": "v",
    "destroy": "fv",
    "dump": "",
    "forget": "v",
    "insert": "hivp:",
    "label": "Fhnvb:s:",
    "list": "a",
    "load": "v",
    "rebuild": "v",
    "remove": "v",
    "status": "ags",
    "stop": "fv",
}
_MINIMUM: Final = {"insert": 2, "remove": 2, "deactivate": 2, "activate": 2, "rebuild": 2}
_USER_LAND: Final[dict[str, Callable[[Machine, Options], Coroutine[Result]]]] = {
    "status": gmirror_show.status,
    "list": gmirror_show.list_,
    "dump": gmirror_device.dump,
    "label": gmirror_device.label,
    "clear": gmirror_device.clear,
    "activate": gmirror_device.activate,
}
_ALONE: Final = ("clear", "dump")
"""Only read and write the last sector, and need no module in the kernel (seen of dump; geom.c)."""


def run(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Do what the verb says."""
    verb = argv[1] if len(argv) > 1 else ""
    if verb == "load":
        machine.load("geom_mirror")
        yield from machine.events.wait_idle()
        return Result()
    if verb not in _OPTIONS:
        return failed(f"gmirror: Unknown command: {verb}.")
    if "geom_mirror" not in machine.modules and verb not in _ALONE:
        return failed(f"gmirror: Command '{verb}' not available; try 'load' first.")
    try:
        options = read_options(argv[2:], _OPTIONS[verb])
    except UsageError as error:
        return failed(f"gmirror: {error}")
    if len(options.operands) < _MINIMUM.get(verb, 0):
        return failed("gmirror: Too few arguments.")
    if verb in _USER_LAND:
        return (yield from _USER_LAND[verb](machine, options))
    if not options.operands:
        return failed("gmirror: Too few arguments.")
    complaint = yield from machine.events.run_in(lambda: _control(machine, verb, options))
    yield from machine.events.wait_idle()
    if complaint:
        return failed(f"gmirror: {complaint}")
    return Result(stdout="Done.\n" if options.has("v") else "")


def _control(machine: Machine, verb: str, options: Options) -> Coroutine[str]:
    control = MirrorControl(machine.mirrors)
    name, *rest = (device_name(word) for word in options.operands)
    providers = tuple(rest)
    match verb:
        case "insert":
            return control.insert(
                name,
                providers,
                priority=int(options.last("p", "0")),
                inactive=options.has("i"),
                hardcode=options.has("h"),
            )
        case "remove":
            return control.remove(name, providers)
        case "deactivate":
            return control.deactivate(name, providers)
        case "rebuild":
            return control.rebuild(name, providers)
        case "forget":
            return control.forget(options.operands)
        case "configure":
            return control.configure(name, _change(options, providers))
        case _:
            return control.stop(options.operands, force=options.has("f"), wipe=verb == "destroy")


def _change(options: Options, providers: tuple[str, ...]) -> Change:
    return Change(
        balance=options.last("b") if options.has("b") else None,
        slice=int(options.last("s")) if options.has("s") else None,
        autosync=_switch(options, "a", "n"),
        failsync=_switch(options, "f", "F"),
        hardcode=_switch(options, "h", "d"),
        priority=int(options.last("p")) if options.has("p") else None,
        provider=providers[0] if providers else "",
    )


def _switch(options: Options, on: str, off: str) -> bool | None:
    if options.has(on):
        return True
    return False if options.has(off) else None
