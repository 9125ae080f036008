"""Does the simulator's short cut past the text of the GEOM tree say what the text would say?"""

import pytest

from hafailover.emulation.confxml import render
from hafailover.emulation.topology import Topology
from hafailover.sim import mesh
from hafailover.sim.schedule import run
from hafailover.storage.geom_facts import GeomFacts, see_geom


@pytest.mark.parametrize("seed", [3, 5])
def test_every_look_of_a_run_sees_what_the_text_says(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[GeomFacts] = []
    short = mesh.see

    def both(topology: Topology, modules: set[str]) -> GeomFacts:
        facts = short(topology, modules)
        assert facts == see_geom(render(topology, modules))
        seen.append(facts)
        return facts

    monkeypatch.setattr(mesh, "see", both)
    run(seed)

    assert any(len(each.components) > 1 for facts in seen for each in facts.mirrors)
