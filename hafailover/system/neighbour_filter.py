"""Which frames wake the agent while it answers for addresses: a program for the kernel's packet filter.

The same instructions serve bpf(4) of FreeBSD and packet(7) of Linux, which took them over. On a busy
LAN every host hears every ARP request; only those for our addresses get past it.
"""

import struct
from collections.abc import Sequence
from typing import Final

from hafailover.vrrp.neighbours import ARP, ETHERNET, ICMPV6, IPV6, SOLICITATION
from hafailover.vrrp.settings import Address, Family

ETHERTYPE: Final = {Family.IPV4: ARP, Family.IPV6: IPV6}
"""Of what is asked with."""

_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_WORD: Final = 0x20
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_WHOLE: Final = 0xFFFF

_ARP_TARGET: Final = ETHERNET + 24
_IPV6_NEXT: Final = ETHERNET + 6
_ICMPV6_TYPE: Final = ETHERNET + 40
_TARGET_TAIL: Final = ETHERNET + 40 + 20
"""The last four of the sixteen bytes of a solicitation's target: the rest is looked at afterwards."""


def program(family: Family, addresses: Sequence[Address]) -> bytes:
    """Return the filter that keeps the questions for ``addresses``, as struct bpf_insn (net/bpf.h)."""
    tails = sorted({address.packed[-4:] for address in addresses})
    checks = [(_LOAD_HALF, 12, ETHERTYPE[family])]
    if family is Family.IPV6:
        checks += [(_LOAD_BYTE, _IPV6_NEXT, ICMPV6), (_LOAD_BYTE, _ICMPV6_TYPE, SOLICITATION)]
    listed: list[tuple[int, int, int, int]] = []
    for load, offset, value in checks:
        listed += [(load, 0, 0, offset), (_JUMP_IF_EQUAL, 1, 0, value), (_RETURN, 0, 0, 0)]
    listed.append((_LOAD_WORD, 0, 0, _ARP_TARGET if family is Family.IPV4 else _TARGET_TAIL))
    # A jump is counted in one byte, which is why there is one instruction for an address, not two.
    for number, tail in enumerate(tails):
        listed.append((_JUMP_IF_EQUAL, len(tails) - number, 0, int.from_bytes(tail)))
    listed += [(_RETURN, 0, 0, 0), (_RETURN, 0, 0, _WHOLE)]
    return b"".join(_INSTRUCTION.pack(*each) for each in listed)
