"""What is left of a span that somebody else's clock measures?

A host counts its own grant short and a promise of its own long, so that the two clocks may run apart by the drift.
"""

from typing import Final

DRIFT_PERCENT: Final = 1
"""rho: how much faster or slower two clocks may run."""


def shortened(span: int) -> int:
    """Return what is left of a span on the faster clock."""
    return span * (100 - DRIFT_PERCENT) // 100


def lengthened(span: int) -> int:
    """Return how long a span may take on the slower clock, rounded up."""
    return -(-span * (100 + DRIFT_PERCENT) // 100)
