"""What is wrong with a freevrrpd.conf beyond its form, and with two of them together?"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Interface
from typing import Final

from hafailover.migration.finding import Finding, Weight
from hafailover.migration.freevrrpd import Router
from hafailover.migration.pair import Side

PASSWORD_SIZE: Final = 8
PRIORITY_OWNER: Final = 255
PRIORITY_DEFAULT: Final = 100
_DOWN_S: Final = 3
"""After about so long without advertisements the other node takes over (RFC 3768, 6.1)."""


def virtual_addresses(router: Router) -> list[str]:
    """Return the addresses of a virtual router as ``a.b.c.d/len``, malformed ones left out."""
    found = []
    for word in router.value("addr").replace(",", " ").split():
        address = word.partition(":")[2] or word
        try:
            found.append(str(IPv4Interface(address)))
        except ValueError:
            continue
    return found


def judge_router(side: Side, router: Router) -> Iterator[Finding]:
    """Judge one section."""
    yield from _identity(side, router)
    yield from _addresses(router)
    yield from _password(router)
    yield from _delays(side, router)
    for key in ("AHencryption", "useIKE", "presharedkey"):
        if router.setting(key) is not None:
            yield Finding(
                rule="authentication-without-effect",
                weight=Weight.WARNING,
                place=router.at(key),
                what=f"{key} is set",
                consequence="freevrrpd is built without it: packets say AH and carry none",
                remedy="nothing: the peer's address and a TTL of 255 are checked, and agents "
                "authenticate each other by a shared key",
            )


def _identity(side: Side, router: Router) -> Iterator[Finding]:
    vrid = router.number("serverid", 0)
    if not 1 <= vrid <= 255:
        found = f"serverid is {vrid}" if router.value("serverid") else "serverid is missing"
        yield Finding(
            rule="vrid-invalid",
            weight=Weight.ERROR,
            place=router.at("serverid"),
            what=f"{found}, allowed are 1 to 255",
            consequence=f"{vrid % 256} is used, which is no virtual router of the protocol",
            remedy="the same number on both nodes, and on no other router of the LAN",
        )
    if not router.value("interface"):
        yield Finding(
            rule="interface-missing",
            weight=Weight.ERROR,
            place=router.place,
            what="interface is missing",
            consequence="freevrrpd crashes",
            remedy="set networks.lan.interface",
        )
    priority = router.number("priority", PRIORITY_DEFAULT)
    owned = {address.partition("/")[0] for address in virtual_addresses(router)}
    if priority == PRIORITY_OWNER and not owned & {side.told.lan, *side.addresses()}:
        yield Finding(
            rule="priority-of-the-owner",
            weight=Weight.ERROR,
            place=router.at("priority"),
            what=f"priority 255 on {side.name}, which does not own the address",
            consequence="at every start it is Master at once, without listening whether the other "
            "node serves: two masters, and with storage two writers",
            remedy="nothing: 253 is written, and who serves goes on serving",
        )
    elif not 1 <= priority <= PRIORITY_OWNER:
        yield Finding(
            rule="priority-invalid",
            weight=Weight.ERROR,
            place=router.at("priority"),
            what=f"priority {priority}",
            consequence="0 says that the Master resigns: the other node takes over at once",
            remedy="a number from 1 to 253",
        )


def _addresses(router: Router) -> Iterator[Finding]:
    setting = router.setting("addr")
    if setting is None:
        yield Finding(
            rule="addresses-missing",
            weight=Weight.ERROR,
            place=router.place,
            what="addr is missing",
            consequence="there is no address to fail over",
            remedy="set groups.NAME.addresses",
        )
        return
    for word in setting.value.replace(",", " ").split():
        device, colon, address = word.rpartition(":")
        if colon:
            yield Finding(
                rule="address-device-ignored",
                weight=Weight.WARNING,
                place=setting.place,
                what=f"the device {device} before {address}",
                consequence="freevrrpd reads and ignores it",
                remedy="nothing, if the address belongs on the interface of the advertisements",
            )
        try:
            IPv4Interface(address)
        except ValueError:
            malformed = True
        else:
            malformed = "/" not in address
        if malformed:
            yield Finding(
                rule="address-malformed",
                weight=Weight.ERROR,
                place=setting.place,
                what=f"{word} is not of the form a.b.c.d/length",
                consequence="freevrrpd ends",
                remedy="set groups.NAME.addresses",
            )


def _password(router: Router) -> Iterator[Finding]:
    password = router.value("password")
    if len(password) > PASSWORD_SIZE:
        yield Finding(
            rule="password-cut",
            weight=Weight.WARNING,
            place=router.at("password"),
            what=f"the password has {len(password)} characters",
            consequence=f"the first {PASSWORD_SIZE} go over the wire, in clear text; who thinks "
            "that it protects is wrong",
            remedy=f"nothing: {PASSWORD_SIZE} characters are written; agents authenticate each "
            "other by a key of their own",
        )


def _delays(side: Side, router: Router) -> Iterator[Finding]:
    latency = router.number("spanningtreelatency", 0)
    if latency:
        yield Finding(
            rule="advertisements-blocked",
            weight=Weight.ERROR if latency >= _DOWN_S else Weight.WARNING,
            place=router.at("spanningtreelatency"),
            what=f"spanningtreelatency {latency}",
            consequence=f"no advertisement is sent for {latency} s at each transition; after about "
            f"{_DOWN_S} s the other node becomes Master as well",
            remedy="nothing: advertisements never wait here; set the switch's ports to edge mode",
        )
    if router.setting("carriertimeout") is not None:
        yield Finding(
            rule="key-without-effect",
            weight=Weight.NOTE,
            place=router.at("carriertimeout"),
            what="carriertimeout is set",
            consequence="the first section of an interface overwrites it with 10 s",
            remedy="nothing: a lost carrier is seen at once",
        )
    last = side.routers.routers[-1]
    watched = router.value("monitoredcircuits") or "yes"
    if watched == "yes" and router is not last and last.value("monitoredcircuits") == "no":
        yield Finding(
            rule="key-without-effect",
            weight=Weight.WARNING,
            place=router.at("monitoredcircuits"),
            what="monitoredcircuits counts only as the last section has it, which says no",
            consequence="a lost carrier is not noticed",
            remedy="nothing: carriers are always watched",
        )
    if router.value("vridsdep"):
        yield Finding(
            rule="routers-depend",
            weight=Weight.WARNING,
            place=router.at("vridsdep"),
            what=f"the virtual routers {router.value('vridsdep')} go to backup together",
            consequence="here each group moves alone",
            remedy="put the addresses that belong together into one group",
        )


def judge_routers(sides: Sequence[Side], pairs: Sequence[tuple[Router, ...]]) -> Iterator[Finding]:
    """Judge what two nodes say about the same virtual router."""
    for pair in pairs:
        if len(pair) == 2:
            yield from _vrids(sides, pair)
            yield from _differences(sides, pair)


def _vrids(sides: Sequence[Side], pair: tuple[Router, ...]) -> Iterator[Finding]:
    one, other = (router.number("serverid", 0) for router in pair)
    if one != other:
        yield Finding(
            rule="vrid-differs",
            weight=Weight.ERROR,
            place=pair[1].at("serverid"),
            what=f"serverid is {one} on {sides[0].name} ({pair[0].at('serverid').shown()}) and "
            f"{other} on {sides[1].name}",
            consequence="they are two virtual routers: the nodes never hear each other, both are "
            "Master, both mount",
            remedy=f"nothing: {one or other} is written for both",
        )


def _differences(sides: Sequence[Side], pair: tuple[Router, ...]) -> Iterator[Finding]:
    first, second = pair
    priorities = [router.number("priority", PRIORITY_DEFAULT) for router in pair]
    if priorities[0] == priorities[1]:
        yield Finding(
            rule="priority-equal",
            weight=Weight.WARNING,
            place=second.at("priority"),
            what=f"both nodes have priority {priorities[0]}",
            consequence="freevrrpd breaks the tie by the last octets of the addresses",
            remedy=f"nothing: {sides[0].name} is preferred in the new file; swap them if need be",
        )
    if first.value("password")[:PASSWORD_SIZE] != second.value("password")[:PASSWORD_SIZE]:
        yield Finding(
            rule="password-differs",
            weight=Weight.ERROR,
            place=second.at("password"),
            what="the passwords differ",
            consequence="a node drops the other's advertisements, and both are Master",
            remedy=f"nothing: that of {sides[0].name} is written for both",
        )
    addresses = [sorted(virtual_addresses(router)) for router in pair]
    if addresses[0] != addresses[1]:
        yield Finding(
            rule="addresses-differ",
            weight=Weight.ERROR,
            place=second.at("addr"),
            what=f"addr is {', '.join(addresses[0]) or 'nothing'} on {sides[0].name} and "
            f"{', '.join(addresses[1]) or 'nothing'} on {sides[1].name}",
            consequence="a node drops advertisements with another list, unless their priority is "
            "255: both are Master",
            remedy=f"those of {sides[0].name} are written; look whether they are the right ones",
        )
    for key in ("masterscript", "backupscript"):
        given = [bool(router.value(key)) for router in pair]
        if given[0] != given[1]:
            side = given.index(False)
            yield Finding(
                rule="script-missing",
                weight=Weight.ERROR,
                place=pair[side].place,
                what=f"{sides[side].name} has no {key}",
                consequence="the address moves there without what the script does",
                remedy="nothing: both nodes do the same in the new file",
            )
