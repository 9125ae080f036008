"""What happened in a simulated scenario, in the few lines that matter: roles, copies, alerts, orders, and the end.

Times are whole seconds: who reads two transcripts of the same scenario shall see a changed decision, and not that a
packet took a millisecond longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafailover.group import actions as ask
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.lab.outcome import Outcome
    from hafailover.sim.agent import Agent
    from hafailover.sim.world import World

_NOBODY: Final = "down"
_MS: Final = 1000


class Chronicle:
    """Listens to a world; ``lines`` grow."""

    def __init__(self, world: World) -> None:
        """Begin to listen."""
        self.lines: list[str] = []
        self._world = world
        self._roles: dict[str, str] = {}
        self._copies: dict[str, str] = {}
        self._raised: set[tuple[str, str]] = set()
        world.on_said = self._said

    def look(self) -> None:
        """Take note of what is different."""
        for host in self._world.hosts:
            role = host.agent.state.role.value if host.is_on and host.agent else _NOBODY
            if self._roles.get(host.name, _NOBODY) != role:
                self._roles[host.name] = role
                self.add(host.name, role)
                if role == _NOBODY:
                    self._raised = {each for each in self._raised if each[0] != host.name}
            copies = "/".join(
                dict.fromkeys(each.copy.value for each in self._world.records[host.name].values())
            )
            if self._copies.get(host.name) != copies:
                self._copies[host.name] = copies
                self.add(host.name, f"copy {copies}")

    def begin(self) -> None:
        """Forget how the pair got to where it is: the story begins now."""
        self.look()
        self.lines.clear()
        self._stand()

    def _stand(self) -> None:
        for node, role in sorted(self._roles.items()):
            self.add(node, f"{role}, copy {self._copies[node]}")

    def add(self, who: str, what: str) -> None:
        """Add a line at this moment."""
        self.lines.append(f"{self._world.timeline.now // SECOND:5} s  {who:<9} {what}")

    def end(self, outcome: Outcome) -> str:
        """Return the whole text, with where both stand in the end, and the verdict."""
        self.add("the end", "")
        self.lines[-1] = self.lines[-1].rstrip()
        self._stand()
        seconds = (
            f"{outcome.outage_ms // _MS} s without an answer, {outcome.writes_lost} writes lost"
        )
        verdict = "passed" if outcome.passed else "FAILED: " + "; ".join(outcome.failures)
        return "\n".join((*self.lines, f"{verdict}; {seconds}", ""))

    def _said(self, agent: Agent, action: ask.Action) -> None:
        node = agent.host.name
        match action:
            case ask.RaiseAlert(kind=kind) if (node, kind.value) not in self._raised:
                self._raised.add((node, kind.value))
                self.add(node, f"alert {kind.value}")
            case ask.ResolveAlert(kind=kind):
                self._raised.discard((node, kind.value))
            case ask.Reply(accepted=accepted, text=text):
                self.add(node, f"{'taken' if accepted else 'refused'}: {text}")
            case _:
                return
