"""What does a simulated agent say and hear? Advertisements, reports, and probes of hosts and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.group import events as happened
from hafailover.sim.network import LAN, NETWORKS
from hafailover.units import MILLISECOND
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import Family, Version

if TYPE_CHECKING:
    from hafailover.group.actions import SendAdvertisement
    from hafailover.group.report import GroupReport
    from hafailover.sim.agent import Agent

_ANSWER_NS = 5 * MILLISECOND
_SILENCE_NS = 300 * MILLISECOND


def advertise(agent: Agent, action: SendAdvertisement) -> None:
    """Send one advertisement to the peer, over the LAN."""
    host, peer = agent.host, agent.world.other(agent.host)
    if not host.link_up:
        return
    router = next(each for each in agent.settings.routers if each.family == action.family)
    event = happened.AdvertisementAccepted(
        family=Family(action.family),
        advertisement=Advertisement(
            version=Version(router.version),
            vrid=router.vrid,
            priority=action.priority,
            interval_ns=router.interval_ns,
            addresses=router.addresses,
            source=router.primary_address,
            destination=router.multicast_group,
        ),
    )

    def arrive() -> None:
        if peer.agent is not None and peer.link_up:
            peer.agent.feed(event)

    agent.world.network.datagram(LAN, host.name, peer.name, arrive)


def send(agent: Agent, report: GroupReport) -> None:
    """Send one report to the peer, over both networks."""
    host, peer = agent.host, agent.world.other(agent.host)
    for network in NETWORKS:

        def arrive(network: str = network) -> None:
            if peer.agent is not None:
                peer.agent.feed(happened.ReportReceived(network=network, report=report))

        agent.world.network.datagram(network, host.name, peer.name, arrive)


def probe(agent: Agent, number: int) -> None:
    """Ask the peer's host and the ping target for a sign of life; silence takes longer than an answer."""
    world, host = agent.world, agent.host
    peer, network = world.other(host), world.network
    found = tuple(
        each
        for each in NETWORKS
        if peer.answers and network.is_open_both_ways(each, host.name, peer.name)
    )
    targets = None
    if world.gateway is not None:
        is_reached = network.is_open_both_ways(LAN, host.name, world.gateway)
        targets = int(is_reached and host.link_up)
    span = _ANSWER_NS if found and targets != 0 else _SILENCE_NS
    agent.after(span, lambda: happened.ProbeFinished(id=number, peer_host=found, targets=targets))
