"""From the old files to the new one and the list of what was wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hafailover.migration.exports import Export, read_exports
from hafailover.migration.finding import Finding, Weight, order
from hafailover.migration.freevrrpd import Router, RouterFile, read_routers
from hafailover.migration.judge_pair import judge_pair
from hafailover.migration.judge_router import judge_router, judge_routers, virtual_addresses
from hafailover.migration.judge_script import judge_script
from hafailover.migration.new_file import Hints
from hafailover.migration.pair import Files, Side, Source, Told, assemble
from hafailover.migration.render import render
from hafailover.migration.settle import settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What comes out."""

    text: str
    """The new file."""
    findings: tuple[Finding, ...]
    """The worst first."""
    readings: tuple[str, ...]
    """Which file was taken for what, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Everything that the operator gives."""

    routers: Sequence[Source]
    exports: Sequence[Source] = ()
    scripts: Sequence[Source] = ()
    hosts: Sequence[Source] = ()
    told: Sequence[Told] = ()
    hints: Hints


def convert(given: Given) -> Converted | str:
    """Return the new file, or one sentence why there is none."""
    files = [read_routers(source.text, source.path) for source in given.routers]
    empty = [each.file for each in files if not each.routers]
    if empty:
        return f"{' and '.join(empty)}: no virtual router is in there"
    findings: list[Finding] = [found for each in files for found in each.findings]
    exports: list[tuple[Export, ...]] = []
    for source in given.exports:
        lines, malformed = read_exports(source.text, source.path)
        exports.append(lines)
        findings += malformed
    sides, missing = assemble(
        Files(
            routers=given.routers,
            exports=exports,
            scripts=given.scripts,
            hosts=given.hosts,
            told=given.told,
        ),
        files,
    )
    findings += missing
    pairs = pair_up(files)
    for side in sides:
        for router in side.routers.routers:
            findings += judge_router(side, router)
        for script in side.scripts:
            findings += judge_script(script)
    findings += judge_routers(sides, pairs)
    findings += judge_pair(sides)
    findings += _alone(files)
    new, questions = settle(sides, given.hints, pairs)
    findings += questions
    distinct = tuple(sorted(dict.fromkeys(findings), key=order))
    open_questions = sum(finding.weight is Weight.FILL_IN for finding in distinct)
    return Converted(
        text=render(new, open_questions), findings=distinct, readings=tuple(_readings(sides))
    )


def pair_up(files: Sequence[RouterFile]) -> list[tuple[Router, ...]]:
    """Return which sections of the two nodes are the same virtual router.

    By number, then by a common address, then by order: two that should be one often differ in just
    one of these.
    """
    if len(files) == 1:
        return [(router,) for router in files[0].routers]
    left = list(files[1].routers)
    pairs: list[tuple[Router, ...]] = []
    waiting = list(files[0].routers)
    for is_same in (_same_number, _same_address, _anything):
        for router in tuple(waiting):
            match = next((other for other in left if is_same(router, other)), None)
            if match is not None:
                waiting.remove(router)
                left.remove(match)
                pairs.append((router, match))
    pairs += [(router,) for router in (*waiting, *left)]
    first = list(files[0].routers)
    return sorted(pairs, key=lambda pair: first.index(pair[0]) if pair[0] in first else len(first))


def _same_number(one: Router, other: Router) -> bool:
    return bool(one.value("serverid")) and one.value("serverid") == other.value("serverid")


def _same_address(one: Router, other: Router) -> bool:
    return bool(set(virtual_addresses(one)) & set(virtual_addresses(other)))


def _anything(_one: Router, _other: Router) -> bool:
    return True


def _alone(files: Sequence[RouterFile]) -> list[Finding]:
    if len(files) == 2:
        return []
    return [
        Finding(
            rule="one-node-only",
            weight=Weight.FILL_IN,
            place=files[0].routers[0].place,
            what="only one node's freevrrpd.conf was given",
            consequence="what differs between the two nodes is not found, and the other node's "
            "name, address and image are filled in",
            remedy="give the other node's file with a second --freevrrpd",
        )
    ]


def _readings(sides: Sequence[Side]) -> list[str]:
    lines = []
    for side in sides:
        lines.append(f"{side.name}: {side.routers.file}")
        lines += [f"{side.name}: {file}" for file in {e.place.file: None for e in side.exports}]
        lines += [f"{side.name}: {each.file} as {each.role.value} script" for each in side.scripts]
        if side.host_file:
            lines.append(f"{side.name}: {side.host_file}")
    return lines
