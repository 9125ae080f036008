"""What does this host look like to ``hafailover check``? Looks only, changes nothing.

Every command runs as a child with a deadline: the check of a host with a stuck ggate ends too.
"""

import asyncio
import os
import re
import socket
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hafailover.config.host_facts import HostFacts, PathFacts
from hafailover.config.identity import is_local
from hafailover.config.judge_host import RC_FILES, SYSCTLS
from hafailover.config.judge_storage import TOOLS
from hafailover.errors import AgentNotRunningError, ControlError
from hafailover.runtime.settings import NodeSettings
from hafailover.storage.facts import Mount
from hafailover.storage.geom import parse_mesh
from hafailover.storage.geom_facts import GeomFacts, see_geom
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.observation import ObservationError
from hafailover.storage.settings import VolumeSettings
from hafailover.system.arbiter_looks import look_at_arbiter
from hafailover.system.child import Ended
from hafailover.system.control_client import ControlClient
from hafailover.system.runner import Runner, search_path
from hafailover.units import seconds

LAB_VARIABLE: Final = "HAFAILOVER_LAB"
_DEADLINE: Final = seconds(5)
_CONFXML_BYTES: Final = 16 << 20
_OUTPUT_BYTES: Final = 1 << 20
_ENTRIES_MAX: Final = 8
_CONNECT_S: Final = 0.5
_STATUS_S: Final = 2.0
_JOURNALING: Final = re.compile(r"soft update journaling: \(-j\)\s+(enabled|disabled)")


def inspect_host(settings: NodeSettings) -> HostFacts:
    """Return what is seen on this host of what the settings speak of."""
    return asyncio.run(_inspect(settings))


async def _inspect(settings: NodeSettings) -> HostFacts:
    runner = Runner(asyncio.get_running_loop(), path=search_path(os.environ))
    try:
        return await _look_around(settings, runner)
    finally:
        runner.close()


async def _look_around(settings: NodeSettings, runner: Runner) -> HostFacts:
    confxml, mounts, programs, carp, *values = await asyncio.gather(
        _ask(runner, ["sysctl", "-n", "kern.geom.confxml"], keep=_CONFXML_BYTES),
        _ask(runner, ["mount"]),
        _ask(runner, ["ps", "-axo", "comm="]),
        _ask(runner, ["kldstat", "-q", "-m", "carp"]),
        *(_ask(runner, ["sysctl", "-n", name]) for name in SYSCTLS),
    )
    classes, geom, geom_problem = _read_geom(confxml)
    table, mounts_problem = _read_mounts(mounts)
    volumes = [volume for group in settings.groups for volume in group.volumes]
    mounted = {mount.mount_point for mount in table or ()}
    identity = os.uname()
    status = _ask_agent(settings.paths.control_socket)
    is_agent_running = status is not None
    return HostFacts(
        system=identity.sysname,
        release=identity.release,
        is_lab=bool(os.environ.get(LAB_VARIABLE)),
        own_user=os.geteuid(),
        wall_clock_s=time.time(),
        is_agent_running=is_agent_running,
        arbiter=await look_at_arbiter(settings, runner),
        sysctls={
            name: _text(ended) if ended.status == 0 else None
            for name, ended in zip(SYSCTLS, values, strict=True)
        },
        # kldstat(8): 0 if the module is there, in the kernel or loaded, and 1 if not.
        is_carp_loaded=None if carp.status not in {0, 1} else carp.status == 0,
        geom_classes=classes,
        geom=geom,
        geom_problem=geom_problem,
        mounts=table,
        mounts_problem=mounts_problem,
        programs=tuple(_text(programs).split()) if programs.status == 0 else None,
        missing_tools=tuple(tool for tool in TOOLS if not runner.has(tool)),
        interfaces=tuple(name for _, name in socket.if_nameindex()),
        local_addresses=frozenset(filter(_is_here, _addresses(settings))),
        busy_ports=frozenset() if is_agent_running else _busy_ports(settings),
        # What is mounted is not asked: a volume whose ggate is stuck would not answer (seen on 14.0).
        paths={path: look_at(path) for path in _paths(settings) if path not in mounted},
        texts=_texts((*RC_FILES, "/etc/fstab")),
        peer_image_bytes=_peer_image_bytes(status or {}),
        journaled={volume.name: await _is_journaled(runner, volume, geom) for volume in volumes},
    )


async def _ask(runner: Runner, argv: Sequence[str], *, keep: int = _OUTPUT_BYTES) -> Ended:
    answer: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    runner.start(argv, deadline=_DEADLINE, done=answer.set_result, keep=keep)
    return await answer


def _text(ended: Ended) -> str:
    return ended.stdout.decode("utf-8", "replace").strip()


def _trouble(ended: Ended) -> str:
    if ended.problem:
        return ended.problem
    words = (ended.stderr or ended.stdout).decode("utf-8", "replace").strip()
    return f"exit status {ended.status}: {words[-200:]}"


