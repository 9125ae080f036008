"""How are ggated and ggatec processes ended? TERM first, KILL from the second try on; gone is what ps(1) shows."""

from hafailover.storage.facts import GateProcess
from hafailover.storage.steps import Next, SignalStep
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView

_CARRIER_TRIES = 3


def end_server(process: GateProcess, volume: str, tries: Tries) -> SignalStep:
    """End a ggated with its children: they share a process group of their own (observed on 14.0)."""
    return _escalated(
        tries,
        process_group=process.process_group,
        pid=0,
        what=f"ggated group {process.process_group}",
        volume=volume,
    )


def plan_carriers_ended(
    view: VolumeView, tries: Tries, *, serving: frozenset[str] = frozenset()
) -> Next | None:
    """Return the next step against a ggatec that outlived its device; None when there is none left worth a try.

    Without its device it can write nothing, so one that does not end (state D) stands in nobody's way; the unit that it
    was started for is simply not used. ``serving``: units whose ggatec is still wanted.
    """
    for process in view.carriers:
        if serving.intersection(process.arguments):
            continue
        step = end_carrier(process, view.settings.name, tries)
        if tries.of(step) < _CARRIER_TRIES:
            return Next(step, "a ggatec outlives its device")
    return None


def end_carrier(process: GateProcess, volume: str, tries: Tries) -> SignalStep:
    """End a ggatec that outlived its device."""
    return _escalated(
        tries, process_group=0, pid=process.pid, what=f"ggatec {process.pid}", volume=volume
    )


def _escalated(tries: Tries, *, process_group: int, pid: int, what: str, volume: str) -> SignalStep:
    gentle = SignalStep(
        process_group=process_group, pid=pid, signal="TERM", what=what, volume=volume
    )
    if tries.of(gentle) == 0:
        return gentle
    return SignalStep(process_group=process_group, pid=pid, signal="KILL", what=what, volume=volume)
