"""The storage commands keep their contracts: here the emulated ones, on FreeBSD the real ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.freebsd.contract import Host, Run
from tests.freebsd.hosts import is_freebsd
from tests.freebsd.transcript import lasting

CONTRACTS = Path(__file__).parent / "contracts"
NAMES = sorted(path.stem for path in CONTRACTS.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_kept(
    name: str,
    host: Host,
    port: int,
    request: pytest.FixtureRequest,
    golden: Callable[[str, str], None],
) -> None:
    run = Run(host, port)
    try:
        run.perform((CONTRACTS / f"{name}.txt").read_text())
    finally:
        folder: Path | None = request.config.getoption("--transcripts")
        if folder is not None:
            (folder / f"{name}.txt").write_text(run.anonymous())

    assert run.found == []
    if not is_freebsd():
        # What a run on a real host is compared with.
        golden(
            f"../freebsd/transcripts/emulated/{name}.txt",
            "\n".join((*lasting(run.anonymous()), "")),
        )
