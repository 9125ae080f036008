"""Do the spans of time fit together, and what are the worst cases that follow from them?

Pure: spans in, sentences out. The letters are those of the design: G is the age at which the kernel
fails a request to a ggate at its next look (four seconds, ``g_gate.c``), D the time to notice that
the peer is gone. Every rule names the two values that clash.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hafailover.arbiter.lease import shortened
from hafailover.config.spans import render_duration
from hafailover.storage.settings import KERNEL_GUARD

_WATCHDOG_POWER_MIN: Final = 24
_TICK_RISK: Final = 10
"""With fence at most one loss in so many may meet a tick of the kernel before the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSpans:
    """What etcd adds, in nanoseconds."""

    lease: int
    renew: int
    renew_deadline: int
    peer_lease: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceSpans:
    """What a fence device adds, in nanoseconds."""

    deadline: int
    secondary_delay: int
    gate_timeout: int
    """The smallest of all volumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSpans:
    """What ping targets add, in nanoseconds."""

    interval: int
    """How often the targets are probed; they count as lost when all are silent for m times h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """All spans that depend on each other, in nanoseconds."""

    heartbeat: int
    misses: int
    canary_period: int
    canary_deadline: int
    canary_patience: int
    lateness: int
    decision: int
    records: int
    destroy: int
    kill: int
    forced_demotion: int
    reset: int
    restart: int
    takeover_margin: int
    watchdog: int
    """As configured; 0 if none is wanted."""
    arbiter: LeaseSpans | FenceSpans | PingSpans | None

    @property
    def silence(self) -> int:
        """Time after which a channel is silent: m times h."""
        return self.heartbeat * self.misses

    @property
    def canary(self) -> int:
        """Time after which a canary is late: c."""
        return self.canary_period + self.canary_deadline

    @property
    def detection(self) -> int:
        """D: time after which the loss of the peer's copy is noticed."""
        return max(self.silence, self.canary, self.canary_patience) + self.lateness

    @property
    def silent_detection(self) -> int:
        """D for a peer that is silent altogether: no patience with its canary then."""
        return max(self.silence, self.canary) + self.lateness

    @property
    def takeover(self) -> int:
        """Silence after which a node without a strict arbiter takes over."""
        stopping = self.forced_demotion + self.reset if isinstance(self.arbiter, PingSpans) else 0
        return self.silence + self.lateness + stopping + self.takeover_margin

    @property
    def stop(self) -> int:
        """From the decision to stop until nothing can be written any more: s + F + Z."""
        return self.lateness + self.forced_demotion + self.reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """One rule that the spans break."""

    key: str
    """The key below ``timers``, ``arbiter`` or ``watchdog`` that a reader would change first."""
    text: str


def effective_watchdog(timeout: int) -> int:
    """Return what the kernel makes of it: the next power of two nanoseconds (watchdog(4))."""
    return 1 << max((timeout - 1).bit_length(), _WATCHDOG_POWER_MIN)


def ping_margin(spans: Spans, ping: PingSpans) -> int:
    """Return the least takeover margin: the isolated node may notice one probe and s later."""
    return ping.interval + spans.lateness


def isolation_stop(spans: Spans, ping: PingSpans) -> int:
    """Return after how long an isolated primary writes no more."""
    return spans.silence + ping.interval + spans.stop


def find_clashes(spans: Spans) -> Iterator[Clash]:
    """Yield every rule that is broken."""
    match spans.arbiter:
        case LeaseSpans() as lease:
            yield from _drop_before_guard(spans, spans.decision)
            yield from _lease(spans, lease)
        case FenceSpans() as fence:
            yield from _fence(spans, fence)
        case PingSpans() as ping:
            yield from _drop_before_guard(spans, 0)
            yield from _ping(spans, ping)
        case None:
            yield from _drop_before_guard(spans, 0)


def _drop_before_guard(spans: Spans, decision: int) -> Iterator[Clash]:
    """Check D + q + R + X + K + s < G."""
    rest = decision + spans.records + spans.destroy + spans.kill + spans.lateness
    total = spans.detection + rest
    if total < KERNEL_GUARD:
        return
    asked = f" + decision {_say(decision)}" if decision else ""
    yield Clash(
        key=_slowest(spans),
        text=f"noticing a lost peer takes {_say(spans.detection)} ({_detection(spans)}); with"
        f"{asked} + records {_say(spans.records)} + destroy {_say(spans.destroy)} + kill "
        f"{_say(spans.kill)} + lateness {_say(spans.lateness)} that makes {_say(total)}, and the "
        f"kernel drops the peer's copy by itself from {_say(KERNEL_GUARD)} on: shorten one",
    )


