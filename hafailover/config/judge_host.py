"""Can this host run the agent: system, kernel settings, files of the agent, other programs?"""

from collections.abc import Iterator
from typing import Final

from hafailover.config.crosschecks_volume import is_below
from hafailover.config.host_facts import HostFacts
from hafailover.config.remarks import Finding, error, note, warning
from hafailover.group.settings import ArbiterKind
from hafailover.runtime.settings import NodeSettings
from hafailover.storage.facts import Mount
from hafailover.vrrp.settings import Family

_FORWARDING: Final = {
    Family.IPV4: "net.inet.ip.forwarding",
    Family.IPV6: "net.inet6.ip6.forwarding",
}
_RC_GATEWAY: Final = {Family.IPV4: "gateway_enable", Family.IPV6: "ipv6_gateway_enable"}

RELEASE_MIN: Final = 13
"""Before 13 FLUSH is not carried over ggate, and gmirror reads on from a lost component."""

SYSCTLS: Final = (
    "kern.geom.debugflags",
    "kern.geom.mirror.disconnect_on_failure",
    "kern.geom.mirror.sync_requests",
    "kern.vm_guest",
    *_FORWARDING.values(),
)

KEY_BYTES_MIN: Final = 32

RC_FILES: Final = ("/etc/rc.conf", "/etc/rc.conf.local")

_DEBUG_ALLOW_FOOT_SHOOTING: Final = 0x10
_RIVALS: Final = ("freevrrpd", "keepalived", "ucarp", "hastd")
_VOLATILE: Final = ("tmpfs", "mfs", "procfs", "fdescfs", "devfs", "ramfs")
_REMOTE: Final = ("nfs", "smbfs", "fusefs", "cifs", "p9fs")
_YEAR_2024_S: Final = 1_704_067_200


