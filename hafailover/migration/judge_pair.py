"""What is wrong between the two nodes: images, hosts, names that have to agree?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hafailover.migration.finding import Finding, Place, Weight
from hafailover.migration.judge_router import virtual_addresses
from hafailover.migration.pair import Role, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one line says about something that several lines have to agree on."""

    value: str
    place: Place
    by: str
    """Who says it: the program or the file's kind."""


def _others(sides: Sequence[Side], number: int) -> list[Side]:
    return [side for index, side in enumerate(sides) if index != number]


def floating(sides: Sequence[Side]) -> set[str]:
    """Return every virtual address without its prefix length."""
    return {
        address.partition("/")[0]
        for side in sides
        for router in side.routers.routers
        for address in virtual_addresses(router)
    }


def image_claims(sides: Sequence[Side], number: int) -> list[Claim]:
    """Return what is said of the images of one node, the words of its own scripts first."""
    side = sides[number]
    claims = [
        Claim(value=attach.image, place=attach.call.place, by="mdconfig")
        for script in side.scripts
        for attach in script.commands.attaches
    ]
    claims += [Claim(value=each.path, place=each.place, by="exports") for each in side.exports]
    for other in _others(sides, number):
        for script in other.scripts:
            for gate in script.commands.gates:
                place = gate.call.place
                claims.append(Claim(value=gate.path, place=place, by=f"ggatec of {other.name}"))
    return [claim for claim in claims if claim.value]


def host_claims(sides: Sequence[Side], number: int) -> list[Claim]:
    """Return what is said of one node's address on the link: who connects to it, who exports to it."""
    claims = []
    for other in _others(sides, number):
        for script in other.scripts:
            for gate in script.commands.gates:
                place = gate.call.place
                claims.append(Claim(value=gate.host, place=place, by=f"ggatec of {other.name}"))
        for export in other.exports:
            network = export.network
            if network is None or network.num_addresses == 1:
                host = export.host.partition("/")[0]
                place = export.place
                claims.append(Claim(value=host, place=place, by=f"exports of {other.name}"))
    return [claim for claim in claims if claim.value]


def agreed(claims: Sequence[Claim]) -> str:
    """Return the value that most lines have, the first said of equals; empty if none has any."""
    counts = Counter(claim.value for claim in claims)
    return counts.most_common(1)[0][0] if counts else ""


def judge_pair(sides: Sequence[Side]) -> Iterator[Finding]:
    """Judge what concerns both nodes."""
    for number, side in enumerate(sides):
        if len(sides) == 2:
            yield from _hosts(sides, number)
        yield from _exporters(sides, side)
        yield from _host(sides, side)
    if len(sides) == 2:
        yield from _names(sides)
    for side in sides:
        yield from _inverse(side)


def judge_images(side: Side, claims: Sequence[Claim], spelling: str) -> Iterator[Finding]:
    """Judge what is said of one image of a node, of which ``spelling`` is taken."""
    said = [claim for claim in claims if claim.value == spelling]
    for claim in claims:
        if claim.value != spelling:
            yield Finding(
                rule="image-spelt-differently",
                weight=Weight.ERROR,
                place=claim.place,
                what=f"{claim.by} says {claim.value}, {said[0].by} says {spelling} "
                f"({said[0].place.shown()}) for the image on {side.name}",
                consequence="ggated refuses a path that is not exported letter by letter, or "
                "another file is attached: the second copy is not the one that is meant",
                remedy=f"nothing, if {spelling} is the file: look on {side.name}",
            )


def _hosts(sides: Sequence[Side], number: int) -> Iterator[Finding]:
    side, other = sides[number], sides[1 - number]
    virtual = floating(sides)
    claims = host_claims(sides, number)
    for claim in claims:
        if claim.value in virtual:
            connects = claim.by.startswith("ggatec")
            yield Finding(
                rule="floating-address-as-host",
                weight=Weight.ERROR,
                place=claim.place,
                what=f"{claim.by} names the floating address {claim.value}",
                consequence=(
                    "it is on the master itself: the master connects to itself, or to nobody"
                    if connects
                    else "the other node connects from its own address and is refused"
                ),
                remedy=f"nothing: the address of {side.name} on the link is used",
            )
    plain = [claim for claim in claims if claim.value not in virtual]
    own = {side.told.lan, side.told.replication, *side.addresses()} - {""}
    usual = next((c.value for c in plain if c.value in own), agreed(plain))
    for claim in plain:
        if claim.value == usual or claim.value in own:
            continue
        mistaken = claim.value in {other.told.lan, other.told.replication, *other.addresses()}
        whose = f", which is {other.name} itself" if mistaken else ""
        yield Finding(
            rule="hosts-differ",
            weight=Weight.ERROR,
            place=claim.place,
            what=f"{claim.by} says {claim.value}{whose}, elsewhere {side.name} is {usual}",
            consequence="ggated looks at the client's address and nothing else: the connection is "
            "refused, and there is no second copy",
            remedy=f"nothing, if {usual} is the address of {side.name} on the link",
        )


