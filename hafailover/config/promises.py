"""What do the spans promise, in words that a person can hold the product to?"""

from hafailover.arbiter.lease import lengthened
from hafailover.config.arithmetic import (
    FenceSpans,
    LeaseSpans,
    PingSpans,
    Spans,
    effective_watchdog,
    fence_exposure,
    isolation_stop,
)
from hafailover.config.profiles import PROBE_PERIOD
from hafailover.group.fencing import TURNS_MAX
from hafailover.storage.settings import KERNEL_GUARD
from hafailover.units import SECOND

_COMMANDS = "the time of attach, fsck, mount and services"


def describe_promises(spans: Spans) -> tuple[str, ...]:
    """Return the worst cases, one sentence each."""
    match spans.arbiter:
        case LeaseSpans() as lease:
            return _lease(spans, lease)
        case FenceSpans() as fence:
            return _fence(spans, fence)
        case PingSpans() as ping:
            return _ping(spans, ping)
        case None:
            return _none(spans)


def _lease(spans: Spans, lease: LeaseSpans) -> tuple[str, ...]:
    served = lengthened(lease.lease) + spans.decision + spans.lateness
    guard = "the watchdog is off: not strict, since a dead agent's host is not stopped"
    if spans.watchdog:
        guard = (
            f"agent dead: its host resets itself within {_say(effective_watchdog(spans.watchdog))}"
        )
    return (
        f"primary lost: served again within {_say(served)} plus {_COMMANDS}",
        _stall(spans, spans.decision),
        (
            f"primary cut off from etcd and peer: it stops before its lease of {_say(lease.lease)} "
            "ends, and the other starts after it"
        ),
        guard,
    )


def _fence(spans: Spans, fence: FenceSpans) -> tuple[str, ...]:
    served = spans.detection + fence.secondary_delay + fence.deadline + spans.lateness
    late = served + (TURNS_MAX - 1) * fence.secondary_delay
    exposed = fence_exposure(spans, fence)
    percent = min(100, -(-100 * exposed // fence.gate_timeout))
    return (
        (
            f"primary lost: served again within {_say(served)} plus {_COMMANDS}, if the device "
            "answers; if it does not, the secondary waits for an operator"
        ),
        (
            "a node lost, or the two cut from each other, in the middle of a handover: served again "
            f"within {_say(late)} plus {_COMMANDS}"
        ),
        _stall(spans, fence.deadline),
        (
            f"with a chance of at most {percent} % the kernel drops the lost copy before the "
            f"verdict; the abort clock at {_say(KERNEL_GUARD - spans.kill)} stands behind that"
        ),
    )


def _ping(spans: Spans, ping: PingSpans) -> tuple[str, ...]:
    isolated = isolation_stop(spans, ping)
    return (
        (f"primary lost: served again within {_say(_takeover(spans))} plus {_COMMANDS}"),
        _stall(spans, 0),
        f"primary isolated from peer and targets: it stops within {_say(isolated)}",
        "both nodes reach the targets but not each other: both can serve, and the copies diverge",
        "primary's agent dead on a living host: no takeover, an alert",
    )


def _none(spans: Spans) -> tuple[str, ...]:
    return (
        (f"primary lost: served again within {_say(_takeover(spans))} plus {_COMMANDS}"),
        _stall(spans, 0),
        (
            "every cut between the nodes lets both serve, and the copies diverge; divergence is "
            "found at contact, and nothing is overwritten"
        ),
        "primary's agent dead on a living host: no takeover, an alert",
    )


def _takeover(spans: Spans) -> int:
    """Silence, then at most one more probe of the silent host."""
    ping = spans.arbiter
    period = ping.interval if isinstance(ping, PingSpans) else PROBE_PERIOD
    return spans.takeover + period + spans.lateness


def _stall(spans: Spans, decision: int) -> str:
    rest = decision + spans.records + spans.destroy + spans.lateness
    lost, stalled = spans.silent_detection + rest, spans.detection + rest
    text = f"secondary lost: writes wait at most {_say(lost)}"
    if stalled > lost:
        text += f"; its disk stalled while its agent lives: at most {_say(stalled)}"
    return text


def _say(span: int) -> str:
    """Return seconds with two digits, rounded up so that the promise holds."""
    hundredths = -(-span * 100 // SECOND)
    return f"{hundredths / 100:g} s"
