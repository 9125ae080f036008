"""Every story of the corpus goes as its transcript says: who serves when, what each copy is, which alert is raised.

A decision that was changed on purpose changes transcripts. With HAFAILOVER_REWRITE_TRANSCRIPTS=1 they are written anew;
read the difference before it is committed.
"""

import os
import re
from pathlib import Path

import pytest

from hafailover.cli.simulated import Play
from hafailover.lab.scenario import load

CORPUS = Path(__file__).parents[1] / "scenarios"
STORIES = sorted(CORPUS.glob("*.yaml"))
REWRITES = bool(os.environ.get("HAFAILOVER_REWRITE_TRANSCRIPTS"))
ATTACKS = 37


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_goes_as_its_transcript_says(path: Path) -> None:
    play = Play(load(path), lambda *_: None)
    outcome, _ = play.play()
    text = play.chronicle.end(outcome)
    transcript = path.with_suffix(".txt")

    assert outcome.passed, f"{outcome.failures}\n{text}"
    if REWRITES:
        transcript.write_text(text, encoding="utf-8")
    assert text == transcript.read_text(encoding="utf-8")


def test_there_is_a_story_for_every_attack_and_enough_of_them() -> None:
    numbers = {
        int(found[1]) for path in STORIES if (found := re.match(r"attack-(\d+)-", path.name))
    }

    assert numbers == set(range(1, ATTACKS + 1))
    assert len(STORIES) >= 80


def test_no_transcript_is_left_over() -> None:
    assert {path.stem for path in CORPUS.glob("*.txt")} == {path.stem for path in STORIES}


def test_every_story_names_where_it_comes_from() -> None:
    sources = ("Attack ", "Hazard ", "Field notes", "#")
    for path in STORIES:
        about = load(path).about
        assert len(about) > 60, path.stem
        if path.stem.startswith("attack-"):
            assert about.startswith(f"Attack {int(path.stem[7:9])}"), path.stem
        assert path.stem.startswith("story-") or any(word in about for word in sources), path.stem
