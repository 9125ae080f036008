"""How is a drill conducted? It begins in a healthy pair only, and ends with the group in one piece."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Final

from hafailover.drill import exercises
from hafailover.drill.exercises import Course, Scenario
from hafailover.drill.marks import Marker
from hafailover.drill.outcome import Drill, Exercise, Objectives
from hafailover.drill.pair import AbandonedError, Pair, does_not_pass
from hafailover.drill.probing import COMMAND_PERIOD_S, ECHO_PERIOD_S, Prober, command, echo
from hafailover.errors import ControlError
from hafailover.group.settings import Automatism
from hafailover.runtime.settings import DrillSettings
from hafailover.units import MILLISECOND

_SETTLE_S: Final = 240.0
_HOME_S: Final = 120.0
_FIRST_ANSWER_S: Final = 6.0
"""Longer than a question waits for its answer."""
_COUNTED_S: Final = 15.0
"""The peer looks at what an arbiter has just counted some seconds after this node does."""
_LOOK_S: Final = 0.1
_BY_HAND: Final = "'hafailover switchover' moves it once both copies are in sync"
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be exercised, on which group, and how it is judged."""

    socket: Path
    group: str
    scenarios: tuple[Scenario, ...]
    settings: DrillSettings
    rejoin: Automatism = Automatism.AUTO


def objectives_of(settings: DrillSettings) -> Objectives:
    """Return what the configuration asks for."""
    return Objectives(
        outage_ms=settings.outage // MILLISECOND,
        lost_writes=settings.lost_writes,
        write_stall_ms=settings.write_stall // MILLISECOND,
    )


def obstacle(seen: dict[str, Any]) -> str:
    """Say why no drill is begun in a group that stands like this; empty if one may be."""
    if not seen["volumes"] or not seen["peer"]["name"]:
        return "the group has no data to fail over: there is nothing to drill"
    if seen["role"] != "primary":
        where = seen["serving_node"]
        return f"{seen['node']} is {seen['role']}" + (f": run it on {where}" if where else "")
    if seen["paused"] is not None or seen["peer"]["paused"]:
        return "role changes are paused; 'hafailover resume' on both nodes first"
    if seen["health"] != "healthy":
        return f"the pair is not healthy: {seen['headline']}"
    if not seen["switchover_possible"]:
        return f"{seen['peer']['name']} could not take over: {seen['peer']['refusal'] or 'see hafailover explain'}"
    if seen["alerts"]:
        return f"an alert stands: {seen['alerts'][0]['text']}"
    return ""


def copy_obstacle(scenarios: Collection[Scenario], rejoin: Automatism) -> str:
    """Say why none of these is begun where a lost copy waits for a person; empty if they may be."""
    losing = [each.value for each in scenarios if each in exercises.LOSES_A_COPY]
    if rejoin is Automatism.AUTO or not losing:
        return ""
    return (
        f"with rejoin: manual nobody rebuilds the copy that {' and '.join(losing)} would cost until an operator "
        "says so, and the group would stay unprotected; --scenario planned loses none"
    )


def new_drill(plan: Plan, seen: dict[str, Any], refusal: str = "") -> Drill:
    """Return a drill in which nothing has been run yet."""
    begun = datetime.now().astimezone()
    return Drill(
        name=f"{begun:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}",
        group=plan.group,
        node=seen["node"],
        peer=seen["peer"]["name"],
        begun_at=begun.isoformat(timespec="seconds"),
        objectives=objectives_of(plan.settings),
        refusal=refusal,
    )


def conduct(plan: Plan, tell: Callable[[str], None]) -> Drill:
    """Run the exercises one after the other; stop at the first that has to be given up."""
    pair = Pair(plan.socket, plan.group)
    seen = _first_look(pair)
    refusal = obstacle(seen) or copy_obstacle(plan.scenarios, plan.rejoin)
    drill = new_drill(plan, seen, refusal)
    if drill.refusal:
        return drill
    probers, notes, silence = _asking(plan.settings, seen["addresses"])
    done: list[Exercise] = []
    try:
        if silence:
            return replace(drill, refusal=silence)
        done = list(_each(plan, drill, pair, probers, tell))
    finally:
        for prober in probers:
            prober.stop()
        left = "" if silence else settle(pair, drill.node, tell)
    return replace(drill, exercises=tuple(done), left_behind=left, notes=notes)


def _first_look(pair: Pair) -> dict[str, Any]:
    """Return how the pair stands; a peer that is in sync, and no candidate for a passing reason, is waited for."""
    end = time.monotonic() + _COUNTED_S
    while True:
        seen = pair.look()
        is_served = seen["role"] == "primary" and seen["health"] == "healthy"
        if not is_served or seen["switchover_possible"] or does_not_pass(seen):
            return seen
        if time.monotonic() > end:
            return seen
        time.sleep(_LOOK_S)


