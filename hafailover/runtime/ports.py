"""What does the core's runtime need of the world?

Every call returns at once and blocks nobody; what takes time is answered later by an event that is
fed to the driver. All are addressed by the name of the group. The agent, the lab and the simulator
each bring their own set.
"""

from dataclasses import dataclass
from typing import Protocol

from hafailover.arbiter.requests import Request
from hafailover.group.actions import AlertKind, Observe, ServiceVerb, Severity
from hafailover.group.report import GroupReport
from hafailover.lineage.record import LineageRecord
from hafailover.storage.steps import Step
from hafailover.units import Instant


class Clock(Protocol):
    """This host's monotonic time."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


class Alarm(Protocol):
    """The one timer of the loop; when it goes off, ``Driver.wake`` is called."""

    def set(self, instant: Instant | None) -> None:
        """Go off at ``instant`` instead of whatever was set before; None = never."""
        ...


class Wire(Protocol):
    """Where advertisements go out."""

    def send_advertisement(self, group: str, family: int, priority: int) -> None:
        """Send one advertisement of the group's router of this address family."""
        ...


class Addresses(Protocol):
    """The group's virtual addresses on its interface."""

    def assign(self, group: str, step_id: int) -> None:
        """Put them on; answered by ``StepFinished``, and seen in the next observation."""
        ...

    def release(self, group: str, step_id: int) -> None:
        """Take them off; answered by ``StepFinished``."""
        ...


class Announcer(Protocol):
    """Tells hosts and switches where the virtual addresses are."""

    def announce(self, group: str) -> None:
        """Send one round of gratuitous ARP and unsolicited neighbour advertisements."""
        ...


class StepRunner(Protocol):
    """Runs storage steps; each is answered by ``StepFinished``."""

    def run(self, group: str, step_id: int, step: Step) -> None:
        """Start the step."""
        ...

    def cut_short(self, group: str, step_id: int) -> None:
        """Kill the command of a step, which is answered at once then; nothing, if it has been answered."""
        ...


class Observer(Protocol):
    """Looks at the host; answered by ``StorageObserved``."""

    def observe(self, group: str, wanted: Observe) -> None:
        """Begin to look, at the images too, and at who has some of them open."""
        ...


class Records(Protocol):
    """What must survive a power cut; records are answered by ``RecordsWritten``."""

    def write(
        self, group: str, write_id: int, records: tuple[tuple[str, LineageRecord], ...]
    ) -> None:
        """Make all of these (volume, record) durable."""
        ...

    def persist_pause(self, group: str, until_wall: int | None, reason: str) -> None:
        """Make the pause (Unix seconds, 0 = until resumed) or its end (None) durable.

        A reply to the operator that follows is held back until it is.
        """
        ...


class PeerLink(Protocol):
    """The way to the other node's agent."""

    def send(self, group: str, report: GroupReport) -> None:
        """Send the report over every network; a newer one replaces one that still waits."""
        ...


class Arbiter(Protocol):
    """The third party; answered by ``ArbiterAnswered``."""

    def ask(self, group: str, request_id: int, request: Request) -> None:
        """Ask it; always answered within its deadline, by ``Unknown`` if need be."""
        ...


class Watchdog(Protocol):
    """The host's own watchdog(4): what resets the host when this process does not pat it any more."""

    def arm(self, group: str, arm_id: int, pat_until: Instant) -> None:
        """Arm it for a group, and pat it while every armed group allows it; answered by ``WatchdogArmed``."""
        ...

    def allow(self, group: str, pat_until: Instant) -> None:
        """Take note until when an armed group allows the patting."""
        ...

    def disarm(self, group: str) -> None:
        """A group needs it no longer; disarm it when none does."""
        ...


class Prober(Protocol):
    """Finds out which hosts live; answered by ``ProbeFinished``."""

    def probe(self, group: str, probe_id: int) -> None:
        """Probe the peer's host on every network, and the ping targets."""
        ...


class Watchers(Protocol):
    """Regular proofs that I/O progresses, answered by ``CanaryWritten`` and ``ImageSynced``."""

    def watch_canary(self, group: str, volume: str, mount_point: str, *, is_on: bool) -> None:
        """Begin or end to write and fsync the canary on a mounted volume."""
        ...

    def watch_image(self, group: str, volume: str, image: str, *, is_on: bool) -> None:
        """Begin or end to fsync an exported image."""
        ...


class Services(Protocol):
    """What runs on top of the data; answered by ``ServiceFinished``."""

    def run(self, group: str, run_id: int, service: str, verb: ServiceVerb) -> None:
        """Start, stop or check a service."""
        ...


class Alerts(Protocol):
    """The way to the humans; queued, never in anybody's way."""

    def raise_alert(self, group: str, kind: AlertKind, severity: Severity, text: str) -> None:
        """Say that something is wrong; again if it was said before."""
        ...

    def resolve_alert(self, group: str, kind: AlertKind, text: str) -> None:
        """Say that it is over."""
        ...

    def note(self, group: str, text: str) -> None:
        """Put a line into the history."""
        ...


class Operators(Protocol):
    """Who gave orders and waits for an answer."""

    def reply(self, group: str, order_id: int, text: str, *, accepted: bool) -> None:
        """Answer an order."""
        ...


class Differences(Protocol):
    """What only this node's copies hold; answered by ``DifferencesSaved``."""

    def save(self, group: str, save_id: int, reason: str) -> None:
        """Put it into files, durably."""
        ...


class Host(Protocol):
    """This host and this process."""

    def reset(self, group: str, reason: str) -> None:
        """Reset the host now."""
        ...

    def stop(self, group: str) -> None:
        """Take note that the group has nothing left to do; exit when every group says so."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One world, as the driver sees it."""

    clock: Clock
    alarm: Alarm
    wire: Wire
    addresses: Addresses
    announcer: Announcer
    steps: StepRunner
    observer: Observer
    records: Records
    peer: PeerLink
    arbiter: Arbiter
    watchdog: Watchdog
    prober: Prober
    watchers: Watchers
    services: Services
    alerts: Alerts
    operators: Operators
    differences: Differences
    host: Host