def _lease(spans: Spans, lease: LeaseSpans) -> Iterator[Clash]:
    for key, length in (("lease", lease.lease), ("peer_lease", lease.peer_lease)):
        renewals = 2 * (lease.renew + lease.renew_deadline) + spans.lateness
        left = shortened(length) - spans.forced_demotion - spans.reset
        if renewals > left:
            yield Clash(
                key=f"arbiter.{key}",
                text=f"two renewals (renew {_say(lease.renew)} + renew_deadline "
                f"{_say(lease.renew_deadline)} each, + lateness) take {_say(renewals)}, but of "
                f"{key} {_say(length)} only {_say(left)} are left when forced_demotion "
                f"{_say(spans.forced_demotion)}, reset {_say(spans.reset)} and clock drift are "
                f"taken off: lengthen {key} or shorten renew",
            )
    once = lease.renew + lease.renew_deadline
    stop = shortened(lease.lease) - spans.forced_demotion - spans.reset - once
    if spans.restart > stop:
        yield _restart_clash(spans, stop, f"arbiter.lease {_say(lease.lease)}")
    if spans.watchdog:
        yield from _watchdog(spans, lease, once)


def _watchdog(spans: Spans, lease: LeaseSpans, once: int) -> Iterator[Clash]:
    real = effective_watchdog(spans.watchdog)
    late = real + once + spans.lateness
    if late > shortened(lease.lease):
        yield Clash(
            key="watchdog.timeout",
            text=f"the kernel makes {_say(real)} of timeout {_say(spans.watchdog)}; with renew, "
            f"renew_deadline and lateness the host of a dead agent resets after {_say(late)}, "
            f"later than the arbiter's lease {_say(lease.lease)} ends: shorten timeout or "
            "lengthen arbiter.lease",
        )
    stop = real - real // 3
    if spans.restart > stop:
        yield _restart_clash(spans, stop, f"watchdog.timeout {_say(spans.watchdog)}")


def _restart_clash(spans: Spans, most: int, cause: str) -> Clash:
    return Clash(
        key="timers.restart",
        text=f"restart {_say(spans.restart)} is longer than {_say(max(most, 0))}, which is what "
        f"{cause} leaves for a planned restart of the agent",
    )


def _fence(spans: Spans, fence: FenceSpans) -> Iterator[Clash]:
    worst = fence.deadline + spans.lateness
    if fence.secondary_delay <= worst:
        yield Clash(
            key="arbiter.secondary_delay",
            text=f"secondary_delay {_say(fence.secondary_delay)} must be longer than deadline "
            f"{_say(fence.deadline)} + lateness {_say(spans.lateness)}, or both nodes shoot",
        )
    exposed = fence_exposure(spans, fence)
    if fence.gate_timeout < _TICK_RISK * exposed:
        yield Clash(
            key="arbiter.deadline",
            text=f"with deadline {_say(fence.deadline)} the verdict comes up to {_say(exposed)} "
            f"after the kernel may drop the peer's copy by itself, and gate_timeout "
            f"{_say(fence.gate_timeout)} makes it look too often: gate_timeout must be at least "
            f"{_say(_TICK_RISK * exposed)}",
        )


def fence_exposure(spans: Spans, fence: FenceSpans) -> int:
    """Return for how long the kernel could drop a copy before the verdict is carried out."""
    verdict = spans.detection + fence.deadline + spans.records + spans.destroy + spans.lateness
    return max(0, verdict - KERNEL_GUARD)


def _ping(spans: Spans, ping: PingSpans) -> Iterator[Clash]:
    needed = ping_margin(spans, ping)
    if spans.takeover_margin < needed:
        yield Clash(
            key="timers.takeover_margin",
            text=f"an isolated node stops within {_say(isolation_stop(spans, ping))} (silence, "
            f"a probe every {_say(ping.interval)}, lateness, forced_demotion, reset), but the "
            f"other takes over after {_say(spans.takeover)}: takeover_margin "
            f"{_say(spans.takeover_margin)} must be at least {_say(needed)}, which is arbiter "
            "interval + lateness",
        )


def _slowest(spans: Spans) -> str:
    """Return the key of what notices a lost peer last."""
    waits = {
        "timers.heartbeat": spans.silence,
        "timers.canary_period": spans.canary,
        "timers.canary_patience": spans.canary_patience,
    }
    return max(waits, key=lambda key: waits[key])


def _detection(spans: Spans) -> str:
    match _slowest(spans):
        case "timers.heartbeat":
            text = f"misses {spans.misses} times heartbeat {_say(spans.heartbeat)}"
        case "timers.canary_period":
            text = (
                f"canary_period {_say(spans.canary_period)} + canary_deadline "
                f"{_say(spans.canary_deadline)}"
            )
        case _:
            text = f"canary_patience {_say(spans.canary_patience)}"
    return f"{text}, + lateness {_say(spans.lateness)}"


def _say(span: int) -> str:
    """Return a span as text, milliseconds being fine enough for a sentence."""
    return render_duration(round(span / 1_000_000) * 1_000_000)
