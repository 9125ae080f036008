"""Where scapy runs: a process that answers one line with another, and ends with its input.

    agent --> {"is": "FrameOrder", ...}  --> build_frames       --> {"is": "FrameSet", ...}
    agent --> {"is": "Reading", ...}     --> read_through_scapy --> {"is": "Advertisement", ...}

How long its imports take is how long a starting agent waits: nothing is imported without need.
"""

import contextlib
import gc
import importlib
import json
import os
import sys

from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder
from hafailover.system.frame_set import Answer, FrameOrder, Refusal, Request


def _answer(request: Request) -> Answer:
    # Here and not above: main prepares the process for what this draws in.
    from hafailover.system import frames  # noqa: PLC0415

    try:
        if isinstance(request, FrameOrder):
            return frames.build_frames(request)
        return frames.read_through_scapy(request.payload, request.source, request.destination)
    except ValueError as error:
        return Refusal(reason=str(error))


def main() -> None:
    """Answer each line of the standard input with a line on the standard output."""
    # A short life with many objects that stay: collecting garbage only costs time.
    gc.disable()
    # Whatever the agent's priority is, this is not urgent.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    read, write = decoder(Request, True), encoder(Answer)  # noqa: FBT003
    # Whoever started this is not ready to ask yet.
    importlib.import_module("hafailover.system.frames")
    for line in sys.stdin:
        answer = _answer(read(json.loads(line)))
        sys.stdout.write(json.dumps(write(answer)) + "\n")
        sys.stdout.flush()
    # Nothing to tidy up, and the interpreter would take its time.
    os._exit(0)


if __name__ == "__main__":
    main()
