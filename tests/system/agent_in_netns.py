"""Run inside a fresh network namespace: one interface, one agent, orders from standard input.

``python -m tests.system.agent_in_netns DIRECTORY``; each line is a shell command whose output goes to
standard output, ended by a line ``== STATUS``. End of file ends everything.
"""

import subprocess
import sys

SETUP = (
    "ip link add em0 type veth peer name em1",
    "ip address add 192.0.2.2/24 dev em0",
    "ip link set lo up",
    "ip link set em0 up",
    "ip link set em1 up",
)


def main() -> None:
    """Set the namespace up and obey."""
    for command in SETUP:
        subprocess.run(command.split(), check=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        done = subprocess.run(["/bin/sh", "-c", line], check=False, capture_output=True, text=True)
        sys.stdout.write(f"{done.stdout}{done.stderr}== {done.returncode}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
