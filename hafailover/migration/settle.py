"""Which values go into the new file, and where do the old files leave a question open?"""

from collections.abc import Sequence
from typing import Final

from hafailover.migration.commands import ServiceCommand
from hafailover.migration.finding import Finding, Place, Weight
from hafailover.migration.freevrrpd import Router
from hafailover.migration.judge_pair import agreed, floating, host_claims
from hafailover.migration.judge_router import PASSWORD_SIZE, PRIORITY_DEFAULT, virtual_addresses
from hafailover.migration.new_file import (
    Hints,
    NewFile,
    NewGroup,
    NewVolume,
    names_of,
    open_question,
)
from hafailover.migration.pair import Role, Side, Told
from hafailover.migration.settle_storage import StorageSettling

PRIORITY_MAX: Final = 253
_LAN_UNKNOWN: Final = ("192.0.2.11", "192.0.2.12")
_LINK_UNKNOWN: Final = ("198.51.100.11", "198.51.100.12")


def settle(
    sides: tuple[Side, ...], hints: Hints, pairs: Sequence[tuple[Router, ...]]
) -> tuple[NewFile, list[Finding]]:
    """Return the new file's values, and what has to be said about them."""
    settling = Settling(sides, hints)
    new = settling.settle(pairs)
    return new, settling.findings


