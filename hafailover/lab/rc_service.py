"""service(8) in a node, as far as the agent is concerned: ``service hafailover start|stop|status``.

Its words and exit statuses are those of rc.subr(8). What it starts is started again after a loss of
power, as with ``hafailover_enable=YES`` in rc.conf.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from hafailover.lab import orders
from hafailover.lab.node_files import NodeFiles

NAME = "hafailover"
_PATIENCE_S = 90.0
"""rcshutdown_timeout of FreeBSD; service itself would wait for ever."""


def enabled(files: NodeFiles) -> Path:
    """Return the file whose being there means that the agent starts with the host."""
    return files.state / "lab-enabled"


async def serve(files: NodeFiles, verb: str) -> int:
    """Do what the verb says; returns the exit status."""
    door = files.order_door
    agent = (await orders.ask(door)).agent
    match verb.removeprefix("one"):
        case "start":
            if agent is not None:
                _complain(f"{NAME} already running?  (pid={agent}).")
                return 1
            enabled(files).touch()
            await orders.start_agent(door)
            _say(f"Starting {NAME}.")
            return 0
        case "stop":
            if agent is None:
                _complain(f"{NAME} not running? (check /var/run/{NAME}.pid).")
                return 1
            enabled(files).unlink(missing_ok=True)
            _say(f"Stopping {NAME}.")
            await orders.signal_agent(door, signal.SIGTERM, restart=False)
            async with asyncio.timeout(_PATIENCE_S):
                while (await orders.ask(door)).agent is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            return 0
        case "status":
            running = f"is running as pid {agent}" if agent is not None else "is not running"
            _say(f"{NAME} {running}.")
            return int(agent is None)
        case _:
            _complain(f"usage: service {NAME} start|stop|status")
            return 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Be service(8) in the node whose directory is the first argument."""
    root, *words = sys.argv[1:]
    if len(words) != 2 or words[0] != NAME:
        _complain(f"{' '.join(words[:1]) or 'nothing'} does not exist in the lab")
        sys.exit(1)
    sys.exit(asyncio.run(serve(NodeFiles(root=Path(root)), words[1])))


if __name__ == "__main__":
    main()
