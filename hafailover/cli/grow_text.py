"""The order in which two nodes get a larger volume, in words."""

from dataclasses import dataclass
from typing import Final

_RATE: Final = 200_000_000
"""Bytes per second of a disk that writes in one go, to say something about the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One command on one node."""

    node: str
    command: str
    text: str
    is_served: bool
    """Whether the group is served while, and after, it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """What is done on both nodes."""

    node: str
    """This one."""
    source: str
    """Whose copy holds the data."""
    other: str
    volume: str
    size: str
    more_bytes: int
    goes_back: bool = False
    """Whether an enlarging that was begun is given up: that concerns this node alone."""

    @property
    def grow(self) -> str:
        """The command that is run on either node."""
        return f"hafailover grow {self.volume} {self.size}"

    def order(self) -> tuple[Move, ...]:
        """Return what is done where, first things first."""
        source, other, node = self.source, self.other, self.node
        writes = f"writes {_megabytes(self.more_bytes)}"
        rows: tuple[tuple[str, str, str, bool], ...] = (
            (other, "service hafailover stop", f"{source} goes on alone", True),
            (other, self.grow, f"{writes}; {source} serves meanwhile", True),
            (source, "service hafailover stop", "nobody serves from here on", False),
            (source, self.grow, f"{writes}, growfs, one full fsck", False),
            (other, "service hafailover start", f"waits for {source}", False),
            (source, "service hafailover start", f"serves again; {other} is rebuilt", True),
        )
        if self.goes_back:
            rows = (
                (node, self.grow, "the image is cut back to what it was", node != source),
                (node, "service hafailover start", "all is as it was", True),
            )
        return tuple(
            Move(node=node, command=command, text=text, is_served=is_served)
            for node, command, text, is_served in rows
        )


def render_procedure(procedure: Procedure) -> str:
    """Return the order over both nodes, and what it costs."""
    rows = procedure.order()
    node = max(len(row.node) for row in rows)
    command = max(len(row.command) for row in rows)
    lines = [f"{procedure.volume} becomes {procedure.size}, in this order:"]
    lines += [
        f"  {number}. {row.node:{node}}  {row.command:{command}}  {row.text}"
        for number, row in enumerate(rows, start=1)
    ]
    if procedure.goes_back:
        return "\n".join(lines)
    seconds = max(1, procedure.more_bytes // _RATE)
    lines += [
        f"Nobody serves from 3 to 6: {seconds} s of writing at 200 MB/s, the check, and the start. From 1 on",
        f"there is one copy only, until the rebuild has ended; keep a backup. Until then {procedure.other} keeps what",
        "it had at 1. All groups of an agent stop with it.",
    ]
    return "\n".join(lines)


def what_follows(procedure: Procedure) -> str:
    """Return what comes after this node's part."""
    if procedure.goes_back:
        return f"{procedure.node} is as it was. Next: service hafailover start"
    if procedure.node == procedure.other:
        return (
            f"{procedure.node} is done. Next, on {procedure.source}: service hafailover stop; "
            f"{procedure.grow}"
        )
    return (
        f"{procedure.node} is done. Next, if {procedure.other} is done as well: service hafailover start, there and "
        "here. To watch the rebuild: hafailover status --watch"
    )


def _megabytes(size: int) -> str:
    return f"{size >> 20} MB"