class Settling:
    """Decides value by value, and collects what has to be said about it."""

    def __init__(self, sides: tuple[Side, ...], hints: Hints) -> None:
        self._sides = sides
        self._hints = hints
        self.findings: list[Finding] = []

    def settle(self, pairs: Sequence[tuple[Router, ...]]) -> NewFile:
        """Return the new file's values."""
        storage = StorageSettling(self._sides, self._hints)
        volumes = storage.volumes()
        self.findings += storage.findings
        nodes = self._nodes(has_link=bool(volumes))
        first = pairs[0][0] if pairs else None
        lan = self._hints.lan_interface or (first.value("interface").split(",")[0] if first else "")
        new = NewFile(
            nodes=nodes,
            lan_interface=lan or "em0",
            link_interface=self._link_interface(nodes, lan or "em0"),
            targets=self._targets(),
        )
        for number, pair in enumerate(pairs):
            owns = number == 0
            new.groups.append(self._group(pair, number, volumes if owns else []))
        if new.has_volumes and not new.targets:
            self.findings.append(
                Finding(
                    rule="arbiter-none",
                    weight=Weight.WARNING,
                    place=Place(file=self._sides[0].routers.file, line=0),
                    what="nobody decides when the nodes cannot talk, as before",
                    consequence="each cut cable between them makes both serve, and the copies "
                    "diverge",
                    remedy="give --ping GATEWAY, or choose another arbiter (docs/configuration.md)",
                )
            )
        return new

    def _ask(self, side: Side | None, rule: str, what: str, stands_in: str, remedy: str) -> None:
        file = (side or self._sides[0]).routers.file
        self.findings.append(open_question(rule, file, what, stands_in, remedy))

    def _nodes(self, *, has_link: bool) -> dict[str, Told]:
        nodes = {}
        for number, name in enumerate(names_of(self._sides)):
            side = self._sides[number] if number < len(self._sides) else None
            lan = self._lan(side, name, number)
            link = self._link(number, name, lan, side) if has_link else ""
            nodes[name] = Told(name=name, lan=lan, replication=link)
        return nodes

    def _lan(self, side: Side | None, name: str, number: int) -> str:
        if side is not None and side.told.lan:
            return side.told.lan
        if side is not None:
            wanted = [router.value("interface").split(",")[0] for router in side.routers.routers]
            found = [each for each, nic in side.addresses().items() if nic in wanted]
            if found:
                return found[0]
        self._ask(
            side,
            "lan-address-unknown",
            f"the address of {name} on the LAN is in none of the files",
            _LAN_UNKNOWN[number],
            f"give --node {name}=ADDRESS or --rc-conf, or put it right in the new file",
        )
        return _LAN_UNKNOWN[number]

    def _link(self, number: int, name: str, lan: str, side: Side | None) -> str:
        if side is not None and side.told.replication:
            return side.told.replication
        virtual = floating(self._sides)
        claims = [c for c in host_claims(self._sides, number) if c.value not in virtual]
        addresses = [claim for claim in claims if _is_address(claim.value)]
        own = side.addresses() if side is not None else {}
        known = next((claim.value for claim in addresses if claim.value in own), "")
        others = {v for s in self._sides if s is not side for v in s.addresses()}
        left = [claim for claim in addresses if claim.value not in others]
        found = known or agreed(left)
        elsewhere = [each for each in own if each != lan]
        if found not in ("", lan) or len(elsewhere) == 1:
            return elsewhere[0] if found in ("", lan) else found
        self._ask(
            side,
            "link-address-unknown",
            f"no file says how {name} is reached for its copy, other than by its address on the LAN",
            _LINK_UNKNOWN[number],
            f"give --node {name}=LAN/REPLICATION, or put it right in the new file; without a second cable "
            "give its LAN interface a second address for that",
        )
        return _LINK_UNKNOWN[number]

    def _link_interface(self, nodes: dict[str, Told], lan: str) -> str:
        if self._hints.link_interface:
            return self._hints.link_interface
        for side in self._sides:
            nic = side.addresses().get(nodes[side.name].replication)
            if nic:
                return nic
        told = [node for node in nodes.values() if node.replication]
        if told and any(node.replication not in (node.lan, *_LINK_UNKNOWN) for node in told):
            self._ask(
                None,
                "link-interface-unknown",
                "the interface of the replication link is in none of the files",
                lan,
                "give --replication-interface or --rc-conf, or put it right in the new file",
            )
        return lan

    def _targets(self) -> tuple[str, ...]:
        routers = [side.host.get("defaultrouter", "") for side in self._sides]
        found = dict.fromkeys(each for each in routers if _is_address(each))
        return self._hints.targets or tuple(found)

    def _group(self, pair: tuple[Router, ...], number: int, volumes: list[NewVolume]) -> NewGroup:
        names = [side.name for side in self._sides]
        old = {
            name: router.number("priority", PRIORITY_DEFAULT)
            for name, router in zip(names, pair, strict=False)
        }
        vrids = [router.number("serverid", 0) % 256 for router in pair]
        services = [] if number else self._services()
        first = volumes[0].name if volumes else (services[0].name if services else "")
        addresses = next((found for router in pair if (found := virtual_addresses(router))), [])
        if not addresses:
            addresses = ["192.0.2.10/32"]
            self._ask(
                None,
                "address-unknown",
                "the floating address could not be read",
                addresses[0],
                "put it right under addresses",
            )
        return NewGroup(
            name=first or f"vrid{next(filter(None, vrids), number + 1)}",
            vrid=next(filter(None, vrids), number + 1),
            priorities=_priorities(old, names_of(self._sides), has_data=bool(volumes)),
            old_priorities=old,
            password=pair[0].value("password")[:PASSWORD_SIZE],
            addresses=addresses,
            volumes=volumes,
            services=services,
        )

    def _services(self) -> list[ServiceCommand]:
        found: dict[str, ServiceCommand] = {}
        for side in self._sides:
            for script in side.of(Role.MASTER):
                for service in script.commands.services:
                    if service.starts:
                        found.setdefault(service.name, service)
        return list(found.values())


def _priorities(old: dict[str, int], names: list[str], *, has_data: bool) -> dict[str, int]:
    high = PRIORITY_MAX if has_data else 254
    values = {name: min(max(old.get(name, 200), 1), high) for name in names}
    first, second = names
    if values[first] == values[second]:
        values[second] = max(values[first] - 50, 1)
        values[first] = max(values[first], values[second] + 1)
    return values


def _is_address(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)
