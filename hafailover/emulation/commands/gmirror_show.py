"""gmirror(8): status and list, which read the whole GEOM tree and so wait for the event thread."""

from hafailover.emulation.commands.result import Options, Result, failed, human
from hafailover.emulation.confxml import disk_flags, mirror_flags
from hafailover.emulation.geom import Consumer, Provider
from hafailover.emulation.machine import Machine
from hafailover.emulation.mirror import Disk, DiskState, Mirror
from hafailover.emulation.mirror_metadata import BALANCES
from hafailover.emulation.tasks import Coroutine


def status(machine: Machine, options: Options) -> Coroutine[Result]:
    """One line for each component: mirror, state, component (state)."""
    mirrors = yield from machine.events.run_in(lambda: _snapshot(machine))
    chosen = [mirror for mirror in mirrors if _wanted(mirror, options)]
    for name in options.operands:
        if all(mirror.name != name for mirror in mirrors):
            return failed(f"gmirror: No such geom: {name}.")
    rows = []
    for mirror in chosen:
        title = mirror.name if options.has("g") else f"mirror/{mirror.name}"
        parts = [_component(mirror, consumer) for consumer in reversed(mirror.geom.consumers)]
        rows.append((title, mirror.state_word, parts or ["N/A"]))
    return Result(stdout=_table(rows, script=options.has("s"), named=bool(options.operands)))


def _table(rows: list[tuple[str, str, list[str]]], *, script: bool, named: bool) -> str:
    if not rows and not named:
        return ""
    heads = ("", "") if script else ("Name", "Status")
    wide = max([len(heads[0]), *(len(row[0]) for row in rows)])
    middle = max([len(heads[1]), *(len(row[1]) for row in rows)])
    lines = [] if script else [f"{heads[0]:>{wide}}  {heads[1]:>{middle}}  Components\n"]
    for title, state, parts in rows:
        for position, part in enumerate(parts):
            first = script or position == 0
            left, right = (title, state) if first else ("", "")
            lines.append(f"{left:>{wide}}  {right:>{middle}}  {part}\n")
    return "".join(lines)


def _component(mirror: Mirror, consumer: Consumer) -> str:
    disk = consumer.private
    name = consumer.provider.name
    if not isinstance(disk, Disk):
        return name
    if disk.state is DiskState.SYNCHRONIZING:
        return f"{name} (SYNCHRONIZING, {disk.offset_done * 100 // mirror.mediasize}%)"
    return f"{name} ({disk.state.value})"


def list_(machine: Machine, options: Options) -> Coroutine[Result]:
    """Everything about each mirror, as indented fields."""
    mirrors = yield from machine.events.run_in(lambda: _snapshot(machine))
    for name in options.operands:
        if all(mirror.name != name for mirror in mirrors):
            return failed(f"gmirror: Class 'MIRROR' does not have an instance named '{name}'.")
    chosen = [mirror for mirror in mirrors if _wanted(mirror, options)]
    return Result(stdout="".join(_mirror(mirror) for mirror in chosen))


def _mirror(mirror: Mirror) -> str:
    lines = [
        f"Geom name: {mirror.name}",
        f"State: {mirror.state_word}",
        f"Components: {mirror.components}",
        f"Balance: {BALANCES[mirror.balance]}",
        f"Slice: {mirror.slice}",
        f"Flags: {mirror_flags(mirror.mflags)}",
        f"GenID: {mirror.genid}",
        f"SyncID: {mirror.syncid}",
        f"ID: {mirror.mid}",
        "Type: AUTOMATIC",
    ]
    if mirror.provider is not None:
        lines += ["Providers:", *_provider(1, mirror.provider, mirror.provider.opened.text)]
    lines.append("Consumers:")
    for number, consumer in enumerate(reversed(mirror.geom.consumers), 1):
        lines += _provider(number, consumer.provider, consumer.opened.text)
        disk = consumer.private
        if isinstance(disk, Disk):
            lines += _disk(mirror, disk)
    return "\n".join(lines) + "\n\n"


def _provider(number: int, provider: Provider, mode: str) -> list[str]:
    return [
        f"{number}. Name: {provider.name}",
        f"   Mediasize: {provider.mediasize} ({human(provider.mediasize)})",
        f"   Sectorsize: {provider.sectorsize}",
        f"   Mode: {mode}",
    ]


def _disk(mirror: Mirror, disk: Disk) -> list[str]:
    lines = [
        f"   State: {disk.state.value}",
        f"   Priority: {disk.priority}",
        f"   Flags: {disk_flags(disk) or '(null)'}",
        f"   GenID: {disk.genid}",
        f"   SyncID: {disk.syncid}",
    ]
    if disk.state is DiskState.SYNCHRONIZING:
        if disk.offset_done:
            lines.append(f"   BytesSynced: {disk.offset_done}")
        lines.append(f"   Synchronized: {disk.offset_done * 100 // mirror.mediasize}%")
    return [*lines, f"   ID: {disk.did}"]


def _snapshot(machine: Machine) -> Coroutine[list[Mirror]]:
    yield from ()
    geoms = machine.topology.geoms[machine.mirrors.name]
    # libgeom turns the kernel's order (newest first) round.
    return [
        geom.softc
        for geom in reversed(geoms)
        if isinstance(geom.softc, Mirror) and geom is geom.softc.geom and not geom.withering
    ]


def _wanted(mirror: Mirror, options: Options) -> bool:
    shown = mirror.provider is not None or options.has("a")
    return shown and (not options.operands or mirror.name in options.operands)
