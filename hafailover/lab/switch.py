"""How are the machines cabled, and how is a cable cut?

The two bridges and the switch ends of all cables live in the network namespace of the lab's
process. A cut that the node can see takes the switch end down. A silent one works with the bridge
port's own flags: a port that neither floods nor has learnt an address passes nothing *to* its
machine; a locked port that may not learn drops every frame *from* it, for lack of a known sender.
(Flags of bridge(8) port settings.)
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Self

from pyroute2 import AsyncIPRoute, NetlinkError

from hafailover.lab.plan import Cut, Network

if TYPE_CHECKING:
    from types import TracebackType

    from hafailover.lab.plan import Port


class Switch:
    """Both bridges, and the cables in them."""

    def __init__(self) -> None:
        """Make nothing yet: enter the object as a context."""
        self._netlink: Any = AsyncIPRoute()
        self._bridges: dict[Network, int] = {}
        self._ends: dict[tuple[str, Network], int] = {}
        self._cuts: dict[tuple[str, Network], dict[str, Cut]] = {}

    async def __aenter__(self) -> Self:
        await self._netlink.__aenter__()
        for network in Network:
            name = network.value
            await self._netlink.link(
                "add", ifname=name, kind="bridge", br_stp_state=0, br_mcast_snooping=0
            )
            (index,) = await self._netlink.link_lookup(ifname=name)
            await self._netlink.link("set", index=index, state="up")
            self._bridges[network] = index
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in list(self._ends.values()):
            await self._delete(end)
        for index in self._bridges.values():
            await self._delete(index)
        await self._netlink.__aexit__(kind, error, trace)

    async def plug(self, machine: str, port: Port, pid: int) -> None:
        """Run a cable from the network's bridge to the namespace of process ``pid``."""
        name = f"{machine[:8]}-{port.network.value[:4]}"
        await self._netlink.link(
            "add",
            ifname=name,
            kind="veth",
            peer={"ifname": port.interface, "net_ns_pid": pid},
        )
        (index,) = await self._netlink.link_lookup(ifname=name)
        self._ends[machine, port.network] = index
        bridge = self._bridges[port.network]
        await self._netlink.link("set", index=index, master=bridge, state="up")
        await self._apply(machine, port.network)

    async def unplug(self, machine: str) -> None:
        """Pull all cables of ``machine`` at once, as its power failing does."""
        for key in [key for key in self._ends if key[0] == machine]:
            await self._delete(self._ends.pop(key))

    async def cut(self, machine: str, network: Network, cut: Cut, reason: str = "fault") -> None:
        """Break the cable of ``machine`` on ``network``; cuts of several reasons add up."""
        self._cuts.setdefault((machine, network), {})[reason] = cut
        await self._apply(machine, network)

    async def heal(self, machine: str, network: Network, reason: str = "fault") -> None:
        """Take back the cut made for ``reason``."""
        self._cuts.get((machine, network), {}).pop(reason, None)
        await self._apply(machine, network)

    async def _apply(self, machine: str, network: Network) -> None:
        index = self._ends.get((machine, network))
        if index is None:
            return
        try:
            await self._set(index, machine, network)
        except NetlinkError as problem:
            # A host that has just reset itself took its cables along; they are plugged in anew when it boots.
            if problem.code != errno.ENODEV:
                raise

    async def _set(self, index: int, machine: str, network: Network) -> None:
        cuts = set(self._cuts.get((machine, network), {}).values())
        to_node = bool(cuts & {Cut.SILENT, Cut.TO_NODE})
        from_node = bool(cuts & {Cut.SILENT, Cut.FROM_NODE})
        state = "down" if Cut.CARRIER in cuts else "up"
        await self._netlink.link("set", index=index, state=state)
        flood = int(not to_node)
        await self._netlink.brport(
            "set",
            index=index,
            unicast_flood=flood,
            mcast_flood=flood,
            bcast_flood=flood,
            learning=int(not (to_node or from_node)),
            locked=int(from_node),
        )
        await self._netlink.brport("set", index=index, flush=True)

    async def _delete(self, index: int) -> None:
        try:
            await self._netlink.link("del", index=index)
        except NetlinkError as problem:
            # The cable goes with the namespace at its other end: then it is gone already.
            if problem.code != errno.ENODEV:
                raise
