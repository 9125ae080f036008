"""Runs a function in a network namespace: a child process enters it and sends back what it returns."""

import ctypes
import multiprocessing
import os
from collections.abc import Callable
from typing import Any

CLONE_NEWNET = 0x40000000
LIMIT_S = 60.0


def enter(space: str) -> None:
    """Go into a network namespace, with this thread."""
    descriptor = os.open(f"/run/netns/{space}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"cannot enter {space}")
    os.close(descriptor)


def _work(space: str, work: Callable[..., Any], arguments: tuple[Any, ...], answer: Any) -> None:
    enter(space)
    answer.send(work(*arguments))


def inside(space: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``work(*arguments)`` as it comes out in the namespace ``space``."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(space, work, arguments, theirs))
    child.start()
    theirs.close()
    try:
        assert ours.poll(LIMIT_S), "no answer from the namespace"
        return ours.recv()
    finally:
        child.join(LIMIT_S)
        ours.close()
