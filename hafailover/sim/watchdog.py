"""A simulated host's watchdog: patted by the agent while its groups allow it, and resets the host if nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.group.events import WatchdogArmed

if TYPE_CHECKING:
    from hafailover.sim.agent import Agent
    from hafailover.sim.host import Host
    from hafailover.units import Instant


class Watchdog:
    """The kernel's timer of one boot; it stands still while its host does, as a guest's does."""

    def __init__(self, host: Host, span_ns: int) -> None:
        self.host = host
        self.span_ns = span_ns
        self.is_armed = False
        self.fires_at = 0

    def pat(self) -> None:
        """Arm it, or begin to count anew."""
        self.is_armed = True
        self.fires_at = self.host.now + self.span_ns
        self._wait()

    def disarm(self) -> None:
        """Count no more."""
        self.is_armed = False

    def stood_still(self, span_ns: int) -> None:
        """The host stood still for so long, and its timer with it."""
        self.fires_at += span_ns
        if self.is_armed:
            self._wait()

    def _wait(self) -> None:
        host, life, due = self.host, self.host.life, self.fires_at

        def fire() -> None:
            if host.life == life and self.is_armed and self.fires_at == due and not host.is_frozen:
                host.world.note(host.name, "WATCHDOG")
                host.world.reset(host)

        host.world.timeline.at(due, fire)


class Patting:
    """One life of an agent pats its host's watchdog, every third of its span, while its group allows it."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._pat_until: int | None = None
        self._round = 0

    def arm(self, number: int, pat_until: Instant) -> None:
        """Arm the watchdog, and say so."""
        watchdog = self.agent.host.watchdog
        if watchdog is None:
            problem = "no watchdog"
        else:
            problem = ""
            self._pat_until = pat_until
            self._round += 1
            self._pat(watchdog, self._round)
        self.agent.after(0, lambda: WatchdogArmed(id=number, problem=problem))

    def allow(self, pat_until: Instant) -> None:
        """Go on until then."""
        self._pat_until = pat_until

    def disarm(self) -> None:
        """Pat no more, and need it no more."""
        self._round += 1
        if self.agent.host.watchdog is not None:
            self.agent.host.watchdog.disarm()

    def _pat(self, watchdog: Watchdog, number: int) -> None:
        agent = self.agent
        if not agent.is_usable or number != self._round:
            return
        if agent.host.is_frozen:
            agent.host.when_thawed(lambda: self._pat(watchdog, number))
            return
        if self._pat_until is not None and agent.host.clock <= self._pat_until:
            watchdog.pat()
        agent.world.timeline.after(watchdog.span_ns // 3, lambda: self._pat(watchdog, number))
