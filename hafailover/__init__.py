"""hafailover: the agent that decides which of two FreeBSD hosts serves, and moves the data safely.

How an event travels (the one-minute map)::

    wire, clock, kernel, peer, operator                       wire, addresses, commands, records, hooks
                 |                                                              ^
              system/   translates into events            performs actions   system/
                 v                                                              |
              runtime/  one queue, one loop -- event, now --> group.step --> actions in order
                                                                |
                       who owns the address?  vrrp/     arbiter/  may this node serve?
                       whose data counts?     lineage/  storage/  what is the next safe command?

``emulation/`` is a FreeBSD storage stack as a model; ``lab/`` runs it under real agents in network
namespaces, ``sim/`` runs everything in one deterministic process.
"""

__version__ = "0.1.0"
