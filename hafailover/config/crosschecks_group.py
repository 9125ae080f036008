"""Does one group make sense: priorities, protocol, addresses?"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

from hafailover.config.checked import Checked
from hafailover.config.problems import Problem, Severity
from hafailover.config.spans import render_duration
from hafailover.units import CENTISECOND, SECOND
from hafailover.vrrp.settings import PASSWORD_SIZE, PRIORITY_OWNER

ELECTION_PRIORITY_MAX: Final = 253
"""With volumes a primary advertises 254, above every candidate."""

VirtualAddress = IPv4Interface | IPv6Interface


def _addresses(group: Checked) -> tuple[VirtualAddress, ...]:
    listed: tuple[VirtualAddress, ...] = group.take("addresses", tuple)
    return listed


def _priorities(root: Checked, group: Checked) -> Iterator[Problem]:
    nodes = tuple(root.sections("nodes"))
    with_data = bool(group.values.get("volumes"))
    key = f"{group.path}.priority"
    effective = {}
    for node in nodes:
        value = group.at_node("priority", node, int)
        own = {str(address) for address in root.sections("nodes")[node].values.values()}
        is_owner = any(str(address.ip) in own for address in _addresses(group))
        if value == PRIORITY_OWNER and not is_owner:
            used = f"; {ELECTION_PRIORITY_MAX} is used" if with_data else ""
            yield Problem(
                mark=group.place("priority", node),
                key=key,
                text=f"255 means that {node} owns the virtual address, which it does not{used}",
                severity=Severity.WARNING,
            )
        elif with_data and value > ELECTION_PRIORITY_MAX:
            yield Problem(
                mark=group.place("priority", node),
                key=key,
                text=f"{value} counts as {ELECTION_PRIORITY_MAX}: with volumes the primary "
                "advertises 254, and nobody stands above it",
                severity=Severity.NOTE,
            )
        effective[node] = min(value, ELECTION_PRIORITY_MAX) if with_data else value
    if len(nodes) == 2 and len(set(effective.values())) == 1:
        text = f"both nodes have {next(iter(effective.values()))}"
        if with_data:
            cut = max(_priority_values(root, group)) > ELECTION_PRIORITY_MAX
            capped = f" (with volumes at most {ELECTION_PRIORITY_MAX} counts)" if cut else ""
            yield Problem(
                mark=group.place("priority"),
                key=key,
                text=f"{text}{capped}, allowed are two that differ: one node must be preferred",
            )
        else:
            yield Problem(
                mark=group.place("priority"),
                key=key,
                text=f"{text}: the higher address wins",
                severity=Severity.WARNING,
            )


def _interval(_root: Checked, group: Checked) -> Iterator[Problem]:
    vrrp = group.section("vrrp")
    interval, version = vrrp.take("interval", int), vrrp.take("version", int)
    found = render_duration(interval)
    if version == 2 and interval % SECOND:
        text = f"found {found}, version 2 allows whole seconds only, from 1s to 255s"
    elif version == 3 and (interval % CENTISECOND or interval > 4095 * CENTISECOND):
        text = f"found {found}, version 3 allows hundredths of a second from 10ms to 40950ms"
    else:
        return
    yield Problem(mark=vrrp.place("interval"), key=f"{vrrp.path}.interval", text=text)


def _password(_root: Checked, group: Checked) -> Iterator[Problem]:
    vrrp = group.section("vrrp")
    password = vrrp.maybe("password", str)
    if password is None:
        return
    key, mark = f"{vrrp.path}.password", vrrp.place("password")
    if vrrp.take("version", int) != 2:
        yield Problem(mark=mark, key=key, text="only version 2 has a password, remove it")
    elif not password.isascii():
        yield Problem(mark=mark, key=key, text="allowed are ASCII characters")
    elif len(password) > PASSWORD_SIZE:
        yield Problem(
            mark=mark,
            key=key,
            text=f"{len(password)} characters, of which the protocol carries the first "
            f"{PASSWORD_SIZE}; the rest is cut off",
            severity=Severity.WARNING,
        )


def _families(root: Checked, group: Checked) -> Iterator[Problem]:
    vrrp = group.section("vrrp")
    six = [address for address in _addresses(group) if address.version == 6]
    four = [address for address in _addresses(group) if address.version == 4]
    place, key = group.place("addresses"), f"{group.path}.addresses"
    if six and vrrp.take("version", int) == 2:
        text = f"{six[0]} needs version 3, version 2 knows IPv4 only"
        yield Problem(mark=place, key=key, text=text)
    if six and not any(address.is_link_local for address in six):
        text = "the IPv6 addresses need a link-local one among them such as fe80::10/64 (RFC 9568)"
        yield Problem(mark=place, key=key, text=text)
    for node in root.sections("nodes").values():
        if six and node.maybe("lan_ipv6", object) is None:
            text = f"missing; group {group.path.removeprefix('groups.')} has IPv6 addresses"
            yield Problem(mark=node.mark, key=f"{node.path}.lan_ipv6", text=text)
        lan = node.values.get("lan")
        if four and lan is not None and lan.version != 4:
            text = f"{four[0]} needs an IPv4 address of the node on the LAN, found {lan}"
            yield Problem(mark=node.place("lan"), key=f"{node.path}.lan", text=text)


def _accept(_root: Checked, group: Checked) -> Iterator[Problem]:
    vrrp = group.section("vrrp")
    if vrrp.take("accept", bool) or not group.values.get("volumes"):
        return
    yield Problem(
        mark=vrrp.place("accept"),
        key=f"{vrrp.path}.accept",
        text="found false, allowed with volumes is true: clients reach the services of the group through "
        "its addresses. Remove the line, or put the addresses into a group without volumes",
    )


def _virtual_addresses(root: Checked, group: Checked) -> Iterator[Problem]:
    place, key = group.place("addresses"), f"{group.path}.addresses"
    taken: dict[str, str] = {}
    for name, node in root.sections("nodes").items():
        for network in ("lan", "lan_ipv6", "replication"):
            taken[str(node.values.get(network))] = f"the {network} address of {name}"
    owned = group.values.get("volumes") == {} and PRIORITY_OWNER in _priority_values(root, group)
    for other in root.sections("groups").values():
        if other.path == group.path:
            break
        for address in other.values.get("addresses", ()):
            taken[str(address.ip)] = f"an address of group {other.path.removeprefix('groups.')}"
    seen: set[str] = set()
    for address in _addresses(group):
        text = str(address.ip)
        if text in seen:
            yield Problem(mark=place, key=key, text=f"{text} is there twice")
        seen.add(text)
        if text in taken and not owned:
            yield Problem(mark=place, key=key, text=f"{text} is {taken[text]} already")


def _priority_values(root: Checked, group: Checked) -> set[int]:
    return {group.at_node("priority", node, int) for node in root.sections("nodes")}


def _peers(root: Checked, group: Checked) -> Iterator[Problem]:
    vrrp = group.section("vrrp")
    peers = vrrp.items("peers", object)
    key, mark = f"{vrrp.path}.peers", vrrp.place("peers")
    if group.values.get("volumes") and peers:
        text = "with volumes only the other node of this file is a peer, remove it"
        yield Problem(mark=mark, key=key, text=text)
    for name, node in root.sections("nodes").items():
        if node.values.get("lan") in peers or node.values.get("lan_ipv6") in peers:
            text = f"{name} is a peer by being one of the nodes, remove its address"
            yield Problem(mark=mark, key=key, text=text)
    if len(set(peers)) != len(peers):
        yield Problem(mark=mark, key=key, text="an address is there twice")
    if vrrp.take("mode", str) == "unicast" and not peers and len(root.sections("nodes")) < 2:
        text = "unicast needs the addresses of the other routers under peers"
        yield Problem(mark=vrrp.place("mode"), key=f"{vrrp.path}.mode", text=text)


def _without_effect(_root: Checked, group: Checked) -> Iterator[Problem]:
    vrrp = group.section("vrrp")
    if group.values.get("volumes"):
        for key in ("preempt", "preempt_delay"):
            if vrrp.is_given(key):
                yield Problem(
                    mark=vrrp.place(key),
                    key=f"{vrrp.path}.{key}",
                    text="has no effect with volumes: a running group never moves for a higher "
                    "priority alone, see failback",
                    severity=Severity.WARNING,
                )
    else:
        for key in ("failback", "rejoin", "rebuild"):
            if group.is_given(key):
                yield Problem(
                    mark=group.place(key),
                    key=f"{group.path}.{key}",
                    text="has no effect without volumes, see vrrp.preempt",
                    severity=Severity.WARNING,
                )
    if group.take("address_first", bool):
        yield Problem(
            mark=group.place("address_first"),
            key=f"{group.path}.address_first",
            text="clients may reach a host without data, which you sign for here",
            severity=Severity.WARNING,
        )


GROUP_RULES: Final[tuple[Callable[[Checked, Checked], Iterator[Problem]], ...]] = (
    _priorities,
    _interval,
    _password,
    _families,
    _accept,
    _virtual_addresses,
    _peers,
    _without_effect,
)
