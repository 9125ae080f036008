"""Does what the file says make sense as a whole?

Each rule is a generator over checked sections. A value that was wrong in itself is missing there;
the rule that needs it ends quietly, since the cause is reported already.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from hafailover.config.arithmetic import find_clashes
from hafailover.config.checked import Checked, MissingError
from hafailover.config.crosschecks_group import GROUP_RULES
from hafailover.config.crosschecks_volume import is_below, volume_problems
from hafailover.config.problems import Mark, Problem, Severity
from hafailover.config.timing import spans_of

_NODE_WORDS: Final = {
    "hostname": "host name",
    "lan": "LAN address",
    "lan_ipv6": "link-local LAN address",
    "replication": "replication address",
}

Rule = Callable[[Checked], Iterator[Problem]]


def cross_check(root: Checked) -> list[Problem]:
    """Return everything that is wrong or surprising about the file as a whole."""
    problems: list[Problem] = []
    for rule in _RULES:
        _collect(problems, rule(root))
    for group in _groups(root).values():
        for group_rule in GROUP_RULES:
            _collect(problems, group_rule(root, group))
    return problems


def _collect(problems: list[Problem], found: Iterable[Problem]) -> None:
    try:
        problems.extend(found)
    except MissingError:
        return


def _groups(root: Checked) -> Mapping[str, Checked]:
    try:
        return root.sections("groups")
    except MissingError:
        return {}


def _has_volumes(root: Checked) -> bool:
    return any(group.values.get("volumes") for group in _groups(root).values())


def _problem(mark: Mark, key: str, text: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(mark=mark, key=key, text=text, severity=severity)


def _nodes(root: Checked) -> Iterator[Problem]:
    """Two hosts, told apart by name and addresses."""
    nodes = root.sections("nodes")
    if _has_volumes(root) and len(nodes) < 2:
        text = f"found {len(nodes)} node, but a group with volumes needs two"
        yield _problem(root.place("nodes"), "nodes", text)
    seen: dict[tuple[str, object], str] = {}
    for name, node in nodes.items():
        for key, meaning in _NODE_WORDS.items():
            value = node.values.get(key)
            if value is None and key == "hostname":
                value = name
            if value is None:
                continue
            word = str(value).casefold()
            other = seen.setdefault((key, word), name)
            if other != name:
                text = f'"{value}" is the {meaning} of {other} already'
                yield _problem(node.place(key), f"{node.path}.{key}", text)
        own = node.values.get("replication")
        if own is not None and own == node.values.get("lan"):
            text = (
                f"{own} is the LAN address of {name} too, and the agents listen at each of the two; without a "
                "second cable give the LAN interface a second address, and write that here"
            )
            yield _problem(node.place("replication"), f"{node.path}.replication", text)


def _networks(root: Checked) -> Iterator[Problem]:
    """Every node has an interface, and an address where data travels."""
    networks = root.section("networks")
    with_data = _has_volumes(root)
    nodes = root.sections("nodes").values()
    for network in ("lan", "replication") if with_data else ("lan",):
        section = networks.section(network)
        own = [node.section("interfaces").maybe(network, str) for node in nodes]
        if section.values.get("interface", "") is None and None in own:
            key = f"networks.{network}.interface"
            text = f"missing; the interface on the {network} network, or one for each node"
            yield _problem(root.place("networks"), key, text)
    if with_data and _one_interface(networks):
        text = "the same interface as lan: one cut cable ends both service and replication"
        key = "networks.replication.interface"
        place = networks.section("replication").place("interface")
        yield _problem(place, key, text, Severity.WARNING)
    for node in nodes:
        if with_data and node.maybe("replication", object) is None:
            text = "missing; a group has volumes, and their data travels between these addresses"
            yield _problem(node.mark, f"{node.path}.replication", text)


def _one_interface(networks: Checked) -> bool:
    lan, link = (networks.section(name).maybe("interface", str) for name in ("lan", "replication"))
    return lan is not None and lan == link


def _vrids(root: Checked) -> Iterator[Problem]:
    """A VRID belongs to one group per interface and family."""
    seen: dict[tuple[int, int], str] = {}
    for name, group in _groups(root).items():
        vrid = group.values.get("vrid")
        if vrid is None:
            continue
        for family in sorted({address.version for address in group.values.get("addresses", ())}):
            other = seen.setdefault((vrid, family), name)
            if other != name:
                text = f"{vrid} is the VRID of group {other} already (IPv{family})"
                yield _problem(group.place("vrid"), f"{group.path}.vrid", text)


def _volumes_between(root: Checked) -> Iterator[Problem]:
    yield from volume_problems(root, _groups(root))


def _arbiter(root: Checked) -> Iterator[Problem]:
    """Data needs somebody who decides when the nodes cannot talk."""
    arbiter = root.maybe("arbiter", Checked)
    if arbiter is None:
        if _has_volumes(root):
            text = (
                "missing; a group has volumes, and somebody must decide who may be primary when "
                "the nodes cannot talk: etcd, fence, ping or none"
            )
            yield _problem(root.mark, "arbiter", text)
        return
    kind = arbiter.take("kind", str)
    if kind == "none" and not arbiter.take("i_accept_split_brain", bool):
        key = "arbiter.i_accept_split_brain"
        text = (
            "found false, allowed is true: without an arbiter a cut cable makes both nodes "
            "primary, and one side's writes will be lost"
        )
        yield _problem(arbiter.place("i_accept_split_brain"), key, text)
    if kind == "ping":
        yield from _targets(root, arbiter)
    if kind == "etcd" and (arbiter.maybe("cert_file", str) is None) != (
        arbiter.maybe("key_file", str) is None
    ):
        text = "cert_file and key_file come together"
        yield _problem(arbiter.mark, "arbiter", text)


def _targets(root: Checked, arbiter: Checked) -> Iterator[Problem]:
    """Who pings one of the pair's own addresses may ask itself, and never finds that it is cut off."""
    targets, own = arbiter.items("targets", object), _own_addresses(root)
    required = arbiter.take("required", int)
    if required > len(targets):
        text = f"{required} targets must answer, but only {len(targets)} are listed"
        yield _problem(arbiter.place("required"), "arbiter.required", text)
    for target in targets:
        if str(target) in own:
            text = (
                f"{target} is {own[str(target)]}: a node that is cut off would answer itself and go on serving; "
                "take an address of a third host, such as the gateway's"
            )
            yield _problem(arbiter.place("targets"), "arbiter.targets", text)


