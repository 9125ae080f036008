"""The last sector of an image: gmirror's metadata, the agent's marker, zeros, or something else."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.emulation.mirror_metadata import Metadata, decode
from hafailover.storage.facts import MirrorMetadata, TailKind
from hafailover.storage.tail import ZERO_SECTOR, decode_tail, encode_marker

CLOSE_IDS = st.text(alphabet="0123456789abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=64)


def metadata_sector(version: int = 4, name: bytes = b"data") -> bytes:
    """Build a sector field by field from the offsets in g_mirror.h."""
    sector = bytearray(512)
    sector[0:12] = b"GEOM::MIRROR"
    struct.pack_into("<I", sector, 16, version)
    sector[20 : 20 + len(name)] = name
    struct.pack_into("<II", sector, 36, 928221241, 3994858357)
    sector[44] = 2
    struct.pack_into("<II", sector, 45, 6, 3)
    sector[53] = 100
    struct.pack_into("<I", sector, 54, 4096)
    sector[58] = 4
    struct.pack_into("<QI", sector, 59, 134217216, 512)
    struct.pack_into("<QQQ", sector, 71, 0, 0, 0x43)
    sector[95:99] = b"md10"
    struct.pack_into("<Q", sector, 111, 134217728)
    sector[119:135] = hashlib.md5(sector[:119], usedforsecurity=False).digest()
    return bytes(sector)


@pytest.mark.parametrize("version", [3, 4])
def test_metadata_is_read(version: int) -> None:
    tail = decode_tail(metadata_sector(version))
    assert tail.kind is TailKind.MIRROR
    assert tail.metadata == MirrorMetadata(
        name="data",
        mirror_id=928221241,
        disk_id=3994858357,
        components=2,
        genid=6,
        syncid=3,
        priority=100,
        flags=0x43,
        hardcoded="md10",
        media_size=134217216,
    )


@pytest.mark.parametrize("version", [0, 1, 2, 5])
def test_metadata_of_another_layout_is_foreign(version: int) -> None:
    assert decode_tail(metadata_sector(version)).kind is TailKind.FOREIGN


@given(st.integers(0, 134), st.integers(1, 255))
def test_a_changed_byte_makes_metadata_foreign(place: int, change: int) -> None:
    sector = bytearray(metadata_sector())
    sector[place] ^= change
    assert decode_tail(bytes(sector)).kind is TailKind.FOREIGN


def test_a_name_may_hold_any_bytes() -> None:
    tail = decode_tail(metadata_sector(name=b"d\xe4ta"))
    assert tail.metadata is not None
    assert tail.metadata.name == r"d\xe4ta"


def test_zeros_are_zeros() -> None:
    assert decode_tail(ZERO_SECTOR).kind is TailKind.ZERO


@given(CLOSE_IDS)
def test_a_marker_says_its_close_id_and_is_no_mirror(close_id: str) -> None:
    sector = encode_marker(close_id)
    assert len(sector) == 512
    tail = decode_tail(sector)
    assert (tail.kind, tail.marker, tail.metadata) == (TailKind.MARKER, close_id, None)
    assert decode(sector) is None


@given(CLOSE_IDS, st.integers(0, 511), st.integers(1, 255))
def test_a_changed_byte_makes_a_marker_foreign(close_id: str, place: int, change: int) -> None:
    sector = bytearray(encode_marker(close_id))
    sector[place] ^= change
    assert decode_tail(bytes(sector)).kind is TailKind.FOREIGN


@given(st.binary(min_size=512, max_size=512))
def test_any_sector_is_something(sector: bytes) -> None:
    assert decode_tail(sector).kind in {TailKind.FOREIGN, TailKind.ZERO}


@given(
    st.builds(
        Metadata,
        name=st.text(alphabet="abcdefgh0123", min_size=1, max_size=15),
        mid=st.integers(0, 2**32 - 1),
        did=st.integers(0, 2**32 - 1),
        components=st.integers(0, 255),
        genid=st.integers(0, 2**32 - 1),
        syncid=st.integers(0, 2**32 - 1),
        priority=st.integers(0, 255),
        mediasize=st.integers(0, 2**63),
        dflags=st.integers(0, 127),
        provsize=st.integers(0, 2**63),
    )
)
def test_what_the_emulated_gmirror_writes_is_read(written: Metadata) -> None:
    tail = decode_tail(written.encode())
    assert tail.metadata is not None
    assert tail.metadata.name == written.name
    assert tail.metadata.mirror_id == written.mid
    assert tail.metadata.disk_id == written.did
    assert (tail.metadata.genid, tail.metadata.syncid) == (written.genid, written.syncid)
    assert tail.metadata.flags == written.dflags
    assert tail.metadata.media_size == written.mediasize
    assert tail.metadata.components == written.components
