"""How is an interface of a FreeBSD host read and written below the protocols: bpf(4).

Requests and layouts are those of net/bpf.h, for 64-bit kernels (read in source of about release 14).
"""

import array
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from typing import Final

from hafailover.errors import NotPermittedError
from hafailover.system.advert_socket import WireError

DEVICE: Final = "/dev/bpf"
"""Each open of it makes a new instance."""

BIOCGBLEN: Final = 0x40044266
"""_IOR('B', 102, u_int): so long is the buffer; each read asks for exactly that."""
BIOCSBLEN: Final = 0xC0044266
"""_IOWR('B', 102, u_int): set it, before the interface is."""
BIOCSETF: Final = 0x80104267
"""_IOW('B', 103, struct bpf_program): what of the traffic is kept."""
BIOCSETIF: Final = 0x8020426C
"""_IOW('B', 108, struct ifreq): bind to an interface."""
BIOCIMMEDIATE: Final = 0x80044270
"""_IOW('B', 112, u_int): readable as soon as one packet is there."""
BIOCSHDRCMPLT: Final = 0x80044275
"""_IOW('B', 117, u_int): the source address stands in the frame already."""
BIOCSDIRECTION: Final = 0x80044277
"""_IOW('B', 119, u_int): 0 = only what comes in, not what this host sends."""

BUFFER_SIZE: Final = 32 << 10
DIRECTION_IN: Final = 0

_IFREQ: Final = struct.Struct("16s16x")
_UINT: Final = struct.Struct("=I")
_PROGRAM: Final = struct.Struct("@IP")
_NAME_MAX: Final = 15
_READS_MAX: Final = 4


class Bpf:
    """One instance of bpf, bound to an interface."""

    def __init__(self, interface: str, flags: int) -> None:
        """Open the device with ``flags`` of open(2); nothing is bound yet.

        Raises:
            NotPermittedError: /dev/bpf belongs to root.
            WireError: There is no bpf in the kernel, or the name is none of an interface.
        """
        self.interface = interface
        self._size = BUFFER_SIZE
        """Each read asks for exactly so much."""
        if len(interface) > _NAME_MAX:
            raise WireError(interface, "the name is longer than an interface's can be")
        try:
            self.descriptor = os.open(DEVICE, flags | os.O_CLOEXEC)
        except PermissionError as error:
            raise NotPermittedError(f"opening {DEVICE}") from error
        except OSError as error:
            raise WireError(interface, f"cannot open {DEVICE}: {error}") from error

    def for_sending(self) -> None:
        """Bind it for frames that are complete.

        Raises:
            WireError: There is no such interface.
        """
        try:
            self._bind()
            self._set(BIOCSHDRCMPLT, 1)
        except OSError as error:
            raise self._unattached(error) from error

    def for_receiving(self, program: bytes) -> None:
        """Bind it for what comes in and passes ``program``.

        Raises:
            WireError: There is no such interface.
        """
        try:
            # Set before the interface is (bpf(4)); the kernel answers with what it took.
            fcntl.ioctl(self.descriptor, BIOCSBLEN, _UINT.pack(BUFFER_SIZE))
            self._filter(program)
            self._bind()
            self._set(BIOCIMMEDIATE, 1)
            self._set(BIOCSDIRECTION, DIRECTION_IN)
            (size,) = _UINT.unpack(fcntl.ioctl(self.descriptor, BIOCGBLEN, _UINT.pack(0)))
            os.set_blocking(self.descriptor, False)
        except OSError as error:
            raise self._unattached(error) from error
        self._size = int(size)

    def for_both(self, program: bytes) -> None:
        """Bind it for what comes in and passes ``program``, and for complete frames that go out.

        Raises:
            WireError: There is no such interface.
        """
        self.for_receiving(program)
        try:
            self._set(BIOCSHDRCMPLT, 1)
        except OSError as error:
            raise self._unattached(error) from error

    def buffers(self, problem: str) -> Iterator[bytes]:
        """Yield what was captured, a few buffers at most; never blocks.

        Raises:
            WireError: The interface is gone, with ``problem``; not once something has been yielded.
        """
        for count in range(_READS_MAX):
            try:
                data = os.read(self.descriptor, self._size)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if count:
                    return
                # An instance whose interface was detached stays readable, and says ENXIO for ever (bpf.c).
                is_lost = error.errno == errno.ENXIO
                raise WireError(self.interface, f"{problem}: {error}", is_lost=is_lost) from error
            if not data:
                return
            yield data

    def close(self) -> None:
        """Close the instance."""
        os.close(self.descriptor)

    def _bind(self) -> None:
        fcntl.ioctl(self.descriptor, BIOCSETIF, _IFREQ.pack(self.interface.encode()))

    def _set(self, request: int, value: int) -> None:
        fcntl.ioctl(self.descriptor, request, _UINT.pack(value))

    def _filter(self, program: bytes) -> None:
        # struct bpf_program points to the instructions, so they need an address that stays.
        instructions = array.array("B", program)
        address, _ = instructions.buffer_info()
        fcntl.ioctl(self.descriptor, BIOCSETF, _PROGRAM.pack(len(program) // 8, address))

    def _unattached(self, error: OSError) -> WireError:
        self.close()
        return WireError(self.interface, f"cannot attach {DEVICE}: {error}")