def _own_addresses(root: Checked) -> dict[str, str]:
    own = {
        str(node.values[key]): f"the {meaning} of {name}"
        for name, node in root.sections("nodes").items()
        for key, meaning in _NODE_WORDS.items()
        if key != "hostname" and node.values.get(key) is not None
    }
    for name, group in _groups(root).items():
        for address in group.values.get("addresses", ()):
            own[str(address.ip)] = f"a virtual address of group {name}"
    return own


def _paths(root: Checked) -> Iterator[Problem]:
    """What has to outlive a reboot does not lie where a reboot clears away."""
    paths = root.section("paths")
    state, run = paths.take("state", str), paths.take("run", str)
    if is_below(state, run):
        text = (
            f"{state} lies in {run} (paths.run), which a reboot empties: the records would be lost"
        )
        yield _problem(paths.place("state"), "paths.state", text)


def _services(root: Checked) -> Iterator[Problem]:
    """Commands are absolute paths: what PATH holds at three in the morning is nobody's guess."""
    for group in _groups(root).values():
        names: set[str] = set()
        for index, service in enumerate(group.values.get("services", ())):
            path = f"{group.path}.services[{index}]"
            name = service.values.get("name")
            if name in names:
                yield _problem(service.place("name"), f"{path}.name", f'"{name}" is there twice')
            names.add(name)
            for key in ("start", "stop", "check"):
                yield from _program(service, key, path)


def _program(section: Checked, key: str, path: str) -> Iterator[Problem]:
    arguments = section.values.get(key)
    if arguments and not arguments[0].startswith("/"):
        text = f'found "{arguments[0]}", allowed is a command with its absolute path first'
        yield _problem(section.place(key), f"{path}.{key}", text)


def _arithmetic(root: Checked) -> Iterator[Problem]:
    """The spans of time fit together (only groups with data depend on that)."""
    if not _has_volumes(root):
        return
    spans = spans_of(root)
    for clash in find_clashes(spans):
        name, _, key = clash.key.partition(".")
        section = root.section(name)
        yield _problem(section.place(key), clash.key, clash.text)


def _preferences(root: Checked) -> Iterator[Problem]:
    """With a fence device two primaries on two hosts are two that shoot at once."""
    arbiter = root.maybe("arbiter", Checked)
    if arbiter is None or arbiter.take("kind", str) != "fence":
        return
    first: dict[str, str] = {}
    for name, group in _groups(root).items():
        if not group.values.get("volumes"):
            continue
        preferred = max(
            root.sections("nodes"), key=lambda node: group.at_node("priority", node, int)
        )
        first.setdefault(preferred, name)
        other = next((node for node in first if node != preferred), None)
        if other is not None and first[preferred] == name:
            text = (
                f"{preferred} is preferred here, and {other} for {first[other]}: nodes that are cut from each other "
                "while each serves a group shoot each other, and nobody is left to switch one on; prefer the same one "
                "everywhere"
            )
            yield _problem(
                group.place("priority"), f"{group.path}.priority", text, Severity.WARNING
            )


_RULES: Final = (
    *(_nodes, _networks, _vrids, _volumes_between),
    *(_arbiter, _paths, _services, _arithmetic, _preferences),
)
