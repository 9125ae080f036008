"""A whole scenario on real namespaces, with a stand-in for the agent: what is measured is true."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hafailover.lab.configuration import Tuning
from hafailover.lab.plan import FLOATING_ADDRESS
from hafailover.lab.runner import Runner
from hafailover.lab.scenario import parse
from hafailover.lab.ufs import FileDevice, format_device
from hafailover.lab.world import Cast, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.outcome import Outcome

pytestmark = [pytest.mark.lab, pytest.mark.slow]

STAND_IN = Path(__file__).parent / "stand_in_agent.py"
IMAGE_SIZE = 4 * 1024 * 1024


async def _prepare(world: World) -> None:
    """Let both nodes have one and the same image."""
    image = world.shared / "sites.img"
    image.write_bytes(bytes(IMAGE_SIZE))
    with FileDevice(image, spared=512) as device:
        await format_device(device)
    for name in world.nodes:
        world.image(name).symlink_to(image)


async def _play(directory: Path, document: dict[str, Any], after_power_off: Any) -> Outcome:
    own = str(directory / "self")
    cast = Cast(
        kernel=lambda *_: [],
        agent=lambda _: [sys.executable, str(STAND_IN), own, FLOATING_ADDRESS],
        after_power_off=after_power_off,
        prepare=_prepare,
    )
    async with World(directory, Tuning(), cast) as world:
        await world.start()
        return await Runner(world, parse("story", document)).play()


TAKEOVER = {
    "steps": [
        {"wait": {"primary": "A", "address": "A", "answers": "A", "within": "60s"}},
        {"wait": {"writes": 20, "within": "60s"}},
        {"phase": "takeover"},
        {"fault": "power-off A"},
        {"wait": {"primary": "B", "address": "B", "answers": "B", "within": "60s"}},
        {"phase": "alone"},
        {"wait": {"writes": 20, "within": "60s"}},
    ]
}


def test_a_takeover_is_seen_measured_and_lossless(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        outcome = await _play(tmp_path, TAKEOVER, lambda _: None)
        assert outcome.passed, outcome.failures
        assert outcome.writes_acked >= 40
        assert outcome.writes_lost == 0
        assert outcome.both_mounted_ms == 0
        # Three unanswered pings of a second each lie within the outage.
        assert outcome.outage_ms > 1000
        assert [phase.name for phase in outcome.phases] == ["takeover", "alone"]
        said = [moment.what for moment in outcome.timeline]
        for earlier, later in (
            ("A has the volume mounted", "A has the floating address"),
            ("A has the floating address", "fault: power-off A"),
            ("fault: power-off A", "B has the volume mounted"),
            ("B has the volume mounted", "B has the floating address"),
        ):
            assert said.index(earlier) < said.index(later)

    in_own_namespaces(story)


def test_a_lost_record_is_found(tmp_path: Path, in_own_namespaces: Callable[..., None]) -> None:
    def forget(_: Path) -> None:
        """Lose what was acknowledged: put an empty file system in place of the image's."""
        (tmp_path / "shared" / "sites.img").write_bytes(bytes(IMAGE_SIZE))

    async def story() -> None:
        document = {"steps": TAKEOVER["steps"][:2]}
        outcome = await _play(tmp_path, document, forget)
        assert not outcome.passed
        assert outcome.writes_lost == outcome.writes_acked >= 20
        assert "acknowledged writes lost" in outcome.failures[0]

    in_own_namespaces(story)


def test_what_does_not_come_true_in_time_fails_the_run(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        document = {
            "steps": [
                {"wait": {"answers": "A", "within": "60s"}},
                {"wait": {"primary": "B", "within": "300ms"}},
            ]
        }
        outcome = await _play(tmp_path, document, lambda _: None)
        assert outcome.failures[0].startswith("step 2: within 0.3 s not: B has the volume")

    in_own_namespaces(story)
