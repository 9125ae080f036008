"""Which spans does the file ask for, its profile and its arbiter taken into account?"""

from dataclasses import replace

from hafailover.config.arithmetic import FenceSpans, LeaseSpans, PingSpans, Spans, ping_margin
from hafailover.config.checked import Checked
from hafailover.config.profiles import (
    GATE_TIMEOUT,
    GATE_TIMEOUT_FENCE,
    MISSES,
    PROFILES,
    TAKEOVER_MARGIN,
)


def spans_of(root: Checked) -> Spans:
    """Return the spans that depend on each other.

    Raises:
        MissingError: one of them was wrong in the file.
    """
    timers = root.section("timers")
    profile = PROFILES[timers.take("profile", str)]
    values = {name: timers.maybe(name, int) or span for name, span in profile.items()}
    arbiter = _arbiter_spans(root)
    if isinstance(arbiter, LeaseSpans) and timers.maybe("canary_patience", int) is None:
        # The time that others spend on patience is needed for the answer of etcd.
        values["canary_patience"] = values["canary_period"] + values["canary_deadline"]
    watchdog = root.section("watchdog")
    wanted = watchdog.take("mode", str) != "off"
    margin = timers.maybe("takeover_margin", int)
    spans = Spans(
        **values,
        misses=timers.maybe("misses", int) or MISSES,
        takeover_margin=TAKEOVER_MARGIN if margin is None else margin,
        watchdog=watchdog.take("timeout", int) if wanted else 0,
        arbiter=arbiter,
    )
    if margin is None and isinstance(arbiter, PingSpans):
        return replace(spans, takeover_margin=max(TAKEOVER_MARGIN, ping_margin(spans, arbiter)))
    return spans


def gate_timeout_of(root: Checked, volume: Checked) -> int:
    """Return ``ggatec -t`` of a volume in nanoseconds, never 0."""
    given = volume.maybe("gate_timeout", int)
    if given is not None:
        return given
    arbiter = root.maybe("arbiter", Checked)
    fenced = arbiter is not None and arbiter.take("kind", str) == "fence"
    return GATE_TIMEOUT_FENCE if fenced else GATE_TIMEOUT


def _arbiter_spans(root: Checked) -> LeaseSpans | FenceSpans | PingSpans | None:
    arbiter = root.maybe("arbiter", Checked)
    match arbiter.take("kind", str) if arbiter else "none":
        case "etcd" if arbiter:
            lease = arbiter.take("lease", int)
            return LeaseSpans(
                lease=lease,
                renew=arbiter.take("renew", int),
                renew_deadline=arbiter.take("renew_deadline", int),
                peer_lease=arbiter.maybe("peer_lease", int) or lease,
            )
        case "fence" if arbiter:
            return FenceSpans(
                deadline=arbiter.take("deadline", int),
                secondary_delay=arbiter.take("secondary_delay", int),
                gate_timeout=min(
                    gate_timeout_of(root, volume)
                    for group in root.sections("groups").values()
                    for volume in group.sections("volumes").values()
                ),
            )
        case "ping" if arbiter:
            return PingSpans(interval=arbiter.take("interval", int))
        case _:
            return None
