"""gmirror(8): the verbs that read and write a component's last sector through its device node."""

from dataclasses import replace

from hafailover.emulation.commands.result import Options, Result, failed
from hafailover.emulation.errors import EINVAL, ENOENT, describe
from hafailover.emulation.geom import BioCommand, Provider
from hafailover.emulation.machine import Machine, device_name
from hafailover.emulation.mirror_metadata import (
    BALANCES,
    INACTIVE,
    NAME_LIMIT,
    NOAUTOSYNC,
    NOFAILSYNC,
    Metadata,
    decode,
    disk_words,
    mirror_words,
)
from hafailover.emulation.tasks import Coroutine

_NOT_DONE = "gmirror: Not fully done.\n"


def dump(machine: Machine, options: Options) -> Coroutine[Result]:
    """Print the metadata of each device."""
    stdout = stderr = ""
    for path in options.operands:
        error, metadata = yield from _read(machine, path)
        if metadata is None:
            stderr += f"Can't read metadata from {path}: {describe(error)}.\n"
        else:
            stdout += f"Metadata on {path}:\n{_describe(metadata)}\n"
    return Result(status=int(bool(stderr)), stdout=stdout, stderr=stderr + _NOT_DONE * bool(stderr))


def label(machine: Machine, options: Options) -> Coroutine[Result]:
    """Write fresh metadata on each device, the old cleared on all of them first."""
    if len(options.operands) < 2:
        return failed("gmirror: Too few arguments.")
    balance = options.last("b", "load")
    if balance not in BALANCES[1:]:
        return failed("gmirror: Invalid balance algorithm.")
    name, *paths = options.operands
    providers = []
    for path in paths:
        provider = machine.provider(path)
        if provider is None or machine.dev.node(provider.name) is None:
            text = describe(ENOENT)
            return failed(f"gmirror: Can't get informations about {path}: {text}.")
        providers.append(provider)
    for path, provider in zip(paths, providers, strict=True):
        error = yield from _write(machine, provider, bytes(provider.sectorsize))
        if error:
            return failed(f"gmirror: Can't store metadata on {path}: {describe(error)}.")
    fresh = _fresh(machine, options, name, providers)
    stdout = ""
    for path, provider, metadata in zip(paths, providers, fresh, strict=True):
        error = yield from _write(machine, provider, metadata.encode(provider.sectorsize))
        if error:
            return failed(f"gmirror: Can't store metadata on {path}: {describe(error)}.")
        if options.has("v"):
            stdout += f"Metadata value stored on {path}.\n"
    yield from machine.events.wait_idle()
    return Result(stdout=stdout + "Done.\n" * options.has("v"))


def _fresh(
    machine: Machine, options: Options, name: str, providers: list[Provider]
) -> list[Metadata]:
    """Make metadata as of a new mirror: random ids, no history, priorities by position."""
    mid = machine.random.getrandbits(32)
    mflags = NOAUTOSYNC * options.has("n") | NOFAILSYNC * options.has("F")
    return [
        Metadata(
            name=name[:NAME_LIMIT],
            mid=mid,
            did=machine.random.getrandbits(32),
            components=len(providers),
            priority=position,
            slice=int(options.last("s", "4096")),
            balance=BALANCES.index(options.last("b", "load")),
            mediasize=min(p.mediasize - p.sectorsize for p in providers),
            sectorsize=max(p.sectorsize for p in providers),
            mflags=mflags,
            provider=provider.name if options.has("h") else "",
            provsize=provider.mediasize,
        )
        for position, provider in enumerate(providers)
    ]


def clear(machine: Machine, options: Options) -> Coroutine[Result]:
    """Erase the metadata of each device that has some."""
    stdout = stderr = ""
    for path in options.operands:
        error, metadata = yield from _read(machine, path)
        if metadata is not None:
            provider = machine.provider(path)
            error = ENOENT
            if provider is not None:
                error = yield from _write(machine, provider, bytes(provider.sectorsize))
        if error:
            stderr += f"Can't clear metadata on {path}: {describe(error)}.\n"
        elif options.has("v"):
            stdout += f"Metadata cleared on {path}.\n"
    yield from machine.events.wait_idle()
    return Result(status=int(bool(stderr)), stdout=stdout, stderr=stderr + _NOT_DONE * bool(stderr))


def activate(machine: Machine, options: Options) -> Coroutine[Result]:
    """Take the mark of `deactivate` away and let the device be tasted."""
    stderr = ""
    name = options.operands[0]
    for path in options.operands[1:]:
        error, metadata = yield from _read(machine, path)
        if metadata is None:
            stderr += f"Cannot read metadata from {path}: {describe(error)}.\n"
            continue
        if metadata.name != name:
            stderr += f"Provider {path} is not in mirror {name}.\n"
            continue
        provider = machine.provider(path)
        sector = replace(metadata, dflags=metadata.dflags & ~INACTIVE).encode()
        error = ENOENT
        if provider is not None:
            error = yield from _write(machine, provider, sector)
        if error:
            stderr += f"Cannot write metadata from {path}: {describe(error)}.\n"
    yield from machine.events.wait_idle()
    return Result(status=int(bool(stderr)), stderr=stderr + _NOT_DONE * bool(stderr))


def _read(machine: Machine, path: str) -> Coroutine[tuple[int, Metadata | None]]:
    name = device_name(path)
    provider = machine.provider(path)
    if provider is None:
        return ENOENT, None
    error = yield from machine.dev.open(name, (1, 0, 0))
    if error:
        return error, None
    error, sector = yield from machine.topology.transfer(
        provider, BioCommand.READ, provider.mediasize - provider.sectorsize, provider.sectorsize
    )
    yield from machine.dev.close(name, (1, 0, 0))
    if error:
        return error, None
    return EINVAL, decode(sector)


def _write(machine: Machine, provider: Provider, sector: bytes) -> Coroutine[int]:
    access = (1, 1, 0)
    error: int = yield from machine.dev.open(provider.name, access)
    if error:
        return error
    offset = provider.mediasize - provider.sectorsize
    error, _ = yield from machine.topology.transfer(
        provider, BioCommand.WRITE, offset, provider.sectorsize, sector
    )
    yield from machine.dev.close(provider.name, access)
    return error


def _describe(metadata: Metadata) -> str:
    fields = (
        ("magic", " GEOM::MIRROR"),
        ("version", f" {metadata.version}"),
        ("name", f" {metadata.name}"),
        ("mid", f" {metadata.mid}"),
        ("did", f" {metadata.did}"),
        ("all", f" {metadata.components}"),
        ("genid", f" {metadata.genid}"),
        ("syncid", f" {metadata.syncid}"),
        ("priority", f" {metadata.priority}"),
        ("slice", f" {metadata.slice}"),
        ("balance", f" {BALANCES[metadata.balance]}"),
        ("mediasize", f" {metadata.mediasize}"),
        ("sectorsize", f" {metadata.sectorsize}"),
        ("syncoffset", f" {metadata.sync_offset}"),
        ("mflags", mirror_words(metadata.mflags)),
        ("dflags", disk_words(metadata.dflags)),
        ("hcprovider", f" {metadata.provider}"),
        ("provsize", f" {metadata.provsize}"),
        ("MD5 hash", f" {metadata.digest}"),
    )
    return "".join(f"{name:>10}:{value}\n" for name, value in fields)
