"""Why is a goal missed? In words, for the page; said only of goals that are."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

_WIDTH: Final = 118

WHY: Final = (
    (
        "outage, primary powered off, 64 MB",
        "The outage after a power cut",
        """\
The scripts take over after keepalived's three intervals and the skew, 3.6 s, and ask nobody. hafailover with `ping`
waits until the peer has been silent on both networks and its host has answered no probe for 5.3 s, because a cut
cable would otherwise make two primaries: 90 % of its outage is that silence, and no faster command shortens it. What
is left is 0.6 s against the scripts' 4.5 s, seven times less. A ratio of 0.2 for the whole would need a takeover in
1.6 s, half of what VRRP itself takes at an interval of 1 s. With a shorter `interval` both get faster; with `etcd` the
lease takes the place of the silence.""",
    ),
    (
        "start to first advertisement",
        "The start",
        """\
Two things happen at the same time, on a core each: a child imports scapy and builds the frames, the agent imports
itself and reads its configuration. Whichever is later sends the first advertisement. Half of what the agent needs goes
into some two hundred and sixty frozen dataclasses, each with half a dozen methods that Python writes and compiles anew
at each start; it would take another way to make classes to get rid of that.""",
    ),
    (
        "processor at rest, agent of the",
        "The processor at rest",
        """\
keepalived sends one packet a second. An agent with data also looks at what GEOM shows, writes and syncs a canary
through both copies, exchanges heartbeats on two networks, and probes: that is what a lost disk, a hung mirror or a
silent peer is noticed by within a second, and none of it can be left out. The table says how often each agent wakes up
per second and what one waking costs: what remains is the price of running Python some ten times per second. A group
without data does none of it, see the virtual routers above.""",
    ),
    (
        "simulator: three-fault schedules",
        "The simulator",
        """\
One schedule is a minute of life of two nodes: some six hundred decisions of the real core, each in plain Python over
immutable state, and the model kernels, disks and networks around them. The profile in the table says whose the time
is. A schedule ten times shorter would leave out the recovery after the third fault, which is what it is for.""",
    ),
    (
        "takeover,",
        "The takeover of an address",
        """\
Both wait for the same three intervals and the same skew; what differs is what comes after. hafailover's decision, the
netlink call for the address and the gratuitous ARP take about a millisecond of Python where keepalived's C takes some
tens of microseconds: nothing at 100 ms, some percent of a wait of 36 ms.""",
    ),
    (
        "advertisement gap",
        "The gap between advertisements",
        """\
The agent asks for real-time priority and locks its memory. What remains is the time that the machine itself does not
run: a virtual machine's processor is taken away by its host now and then, from every process in it.""",
    ),
)


def reasons(missed: Sequence[str]) -> Iterator[str]:
    """Yield a section that says why, if there is anything to say."""
    said = [
        "\n".join(wrap(f"**{title}.** {' '.join(words.split())}", _WIDTH)) + "\n"
        for start, title, words in WHY
        if any(what.startswith(start) for what in missed)
    ]
    if said:
        yield "## Where a goal is missed, and why\n"
        yield from said