def _each(
    plan: Plan,
    drill: Drill,
    pair: Pair,
    probers: Sequence[Prober],
    tell: Callable[[str], None],
) -> Iterator[Exercise]:
    """Yield what came of each exercise, up to the first that has to be given up."""
    for scenario in plan.scenarios:
        try:
            pair.wait("the pair is healthy", lambda now: not obstacle(now), _SETTLE_S)
            found = _one(scenario, drill, pair, probers, tell)
        except AbandonedError as error:
            found = _not_begun(scenario, f"not begun: {error}")
        except KeyboardInterrupt:
            found = _not_begun(scenario, INTERRUPTED)
        yield found
        if found.problem:
            tell(f"{scenario.value}: {found.problem}")
            return


def _not_begun(scenario: Scenario, problem: str) -> Exercise:
    return Exercise(scenario=scenario.value, title=exercises.TITLES[scenario], problem=problem)


def settle(pair: Pair, home: str, tell: Callable[[str], None]) -> str:
    """Wait until one node serves, bring the group home if that is safe at once, and say how it stands."""
    try:
        seen = pair.wait("a node serves", lambda now: bool(now["serving_node"]), _SETTLE_S)
        if seen["serving_node"] != home:
            tell(f"bringing {pair.group} back to {home}")
            pair.wait("both copies are in sync", lambda now: now["health"] == "healthy", _HOME_S)
            pair.order_once_possible("switchover", "the end of a drill", _HOME_S)
            seen = pair.wait(f"{home} serves", lambda now: now["serving_node"] == home, _HOME_S)
    except (AbandonedError, ControlError) as error:
        return f"{_last_look(pair)}; {error}. {_BY_HAND}"
    except KeyboardInterrupt:
        return f"{_last_look(pair)}; interrupted once more, and left as it is. {_BY_HAND}"
    return str(seen["headline"])


def _last_look(pair: Pair) -> str:
    try:
        return str(pair.look()["headline"])
    except AbandonedError as error:
        return str(error)


def _one(
    scenario: Scenario,
    drill: Drill,
    pair: Pair,
    probers: Sequence[Prober],
    tell: Callable[[str], None],
) -> Exercise:
    """Run one exercise with marks of its own."""
    title = exercises.TITLES[scenario]
    try:
        marker = Marker(pair, f"{drill.name}-{scenario.value}", pair.look()["volumes"])
    except ControlError as error:
        problem = f"no mark can be written: {error.message}"
        return Exercise(scenario=scenario.value, title=title, problem=problem)
    course = Course(
        pair=pair, probers=probers, marker=marker, tell=tell, home=drill.node, peer=drill.peer
    )
    try:
        return exercises.run(scenario, course)
    except KeyboardInterrupt:
        return Exercise(
            scenario=scenario.value,
            title=title,
            problem=INTERRUPTED,
            checks=tuple(course.checks),
            phases=tuple(course.phases),
            length_ms=course.now_ms(),
        )
    finally:
        marker.stop()


def _probers(settings: DrillSettings, addresses: Sequence[str]) -> tuple[Prober, ...]:
    address = ip_interface(addresses[0]).ip
    found = [Prober(f"this node by ICMP to {address}", echo(address), ECHO_PERIOD_S)]
    if settings.probe:
        shown = " ".join(settings.probe)
        found.append(Prober(f"this node by {shown}", command(settings.probe), COMMAND_PERIOD_S))
        if settings.third_host:
            argv = (*settings.third_host, *settings.probe)
            found.append(Prober(f"a third host by {shown}", command(argv), COMMAND_PERIOD_S))
    return tuple(found)


def _asking(
    settings: DrillSettings, addresses: Sequence[str]
) -> tuple[tuple[Prober, ...], tuple[str, ...], str]:
    """Begin to ask; returns who is answered, what is to be said of the others, and why no drill may begin.

    A firewall may keep ICMP out, and nothing is measured by it then. A probe that is configured has to be answered: it
    stands for what clients do, and clients are not served where it is not.
    """
    probers = _probers(settings, addresses)
    end = time.monotonic() + _FIRST_ANSWER_S
    while not all(each.has_answers for each in probers) and time.monotonic() < end:
        time.sleep(ECHO_PERIOD_S)
    silent = [each for each in probers if not each.has_answers]
    by_icmp, *by_command = probers
    needed = [each for each in silent if each is not by_icmp or not by_command]
    for each in silent:
        if each not in needed:
            each.stop()
    refusal = f"nothing answers before anything is moved: {needed[0].name}" if needed else ""
    notes = tuple(f"not measured, nothing ever answered: {each.name}" for each in silent)
    return tuple(each for each in probers if each in needed or each not in silent), notes, refusal
