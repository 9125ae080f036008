"""Who may be primary when the nodes cannot talk: what is asked of etcd or of a fence device, and what an answer means.

Values and pure functions only. What is asked when, and what follows, is decided in ``hafailover.group``; who carries a
request over the network or runs the fence agent stands in ``hafailover.system``.
"""
