"""A host on which nothing is wrong, to change one thing of."""

from dataclasses import replace
from typing import Any

from hafailover.config.findings import judge
from hafailover.config.host_facts import HostFacts, PathFacts
from hafailover.config.remarks import Finding
from hafailover.storage.facts import (
    Component,
    ComponentState,
    MemoryDisk,
    Mirror,
    MirrorState,
    Mount,
)
from hafailover.storage.geom_facts import GeomFacts
from tests.config.texts import PAIR, changed, read

TEXT = changed(
    "    volumes:",
    "    services: [{name: www, start: [/bin/www, start], stop: [/bin/www, stop]}]\n    volumes:",
    PAIR,
)
IMAGE = PathFacts(
    exists=True,
    is_file=True,
    size_bytes=16 << 20,
    allocated_bytes=16 << 20,
    mode=0o600,
    is_writable=True,
)
DIRECTORY = PathFacts(exists=True, is_directory=True, is_writable=True, mode=0o755)
KEY = PathFacts(exists=True, is_file=True, size_bytes=64, mode=0o600, is_writable=True)
PROGRAM = PathFacts(exists=True, is_file=True, is_executable=True, mode=0o755)
KEY_PATH = "/usr/local/etc/hafailover.key"

EMPTY_GEOM = GeomFacts(memory_disks=(), gates=(), mirrors=(), label_providers=())
ROOT_MOUNT = Mount(device="/dev/ada0p2", mount_point="/", kind="ufs", is_read_only=False)

HEALTHY = HostFacts(
    system="FreeBSD",
    release="14.1-RELEASE",
    is_lab=False,
    own_user=0,
    wall_clock_s=1_800_000_000.0,
    is_agent_running=False,
    sysctls={
        "kern.geom.debugflags": "0",
        "kern.geom.mirror.disconnect_on_failure": "1",
        "kern.vm_guest": "none",
    },
    is_carp_loaded=False,
    geom_classes=("DISK", "MD", "GATE", "MIRROR"),
    geom=EMPTY_GEOM,
    mounts=(ROOT_MOUNT,),
    programs=("init", "sshd"),
    interfaces=("em0", "em1", "lo0"),
    local_addresses=frozenset({"192.0.2.11", "10.0.0.11"}),
    paths={
        "/img/data.img": IMAGE,
        "/home/data": DIRECTORY,
        "/var/db/hafailover": DIRECTORY,
        KEY_PATH: KEY,
        "/bin/www": PROGRAM,
    },
    texts={"/etc/rc.conf": 'hostname="a"\nifconfig_em0="inet 192.0.2.11/24"\n'},
    journaled={"data": True},
)


def with_path(path: str, facts: PathFacts) -> HostFacts:
    return replace(HEALTHY, paths={**HEALTHY.paths, path: facts})


def with_text(path: str, text: str) -> HostFacts:
    return replace(HEALTHY, texts={path: text})


def with_sysctl(name: str, value: str | None) -> HostFacts:
    return replace(HEALTHY, sysctls={**HEALTHY.sysctls, name: value})


def with_disk(unit: int, file: str) -> HostFacts:
    disk = MemoryDisk(
        unit=unit, file=file, is_read_only=False, size_bytes=16 << 20, open_mode="r0w0e0"
    )
    return replace(HEALTHY, geom=replace(EMPTY_GEOM, memory_disks=(disk,)))


def with_mirror(provider: str, unit: int, file: str) -> HostFacts:
    """A host with the volume's mirror on one provider."""
    part = Component(provider=provider, state=ComponentState.ACTIVE, priority=0, genid=0, syncid=0)
    mirror = Mirror(
        name="data",
        state=MirrorState.COMPLETE,
        mirror_id=1,
        genid=0,
        syncid=0,
        wanted_components=1,
        components=(part,),
    )
    facts = with_disk(unit, file)
    assert facts.geom is not None
    return replace(facts, geom=replace(facts.geom, mirrors=(mirror,)))


def healthy(**changes: Any) -> HostFacts:
    return replace(HEALTHY, **changes)


def found(facts: HostFacts | None, text: str = TEXT) -> list[Finding]:
    """Return what is found beyond the note that every pair gets."""
    configuration = read(text)
    findings = judge(configuration, configuration.settings("a"), facts).findings
    return [finding for finding in findings if finding.where != "nodes.b"]


def said(facts: HostFacts | None, text: str = TEXT) -> list[str]:
    return [f"{finding.severity.value}: {finding.what}" for finding in found(facts, text)]
