"""The service script stops an agent of the lab: it warns of what would be missing, or waits for it if it is told to."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafailover.lab.configuration import Tuning
from hafailover.lab.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.orders import Ended

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
TALES = (("status",), ("history", "--last", "60"))
STOP = """
(exec -a daemon: /bin/sh -c 'trap "service hafailover stop; exit 0" TERM
    echo $$ >{root}/supervisor.pid; while :; do sleep 0.1; done') &
while [ ! -s {root}/supervisor.pid ]; do sleep 0.1; done
RC_CONF={root}/rc.conf RC_LOG={root}/log /bin/sh {root}/script stop
status=$?  # and so the shell stays, and reaps
exit $status
"""
"""What daemon(8) does at a stop; in the lab the first process of a node has its place."""


class Console:
    """Somebody who stops the agent of A by the service script."""

    def __init__(self, world: World, root: Path) -> None:
        root.mkdir()
        self._world, self._root = world, root
        text = (ROOT / "rc.d" / "hafailover").read_text()
        subr = str(ROOT / "tests" / "rc" / "rc.subr")
        text = text.replace("/etc/rc.subr", subr).replace("/usr/sbin/daemon", "/sbin/daemon")
        (root / "script").write_text(text)
        agent = root / "hafailover"
        agent.write_text(f'#!/bin/sh\nexec {sys.executable} -m hafailover "$@"\n')
        agent.chmod(0o755)

    async def stop(self, *, wait: int) -> Ended:
        (self._root / "supervisor.pid").unlink(missing_ok=True)
        (self._root / "rc.conf").write_text(
            "hafailover_enable=YES hafailover_config=$HAFAILOVER_CONFIG\n"
            f"hafailover_agent={self._root}/hafailover hafailover_run_dir={self._root}\n"
            f"hafailover_stop_wait={wait}\n"
        )
        words = ("bash", "-c", STOP.format(root=self._root))
        return await self._world.nodes["A"].run(*words, deadline_s=300)

    async def status(self, node: str) -> int:
        return (await self._say(node, "status")).status

    async def until(self, node: str, *statuses: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self.status(node) not in statuses:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.2)
        except TimeoutError:
            said = [await self._say(each, *words) for each in self._world.nodes for words in TALES]
            texts = [text for each in said for text in (each.output, each.error) if text]
            wanted = " or ".join(str(status) for status in statuses)
            pytest.fail("\n".join((f"the status of {node} did not become {wanted}:", *texts)))

    async def _say(self, node: str, *words: str) -> Ended:
        return await self._world.nodes[node].run(*self._world.hafailover(*words))


def test_a_stop_warns_of_what_would_be_missing_and_waits_for_it(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with World(tmp_path, Tuning(image_megabytes=4)) as world:
            await world.start()
            console = Console(world, tmp_path / "console")
            await console.until("A", 0)
            await world.nodes["B"].power_off()
            await console.until("A", 1)

            warned = await console.stop(wait=0)
            assert warned.status == 0, warned
            assert "may be missing: web: the copy of B is not in sync" in warned.error, warned
            assert await console.status("A") == 3

            await world.nodes["B"].power_on()
            started = await world.nodes["A"].run("service", "hafailover", "start")
            assert started.status == 0, started
            await console.until("A", 1, 0)
            waited = await console.stop(wait=200)
            assert waited.status == 0, waited
            assert waited.error == "", waited
            # Nothing was missing: B has everything, and serves.
            await console.until("B", 1)

    in_own_namespaces(story)
