"""Both nodes, network, disks, kernels and clocks in one process, deterministic from one seed.

The real core (``hafailover.group``) runs here against the same kernel model as in the lab; only sockets, processes and
the clock are values.
"""
