"""What was this process told while it was not yet able to obey?

A starting agent may stand above everything that its last life left up: ended by the default action of SIGTERM it
would leave a mounted volume with nobody who looks after it. So signals are kept until the agent takes them. A handler
keeps them, not a mask: children inherit a mask, and with it would be deaf to SIGTERM, too.
"""

import signal
from types import FrameType
from typing import Final

_KEPT: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


class EarlySignals:
    """Keeps the signals of an agent until others handle them; whoever refuses to start ends of itself."""

    def __init__(self) -> None:
        """Begin to keep them."""
        self.came: list[signal.Signals] = []
        """In this order; nothing is added once there are other handlers."""
        for number in _KEPT:
            signal.signal(number, self._keep)

    def _keep(self, number: int, _frame: FrameType | None) -> None:
        self.came.append(signal.Signals(number))
