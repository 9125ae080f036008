"""An agent that does nothing, for tests of the lab without one."""

from __future__ import annotations


def idle_agent(_: list[str]) -> list[str]:
    """Return a command that makes the control socket's name and sleeps."""
    script = "mkdir -p $HOME/var/run/hafailover; : > $HOME/var/run/hafailover/control.sock"
    return ["sh", "-c", f"{script}; exec sleep 1000"]
