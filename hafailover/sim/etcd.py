"""An etcd cluster as a pair sees it: two keys, leases by its own clock, and answers that can get lost on both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.arbiter.answers import Answer, Standing, Unknown
from hafailover.arbiter.transaction import (
    Delete,
    Get,
    Outcome,
    Put,
    interpret,
    keys_of,
    transaction,
)
from hafailover.sim.network import LAN
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.arbiter.requests import ChangeStanding, ReadStanding
    from hafailover.sim.agent import Agent
    from hafailover.sim.world import World

PLACE = "etcd"
"""Its place on the LAN."""
_LATE_MAX = 3 * SECOND
"""A request that was held up on the way can still be carried out so much later."""


@dataclass(slots=True)
class _Value:
    text: str
    expires_at: int | None = None


class Etcd:
    """The whole cluster: linearizable, since it is one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.has_majority = True
        self.loss = 0.0
        """Share of the requests, and of the answers, that are lost or come much too late."""
        self._values: dict[str, _Value] = {}
        self.rate = 1.0
        """How much longer its second is than a host's; drawn by who asks for chance."""

    def put(self, group: str, record: str) -> None:
        """Write the record of a group, as founding it does."""
        self._values[keys_of("", group).record] = _Value(record)

    def backup(self) -> dict[str, str]:
        """Return what a backup of this moment would hold."""
        return {key: value.text for key, value in self._values.items() if value.expires_at is None}

    def restore(self, backup: dict[str, str]) -> None:
        """Go back to a backup; leases are not in it."""
        self._values = {key: _Value(text) for key, text in backup.items()}

    def standing(self, group: str) -> Standing:
        """Return both texts as they are now."""
        keys = keys_of("", group)
        return Standing(record=self._get(keys.record), holder=self._get(keys.holder))

    def ask(self, agent: Agent, request: ReadStanding | ChangeStanding, give: Answered) -> None:
        """Carry a request out for an agent; ``give`` is called once, at the latest at the agent's own deadline."""
        world, host = self.world, agent.host
        dice, network = world.timeline.dice, world.network
        given = [False]

        def once(answer: Answer) -> None:
            if not given[0]:
                given[0] = True
                give(answer)

        def arrive() -> None:
            if not self.has_majority:
                return
            answer = self._carry_out(agent.settings.name, request)
            if self.loss and dice.random() < self.loss:
                return
            network.datagram(LAN, PLACE, host.name, lambda: once(answer))

        late = agent.settings.lease.renew_deadline
        world.timeline.after(late, lambda: once(Unknown(reason="no answer in time")))
        if self.loss and dice.random() < self.loss:
            if dice.random() < 0.5:
                world.timeline.after(dice.randrange(_LATE_MAX), arrive)
            return
        work = dice.randrange(MILLISECOND, 8 * MILLISECOND)
        network.datagram(LAN, host.name, PLACE, lambda: world.timeline.after(work, arrive))

    def _carry_out(self, group: str, request: ReadStanding | ChangeStanding) -> Answer:
        keys = keys_of("", group)
        asked = transaction(request, keys)
        succeeded = all(self._get(each.key) == each.value for each in asked.compare)
        found: list[tuple[str, str]] = []
        lease_s = getattr(request, "lease_s", 0)
        for operation in asked.success if succeeded else asked.failure:
            match operation:
                case Get(key=key):
                    text = self._get(key)
                    found += [] if text is None else [(key, text)]
                case Put(key=key, value=text, has_lease=has_lease):
                    end = self.world.timeline.now + round(lease_s * SECOND * self.rate)
                    self._values[key] = _Value(text, end if has_lease else None)
                case Delete(key=key):
                    self._values.pop(key, None)
        outcome = Outcome(succeeded=succeeded, found=tuple(found))
        return interpret(request, keys, outcome, lease_ns=lease_s * SECOND)

    def _get(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None:
            return None
        if value.expires_at is not None and value.expires_at <= self.world.timeline.now:
            del self._values[key]
            return None
        return value.text


if TYPE_CHECKING:
    Answered = Callable[[Answer], None]