def judge_host(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    """Yield what is wrong with the host as such."""
    with_data = any(group.has_storage for group in settings.groups)
    yield from _system(facts, with_data=with_data)
    if with_data:
        yield from _kernel(facts)
        yield from _rebuild(settings, facts)
        yield from _virtual_machine(settings, facts)
    yield from _forwarding(settings, facts)
    yield from _key_file(settings, facts)
    yield from _state_directory(settings, facts)
    yield from _rivals(facts)
    yield from _rc_conf(facts)
    yield from _programs(settings, facts)
    if facts.wall_clock_s < _YEAR_2024_S:
        yield warning(
            "the clock of this host is not set",
            "date(1)",
            "run ntpd or chronyd: times in the journal and failback windows follow that clock",
        )


def _system(facts: HostFacts, *, with_data: bool) -> Iterator[Finding]:
    if with_data and not facts.is_able:
        yield error(
            f"this host runs {facts.system}; md, ggate and gmirror exist on FreeBSD only",
            "uname(1)",
            "on Linux, try the pair in the lab: hafailover lab up",
        )
    major = facts.release.partition(".")[0]
    if facts.system == "FreeBSD" and major.isdigit() and int(major) < RELEASE_MIN:
        yield error(
            f"FreeBSD {facts.release} is older than {RELEASE_MIN}.0",
            "uname(1)",
            "upgrade: older ones do not flush the peer's disk",
        )
    if facts.own_user != 0:
        yield warning(
            "not run as root: much of what follows could not be seen",
            "id(1)",
            "run hafailover check as root",
        )


def _kernel(facts: HostFacts) -> Iterator[Finding]:
    flags = facts.sysctls.get("kern.geom.debugflags")
    if flags is not None and flags.isdigit() and int(flags) & _DEBUG_ALLOW_FOOT_SHOOTING:
        yield error(
            f"kern.geom.debugflags is {flags}: devices in use can be written past their owner",
            "sysctl(8)",
            "sysctl kern.geom.debugflags=0, and remove it from /etc/sysctl.conf",
        )
    if facts.sysctls.get("kern.geom.mirror.disconnect_on_failure") == "0":
        yield error(
            "kern.geom.mirror.disconnect_on_failure is 0: a failing copy stays in the mirror",
            "sysctl(8)",
            "sysctl kern.geom.mirror.disconnect_on_failure=1",
        )


def _rebuild(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    """Compare the one brake on a rebuild that gmirror has: a loader tunable of the whole host (g_mirror.c)."""
    name = "kern.geom.mirror.sync_requests"
    seen = facts.sysctls.get(name)
    for group in settings.groups:
        wanted = group.rebuild.sync_requests
        if wanted is not None and seen is not None and seen != str(wanted):
            yield warning(
                f"{name} is {seen}, configured are {wanted}",
                f"groups.{group.name}.rebuild.sync_requests",
                f"put {name}={wanted} into /boot/loader.conf; it counts from the next boot on",
            )


def _virtual_machine(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    guest = facts.sysctls.get("kern.vm_guest")
    strict = {ArbiterKind.ETCD, ArbiterKind.FENCE}
    if guest in (None, "none") or not any(g.arbiter in strict for g in settings.groups):
        return
    yield note(
        f"this host is a virtual machine ({guest}): when it is paused, its watchdog is paused too",
        "kern.vm_guest",
        "the arbiter is strict only with a watchdog outside of the guest",
    )


def _forwarding(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    """A host that neither accepts what is sent to it nor passes it on swallows everything."""
    for group in settings.groups:
        for router in () if group.accepts else group.routers:
            name = _FORWARDING[router.family]
            if facts.sysctls.get(name) == "0":
                yield warning(
                    f"{name} is 0 and accept is false: this host would answer for the addresses, "
                    "and nothing sent to it would arrive anywhere",
                    f"groups.{group.name}.vrrp.accept",
                    f"sysctl {name}=1; for every boot: sysrc {_RC_GATEWAY[router.family]}=YES",
                )


def _key_file(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    if not settings.peer:
        return
    path = str(settings.channel.key_file)
    key = facts.path(path)
    make = f"umask 077; openssl rand -hex 32 > {path}; copy it to the other node"
    if any(group.has_storage for group in settings.groups):
        make = "hafailover init makes it on the preferred node; copy it from there, mode 0600"
    if key.problem:
        yield warning(f"the key file could not be looked at: {key.problem}", path, "run as root")
    elif not key.exists:
        yield error("the key file is missing", path, make)
    elif not key.is_file:
        yield error("the key file is no regular file", path, make)
    else:
        if key.mode & 0o077:
            yield error(
                f"the key file has mode {key.mode:04o}: others can read it",
                path,
                f"chmod 0600 {path}, and make a new key on both nodes",
            )
        if key.owner not in {0, facts.own_user}:
            yield error(f"the key file belongs to user {key.owner}", path, f"chown root {path}")
        if key.size_bytes < KEY_BYTES_MIN:
            yield error(
                f"the key has {key.size_bytes} bytes, at least {KEY_BYTES_MIN} are needed",
                path,
                make,
            )


def _state_directory(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    path = str(settings.paths.state)
    state = facts.path(path)
    if not state.exists:
        yield note("the state directory does not exist yet", path, "the agent makes it, mode 0700")
    elif not state.is_directory or not state.is_writable:
        yield error(
            "the state directory cannot be written", path, f"install -d -m 0700 {path}, as root"
        )
    if not facts.is_able:
        return
    if facts.mounts is None:
        yield warning(
            f"the mount table could not be read: {facts.mounts_problem}",
            "mount(8)",
            "look at the host: nothing can be promoted while mounts are unknown",
        )
        return
    below = mount_of(path, facts.mounts)
    if below is None:
        return
    if below.kind in _VOLATILE:
        yield error(
            f"the state directory lies on {below.kind}: the records would be lost at a reboot",
            path,
            "put paths.state on a local disk",
        )
    elif below.kind in _REMOTE or below.kind.startswith("fuse"):
        yield warning(
            f"the state directory lies on {below.kind}: records must not wait for a network",
            path,
            "put paths.state on a local disk",
        )
    mirrors = {volume.device for group in settings.groups for volume in group.volumes}
    if below.device in mirrors:
        yield error(
            f"the state directory lies on the volume {below.device}",
            path,
            "put paths.state where it is there before the volume is",
        )


def mount_of(path: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """Return the mount that a path lies on: the longest mount point above it, the topmost."""
    above = [mount for mount in mounts if is_below(path, mount.mount_point)]
    return max(above, key=lambda mount: len(mount.mount_point), default=None)


def _rivals(facts: HostFacts) -> Iterator[Finding]:
    for name in _RIVALS:
        if name in (facts.programs or ()):
            yield error(
                f"{name} runs on this host",
                "ps(1)",
                f"service {name} stop; sysrc {name}_enable=NO: only one may move the address",
            )


def _rc_conf(facts: HostFacts) -> Iterator[Finding]:
    for path in RC_FILES:
        for number, line in enumerate(facts.texts.get(path, "").splitlines(), start=1):
            name, _, value = line.strip().partition("=")
            where = f"{path}:{number}"
            if name == "ggated_enable" and value.strip("\"'").upper() == "YES":
                yield error(
                    "ggated is started at boot: a second writer of the image",
                    where,
                    "sysrc ggated_enable=NO; the agent starts its own",
                )
            elif name == "freevrrpd_enable" and value.strip("\"'").upper() == "YES":
                yield error(
                    "freevrrpd is started at boot",
                    where,
                    "sysrc freevrrpd_enable=NO",
                )


def _programs(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    for group in settings.groups:
        for service in group.services:
            for verb in ("start", "stop", "check"):
                argv: tuple[str, ...] = getattr(service, verb)
                program = facts.path(argv[0]) if argv else None
                if program is not None and not (program.is_file and program.is_executable):
                    yield error(
                        f"{argv[0]} is not there, or cannot be executed",
                        f"groups.{group.name}.services, {service.name}, {verb}",
                        "install it, or correct the path",
                    )