def _exporters(sides: Sequence[Side], side: Side) -> Iterator[Finding]:
    virtual = floating(sides)
    for script in side.scripts:
        for call in script.commands.exporters:
            for flag, word in zip(call.words, call.words[1:], strict=False):
                if flag == "-a" and word in virtual:
                    yield Finding(
                        rule="floating-address-as-host",
                        weight=Weight.ERROR,
                        place=call.place,
                        what=f"ggated listens on the floating address {word}",
                        consequence="the backup, which has to export its image, does not have it",
                        remedy="nothing: ggated listens on the node's own address",
                    )


def _host(sides: Sequence[Side], side: Side) -> Iterator[Finding]:
    """Judge rc.conf."""
    place = Place(file=side.host_file, line=0)
    for name, value in side.host.items():
        if name in ("ggated_enable", "freevrrpd_enable") and value.upper() == "YES":
            yield Finding(
                rule="started-at-boot",
                weight=Weight.ERROR,
                place=place,
                what=f"{name}={value} on {side.name}",
                consequence="it starts at boot beside the agent, and knows nothing of it",
                remedy=f"sysrc {name}=NO before the agent is started",
            )
        if name.startswith("ifconfig_") and set(value.replace("/", " ").split()) & floating(sides):
            yield Finding(
                rule="floating-address-at-boot",
                weight=Weight.ERROR,
                place=place,
                what=f"{name} has the floating address on {side.name}",
                consequence="after a boot both nodes have it",
                remedy=f"sysrc -x {name}",
            )


def _names(sides: Sequence[Side]) -> Iterator[Finding]:
    kinds = {
        "mirror": [
            [(each.mirror, each.call.place) for s in side.scripts for each in s.commands.mirrors]
            for side in sides
        ],
        "mount point": [
            [
                (each.point.rstrip("/"), each.call.place)
                for s in side.scripts
                for each in s.commands.mounts
                if each.is_mount and each.point
            ]
            for side in sides
        ],
    }
    for kind, (first, second) in kinds.items():
        known = {value for value, _ in first}
        for value, place in second:
            if known and value not in known and len(known) == 1:
                usual = next(iter(known))
                yield Finding(
                    rule="names-differ",
                    weight=Weight.ERROR,
                    place=place,
                    what=f"the {kind} is {value} on {sides[1].name} and {usual} on {sides[0].name}",
                    consequence="after a failover the data is not where the services look for it",
                    remedy=f"nothing, if {usual} is meant",
                )


def _inverse(side: Side) -> Iterator[Finding]:
    """Does the backup script undo what the master script does?"""
    masters, backups = side.of(Role.MASTER), side.of(Role.BACKUP)
    if not masters or not backups:
        return
    undone = backups[0]
    place = Place(file=undone.file, line=0)
    stopped = {s.name for script in backups for s in script.commands.services if not s.starts}
    left = {m.point for script in backups for m in script.commands.mounts if not m.is_mount}
    left |= {m.device for script in backups for m in script.commands.mounts if not m.is_mount}
    for script in masters:
        for service in script.commands.services:
            if service.starts and service.name not in stopped:
                yield Finding(
                    rule="service-not-stopped",
                    weight=Weight.ERROR,
                    place=place,
                    what=f"{service.name} is started by {script.file} and stopped by nothing",
                    consequence="it holds the file system open, which then stays mounted",
                    remedy="nothing: services are stopped in the reverse order",
                )
        for mount in script.commands.mounts:
            if mount.is_mount and not {mount.point, mount.device} & left:
                yield Finding(
                    rule="mount-not-undone",
                    weight=Weight.ERROR,
                    place=place,
                    what=f"{mount.point} is mounted by {script.file} and unmounted by nothing",
                    consequence="both nodes have it mounted",
                    remedy="nothing: it is unmounted, and seen to be",
                )
