"""FreeBSD's ifconfig(8) for a lab node: its arguments and answers, on the node's real interfaces.

The node's supervisor keeps one netlink socket open and serves requests; the program in the node's
PATH is a small client of it, so that a call costs milliseconds.
"""
