"""What of a raw transcript is the system's, and not of one moment or one machine?"""

import re


def lasting(text: str) -> list[str]:
    """Return the lines that another host of the same release must have, too.

    The topology and the mount table of a whole machine are left to the contracts.
    """
    lines: list[str] = []
    is_shown = True
    for line in text.splitlines():
        if line.startswith("# "):
            is_shown = not line.startswith(("# sysctl -n kern.geom", "# mount", "# ps "))
            if lines and line == lines[-1]:
                continue
        elif line.startswith("[exit "):
            is_shown = True
        elif not is_shown:
            continue
        without_ids = re.sub(r"\b(ID|references): [0-9]+", r"\1: N", line)
        lines.append(re.sub(r"^(\S+ +ggated) +[0-9]+ .*? (rw|r) ", r"\1 N \2 ", without_ids))
    return lines
