"""A storm is drawn from its seed, mends what it breaks, and a short one is survived."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hafailover.lab import etcd_cluster, sandbox
from hafailover.lab.scenario import Fault, Pass, Verb, Wait
from hafailover.lab.storm import storm

MENDS = {Verb.POWER_OFF: Verb.POWER_ON, Verb.FREEZE: Verb.THAW, Verb.CUT: Verb.HEAL}
MEMBER_MENDS = {"kill": "start", "freeze": "thaw"}


def hits(fault: Fault) -> bool:
    return fault.verb in {*MENDS, Verb.KILL_AGENT} or fault.words[0] in MEMBER_MENDS


def mends(fault: Fault, later: Fault) -> bool:
    if fault.verb is Verb.MEMBER:
        return later.words == (MEMBER_MENDS[fault.words[0]], fault.words[1])
    return later.verb is MENDS[fault.verb] and later.words == fault.words[: len(later.words)]


@pytest.mark.parametrize("arbiter", ["ping", "etcd"])
@pytest.mark.parametrize("seed", range(20))
def test_every_fault_is_mended_and_no_host_stands_still_for_a_lease(
    arbiter: str, seed: int
) -> None:
    story = storm(faults=60, seed=seed, arbiter=arbiter, megabytes=8)
    assert story == storm(faults=60, seed=seed, arbiter=arbiter, megabytes=8)
    faults = [step for step in story.steps if isinstance(step, Fault)]
    assert sum(map(hits, faults)) == 60
    for number, fault in enumerate(faults):
        if hits(fault) and fault.verb is not Verb.KILL_AGENT:
            assert any(mends(fault, later) for later in faults[number + 1 :]), fault
    assert any(fault.verb is Verb.MEMBER for fault in faults) == (arbiter == "etcd")
    assert all(step.span_ns >= 0 for step in story.steps if isinstance(step, Pass))
    assert any(isinstance(step, Wait) and not step.is_needed for step in story.steps)
    for number, step in enumerate(story.steps):
        if isinstance(step, Fault) and step.verb is Verb.FREEZE:
            # From the freeze to its thaw: no wait of unknown length, and less than the lease allows.
            until = next(
                place
                for place, later in enumerate(story.steps)
                if place > number and isinstance(later, Fault) and mends(step, later)
            )
            between = story.steps[number:until]
            assert not any(isinstance(each, Wait) for each in between)
            assert sum(each.span_ns for each in between if isinstance(each, Pass)) < 2_600_000_000


@pytest.mark.lab
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_faults_with_real_etcd_servers() -> None:
    missing = sandbox.missing() or etcd_cluster.missing()
    if missing:
        pytest.skip(missing)
    words = ["lab", "storm", "--arbiter", "etcd", "--faults", "10", "--seed", "5", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "hafailover", *words], capture_output=True, text=True, check=False
    )
    assert ended.stdout, ended.stderr
    outcome = json.loads(ended.stdout)
    story = "\n".join(f"{moment['at_ms']:8} {moment['what']}" for moment in outcome["timeline"])
    assert outcome["passed"], f"{outcome['failures']}\n{story}"
    assert outcome["writes_lost"] == outcome["both_mounted_ms"] == 0
