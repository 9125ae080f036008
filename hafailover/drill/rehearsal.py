"""What can be tried without moving anything? Reachability, permissions, programs, the plan, the expected outage."""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from hafailover.drill.conduct import copy_obstacle, obstacle
from hafailover.drill.exercises import LOSES_A_COPY, Scenario
from hafailover.drill.forecast import Expected, forecast, read_spans
from hafailover.drill.outcome import Check
from hafailover.drill.probing import Ask, command, echo
from hafailover.group.settings import GroupSettings
from hafailover.runtime.foresight import Foresight
from hafailover.runtime.settings import DrillSettings


def rehearse(
    seen: dict[str, Any],
    settings: GroupSettings,
    drill: DrillSettings,
    planned: Foresight,
    scenarios: Collection[Scenario],
) -> tuple[Check, ...]:
    """Return everything that was tried for these scenarios."""
    return (
        *_standing(seen),
        *_copies(settings, scenarios),
        _plan(planned),
        *_services(settings),
        *_volumes(settings),
        *_probes(seen, drill),
    )


def expect(settings: GroupSettings, lines: Iterable[bytes]) -> tuple[Expected, ...]:
    """Return how long clients would miss the service, from the journal's lines."""
    return tuple(forecast(settings, read_spans(lines, settings.name)))


def _standing(seen: dict[str, Any]) -> Iterator[Check]:
    problem = obstacle(seen)
    yield Check(
        what="a drill would be begun", is_ok=not problem, seen=problem or str(seen["headline"])
    )
    peer = seen["peer"]
    if peer["name"]:
        networks = ", ".join(peer["networks"]) or "no network"
        hears = ", ".join(peer["hears_us_on"]) or "no network"
        yield Check(
            what=f"{peer['name']} is heard, and hears this node",
            is_ok=bool(peer["networks"]) and set(peer["networks"]) == set(peer["hears_us_on"]),
            seen=f"heard on {networks}; it hears this node on {hears}",
        )


def _copies(settings: GroupSettings, scenarios: Collection[Scenario]) -> Iterator[Check]:
    if LOSES_A_COPY.isdisjoint(scenarios):
        return
    problem = copy_obstacle(scenarios, settings.rejoin)
    yield Check(
        what="a lost copy is rebuilt without asking",
        is_ok=not problem,
        seen=problem or "rejoin: auto",
    )


def _plan(planned: Foresight) -> Check:
    problem = planned.refusal or planned.stopped_at
    return Check(
        what="the handover can be planned to its end",
        is_ok=not problem,
        seen=problem or f"{len(planned.steps)} steps here",
    )


def _services(settings: GroupSettings) -> Iterator[Check]:
    for service in settings.services:
        programs = {argv[0] for argv in (service.start, service.stop, service.check) if argv}
        missing = sorted(each for each in programs if shutil.which(each) is None)
        yield Check(
            what=f"the programs of service {service.name} are there",
            is_ok=not missing,
            seen=f"missing: {', '.join(missing)}" if missing else "all of them",
        )


def _volumes(settings: GroupSettings) -> Iterator[Check]:
    for volume in settings.volumes:
        place = Path(volume.mount_point)
        try:
            is_ok, seen = place.is_dir() and any(True for _ in place.iterdir()), "it can be read"
        except OSError as error:
            is_ok, seen = False, error.strerror or str(error)
        yield Check(what=f"{place} can be read by this command", is_ok=is_ok, seen=seen)


def _probes(seen: dict[str, Any], drill: DrillSettings) -> Iterator[Check]:
    address = ip_interface(seen["addresses"][0]).ip
    yield _tried(f"{address} answers by ICMP", lambda: echo(address))
    if drill.probe:
        shown = " ".join(drill.probe)
        yield _tried(f"the probe ends with 0 here: {shown}", lambda: command(drill.probe))
    if drill.probe and drill.third_host:
        argv = (*drill.third_host, *drill.probe)
        yield _tried("the probe ends with 0 on the third host", lambda: command(argv))
    elif drill.third_host:
        yield Check(what="a third host can ask", is_ok=False, seen="drill.probe is not configured")


def _tried(what: str, make: Callable[[], Ask]) -> Check:
    try:
        is_ok = make()()
    except OSError as error:
        return Check(what=what, is_ok=False, seen=error.strerror or str(error))
    return Check(what=what, is_ok=is_ok, seen="it does" if is_ok else "it does not")