def _read_geom(ended: Ended) -> tuple[tuple[str, ...] | None, GeomFacts | None, str]:
    if ended.status != 0:
        return None, None, _trouble(ended)
    text = ended.stdout.decode("utf-8", "replace")
    try:
        return tuple(parse_mesh(text).classes), see_geom(text), ""
    except ObservationError as error:
        return None, None, str(error)


def _read_mounts(ended: Ended) -> tuple[tuple[Mount, ...] | None, str]:
    if ended.status != 0:
        return None, _trouble(ended)
    try:
        return parse_mounts(ended.stdout.decode("utf-8", "replace")), ""
    except ObservationError as error:
        return None, str(error)


async def _is_journaled(
    runner: Runner, volume: VolumeSettings, geom: GeomFacts | None
) -> bool | None:
    """Ask tunefs(8), which prints to standard error, about the mirror or else the image file."""
    active = geom is not None and any(mirror.name == volume.mirror for mirror in geom.mirrors)
    ended = await _ask(runner, ["tunefs", "-p", volume.device if active else volume.image])
    said = (ended.stderr + ended.stdout).decode("utf-8", "replace")
    match = _JOURNALING.search(said)
    return None if ended.status != 0 or match is None else match[1] == "enabled"


def _ask_agent(control: Path) -> dict[str, Any] | None:
    """Return what the running agent says of itself; None if none listens, nothing if it does not answer."""
    try:
        client = ControlClient(control)
    except AgentNotRunningError:
        return None
    except ControlError:
        return {}
    try:
        said = client.ask("status", None, patience_s=_STATUS_S)
    except ControlError:
        return {}
    finally:
        client.close()
    return said if isinstance(said, dict) else {}


def _peer_image_bytes(status: Mapping[str, Any]) -> dict[str, int]:
    return {
        volume["name"]: volume["peer_size_bytes"]
        for group in status.get("groups", ())
        for volume in group.get("volumes", ())
        if volume.get("peer_size_bytes")
    }


def _addresses(settings: NodeSettings) -> Iterable[str]:
    found = {network.own_address for network in settings.networks}
    for group in settings.groups:
        found |= {str(address.ip) for address in group.addresses}
        found |= {str(router.primary_address) for router in group.routers}
    return sorted(found)


def _is_here(address: str) -> bool:
    if not address.lower().startswith("fe80:"):
        return is_local(address)
    return any(is_local(f"{address}%{name}") for _, name in socket.if_nameindex())


def _ports(settings: NodeSettings) -> Iterable[int]:
    volumes = (volume for group in settings.groups for volume in group.volumes)
    return sorted({settings.channel.port, *(volume.port for volume in volumes)})


def _busy_ports(settings: NodeSettings) -> frozenset[int]:
    """Return the ports on which somebody takes connections to an own address.

    A bind would be no proof: with SO_REUSEADDR the BSDs let the wildcard address be bound beside a
    listener, and without it a connection of the past is enough for a refusal.
    """
    own = {network.own_address for network in settings.networks} | {"127.0.0.1"}
    return frozenset(
        port for port in _ports(settings) if any(_connects(address, port) for address in own)
    )


def _connects(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_S)
        # Without an own source address, one that is not on this host could be reached elsewhere.
        try:
            probe.bind((address, 0))
            probe.connect((address, port))
        except OSError:
            return False
    return True


def _paths(settings: NodeSettings) -> Iterable[str]:
    yield str(settings.channel.key_file)
    yield str(settings.paths.state)
    if settings.fence is not None:
        yield settings.fence.command[0]
    for group in settings.groups:
        for volume in group.volumes:
            yield volume.image
            yield volume.mount_point
        for service in group.services:
            yield from (argv[0] for argv in (service.start, service.stop, service.check) if argv)


def look_at(path: str) -> PathFacts:
    """Return what a path is; a trouble other than absence is said, not guessed about."""
    try:
        found = Path(path).stat()
        entries: tuple[str, ...] = ()
        if stat.S_ISDIR(found.st_mode):
            entries = tuple(sorted(entry.name for entry in Path(path).iterdir())[:_ENTRIES_MAX])
    except (FileNotFoundError, NotADirectoryError):
        return PathFacts(exists=False, real=_real(path))
    except OSError as error:
        return PathFacts(exists=False, problem=error.strerror or str(error))
    return PathFacts(
        exists=True,
        is_file=stat.S_ISREG(found.st_mode),
        is_directory=stat.S_ISDIR(found.st_mode),
        size_bytes=found.st_size,
        allocated_bytes=found.st_blocks * 512,
        mode=stat.S_IMODE(found.st_mode),
        owner=found.st_uid,
        real=_real(path),
        is_writable=os.access(path, os.W_OK),
        is_executable=os.access(path, os.X_OK),
        entries=entries,
    )


def _real(path: str) -> str:
    real = os.path.realpath(path)
    return "" if real == path else real


def _texts(paths: Iterable[str]) -> dict[str, str]:
    texts = {}
    for path in paths:
        try:
            texts[path] = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return texts
