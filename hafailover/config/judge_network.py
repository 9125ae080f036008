"""Can this host carry the addresses: interfaces, own and virtual addresses, ports, CARP?"""

import re
from collections.abc import Iterator

from hafailover.config.host_facts import HostFacts
from hafailover.config.judge_host import RC_FILES
from hafailover.config.remarks import Finding, error, warning
from hafailover.runtime.settings import NodeSettings


def judge_network(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    """Yield what is wrong with the host's network."""
    yield from _interfaces(settings, facts)
    yield from _own_addresses(settings, facts)
    yield from _virtual_addresses(settings, facts)
    yield from _ports(settings, facts)
    yield from _carp(facts)


def _interfaces(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    wanted = {network.interface: f"networks.{network.name}" for network in settings.networks}
    wanted |= {group.interface: f"groups.{group.name}" for group in settings.groups}
    for interface, where in wanted.items():
        if interface not in facts.interfaces:
            yield error(
                f"there is no interface {interface} on this host",
                where,
                "interfaces here: " + ", ".join(facts.interfaces),
            )


def _own_addresses(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    own = {
        network.own_address: f"nodes.{settings.node}.{network.name}"
        for network in settings.networks
    }
    for group in settings.groups:
        for router in group.routers:
            own.setdefault(str(router.primary_address), f"nodes.{settings.node}")
    for address, where in own.items():
        if address not in facts.local_addresses:
            yield error(
                f"{address} is on no interface of this host",
                where,
                "configure it in rc.conf: the agent manages the virtual addresses only",
            )


def _virtual_addresses(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    for group in settings.groups:
        where = f"groups.{group.name}.addresses"
        for interface_address in group.addresses:
            address = str(interface_address.ip)
            owned = any(str(router.primary_address) == address for router in group.routers)
            if address in facts.local_addresses and not facts.is_agent_running and not owned:
                yield error(
                    f"{address} is on an interface of this host while the agent is not running",
                    where,
                    f"ifconfig {group.interface} {_family(address)} {address} -alias",
                )
            yield from _in_rc_conf(address, facts, owned=owned)


def _family(address: str) -> str:
    return "inet6" if ":" in address else "inet"


def _in_rc_conf(address: str, facts: HostFacts, *, owned: bool) -> Iterator[Finding]:
    if owned:
        return
    word = re.compile(rf"(?<![0-9a-fA-F.:]){re.escape(address)}(?![0-9a-fA-F.:])")
    for path in RC_FILES:
        for number, line in enumerate(facts.texts.get(path, "").splitlines(), start=1):
            text = line.partition("#")[0]
            if text.lstrip().startswith("ifconfig_") and word.search(text):
                yield error(
                    f"the virtual address {address} is configured at boot",
                    f"{path}:{number}",
                    "remove it there: after a boot both nodes would have it",
                )


def _ports(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    if facts.is_agent_running:
        return
    wanted = {settings.channel.port: "channel.port"} if settings.peer else {}
    for group in settings.groups:
        for volume in group.volumes:
            wanted[volume.port] = f"groups.{group.name}.volumes.{volume.name}.port"
    for port, where in wanted.items():
        if port in facts.busy_ports:
            yield error(
                f"something listens on TCP port {port} already, and it is not the agent",
                where,
                f"sockstat -4l -p {port} names it; end it, or choose another port on both nodes",
            )


def _carp(facts: HostFacts) -> Iterator[Finding]:
    if not facts.is_carp_loaded:
        return
    yield warning(
        "carp(4) is loaded and takes every packet of protocol 112: the agent hears VRRP through bpf(4) "
        "instead",
        "kldstat(8)",
        "if nobody needs it: kldunload carp, and remove carp_load from /boot/loader.conf; see docs/security.md "
        "for the rules of pf",
    )
