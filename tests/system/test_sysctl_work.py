"""A long value of the kernel is read whole, or not at all."""

import ctypes
import errno
import hashlib

import pytest

from hafailover.system.sysctl_work import BYTES_MAX, ask_kernel
from hafailover.system.work import Refusal
from hafailover.system.worker_process import perform

KIND = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.c_void_p,
    ctypes.c_size_t,
    use_errno=True,
)


class Kernel:
    """Behaves as sysctlbyname(3): what does not fit is ENOMEM."""

    def __init__(self, value: bytes, error: int = 0) -> None:
        self.rooms: list[int] = []
        self.names: list[bytes] = []
        self._value = value
        self._error = error
        self.call = KIND(self._answer)

    def _answer(self, name: bytes, room: int, length: object, _new: int, _size: int) -> int:
        size = length[0]  # type: ignore[index]
        self.rooms.append(size)
        self.names.append(name)
        if self._error or len(self._value) > size:
            ctypes.set_errno(self._error or errno.ENOMEM)
            return -1
        ctypes.memmove(room, self._value, len(self._value))
        length[0] = len(self._value)  # type: ignore[index]
        return 0


def test_a_value_is_read_at_the_first_try() -> None:
    kernel = Kernel(b"<mesh></mesh>\n\0")
    assert ask_kernel(kernel.call, "kern.geom.confxml") == b"<mesh></mesh>\n"
    assert kernel.names == [b"kern.geom.confxml"]
    assert len(kernel.rooms) == 1


def test_a_long_value_gets_more_room() -> None:
    value = b"x" * 200_000
    kernel = Kernel(value + b"\0")
    assert ask_kernel(kernel.call, "kern.geom.confxml") == value
    assert kernel.rooms == [65536, 131072, 262144]


def test_a_value_without_end_is_refused() -> None:
    with pytest.raises(Refusal, match="more than 4194304 bytes"):
        ask_kernel(Kernel(b"x" * (BYTES_MAX + 1)).call, "kern.geom.confxml")


def test_an_unknown_name_is_an_error_with_the_name() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        ask_kernel(Kernel(b"", errno.ENOENT).call, "kern.geom.konfxml")
    assert caught.value.filename == "kern.geom.konfxml"


def test_a_known_value_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(b"<mesh/>\0")
    monkeypatch.setattr("hafailover.system.sysctl_work._sysctlbyname", lambda: kernel.call)
    ask = {"id": 1, "op": "read_sysctl", "args": {"name": "kern.geom.confxml", "known": ""}}
    first = perform(ask)
    assert first["done"] == {"text": b"<mesh/>"}
    known = "2bd1d6ec"  # of another text
    assert "text" in perform(ask | {"args": {"name": "x", "known": known}})["done"]
    known = hashlib.sha256(b"<mesh/>").hexdigest()
    assert perform(ask | {"args": {"name": "x", "known": known}})["done"] == {}
