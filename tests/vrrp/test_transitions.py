"""The whole table, state by event, as it stands in tests/golden/vrrp_transitions.txt."""

import re
from collections.abc import Callable
from dataclasses import fields, replace

from hafailover.units import SECOND, Instant, later
from hafailover.vrrp.actions import Action
from hafailover.vrrp.events import (
    AdvertisementAccepted,
    CandidacyChanged,
    DeadlineReached,
    Demote,
    Event,
    PriorityChanged,
    Shutdown,
    Startup,
    TakeOver,
)
from hafailover.vrrp.machine import deadline, initial, step
from hafailover.vrrp.settings import RouterSettings, Version
from hafailover.vrrp.states import Claim, Initialize, Master, State
from tests.vrrp.wire import LOWER, THEIRS, heard, settings

NOW = Instant(1_000 * SECOND)
ROUTERS = {
    "version 2": settings(Version.V2),
    "version 3": settings(Version.V3),
    "version 3, owner": settings(Version.V3, priority=255),
    "version 3, no preemption": settings(Version.V3, preempt=False),
    "version 3, gated, holding": settings(Version.V3, preempt=False, gated=True, hold_master=True),
}


def states(configured: RouterSettings) -> dict[str, State]:
    """Every kind of state, half a second before ``NOW``, reached by real steps."""
    past = Instant(NOW - SECOND // 2)

    def walk(*events: Event, at: Instant = past) -> State:
        state: State = initial(configured)
        for event in events:
            state = step(state, event, at, configured).state
        return state

    def silence(state: State) -> State:
        due = deadline(state) or past
        return step(state, DeadlineReached(), due, configured).state

    began = Instant(past - 3_609_375_000)
    open_gate = CandidacyChanged(candidate=True)
    named: dict[str, State] = {"Initialize": Initialize(standing=initial(configured).standing)}
    named["Backup"] = walk(Startup(), Demote())
    if configured.gated:
        named["Backup, Master down"] = silence(walk(Startup(), at=began))
    owner = configured.priority == 255
    master = walk(Startup()) if owner else silence(walk(open_gate, Startup(), at=began))
    named["Master"] = master
    claim = Claim(advertisement=heard(99), defied=False, ends_at=later(NOW, 2 * SECOND))
    assert isinstance(master, Master)
    named["Master, claim"] = replace(master, claim=claim)
    return named


def events(version: Version) -> dict[str, Event]:
    """Every kind of event."""

    def hears(priority: int, source: object = THEIRS) -> Event:
        return AdvertisementAccepted(
            advertisement=heard(priority, version=version, source=source)  # type: ignore[arg-type]
        )

    return {
        "Startup": Startup(),
        "Shutdown": Shutdown(),
        "DeadlineReached": DeadlineReached(),
        "hears priority 0": hears(0),
        "hears lower priority": hears(99),
        "hears own priority from lower address": hears(100, LOWER),
        "hears own priority from higher address": hears(100),
        "hears higher priority": hears(101),
        "hears the owner": hears(255),
        "becomes candidate": CandidacyChanged(candidate=True),
        "ends candidacy": CandidacyChanged(candidate=False),
        "PriorityChanged to 50": PriorityChanged(priority=50),
        "Demote": Demote(),
        "TakeOver": TakeOver(),
    }


def said(action: Action) -> str:
    """Name an action with what matters in it."""
    shown = [
        str(getattr(value, "name", value))
        for field in fields(action)
        if isinstance(value := getattr(action, field.name), int) or hasattr(value, "name")
        if field.name != "since"
    ]
    return f"{type(action).__name__}({', '.join(shown)})" if shown else type(action).__name__


def cell(before: State, event: Event, configured: RouterSettings) -> str:
    """Describe one step: the next state, how far its deadline is, the actions."""
    due = deadline(before)
    now = due if isinstance(event, DeadlineReached) and due is not None else NOW
    taken = step(before, event, now, configured)
    at = deadline(taken.state)
    if taken.state == before:
        where = "="
    else:
        name = type(taken.state).__name__
        where = f"{name} +{(at - now) / SECOND:.3f}s" if at is not None else f"{name} waits"
    return "; ".join([where, *map(said, taken.actions)])


def table() -> str:
    """Render every router, state and event."""
    lines = [
        "What one virtual router of priority 100 and interval 1 s does, half a second after it",
        "came into a state. '=' is no change; '+s' is the time to the next deadline.",
    ]
    for title, configured in ROUTERS.items():
        for name, state in states(configured).items():
            lines += ["", f"[{title}] {name}"]
            for label, event in events(configured.version).items():
                lines.append(f"  {label:<40}{cell(state, event, configured)}")
    return "\n".join(lines) + "\n"


def test_the_table_is_the_one_that_was_reviewed(golden: Callable[[str, str], None]) -> None:
    golden("vrrp_transitions.txt", table())


def test_the_table_names_every_action_and_state() -> None:
    """A state or an action that no row reaches would be unreviewed."""
    text = table()
    words = set(re.findall(r"[A-Z]\w+", text))
    assert words >= {"Initialize", "Backup", "Master"}
    assert words >= {kind.__name__ for kind in Action.__args__}
