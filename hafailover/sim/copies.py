"""How is one started world gone on from many times? In copies of the process, each of which ends with its answer."""

from __future__ import annotations

import gc
import os
import pickle
import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Answer = TypeVar("_Answer")


def in_copy(call: Callable[[], _Answer]) -> _Answer:
    """Return what ``call`` returns in a copy of this process; nothing that it changes is seen here.

    Raises:
        RuntimeError: The copy ended without an answer; its traceback stands on standard error.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_answer(call, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a copy of the simulation ended with status {status}")
    answer: _Answer = pickle.loads(said)  # noqa: S301 - from our own child
    return answer


def _answer(call: Callable[[], object], writing: int) -> int:
    """Write the answer; return the exit status. Nothing of the parent's may run in its copy, whatever happens."""
    # It lives for a moment and its memory goes with it: to look for garbage would only touch, and so copy, every page.
    gc.disable()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(call(), pipe)
    except BaseException:  # noqa: BLE001 - told as it is
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
